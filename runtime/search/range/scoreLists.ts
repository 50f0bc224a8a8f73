/**
 * Candidates scored from posting lists alone, as WARP and XTR do: a passage in the list of a cell has a token that scores about
 * what the cell does; a row none of whose lists has the passage is imputed somewhat less than its best unread cell. PLAID.md section 5.
 */
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import type { ProbedCells } from './probeCells.ts'

/** A passage with its score from lists, a sum of U over rows (about (cosine + 1) * 127 each). */
export interface Candidate {
  readonly pid: number
  readonly score: number
}

/** Verified posting list bytes by place in `ProbedCells.cells`; undefined where the list was not read, empty where it is empty. */
export type ReadLists = readonly (Uint8Array | undefined)[]

/** Below its best cell that was not read, in U, about 0.1 of cosine: a passage that is in none of a row's lists scores less than that cell on average (docs/why/RANGE.md). */
const IMPUTED_BELOW = 12

/**
 * U that a row gives a passage of which no list says more: somewhat less than its best cell that was not read, which is as much as a
 * token in none of the lists can score; than its last cell looked at when all were read.
 */
export function imputedBytes({ cells, cellsOfRows }: ProbedCells, lists: ReadLists): Uint8Array {
  return Uint8Array.from(cellsOfRows, (best, row) => {
    const unread = best.find((place) => lists[place] === undefined) ?? best.at(-1)
    return unread === undefined ? 0 : imputedBelow(cells[unread]?.bytes[row] ?? 0)
  })
}

export function imputedBelow(byte: number): number {
  return Math.max(0, byte - IMPUTED_BELOW)
}

/**
 * The `wanted` best passages of a segment by their lists: score descending, then pid ascending.
 *
 * @param allowed - only these pids
 * @throws FormatError on a list that is not as SPEC.md §5.2 says
 */
export function bestByLists(
  probed: ProbedCells,
  lists: ReadLists,
  options: {
    readonly wanted: number
    readonly passageCount: number
    readonly allowed?: ReadonlySet<number>
    /** One that no other query is using: nothing here waits for anything, so one table does for all. */
    readonly table?: ScoreTable
  },
): { readonly best: readonly Candidate[]; readonly candidates: number } {
  const imputed = imputedBytes(probed, lists)
  const { passageCount, allowed, wanted, table = new ScoreTable() } = options
  table.start(imputed)
  for (const [place, list] of lists.entries()) {
    if (list === undefined || list.length === 0) continue
    const { cell = 0, bytes = imputed } = probed.cells[place] ?? {}
    const gains = gainsOver(imputed, bytes)
    eachPid(list, cell, passageCount, (pid) => {
      if (allowed === undefined || allowed.has(pid)) table.raise(pid, gains)
    })
  }
  return { best: table.best(wanted), candidates: table.count }
}

/** A power of two. */
const ENTRIES_LEAST = 1024

/** Rows in which a cell says more than what is imputed, and how much it says. */
interface Gains {
  readonly rows: Uint16Array
  readonly bytes: Uint8Array
}

function gainsOver(imputed: Uint8Array, bytes: Uint8Array): Gains {
  const rows: number[] = []
  for (const [row, byte] of bytes.entries()) if (byte > (imputed[row] ?? 0)) rows.push(row)
  return { rows: Uint16Array.from(rows), bytes: Uint8Array.from(rows, (row) => bytes[row] ?? 0) }
}

/**
 * Running row maxima of each passage that some list has. Size follows from the passages found, not from those there are; it is kept from
 * query to query, for megabytes that are allocated anew each time are garbage faster than a Worker's engine collects them.
 */
export class ScoreTable {
  #rows = 0
  #base = 0
  #imputed: Uint8Array = new Uint8Array()
  /** Open addressing: 1 + entry, or 0 for none. */
  #slots = new Uint32Array(2 * ENTRIES_LEAST)
  #pids = new Uint32Array(ENTRIES_LEAST)
  #scores = new Uint32Array(ENTRIES_LEAST)
  #maxima = new Uint8Array()
  count = 0

  /** Bytes of a table of so many passages at the most: a power of two of entries, and the smaller one that it grows from. */
  static bytes(passages: number, rows: number): number {
    const entries = Math.max(ENTRIES_LEAST, 2 ** Math.ceil(Math.log2(passages + 1)))
    return 1.5 * entries * (16 + rows)
  }

