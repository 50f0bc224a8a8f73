/** Rescore: MaxSim of the last candidates on their residuals, the best of them once more at sixteen bits. PLAID stage 4. */
import type { QueryBlock, SegmentBlock } from '../kernels/blocks.ts'
import type { CandidateRegions, Kernels } from '../kernels/kernels.ts'

/** Pids with their scores, score descending, then pid ascending. */
export interface RankedPassages {
  readonly pids: Uint32Array
  /** f32[pids], MaxSim. */
  readonly scores: Float32Array
}

/**
 * The best `refinedMax` of the candidates, with scores at sixteen bits. Byte tables choose them; by themselves they misplace about one
 * in a hundred of the first ten (assembly/README.md).
 *
 * @param refinedMax - 0: all of the candidates, with the scores of byte tables
 */
export function rescoreCandidates(
  kernels: Kernels,
  { segment, query }: { readonly segment: SegmentBlock; readonly query: QueryBlock },
  candidates: CandidateRegions,
  refinedMax: number,
): RankedPassages {
  let kept = candidates
  if (candidates.count > refinedMax) kernels.rescore(segment, query, candidates)
  if (refinedMax > 0) {
    if (candidates.count > refinedMax) kept = { ...candidates, count: keepBest(kernels, candidates, refinedMax) }
    kernels.refine(segment, query, kept)
  }
  const { buffer } = kernels.memory
  return {
    pids: new Uint32Array(buffer, kept.pids, kept.count).slice(),
    scores: new Float32Array(buffer, kept.scores, kept.count).slice(),
  }
}

/** Moves the pids of the best to the front, in their given order, and all that tie with the last of them: ids break ties later. */
function keepBest({ memory: { buffer } }: Kernels, { pids, scores, count }: CandidateRegions, wanted: number): number {
  const allPids = new Uint32Array(buffer, pids, count)
  const allScores = new Float32Array(buffer, scores, count)
  const border = allScores.toSorted()[count - wanted] ?? 0
  let kept = 0
  for (const [index, score] of allScores.entries()) if (score >= border) allPids[kept++] = allPids[index] ?? 0
  return kept
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
