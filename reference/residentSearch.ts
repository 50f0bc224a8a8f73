/** The readable twin of the resident search: the same stages on typed arrays, by kernels/reference.ts. Oracle of the tests. */
import { quantiseQuery } from '../runtime/kernels/quantise.ts'
import { probesAll, refinedMax } from '../runtime/search/parameters.ts'
import type { QueryVectors, SearchParameters } from '../runtime/searcher.ts'
import * as kernels from './kernels.ts'
import { refine } from './refine.ts'

export interface ResidentReferenceAnswer {
  /** Score descending, then pid ascending; at least k where there are, and all that tie with the k-th. */
  readonly pids: Uint32Array
  readonly scores: Float32Array
  readonly counts: { readonly candidates: number; readonly approximated: number; readonly rescored: number }
}

/** @param filterPids - ascending; only these passages */
export function searchReference(
  segment: kernels.ReferenceSegment,
  query: QueryVectors,
  parameters: SearchParameters,
  k: number,
  filterPids?: Uint32Array,
): ResidentReferenceAnswer {
  const quantised = quantiseQuery(query.vectors, query.rows, query.dim)
  const cellScores = kernels.scoreCentroids(segment, quantised, parameters.centroidScoreThreshold)
  const approximate = (pids: Uint32Array, pruned: boolean) =>
    kernels.approximate(segment, quantised, cellScores, pids, pruned)

  const hasTokens = (pid: number) => (segment.tokenStarts[pid] ?? 0) < (segment.tokenStarts[pid + 1] ?? 0)
  const allowed = filterPids?.filter(hasTokens)
  let candidates: Uint32Array
  if (allowed && allowed.length <= parameters.ndocs) {
    candidates = allowed
  } else if (probesAll(parameters.ncells, segment.centroidScales.length)) {
    candidates = allowed ?? Uint32Array.from(segment.tokenStarts.keys()).slice(0, -1).filter(hasTokens)
  } else {
    const { bitmap } = kernels.gather(segment, kernels.topCells(segment, quantised, cellScores, parameters.ncells))
    const gathered = kernels.collectPids(bitmap, undefined, segment.tokenStarts.length - 1)
    candidates = allowed ? gathered.filter((pid) => allowed.includes(pid)) : gathered
  }
  const survivors = kernels.selectTop(candidates, approximate(candidates, true), Math.max(parameters.ndocs, k))
  const rescoredMax = Math.max(Math.floor(parameters.ndocs / 4), k)
  const finalists = kernels.selectTop(survivors, approximate(survivors, false), rescoredMax)
  const coarse = kernels.rescore(segment, quantised, cellScores, finalists)
  const refined = refinedMax(k) > 0 ? bestPids(finalists, coarse, refinedMax(k)) : finalists
  const scores = refinedMax(k) > 0 ? refine(segment, quantised, refined) : coarse

  const ranked = Array.from(refined, (pid, index) => ({ pid, score: scores[index] ?? 0 }))
  ranked.sort((a, b) => b.score - a.score || a.pid - b.pid)
  const last = ranked[Math.min(k, ranked.length) - 1]
  const best = ranked.filter(({ score }) => last !== undefined && score >= last.score)
  return {
    pids: Uint32Array.from(best, ({ pid }) => pid),
    scores: Float32Array.from(best, ({ score }) => score),
    counts: { candidates: candidates.length, approximated: survivors.length, rescored: finalists.length },
  }
}

/** The best by score and all that tie with the last of them, in their given order. */
function bestPids(pids: Uint32Array, scores: Float32Array, wanted: number): Uint32Array {
  const border = scores.toSorted().at(-wanted) ?? Number.NEGATIVE_INFINITY
  return pids.filter((_, index) => (scores[index] ?? 0) >= border)
}
