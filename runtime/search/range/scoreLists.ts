/**
 * Candidates scored from posting lists alone, as WARP and XTR do: a passage in the list of a cell has a token that scores about
 * what the cell does; a row none of whose lists has the passage is imputed somewhat less than its best unread cell. PLAID.md section 5.
 */
import { eachPid } from '../../../format/items/postingList.ts'
import { bitmapHas, type PassageBitmap } from '../../passages/bitmap.ts'
import type { ProbedCells } from './probeCells.ts'
import { type Candidate, type Gains, ScoreTable } from './scoreTable.ts'

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
 * @param allowed - only these passages
 * @throws FormatError on a list that is not as SPEC.md §5.2 says
 */
export function bestByLists(
  probed: ProbedCells,
  lists: ReadLists,
  options: {
    readonly wanted: number
    readonly passageCount: number
    readonly allowed?: PassageBitmap | undefined
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
      if (allowed === undefined || bitmapHas(allowed, pid)) table.raise(pid, gains)
    })
  }
  return { best: table.best(wanted), candidates: table.count }
}

function gainsOver(imputed: Uint8Array, bytes: Uint8Array): Gains {
  const rows: number[] = []
  for (const [row, byte] of bytes.entries()) if (byte > (imputed[row] ?? 0)) rows.push(row)
  return { rows: Uint16Array.from(rows), bytes: Uint8Array.from(rows, (row) => bytes[row] ?? 0) }
}
