/**
 * Posting lists: for each cell the passages that have a token in it, delta-coded (format/items/postingList.ts). Takes passages in
 * order while rows are coded.
 */
import { InputError } from '../../format/errors.ts'
import { postingListBytesMax, writePostingList } from '../../format/items/postingList.ts'

export interface Postings {
  /** u32[K + 1]. */
  readonly postingOffsets: Uint32Array
  readonly postings: Uint8Array
}

const PAIRS_INITIAL = 1 << 16
const POSTINGS_BYTES_MAX = 2 ** 32 - 1

/**
 * Collects (cell, passage) pairs. Memory: 4 bytes a pair and 4 a passage while collecting, 4 bytes a pair more in
 * `finish`; SciFact has about 0.6 M pairs (5 MB), MS MARCO's 8.8 M passages about 400 M (3.2 GB).
 */
export class PostingsBuilder {
  readonly #lastPid: Int32Array
  readonly #sizes: Uint32Array
  #cells = new Uint32Array(PAIRS_INITIAL)
  #pairs = 0
  /** Distinct cells of each passage. */
  readonly #cellsOfPassage: Uint32Array
  #passages = 0

  constructor(options: { readonly centroids: number; readonly passages: number }) {
    this.#lastPid = new Int32Array(options.centroids).fill(-1)
    this.#sizes = new Uint32Array(options.centroids)
    this.#cellsOfPassage = new Uint32Array(options.passages)
  }

  /** The next passage, with the codes of its tokens. */
  add(codes: Int32Array | Uint32Array): void {
    const pid = this.#passages++
    const before = this.#pairs
    if (before + codes.length > this.#cells.length) this.#grow(before + codes.length)
    for (const code of codes) {
      if (this.#lastPid[code] === pid) continue
      this.#lastPid[code] = pid
      this.#sizes[code] = (this.#sizes[code] ?? 0) + 1
      this.#cells[this.#pairs++] = code
    }
    this.#cellsOfPassage[pid] = this.#pairs - before
  }

  /** @throws InputError when the lists do not fit 4 GiB */
  finish(): Postings {
    const { starts, pids } = this.#sortByCell()
    const count = this.#sizes.length
    const postingOffsets = new Uint32Array(count + 1)
    let bytes = new Uint8Array(this.#pairs * 2 + count * postingListBytesMax(0))
    let end = 0
    for (let cell = 0; cell < count; cell++) {
      const list = pids.subarray(starts[cell], starts[cell + 1])
      const room = end + postingListBytesMax(list.length)
      if (room > bytes.length) bytes = grown(bytes, room)
      end = writePostingList(list, bytes, end)
      postingOffsets[cell + 1] = end
    }
    return { postingOffsets, postings: bytes.slice(0, end) }
  }

  /** Counting sort of the pairs; pids stay ascending within a cell because passages came in order. */
  #sortByCell(): { starts: Float64Array; pids: Uint32Array } {
    const starts = new Float64Array(this.#sizes.length + 1)
    this.#sizes.forEach((size, cell) => {
      starts[cell + 1] = (starts[cell] ?? 0) + size
    })
    const next = starts.slice()
    const pids = new Uint32Array(this.#pairs)
    let pair = 0
    for (let pid = 0; pid < this.#passages; pid++) {
      for (const end = pair + (this.#cellsOfPassage[pid] ?? 0); pair < end; pair++) {
        const cell = this.#cells[pair] ?? 0
        const at = next[cell] ?? 0
        pids[at] = pid
        next[cell] = at + 1
      }
    }
    return { starts, pids }
  }

  #grow(needed: number): void {
    const larger = new Uint32Array(Math.max(needed, this.#cells.length * 2))
    larger.set(this.#cells.subarray(0, this.#pairs))
    this.#cells = larger
  }
}

function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  if (needed > POSTINGS_BYTES_MAX) {
    throw new InputError('writing posting lists: they do not fit 4 GiB. Split the corpus into several indexes.', {
      needed,
    })
  }
  const larger = new Uint8Array(Math.min(POSTINGS_BYTES_MAX, Math.max(needed, bytes.length * 2)))
  larger.set(bytes)
  return larger
}
