/** Approximate: score candidates by the centroids of their tokens, keep the best, twice: pruned, then by all. PLAID stages 2 and 3. */
import type { Kernels } from '../../kernels/kernels.ts'
import { type Candidates, selectBest } from './candidates.ts'

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
 * The candidates worth rescoring. A pass that could not drop anything is left out: it would keep everything.
 *
 * @returns the candidates, and how many the first pass kept
 */
export function approximateCandidates(
  kernels: Kernels,
  candidates: Candidates,
  { ndocs, prunes, rescoredMax }: ApproximateLimits,
): { readonly finalists: Candidates; readonly approximated: number } {
  if (!prunes) {
    // Both passes would give the same scores, and the best of the best are the best.
    const finalists = keepBest(kernels, candidates, { wanted: Math.min(ndocs, rescoredMax), pruned: false })
    return { finalists, approximated: Math.min(candidates.count, ndocs) }
  }
  const survivors = keepBest(kernels, candidates, { wanted: ndocs, pruned: true })
  const finalists = keepBest(kernels, survivors, { wanted: rescoredMax, pruned: false })
  return { finalists, approximated: survivors.count }
}

/** The best `wanted`; ties go to the earlier segment, then to the lower pid. */
function keepBest(
  kernels: Kernels,
  candidates: Candidates,
  { wanted, pruned }: { readonly wanted: number; readonly pruned: boolean },
): Candidates {
  if (candidates.count <= wanted) return candidates
  for (const own of candidates.bySegment) kernels.approximate(own.segment.block, own.query, own, pruned)
  const rows = candidates.bySegment[0]?.query.rows ?? 0
  return selectBest(kernels, candidates, { wanted, scoreMax: CELL_BYTE_MAX * rows })
}
