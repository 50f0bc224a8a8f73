/** A small cache of verified posting lists and row blocks, the least recently used leaving first. Values only, never promises. */

/** What an entry takes besides its bytes: array, buffer and map entry, about. */
const ENTRY_BYTES = 256

export class BlockCache {
  #bytesMax: number
  readonly #entries = new Map<string, Uint8Array>()
  #bytes = 0

  /** @param bytesMax - 0 keeps nothing */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  /** Whether it keeps anything at all. */
  get keeps(): boolean {
    return this.#bytesMax > 0
  }

  /** What it keeps at most from now on. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax
    this.#shrink()
  }

  get(key: string): Uint8Array | undefined {
    const bytes = this.#entries.get(key)
    if (bytes === undefined) return undefined
    // A map lists its entries in order of insertion: the oldest use comes first.
    this.#entries.delete(key)
    this.#entries.set(key, bytes)
    return bytes
  }

  /** Keeps a copy: what it is given is a window of a larger read, which must not stay for its sake. */
  put(key: string, bytes: Uint8Array): void {
    const cost = bytes.length + ENTRY_BYTES
    if (cost > this.#bytesMax || this.#entries.has(key)) return
    this.#entries.set(key, bytes.slice())
    this.#bytes += cost
    this.#shrink()
  }

  #shrink(): void {
    for (const [oldest, value] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) break
      this.#entries.delete(oldest)
      this.#bytes -= value.length + ENTRY_BYTES
    }
  }
}
