/** Bytes by key, of which the least recently used leave first when there are too many. Values only, never promises. */

/** What an entry takes besides its bytes: array, buffer and map entry, about. */
const ENTRY_BYTES = 256

export class LeastRecentlyUsed {
  #bytesMax: number
  /** A map lists its entries in order of insertion: the oldest use comes first. */
  readonly #entries = new Map<string, Uint8Array>()
  #bytes = 0

  /** @param bytesMax - of entries and of what they take besides; 0 keeps nothing */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Bytes that are kept, at most `bytesMax`. */
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
    this.#entries.delete(key)
    this.#entries.set(key, bytes)
    return bytes
  }

  /** Keeps a copy: bytes are often a window of a larger read, which must not stay for their sake. What is too large is not kept. */
  put(key: string, bytes: Uint8Array): void {
    this.#remove(key)
    const cost = bytes.length + ENTRY_BYTES
    if (cost > this.#bytesMax) return
    this.#entries.set(key, bytes.slice())
    this.#bytes += cost
    this.#shrink()
  }

  #shrink(): void {
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) break
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const bytes = this.#entries.get(key)
    if (bytes === undefined) return
    this.#entries.delete(key)
    this.#bytes -= bytes.length + ENTRY_BYTES
  }
}
