/**
 * Probe, for the range pipeline: the best cells of each query row over all slabs of centroids, with what is needed of their
 * scores later. Nothing is left in WebAssembly memory, so that a query holds none of it while it waits for storage.
 */
import { NCELLS_MAX } from '../../../format/limits.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import type { QueryVectors } from '../../searcher.ts'
import { probeCells } from '../probe.ts'
import { placeQuery } from '../residentQuery.ts'
import type { RangeSegment } from './rangeSegment.ts'

/** Best cells of a row that are looked at, for each one that is read: what a row would gain by a cell is measured from the last of them. */
const LOOKED_AT = 8

/** A cell that is among the best of some row. */
export interface ProbedCell {
  readonly cell: number
  /** What its list may add to scores: over rows, its U above that of the row's last cell looked at. */
  readonly gain: number
  /** u8[rows], U of layout.ts: about (cosine + 1) * 127. */
  readonly bytes: Uint8Array
}

export interface ProbedCells {
  /** The largest gain first, then the lower cell: the order in which lists are worth reading. */
  readonly cells: readonly ProbedCell[]
  /** The first so many of `cells` are to be read. */
  readonly wanted: number
  /** Of each row its best cells, best first, as indexes into `cells`; none for a row without scores. */
  readonly cellsOfRows: readonly (readonly number[])[]
}

/** Scores of one cell: S in units of each row, and U. */
interface ScoredCell {
  readonly cell: number
  readonly scores: Int16Array
  readonly bytes: Uint8Array
}

/**
 * @param ncells - lists to read for each row. Differs from PLAID: a row does not get that many of its own, all lists together
 *   are those that promise most over all rows. Measured: a third fewer lists for the same candidates (bench/results/range-*.json)
 * @throws InputError when the query is not of the segment's dim, or not finite
 */
export function probeSegment(
  kernels: Kernels,
  segment: RangeSegment,
  query: QueryVectors,
  ncells: number,
): ProbedCells {
  const lookedAt = Math.min(NCELLS_MAX, ncells * LOOKED_AT)
  const scored: ScoredCell[] = []
  const { top } = kernels.arena
  const rowsProbed = new Uint8Array(query.rows)
  for (const { block, firstCell } of segment.slabs) {
    try {
      const placed = placeQuery(kernels, block, segment.scales, query)
      kernels.scoreCentroids(block, placed, 1)
      const marks = probeCells(kernels, block, placed, lookedAt)
      const { buffer } = kernels.memory
      const stride = paddedRows(query.rows)
      const factors = new Float32Array(buffer, placed.numbers, query.rows)
      for (const [row, factor] of factors.entries()) rowsProbed[row] = factor === 0 ? 0 : 1
      for (const [index, mark] of new Uint8Array(buffer, marks, block.centroidCount).entries()) {
        if (mark === 0) continue
        scored.push({
          cell: firstCell + index,
          scores: new Int16Array(buffer, placed.cellScores + index * stride * 2, query.rows).slice(),
          bytes: new Uint8Array(buffer, placed.cellBytes + index * stride, query.rows).slice(),
        })
      }
    } finally {
      kernels.arena.reset(top)
    }
  }
  return orderCells(scored, rowsProbed, ncells, lookedAt)
}

function orderCells(
  scored: readonly ScoredCell[],
  rowsProbed: Uint8Array,
  ncells: number,
  lookedAt: number,
): ProbedCells {
  const order = Array.from(scored.keys())
  const gains = new Float64Array(scored.length)
  const bestOfRows = Array.from(rowsProbed, (probed, row) => {
    if (probed === 0) return []
    const scoreOf = (index: number) => scored[index]?.scores[row] ?? 0
    // Scored cells ascend, so a stable order by score gives equal scores to the lower cell.
    const best = order.toSorted((a, b) => scoreOf(b) - scoreOf(a)).slice(0, lookedAt)
    const floor = scored[best.at(-1) ?? 0]?.bytes[row] ?? 0
    for (const index of best) gains[index] = (gains[index] ?? 0) + (scored[index]?.bytes[row] ?? 0) - floor
    return best
  })
  const byGain = order.toSorted((a, b) => (gains[b] ?? 0) - (gains[a] ?? 0) || a - b)
  const place = new Map(byGain.map((index, at) => [index, at]))
  const rows = rowsProbed.reduce((sum, probed) => sum + probed, 0)
  return {
    cells: byGain.map((index) => {
      const { cell = 0, bytes = new Uint8Array() } = scored[index] ?? {}
      return { cell, gain: gains[index] ?? 0, bytes }
    }),
    wanted: Math.min(byGain.length, ncells * rows),
    cellsOfRows: bestOfRows.map((best) => best.map((index) => place.get(index) ?? 0)),
  }
}
