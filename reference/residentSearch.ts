/** The readable twin of the resident search: the same stages on typed arrays, by reference/kernels.ts. Oracle of the tests. */
import { quantiseQuery } from '../runtime/kernels/quantise.ts'
import type { PlaidParameters, QueryVectors } from '../runtime/searcher.ts'
import * as kernels from './kernels.ts'
import { refine } from './refine.ts'

/** A segment of an index. Segments over one quantiser have the same centroids and the same scales. */
export interface ReferencePassages {
  readonly segment: kernels.ReferenceSegment
  readonly deleted?: ReadonlySet<number> | undefined
}

export interface ResidentReferenceAnswer {
  /** Score descending, then segment and pid ascending; at least k where there are, and all that tie with the k-th. */
  readonly segments: Uint32Array
  readonly pids: Uint32Array
  readonly scores: Float32Array
  readonly counts: { readonly candidates: number; readonly approximated: number; readonly rescored: number }
}

/** A passage on its way through the stages. */
interface Passage {
  /** Index of its segment. */
  readonly at: number
  readonly pid: number
}

/** @param filter - of each segment the only pids that may be answered */
export function searchReference(
  segments: readonly ReferencePassages[],
  query: QueryVectors,
  { ncells, centroidScoreThreshold, ndocs }: PlaidParameters,
  k: number,
  filter?: readonly Iterable<number>[],
): ResidentReferenceAnswer {
  const quantised = quantiseQuery(query.vectors, query.rows, query.dim)
  const scored = segments.map(({ segment, deleted }, at) => {
    const allowed = filter && new Set(filter[at])
    const all = Array.from({ length: segment.tokenStarts.length - 1 }, (_, pid) => pid)
    return {
      segment,
      cells: kernels.scoreCentroids(segment, quantised, centroidScoreThreshold),
      searchable: all.filter((pid) => hasTokens(segment, pid) && !deleted?.has(pid) && (allowed?.has(pid) ?? true)),
    }
  })
  type Score = (segment: kernels.ReferenceSegment, cells: kernels.CellScores, pids: Uint32Array) => ArrayLike<number>
  const scoresOf = (passages: readonly Passage[], score: Score) =>
    passages.map(({ at, pid }) => {
      const own = scored[at]
      return own ? (score(own.segment, own.cells, Uint32Array.of(pid))[0] ?? 0) : 0
    })
  const approximate = (pruned: boolean): Score => {
    return (segment, cells, pids) => kernels.approximate(segment, quantised, cells, pids, pruned)
  }

  const candidates = scored.flatMap(({ segment, cells, searchable }, at): Passage[] => {
    const takesAll = filter !== undefined || ncells >= Math.min(segment.centroidScales.length, 1025)
    const { bitmap } = kernels.gather(segment, kernels.topCells(segment, quantised, cells, ncells))
    const gathered = new Set(kernels.collectPids(bitmap, undefined, segment.tokenStarts.length - 1))
    return searchable.filter((pid) => takesAll || gathered.has(pid)).map((pid) => ({ at, pid }))
  })
  const byTables = (passages: readonly Passage[]) =>
    scoresOf(passages, (segment, cells, pids) => kernels.rescore(segment, quantised, cells, pids))
  const atSixteenBits = (passages: readonly Passage[]) =>
    scoresOf(passages, (segment, _, pids) => refine(segment, quantised, pids))
  // So few results are worth the finer scores, of those and of some that coarse scores may have put behind them.
  const isFine = k <= 32
  const refinedCount = k + Math.max(6, Math.ceil(k / 8))
  const rescoredCount = Math.max(Math.floor(ndocs / 4), k)

  if (filter) {
    const estimates = scoresOf(candidates, approximate(false)).map((sum) => sum / 127)
    const finalists = withinReach(candidates, estimates, { k, first: Math.max(256, rescoredCount), score: byTables })
    const coarse = byTables(finalists)
    const refined = withinReach(finalists, coarse, { k, first: Math.max(32, refinedCount), score: atSixteenBits })
    return answerOf(isFine ? refined : finalists, isFine ? atSixteenBits(refined) : coarse, k, {
      candidates: candidates.length,
      approximated: candidates.length,
      rescored: finalists.length,
    })
  }
  const survivors = best(candidates, scoresOf(candidates, approximate(true)), Math.max(ndocs, k))
  const finalists = best(survivors, scoresOf(survivors, approximate(false)), rescoredCount)
  const coarse = byTables(finalists)
  const refined = isFine ? bestWithTies(finalists, coarse, refinedCount) : finalists
  const scores = isFine ? atSixteenBits(refined) : coarse
  return answerOf(refined, scores, k, {
    candidates: candidates.length,
    approximated: survivors.length,
    rescored: finalists.length,
  })
}

