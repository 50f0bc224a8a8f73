/** Rescore: exact MaxSim of the last candidates on their residuals, and the best of them. PLAID stage 4. */
import type { QueryBlock, SegmentBlock } from '../kernels/blocks.ts'
import type { CandidateRegions, Kernels } from '../kernels/kernels.ts'

/** Pids with their scores, score descending, then pid ascending. */
export interface RankedPassages {
  readonly pids: Uint32Array
  /** f32[pids], MaxSim. */
  readonly scores: Float32Array
}

export function rescoreCandidates(
  kernels: Kernels,
  segment: SegmentBlock,
  query: QueryBlock,
  candidates: CandidateRegions,
): RankedPassages {
  kernels.rescore(segment, query, candidates)
  const { buffer } = kernels.memory
  return {
    pids: new Uint32Array(buffer, candidates.pids, candidates.count).slice(),
    scores: new Float32Array(buffer, candidates.scores, candidates.count).slice(),
  }
}

/**
 * The best k, and everything that ties with the k-th: whoever knows the ids breaks that tie by id and cuts at k.
 *
 * @returns at least min(k, passages), sorted; at most as many more as there are equal scores
 */
export function bestWithTies({ pids, scores }: RankedPassages, k: number): RankedPassages {
  // Typed arrays sort numerically and fast; only what is kept is then sorted by a comparator.
  const ascending = scores.toSorted()
  const border = ascending[Math.max(0, ascending.length - k)] ?? 0
  const kept: { readonly pid: number; readonly score: number }[] = []
  for (const [index, score] of scores.entries()) {
    if (score >= border) kept.push({ pid: pids[index] ?? 0, score })
  }
  kept.sort((a, b) => b.score - a.score || a.pid - b.pid)
  return {
    pids: Uint32Array.from(kept, ({ pid }) => pid),
    scores: Float32Array.from(kept, ({ score }) => score),
  }
}
