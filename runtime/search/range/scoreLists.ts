/**
 * Candidates scored from posting lists alone, as WARP and XTR do: a passage in the list of a cell has a token that scores about
 * what the cell does; a row none of whose lists has the passage is imputed somewhat less than its best unread cell. PLAID.md section 5.
 */
import { eachPid } from '../../../format/items/postingList.ts'
import { bitmapHas, type PassageBitmap } from '../../passages/bitmap.ts'
import type { ProbedCells } from './probeCells.ts'
import type { Gains, ScoreTable } from './scoreTable.ts'

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

function imputedBelow(byte: number): number {
  return Math.max(0, byte - IMPUTED_BELOW)
}

/** One segment whose lists are scored. */
export interface ListedSegment {
  readonly probed: ProbedCells
  readonly lists: ReadLists
  /** Passages in the segments before. */
  readonly firstPassage: number
  readonly passageCount: number
  /** Only these passages; absent: all. */
  readonly allowed?: PassageBitmap | undefined
}

/**
 * Raises every allowed passage that a list of the segment has.
 * @throws FormatError on a list that is not as SPEC.md §5.2 says
 */
export function scoreLists(table: ScoreTable, segment: ListedSegment): number {
  const { probed, lists, firstPassage, passageCount, allowed } = segment
  const imputed = imputedBytes(probed, lists)
  table.startSegment(firstPassage, imputed)
  for (let place = 0; place < lists.length; place++) {
    const list = lists[place]
    if (list === undefined || list.length === 0) continue
    const { cell = 0, bytes = imputed } = probed.cells[place] ?? {}
    const gains = gainsOver(imputed, bytes)
    eachPid(list, cell, passageCount, (pid) => {
      if (allowed === undefined || bitmapHas(allowed, pid)) table.raise(pid, gains)
    })
  }
  return imputed.reduce((sum, byte) => sum + byte, 0)
}

function gainsOver(imputed: Uint8Array, bytes: Uint8Array): Gains {
  const gains = { rows: [] as number[], bytes: [] as number[] }
  for (let row = 0; row < bytes.length; row++) {
    const byte = bytes[row] ?? 0
    if (byte <= (imputed[row] ?? 0)) continue
    gains.rows.push(row)
    gains.bytes.push(byte)
  }
  return gains
}