function answerOf(
  passages: readonly Passage[],
  scores: readonly number[],
  k: number,
  counts: ResidentReferenceAnswer['counts'],
): ResidentReferenceAnswer {
  const ranked = passages.map((passage, i) => ({ ...passage, score: scores[i] ?? 0 }))
  ranked.sort((a, b) => b.score - a.score || a.at - b.at || a.pid - b.pid)
  const last = ranked[Math.min(k, ranked.length) - 1]
  const answered = ranked.filter(({ score }) => last !== undefined && score >= last.score)
  return {
    segments: Uint32Array.from(answered, ({ at }) => at),
    pids: Uint32Array.from(answered, ({ pid }) => pid),
    scores: Float32Array.from(answered, ({ score }) => score),
    counts,
  }
}

export function hasTokens({ tokenStarts }: kernels.ReferenceSegment, pid: number): boolean {
  return (tokenStarts[pid] ?? 0) < (tokenStarts[pid + 1] ?? 0)
}

/** The best by score, in their given order; equal scores go to the earlier one. */
function best<T>(items: readonly T[], scores: readonly number[], wanted: number): readonly T[] {
  const order = Array.from(items.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
  const kept = new Set(order.slice(0, wanted))
  return items.filter((_, i) => kept.has(i))
}

/** The best by score and all that tie with the last of them, in their given order. */
function bestWithTies<T>(items: readonly T[], scores: readonly number[], wanted: number): readonly T[] {
  const border = scores.toSorted((a, b) => a - b).at(-wanted) ?? Number.NEGATIVE_INFINITY
  return items.filter((_, i) => (scores[i] ?? 0) >= border)
}

/**
 * The items of the best estimates, and those that may still reach the k-th of their scores: their estimate is at most six standard
 * deviations of the error too low.
 */
function withinReach<T>(
  items: readonly T[],
  estimates: readonly number[],
  { k, first, score }: { k: number; first: number; score: (items: readonly T[]) => readonly number[] },
): readonly T[] {
  if (items.length <= first) return items
  const border = estimates.toSorted((a, b) => a - b).at(-first) ?? Number.NEGATIVE_INFINITY
  const taken = Array.from(items.keys()).filter((i) => (estimates[i] ?? 0) >= border)
  const scores = score(taken.map((i) => items[i] as T))
  const least = leastWithinReach(
    taken.map((i) => estimates[i] ?? 0),
    scores,
    k,
  )
  return items.filter((_, i) => (estimates[i] ?? 0) >= Math.min(border, least))
}

/** The least estimate with which something may still have the k-th of the scores. */
export function leastWithinReach(estimates: readonly number[], scores: readonly number[], k: number): number {
  if (scores.length < k) return Number.NEGATIVE_INFINITY
  const errors = scores.map((score, i) => score - (estimates[i] ?? 0))
  const mean = sumOf(errors) / errors.length
  const deviation = Math.sqrt(sumOf(errors.map((error) => (error - mean) ** 2)) / errors.length)
  return (scores.toSorted((a, b) => a - b).at(-k) ?? 0) - mean - 6 * deviation
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
