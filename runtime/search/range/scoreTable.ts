/** Running maxima of the rows of each passage that some posting list has: what lists say of scores. */

/** A passage with its score from lists, a sum of U over rows (about (cosine + 1) * 127 each). */
export interface Candidate {
  /** Its number when the passages of all segments are counted through. */
  readonly passage: number
  readonly score: number
}

/** Rows in which a cell says more than what is imputed, and how much it says. */
export interface Gains {
  readonly rows: readonly number[]
  readonly bytes: readonly number[]
}

/** A power of two. */
const ENTRIES_LEAST = 1024

/**
 * Running row maxima of each passage that some list has. Size follows from the passages found, not from those there are; it is kept from
 * query to query, for megabytes that are allocated anew each time are garbage faster than a Worker's engine collects them.
 */
export class ScoreTable {
  #rows = 0
  /** Of the segment whose lists are gone through: passages before it, and what is imputed to its own. */
  #firstPassage = 0
  #base = 0
  #imputed: Uint8Array = new Uint8Array()
  /** Open addressing: 1 + entry, or 0 for none. */
  #slots = new Uint32Array(2 * ENTRIES_LEAST)
  #passages = new Uint32Array(ENTRIES_LEAST)
  #scores = new Uint32Array(ENTRIES_LEAST)
  #maxima = new Uint8Array()
  count = 0

  /** Bytes of a table of so many passages at the most: a power of two of entries, and the smaller one that it grows from. */
  static bytes(passages: number, rows: number): number {
    const entries = Math.max(ENTRIES_LEAST, 2 ** Math.ceil(Math.log2(passages + 1)))
    return 1.5 * entries * (16 + rows)
  }

  /** Forgets what it holds. @param rows - of the query */
  start(rows: number): void {
    this.count = 0
    this.#rows = rows
    this.#slots.fill(0)
    const length = this.#passages.length * rows
    if (this.#maxima.length < length) this.#maxima = new Uint8Array(length)
  }

  /**
   * What is raised from now on is of this segment.
   * @param firstPassage - passages in the segments before
   * @param imputed - U of each row where no list says more
   */
  startSegment(firstPassage: number, imputed: Uint8Array): void {
    this.#firstPassage = firstPassage
    this.#imputed = imputed
    this.#base = imputed.reduce((sum, byte) => sum + byte, 0)
  }

  raise(pid: number, { rows, bytes }: Gains): void {
    const entry = this.#entryOf(this.#firstPassage + pid)
    const first = entry * this.#rows
    let gained = 0
    for (let at = 0; at < rows.length; at++) {
      const index = first + (rows[at] ?? 0)
      const byte = bytes[at] ?? 0
      const before = this.#maxima[index] ?? 0
      if (byte <= before) continue
      this.#maxima[index] = byte
      gained += byte - before
    }
    this.#scores[entry] = (this.#scores[entry] ?? 0) + gained
  }

  /** The best by score; equal scores go to the earlier segment, then to the lower pid. */
  best(wanted: number): readonly Candidate[] {
    const scores = this.#scores.subarray(0, this.count)
    const border = scores.toSorted()[Math.max(0, this.count - wanted)] ?? 0
    const kept: Candidate[] = []
    for (const [entry, score] of scores.entries()) {
      if (score >= border) kept.push({ passage: this.#passages[entry] ?? 0, score })
    }
    return kept.sort((a, b) => b.score - a.score || a.passage - b.passage).slice(0, wanted)
  }

  has(passage: number): boolean {
    return this.#slots[this.#slotOf(passage)] !== 0
  }

  #entryOf(passage: number): number {
    const slot = this.#slotOf(passage)
    const found = (this.#slots[slot] ?? 0) - 1
    if (found !== -1) return found
    if (this.count === this.#passages.length) {
      this.#grow()
      return this.#entryOf(passage)
    }
    const entry = this.count++
    this.#slots[slot] = entry + 1
    this.#passages[entry] = passage
    this.#scores[entry] = this.#base
    this.#maxima.set(this.#imputed, entry * this.#rows)
    return entry
  }

  /** Where the passage is, or where it belongs. */
  #slotOf(passage: number): number {
    const mask = this.#slots.length - 1
    // Knuth's multiplicative hash.
    let slot = (Math.imul(passage, 2654435761) >>> 7) & mask
    for (;;) {
      const entry = (this.#slots[slot] ?? 0) - 1
      if (entry === -1 || this.#passages[entry] === passage) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const length = 2 * this.#passages.length
    const [passages, scores, maxima] = [this.#passages, this.#scores, this.#maxima]
    this.#passages = new Uint32Array(length)
    this.#passages.set(passages)
    this.#scores = new Uint32Array(length)
    this.#scores.set(scores)
    this.#maxima = new Uint8Array(length * this.#rows)
    this.#maxima.set(maxima.subarray(0, this.count * this.#rows))
    this.#slots = new Uint32Array(2 * length)
    for (let entry = 0; entry < this.count; entry++) this.#slots[this.#slotOf(passages[entry] ?? 0)] = entry + 1
  }
}
