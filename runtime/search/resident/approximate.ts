/** Approximate: candidates by their centroids alone, first pruned, then in full. PLAID stages 2 and 3. */
import type { QueryBlock, SegmentBlock } from '../../kernels/blocks.ts'
import type { CandidateRegions, Kernels } from '../../kernels/kernels.ts'

/** Largest cell byte, see scoreCentroids. */
const CELL_BYTE_MAX = 255

/** How many passages leave each pass. */
export interface ApproximateLimits {
  /** After the pass over centroids that survive the threshold. */
  readonly ndocs: number
  /** Whether the threshold can drop a centroid at all. */
  readonly prunes: boolean
  /** After the pass over all centroids. */
  readonly rescoredMax: number
}

/**
 * The candidates worth rescoring, ascending. A pass that could not drop anything is left out: it would keep everything.
 *
 * @returns the candidates, and how many the first pass kept
 */
export function approximateCandidates(
  kernels: Kernels,
  blocks: { readonly segment: SegmentBlock; readonly query: QueryBlock },
  candidates: CandidateRegions,
  { ndocs, prunes, rescoredMax }: ApproximateLimits,
): { readonly finalists: CandidateRegions; readonly approximated: number } {
  if (!prunes) {
    // Both passes would give the same scores, and the best of the best are the best.
    const finalists = keepBest(kernels, blocks, candidates, { wanted: Math.min(ndocs, rescoredMax), pruned: false })
    return { finalists, approximated: Math.min(candidates.count, ndocs) }
  }
  const survivors = keepBest(kernels, blocks, candidates, { wanted: ndocs, pruned: true })
  const finalists = keepBest(kernels, blocks, survivors, { wanted: rescoredMax, pruned: false })
  return { finalists, approximated: survivors.count }
}

/** Keeps the best `wanted` in place; ties go to the lower pid. */
function keepBest(
  kernels: Kernels,
  { segment, query }: { readonly segment: SegmentBlock; readonly query: QueryBlock },
  candidates: CandidateRegions,
  { wanted, pruned }: { readonly wanted: number; readonly pruned: boolean },
): CandidateRegions {
  if (candidates.count <= wanted) return candidates
  kernels.approximate(segment, query, candidates, pruned)
  const scoreMax = CELL_BYTE_MAX * query.rows
  const { top } = kernels.arena
  const counts = kernels.arena.allocate((scoreMax + 1) * 4)
  const count = kernels.selectTop(candidates, { wanted, scoreMax, counts, out: candidates.pids })
  kernels.arena.reset(top)
  return { ...candidates, count }
}
