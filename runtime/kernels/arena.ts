/**
 * A bump allocator over one WebAssembly memory. Segments are allocated first and stay; each query allocates above them and
 * gives everything back with `reset`. It hands out addresses and never views, because growing detaches views.
 */
import { InputError } from '../../format/errors.ts'

const PAGE_BYTES = 65_536
/** Where allocation starts: address 0 stays unused, so that it can mean "none". */
const START = 64
/** Regions start on cache lines; 64 also satisfies every vector load. */
const ALIGNMENT = 64
/** wasm32 addresses 4 GiB. */
const BYTES_MAX = 2 ** 32

export class Arena {
  readonly #memory: WebAssembly.Memory
  #top = START

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
  }

  /** First free address. Pass it to `reset` to give back everything allocated since. */
  get top(): number {
    return this.#top
  }

  /**
   * Reserves `length` bytes, growing the memory when needed. The bytes hold whatever was there before.
   *
   * @returns the address, a multiple of 64
   * @throws InputError when the memory cannot grow that far
   */
  allocate(length: number): number {
    const address = this.#top
    const end = address + Math.ceil(length / ALIGNMENT) * ALIGNMENT
    const missing = end - this.#memory.buffer.byteLength
    if (missing > 0) this.#grow(missing, end)
    this.#top = end
    return address
  }

  /** Gives back everything allocated since `top` had this value. */
  reset(top: number): void {
    if (!(top >= START && top <= this.#top)) throw new Error(`arena: cannot reset to ${top}, top is ${this.#top}`)
    this.#top = top
  }

  #grow(missing: number, end: number): void {
    try {
      if (end > BYTES_MAX) throw new RangeError('beyond 4 GiB')
      this.#memory.grow(Math.ceil(missing / PAGE_BYTES))
    } catch (cause) {
      throw new InputError(
        `allocating memory for the index or a query: expected at most what this host gives (4 GiB at best), got a need of ${end} bytes. Use fewer segments, a smaller ndocs, or the range pipeline.`,
        { bytes: end },
        { cause },
      )
    }
  }
}
