/** Probe: score all centroids, mark the best cells of each query row. PLAID stage 1. */
import type { QueryBlock, SegmentBlock } from '../kernels/blocks.ts'
import { type Kernels, topCellsHeapBytes } from '../kernels/kernels.ts'

/**
 * Marks the `ncells` best cells of each row; cell scores must be there already (`kernels.scoreCentroids`).
 *
 * @returns address of u8[K] in the arena, 1 for a probed cell
 */
export function probeCells(kernels: Kernels, segment: SegmentBlock, query: QueryBlock, ncellsWanted: number): number {
  const ncells = Math.min(ncellsWanted, segment.centroidCount)
  const marks = kernels.arena.allocate(segment.centroidCount)
  const { top } = kernels.arena
  const heaps = kernels.arena.allocate(topCellsHeapBytes(query.rows, ncells))
  kernels.topCells(segment, query, { ncells, heaps, marks })
  kernels.arena.reset(top)
  return marks
}
