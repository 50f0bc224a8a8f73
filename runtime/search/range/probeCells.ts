/**
 * Probe, for the range pipeline: the best cells of each query row over all slabs of centroids, with what is needed of their
 * scores later. Nothing is left in WebAssembly memory, so that a query holds none of it while it waits for storage.
 */
import type { Kernels } from '../../kernels/kernels.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import type { QueryVectors } from '../../searcher.ts'
import { probeCells } from '../probe.ts'
import { placeQuery } from '../residentQuery.ts'
import type { RangeSegment } from './rangeSegment.ts'

/** A cell that is among the best of some row. */
export interface ProbedCell {
  readonly cell: number
  /** Best place it has in the order of any row, 0 is first. */
  readonly rank: number
  /** u8[rows], U of layout.ts: about (cosine + 1) * 127. */
  readonly bytes: Uint8Array
}

export interface ProbedCells {
  /** Best rank first, then the higher byte at that rank, then the lower cell: the order in which lists are worth reading. */
  readonly cells: readonly ProbedCell[]
  /** Of each row the cells it chose, best first, as indexes into `cells`; none for a row without scores. */
  readonly cellsOfRows: readonly (readonly number[])[]
}

/** Scores of one cell: S in units of each row, and U. */
interface ScoredCell {
  readonly cell: number
  readonly scores: Int16Array
  readonly bytes: Uint8Array
}

/**
 * @param ncells - cells a row
 * @throws InputError when the query is not of the segment's dim, or not finite
 */
export function probeSegment(
  kernels: Kernels,
  segment: RangeSegment,
  query: QueryVectors,
  ncells: number,
): ProbedCells {
  const scored: ScoredCell[] = []
  const { top } = kernels.arena
  const rowsProbed = new Uint8Array(query.rows)
  for (const { block, firstCell } of segment.slabs) {
    try {
      const placed = placeQuery(kernels, block, segment.scales, query)
      kernels.scoreCentroids(block, placed, 1)
      const marks = probeCells(kernels, block, placed, ncells)
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
  return orderCells(scored, rowsProbed, ncells)
}

function orderCells(scored: readonly ScoredCell[], rowsProbed: Uint8Array, ncells: number): ProbedCells {
  const order = Uint32Array.from(scored.keys())
  const bestOfRows = Array.from(rowsProbed, (probed, row) => {
    if (probed === 0) return []
    const scoreOf = (index: number) => scored[index]?.scores[row] ?? 0
    // Scored cells ascend, so a stable order by score gives equal scores to the lower cell.
    return [...order].sort((a, b) => scoreOf(b) - scoreOf(a)).slice(0, ncells)
  })
  const found = new Map<number, { rank: number; byte: number }>()
  for (const [row, best] of bestOfRows.entries()) {
    for (const [rank, index] of best.entries()) {
      const byte = scored[index]?.bytes[row] ?? 0
      const before = found.get(index)
      if (!before || rank < before.rank || (rank === before.rank && byte > before.byte))
        found.set(index, { rank, byte })
    }
  }
  const entries = [...found].sort(([a, x], [b, y]) => x.rank - y.rank || y.byte - x.byte || a - b)
  const place = new Map(entries.map(([index], at) => [index, at]))
  return {
    cells: entries.map(([index, { rank }]) => {
      const { cell = 0, bytes = new Uint8Array() } = scored[index] ?? {}
      return { cell, rank, bytes }
    }),
    cellsOfRows: bestOfRows.map((best) => best.map((index) => place.get(index) ?? 0)),
  }
}
