/**
 * Finds an id that occurs twice. It is the only thing that grows with the corpus: 16 bytes a slot in typed arrays, 21 to
 * 43 bytes an id (a `Map` of strings takes about 100, and ends at 2^24 entries).
 */
import { hash } from 'node:crypto'

/** u32 words of a slot: 96 bits of the id's SHA-256, then the line; line 0 marks an empty slot. */
const SLOT_WORDS = 4
const SLOTS_MIN = 1024

/**
 * Ids and the lines they were first seen at. Two different ids are taken for one with a probability of n² / 2^97:
 * 4.5e-13 for 2^28 passages.
 */
export class SeenIds {
  #words = new Uint32Array(SLOTS_MIN * SLOT_WORDS)
  #count = 0

  /**
   * @param line - 1-based, below 2^32
   * @returns the line the id was added with before, or `undefined` when it is new (then it is added)
   */
  add(id: string, line: number): number | undefined {
    const digest = hash('sha256', id, 'buffer')
    const key = [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), line] as const
    // A load of at most three quarters keeps runs of full slots short.
    if (this.#count * 4 >= (this.#words.length / SLOT_WORDS) * 3) this.#grow()
    const slot = findSlot(this.#words, key)
    const before = this.#words[slot + 3]
    if (before !== 0) return before
    this.#words.set(key, slot)
    this.#count++
    return undefined
  }

  #grow(): void {
    const old = this.#words
    const words = new Uint32Array(old.length * 2)
    for (let slot = 0; slot < old.length; slot += SLOT_WORDS) {
      if (old[slot + 3] === 0) continue
      const entry = old.subarray(slot, slot + SLOT_WORDS)
      words.set(entry, findSlot(words, entry))
    }
    this.#words = words
  }
}

/** Index of the first word of the key's slot, or of the empty slot where it belongs. Linear probing. */
function findSlot(words: Uint32Array, key: ArrayLike<number>): number {
  const mask = words.length / SLOT_WORDS - 1
  for (let i = (key[0] ?? 0) & mask; ; i = (i + 1) & mask) {
    const slot = i * SLOT_WORDS
    if (words[slot + 3] === 0) return slot
    if (words[slot] === key[0] && words[slot + 1] === key[1] && words[slot + 2] === key[2]) return slot
  }
}
