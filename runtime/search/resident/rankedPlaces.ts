/** Rescored passages of all segments, the best first. */
import type { Kernels } from '../../kernels/kernels.ts'
import type { Candidates } from './candidates.ts'

/** Score descending, then segment and pid ascending. */
export interface RankedPlaces {
  readonly segments: Uint32Array
  readonly pids: Uint32Array
  /** f32, MaxSim. */
  readonly scores: Float32Array
}

/**
 * The best k, and everything that ties with the k-th: whoever knows the ids breaks that tie by id and cuts at k.
 *
 * @returns at least min(k, passages), sorted; at most as many more as there are equal scores
 */
export function bestWithTies({ memory: { buffer } }: Kernels, candidates: Candidates, k: number): RankedPlaces {
  // Typed arrays sort numerically and fast; only what is kept is then sorted by a comparator.
  const ascending = new Float32Array(buffer, candidates.scores, candidates.count).toSorted()
  const border = ascending[Math.max(0, ascending.length - k)] ?? 0
  const kept = candidates.bySegment.flatMap(({ number, pids, scores, count }) => {
    const ownPids = new Uint32Array(buffer, pids, count)
    const ownScores = new Float32Array(buffer, scores, count)
    return Array.from(ownPids, (pid, at) => ({ segment: number, pid, score: ownScores[at] ?? 0 })).filter(
      ({ score }) => score >= border,
    )
  })
  kept.sort((a, b) => b.score - a.score || a.segment - b.segment || a.pid - b.pid)
  return {
    segments: Uint32Array.from(kept, ({ segment }) => segment),
    pids: Uint32Array.from(kept, ({ pid }) => pid),
    scores: Float32Array.from(kept, ({ score }) => score),
  }
}
