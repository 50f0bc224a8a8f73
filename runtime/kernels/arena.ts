/**
 * A bump allocator over a WebAssembly memory. Segments are allocated first and stay; each query allocates above them and gives
 * everything back with `reset`. It hands out addresses and never views, because growing detaches views.
 *
 * Several arenas may grow one shared memory: what `grow` adds belongs to the arena that asked for it, and to no other. An arena is
 * therefore a row of runs of pages; alone on its memory it has one.
 */
import { InputError } from '../../format/errors.ts'

export const PAGE_BYTES = 65_536
/** Where the arena of a new memory starts: address 0 stays unused, so that it can mean "none". */
const START = 64
/** Regions start on cache lines; 64 also satisfies every vector load. */
const ALIGNMENT = 64
/** wasm32 addresses 4 GiB. */
const BYTES_MAX = 2 ** 32
/** A further run has at least this size, so that an arena beside others does not end up in crumbs. */
const RUN_BYTES_MIN = 2 ** 20

/** Bytes that allocations of these lengths take of an arena. */
export function allocatedBytes(lengths: readonly number[]): number {
  return lengths.reduce((sum, length) => sum + alignedLength(length), 0)
}

function alignedLength(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT
}

/** Addresses `[start, end)`. */
interface Run {
  readonly start: number
  end: number
}

export class Arena {
  readonly #memory: WebAssembly.Memory
  readonly #runs: Run[]
  /** Run that allocation is in, and the first free address there. */
  #run = 0
  #next: number

  /**
   * @param options.others - others use the memory already: take nothing of what is there, and only what growing adds
   */
  constructor(memory: WebAssembly.Memory, options: { readonly others?: boolean } = {}) {
    this.#memory = memory
    this.#runs = options.others ? [] : [{ start: START, end: memory.buffer.byteLength }]
    this.#next = options.others ? 0 : START
  }

  /** A mark of what is allocated now. Pass it to `reset` to give back everything allocated since; differences are bytes. */
  get top(): number {
    return this.#before(this.#run) + this.#next - (this.#runs[this.#run]?.start ?? 0)
  }

  /**
   * Reserves `length` bytes, growing the memory when needed. The bytes hold whatever was there before.
   *
   * @returns the address, a multiple of 64
   * @throws InputError when the memory cannot grow that far
   */
  allocate(length: number): number {
    const size = alignedLength(length)
    for (;;) {
      const run = this.#runs[this.#run]
      if (run && this.#next + size <= run.end) {
        const address = this.#next
        this.#next += size
        return address
      }
      const following = this.#runs[this.#run + 1]
      if (following) {
        this.#run += 1
        this.#next = following.start
      } else {
        this.#grow(size)
      }
    }
  }

  /** Gives back everything allocated since `top` had this value. */
  reset(top: number): void {
    if (!(top >= this.#before(0) && top <= this.top))
      throw new Error(`arena: cannot reset to ${top}, top is ${this.top}`)
    while (this.#run > 0 && this.#before(this.#run) > top) this.#run -= 1
    this.#next = (this.#runs[this.#run]?.start ?? 0) + top - this.#before(this.#run)
  }

  /** The mark at the start of a run. The first one counts from its own address when it starts a memory. */
  #before(run: number): number {
    let before = this.#runs[0]?.start === START ? START : 0
    for (let index = 0; index < run; index++) {
      const { start, end } = this.#runs[index] ?? { start: 0, end: 0 }
      before += end - start
    }
    return before
  }

  /** Makes room for `size` bytes: at the end of the last run where that is the end of the memory, else in a new run. */
  #grow(size: number): void {
    const last = this.#runs.at(-1)
    const end = this.#memory.buffer.byteLength
    const isLast = last?.end === end
    const missing = isLast ? size - (last.end - this.#next) : Math.max(size, RUN_BYTES_MIN)
    const pages = Math.ceil(missing / PAGE_BYTES)
    const start = this.#growBy(pages, end + missing) * PAGE_BYTES
    // Others may have grown it in between: then the pages are no neighbours, and if too few for `size` the next try takes more.
    if (last && start === last.end) last.end += pages * PAGE_BYTES
    else this.#runs.push({ start, end: start + pages * PAGE_BYTES })
    if (!last) this.#next = start
  }

  #growBy(pages: number, bytes: number): number {
    try {
      if (bytes > BYTES_MAX) throw new RangeError('beyond 4 GiB')
      return this.#memory.grow(pages)
    } catch (cause) {
      throw new InputError(
        `allocating memory for the index or a query: expected at most what this host gives (4 GiB at best), got a need of ${bytes} bytes. Use the range pipeline, a smaller ndocs, or build with fewer bits (--nbits).`,
        { bytes },
        { cause },
      )
    }
  }
}