  /** Forgets what it holds. @param imputed - U of each row where no list says more */
  start(imputed: Uint8Array): void {
    this.count = 0
    this.#rows = imputed.length
    this.#imputed = imputed
    this.#base = imputed.reduce((sum, byte) => sum + byte, 0)
    this.#slots.fill(0)
    const length = this.#pids.length * this.#rows
    if (this.#maxima.length < length) this.#maxima = new Uint8Array(length)
  }

  raise(pid: number, { rows, bytes }: Gains): void {
    const entry = this.#entryOf(pid)
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

  /** The best by score, then by the lower pid. */
  best(wanted: number): readonly Candidate[] {
    const scores = this.#scores.subarray(0, this.count)
    const border = scores.toSorted()[Math.max(0, this.count - wanted)] ?? 0
    const kept: Candidate[] = []
    for (const [entry, score] of scores.entries()) {
      if (score >= border) kept.push({ pid: this.#pids[entry] ?? 0, score })
    }
    return kept.sort((a, b) => b.score - a.score || a.pid - b.pid).slice(0, wanted)
  }

  #entryOf(pid: number): number {
    const slot = this.#slotOf(pid)
    const found = (this.#slots[slot] ?? 0) - 1
    if (found !== -1) return found
    if (this.count === this.#pids.length) {
      this.#grow()
      return this.#entryOf(pid)
    }
    const entry = this.count++
    this.#slots[slot] = entry + 1
    this.#pids[entry] = pid
    this.#scores[entry] = this.#base
    this.#maxima.set(this.#imputed, entry * this.#rows)
    return entry
  }

  /** Where the pid is, or where it belongs. */
  #slotOf(pid: number): number {
    const mask = this.#slots.length - 1
    // Knuth's multiplicative hash.
    let slot = (Math.imul(pid, 2654435761) >>> 7) & mask
    for (;;) {
      const entry = (this.#slots[slot] ?? 0) - 1
      if (entry === -1 || this.#pids[entry] === pid) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    const length = 2 * this.#pids.length
    const [pids, scores, maxima] = [this.#pids, this.#scores, this.#maxima]
    this.#pids = new Uint32Array(length)
    this.#pids.set(pids)
    this.#scores = new Uint32Array(length)
    this.#scores.set(scores)
    this.#maxima = new Uint8Array(length * this.#rows)
    this.#maxima.set(maxima.subarray(0, this.count * this.#rows))
    this.#slots = new Uint32Array(2 * length)
    for (let entry = 0; entry < this.count; entry++) this.#slots[this.#slotOf(pids[entry] ?? 0)] = entry + 1
  }
}

/**
 * Checks a list against its CRC32C.
 * @throws ChecksumError
 */
export function requireList(list: Uint8Array, cell: number, crc32c: (bytes: Uint8Array) => number): void {
  const length = list.length - 4
  const expected = new DataView(list.buffer, list.byteOffset, list.byteLength).getUint32(length, true)
  const got = crc32c(list.subarray(0, length))
  if (got !== expected) throw new ChecksumError(`posting list ${cell}`, expected, got)
}

/**
 * Calls with each pid of a list, ascending.
 *
 * @param list - at least 5 bytes, its CRC at the end
 * @throws FormatError
 */
export function eachPid(list: Uint8Array, cell: number, passageCount: number, use: (pid: number) => void): void {
  const end = list.length - 4
  let pid = -1
  for (let at = 0; at < end; ) {
    let gap = 0
    let scale = 1
    let byte = 0x80
    while (byte & 0x80) {
      if (at >= end || scale > 2 ** 28) throw badList(cell, 'LEB128 values below 2^32')
      byte = list[at++] ?? 0
      gap += (byte & 0x7f) * scale
      scale *= 128
    }
    if (byte === 0 && scale > 128) throw badList(cell, 'LEB128 values in shortest form')
    pid += gap + 1
    if (pid >= passageCount) throw badList(cell, `pids below ${passageCount}`)
    use(pid)
  }
}

function badList(cell: number, expected: string): FormatError {
  return new FormatError('postings', expected, `something else in the list of cell ${cell}`)
}
