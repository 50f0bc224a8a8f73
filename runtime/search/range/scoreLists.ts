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

/** Below its best cell that was not read, in U, about 0.1 of cosine: a passage that is in none of a row's lists scores less than that cell on average (docs/RANGE.md). */
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
  options: { readonly wanted: number; readonly passageCount: number; readonly allowed?: ReadonlySet<number> },
): { readonly best: readonly Candidate[]; readonly candidates: number } {
  const imputed = imputedBytes(probed, lists)
  const rows = imputed.length
  const table = new ScoreTable(lists, rows, imputed)
  const { passageCount, allowed, wanted } = options
  for (const [place, list] of lists.entries()) {
    if (list === undefined || list.length === 0) continue
    const { cell = 0, bytes = imputed } = probed.cells[place] ?? {}
    const gains = gainsOver(imputed, bytes)
    for (const pid of decodeList(list, cell, passageCount)) {
      if (allowed === undefined || allowed.has(pid)) table.raise(pid, gains)
    }
  }
  return { best: table.best(wanted), candidates: table.count }
}

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

/** Running row maxima of each passage that some list has. Size follows from the postings read, not from the passages there are. */
class ScoreTable {
  readonly #rows: number
  readonly #imputed: Uint8Array
  readonly #base: number
  /** Open addressing: 1 + entry, or 0 for none. */
  readonly #slots: Uint32Array
  readonly #pids: Uint32Array
  readonly #scores: Uint32Array
  readonly #maxima: Uint8Array
  count = 0

  constructor(lists: ReadLists, rows: number, imputed: Uint8Array) {
    // A posting takes at least one byte, and each list ends in four bytes of CRC.
    const postings = lists.reduce((sum, list) => sum + (list === undefined ? 0 : Math.max(0, list.length - 4)), 0)
    this.#rows = rows
    this.#imputed = imputed
    this.#base = imputed.reduce((sum, byte) => sum + byte, 0)
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(postings * 2 + 2)))
    this.#pids = new Uint32Array(postings)
    this.#scores = new Uint32Array(postings)
    this.#maxima = new Uint8Array(postings * rows)
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
    const mask = this.#slots.length - 1
    // Knuth's multiplicative hash.
    let slot = (Math.imul(pid, 2654435761) >>> 7) & mask
    for (;;) {
      const entry = (this.#slots[slot] ?? 0) - 1
      if (entry === -1) break
      if (this.#pids[entry] === pid) return entry
      slot = (slot + 1) & mask
    }
    const entry = this.count++
    this.#slots[slot] = entry + 1
    this.#pids[entry] = pid
    this.#scores[entry] = this.#base
    this.#maxima.set(this.#imputed, entry * this.#rows)
    return entry
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
 * @param list - at least 5 bytes, its CRC at the end
 * @returns pids, ascending
 * @throws FormatError
 */
export function decodeList(list: Uint8Array, cell: number, passageCount: number): Uint32Array {
  const end = list.length - 4
  const pids = new Uint32Array(end)
  let count = 0
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
    pids[count++] = pid
  }
  return pids.subarray(0, count)
}

function badList(cell: number, expected: string): FormatError {
  return new FormatError('postings', expected, `something else in the list of cell ${cell}`)
}
