/**
 * Probe, for the range pipeline: the best cells of each query row over all slabs of centroids, with what is needed of their
 * scores later. Nothing is left in WebAssembly memory, so that a query holds none of it while it waits for storage.
 */
import { PROBED_CELLS_MAX } from '../../../format/limits.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import type { PreparedQuery } from '../preparedQuery.ts'
import { probeCells } from '../probe.ts'
import type { RangeQuantiser } from './rangeQuantiser.ts'

/** For each list that is to be read, so many of a row's best cells are looked at. The last of them is the zero that gains are counted from. */
const LOOKED_AT = 8

/** A cell that is among the best of some row. */
export interface ProbedCell {
  readonly cell: number
  /** What reading its list may add to a passage's score: the sum over rows of its U above the U of the row's last cell looked at. */
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

/** Cells that are among the best of some row in their slab, ascending, with their scores. */
class ScoredCells {
  readonly rows: number
  readonly cells: number[] = []
  /** Of each cell its rows, one after another: S in units of each row, and U. */
  scores = new Int16Array(0)
  bytes = new Uint8Array(0)

  constructor(rows: number) {
    this.rows = rows
  }

  /** @param from - the slab's tables, of rows padded to `stride` */
  add(
    firstCell: number,
    marked: readonly number[],
    from: { readonly scores: Int16Array; readonly bytes: Uint8Array; readonly stride: number },
  ): void {
    const { rows } = this
    const before = this.cells.length
    this.scores = grown(this.scores, (before + marked.length) * rows)
    this.bytes = grown(this.bytes, (before + marked.length) * rows)
    for (const [i, index] of marked.entries()) {
      const source = index * from.stride
      this.scores.set(from.scores.subarray(source, source + rows), (before + i) * rows)
      this.bytes.set(from.bytes.subarray(source, source + rows), (before + i) * rows)
      this.cells.push(firstCell + index)
    }
  }

  /** Indexes of the best cells of a row, best first; equal scores go to the lower cell. */
  best(row: number, count: number): number[] {
    const best: number[] = []
    const scoreOf = (index: number) => this.scores[index * this.rows + row] ?? 0
    let border = Number.NEGATIVE_INFINITY
    for (let index = 0; index < this.cells.length; index++) {
      const score = scoreOf(index)
      // A later cell must be better to come before, so equal ones stay out once there are enough.
      if (best.length === count && score <= border) continue
      let at = best.length
      while (at > 0 && scoreOf(best[at - 1] ?? 0) < score) at--
      best.splice(at, 0, index)
      if (best.length > count) best.pop()
      border = scoreOf(best.at(-1) ?? 0)
    }
    return best
  }
}

function grown<Values extends Int16Array | Uint8Array>(values: Values, length: number): Values {
  const larger = new (values.constructor as new (length: number) => Values)(length)
  larger.set(values)
  return larger
}

/**
 * @param lists - posting lists to read for each row. A row does not choose that many of its own: all lists together are those that promise
 *   most over all rows. Measured: a third fewer lists for the same candidates (bench/results/range-*.json)
 */
export function probeQuantiser(
  kernels: Kernels,
  quantiser: RangeQuantiser,
  query: PreparedQuery,
  lists: number,
): ProbedCells {
  const lookedAt = Math.min(PROBED_CELLS_MAX, lists * LOOKED_AT)
  const scored = new ScoredCells(query.rows)
  const { top } = kernels.arena
  const rowsProbed = new Uint8Array(query.rows)
  for (const { block, firstCell } of quantiser.slabs) {
    try {
      const placed = query.place(kernels, block, quantiser.scales)
      kernels.scoreCentroids(block, placed, 1)
      const marks = probeCells(kernels, block, placed, lookedAt)
      const { buffer } = kernels.memory
      const stride = paddedRows(query.rows)
      const factors = new Float32Array(buffer, placed.numbers, query.rows)
      for (const [row, factor] of factors.entries()) rowsProbed[row] = factor === 0 ? 0 : 1
      const marked: number[] = []
      new Uint8Array(buffer, marks, block.centroidCount).forEach((mark, index) => {
        if (mark !== 0) marked.push(index)
      })
      scored.add(firstCell, marked, {
        scores: new Int16Array(buffer, placed.cellScores, block.centroidCount * stride),
        bytes: new Uint8Array(buffer, placed.cellBytes, block.centroidCount * stride),
        stride,
      })
    } finally {
      kernels.arena.reset(top)
    }
  }
  return orderCells(scored, rowsProbed, lists, lookedAt)
}

function orderCells(scored: ScoredCells, rowsProbed: Uint8Array, lists: number, lookedAt: number): ProbedCells {
  const { rows, cells, bytes } = scored
  const gains = new Map<number, number>()
  const bestOfRows = Array.from(rowsProbed, (probed, row) => {
    if (probed === 0) return []
    const byteOf = (index: number) => bytes[index * rows + row] ?? 0
    const best = scored.best(row, lookedAt)
    const floor = byteOf(best.at(-1) ?? 0)
    for (const index of best) gains.set(index, (gains.get(index) ?? 0) + byteOf(index) - floor)
    return best
  })
  // Only cells that are among the best over all slabs have a gain.
  const byGain = [...gains].sort(([a, x], [b, y]) => y - x || a - b)
  const place = new Map(byGain.map(([index], at) => [index, at]))
  return {
    cells: byGain.map(([index, gain]) => ({
      cell: cells[index] ?? 0,
      gain,
      bytes: bytes.slice(index * rows, (index + 1) * rows),
    })),
    wanted: Math.min(byGain.length, lists * rowsProbed.reduce((sum, probed) => sum + probed, 0)),
    cellsOfRows: bestOfRows.map((best) => best.map((index) => place.get(index) ?? 0)),
  }
}
