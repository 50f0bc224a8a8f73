/**
 * Scores the passages that a filter allows. None of them is left out by probing or by the threshold, which look for what is like the
 * query: few are all rescored; of more, those whose estimate says that they may still be among the best.
 */
import type { Kernels } from '../../kernels/kernels.ts'
import { reachBorder } from '../reachBorder.ts'
import type { Candidates } from './candidates.ts'

/** U of a cosine of 1 above that of 0 (units.ts): sums of cell bytes over it are in the unit of scores. */
const BYTE_ONE = 127

export interface AllowedLimits {
  readonly k: number
  /** So many of the best estimates are rescored at first. */
  readonly rescored: number
  /** So many of the best rescored ones are scored at sixteen bits at first; 0: none. */
  readonly refined: number
  /** Whether what may still be among the best is scored as well. */
  readonly widens: boolean
}

/**
 * @param rescore - writes f32 scores of byte tables
 * @returns those that were rescored, and those with the scores to answer with
 */
export function scoreAllowed(
  kernels: Kernels,
  allowed: Candidates,
  { k, rescored, refined, widens }: AllowedLimits,
  rescore: (candidates: Candidates) => void,
): { readonly finalists: Candidates; readonly scored: Candidates } {
  const limits = { k, widens }
  let finalists = allowed
  if (allowed.count > rescored) {
    for (const own of allowed.bySegment) kernels.approximate(own.segment.block, own.query, own, false)
    const sums = new Uint32Array(kernels.memory.buffer, allowed.scores, allowed.count)
    const border = nthLargest(sums, rescored) / BYTE_ONE
    const estimates = Float64Array.from(sums, (sum) => sum / BYTE_ONE)
    finalists = bestByEstimates(kernels, allowed, estimates, { ...limits, border, score: rescore })
  } else if (allowed.count > refined) rescore(allowed)
  if (refined === 0) return { finalists, scored: finalists }
  const refine = (candidates: Candidates) => {
    for (const own of candidates.bySegment) kernels.refine(own.segment.block, own.query, own)
  }
  if (finalists.count <= refined) {
    refine(finalists)
    return { finalists, scored: finalists }
  }
  const coarse = Float64Array.from(new Float32Array(kernels.memory.buffer, finalists.scores, finalists.count))
  const border = coarse.toSorted()[coarse.length - refined] ?? 0
  const scored = bestByEstimates(kernels, finalists, coarse, { ...limits, border, score: refine })
  return { finalists, scored }
}

/** The n-th largest of sums of bytes: counted, since sorting those of a million passages takes longer than making them. */
function nthLargest(sums: Uint32Array, n: number): number {
  let largest = 0
  for (const sum of sums) largest = Math.max(largest, sum)
  const counts = new Uint32Array(largest + 1)
  for (const sum of sums) counts[sum] = (counts[sum] ?? 0) + 1
  let left = n
  for (let sum = largest; sum > 0; sum--) {
    left -= counts[sum] ?? 0
    if (left <= 0) return sum
  }
  return 0
}

/** Those whose estimate is no less than `border`, and then those that may still reach the k-th of their scores. */
function bestByEstimates(
  kernels: Kernels,
  candidates: Candidates,
  estimates: Float64Array,
  limits: {
    readonly k: number
    readonly border: number
    readonly widens: boolean
    readonly score: (candidates: Candidates) => void
  },
): Candidates {
  const { k, border, widens, score } = limits
  const head = between(kernels, candidates, estimates, { from: border, below: Number.POSITIVE_INFINITY })
  score(head.kept)
  if (!widens) return head.kept
  const scores = new Float32Array(kernels.memory.buffer, head.kept.scores, head.kept.count)
  const least = reachBorder(scores, head.estimates, k)
  if (least >= border) return head.kept
  const tail = between(kernels, candidates, estimates, { from: least, below: border })
  if (tail.kept.count === 0) return head.kept
  score(tail.kept)
  return joined(kernels, head.kept, tail.kept)
}

/** Candidates whose estimate is in [from, below), in their order, in a region of their own. */
function between(
  { arena, memory }: Kernels,
  candidates: Candidates,
  estimates: Float64Array,
  { from, below }: { readonly from: number; readonly below: number },
): { readonly kept: Candidates; readonly estimates: Float64Array } {
  const isKept = (estimate: number) => estimate >= from && estimate < below
  const keptEstimates = estimates.filter(isKept)
  const count = keptEstimates.length
  const pids = arena.allocate(count * 4)
  const scores = arena.allocate(count * 4)
  const allPids = new Uint32Array(memory.buffer, candidates.pids, candidates.count)
  const keptPids = new Uint32Array(memory.buffer, pids, count)
  let at = 0
  let kept = 0
  const bySegment = candidates.bySegment.map((own) => {
    const start = kept
    for (const end = at + own.count; at < end; at++) {
      if (isKept(estimates[at] ?? 0)) keptPids[kept++] = allPids[at] ?? 0
    }
    return { ...own, pids: pids + start * 4, scores: scores + start * 4, count: kept - start }
  })
  return { kept: { pids, scores, count, bySegment }, estimates: keptEstimates }
}

/** Both, one after the other, with their scores. A segment is then there twice. */
function joined({ arena, memory }: Kernels, first: Candidates, second: Candidates): Candidates {
  const count = first.count + second.count
  const pids = arena.allocate(count * 4)
  const scores = arena.allocate(count * 4)
  const moved = ({ bySegment, ...from }: Candidates, before: number) => {
    new Uint32Array(memory.buffer).copyWithin((pids + before * 4) / 4, from.pids / 4, from.pids / 4 + from.count)
    new Uint32Array(memory.buffer).copyWithin((scores + before * 4) / 4, from.scores / 4, from.scores / 4 + from.count)
    return bySegment.map((own) => ({
      ...own,
      pids: own.pids + pids - from.pids + before * 4,
      scores: own.scores + scores - from.scores + before * 4,
    }))
  }
  return { pids, scores, count, bySegment: [...moved(first, 0), ...moved(second, first.count)] }
}
