/** Running sums over many small lengths at a few bits each: every sum of `EVERY` lengths is kept, the rest is added up when asked. */

/** Lengths between two kept sums: 64 additions are far below the cost of anything that asks. */
const EVERY = 64

export class SampledOffsets {
  readonly lengths: Uint16Array
  /** Sum of all lengths. */
  readonly total: number
  /** Sum before length 0, 64, 128 …; f64 because sums pass 2^32. */
  readonly #sums: Float64Array

  constructor(lengths: Uint16Array) {
    this.lengths = lengths
    this.#sums = new Float64Array(Math.ceil(lengths.length / EVERY))
    let total = 0
    for (const [index, length] of lengths.entries()) {
      if (index % EVERY === 0) this.#sums[index / EVERY] = total
      total += length
    }
    this.total = total
  }

  /** Bytes for `count` lengths. */
  static bytes(count: number): number {
    return count * 2 + Math.ceil(count / EVERY) * 8
  }

  /** Sum of the lengths before `index`, which is in [0, count). */
  before(index: number): number {
    const first = index - (index % EVERY)
    let sum = this.#sums[first / EVERY] ?? 0
    for (let at = first; at < index; at++) sum += this.lengths[at] ?? 0
    return sum
  }
}
