/**
 * Candidates of all segments of an index, in one array of pids and one of scores, segment after segment: so that the best of all of
 * them are chosen in one go, whatever segments they are in.
 */
import type { QueryBlock } from '../../kernels/blocks.ts'
import type { CandidateRegions, Kernels } from '../../kernels/kernels.ts'
import type { PlacedSegment } from './placement.ts'

/** Candidates of one segment: regions inside those of all. */
export interface SegmentCandidates extends CandidateRegions {
  readonly segment: PlacedSegment
  /** Index of the segment. */
  readonly number: number
  /** The query over the segment's quantiser. */
  readonly query: QueryBlock
}

/** Pids are ascending in each segment. */
export interface Candidates extends CandidateRegions {
  readonly bySegment: readonly SegmentCandidates[]
}

/** A pid bitmap in memory whose bits, of those also in `filter`, become candidates. */
export interface CandidateBitmap {
  readonly segment: PlacedSegment
  readonly number: number
  readonly query: QueryBlock
  readonly bitmap: number
  readonly filter?: number | undefined
}

export function collectCandidates(kernels: Kernels, bitmaps: readonly CandidateBitmap[]): Candidates {
  const counts = bitmaps.map(({ bitmap, filter, segment }) =>
    kernels.countPids({ bitmap, filter, passageCount: segment.block.passageCount }),
  )
  const count = counts.reduce((sum, own) => sum + own, 0)
  const pids = kernels.arena.allocate(count * 4)
  const scores = kernels.arena.allocate(count * 4)
  let start = 0
  const bySegment = bitmaps.map(({ bitmap, filter, segment, number, query }, index) => {
    const own = {
      segment,
      number,
      query,
      pids: pids + start * 4,
      scores: scores + start * 4,
      count: counts[index] ?? 0,
    }
    kernels.collectPids({ bitmap, filter, passageCount: segment.block.passageCount }, own.pids)
    start += own.count
    return own
  })
  return { pids, scores, count, bySegment }
}

/**
 * The best `wanted` by their u32 scores, in place; ties go to the earlier segment, then to the lower pid.
 * @param scoreMax - no score is above it
 */
export function selectBest(
  kernels: Kernels,
  candidates: Candidates,
  { wanted, scoreMax }: { readonly wanted: number; readonly scoreMax: number },
): Candidates {
  if (candidates.count <= wanted) return candidates
  // Numbers over all segments while they are chosen, so that it is known afterwards which segment each is of.
  const all = new Uint32Array(kernels.memory.buffer, candidates.pids, candidates.count)
  const firsts = firstPids(candidates)
  let at = 0
  for (const [index, { count }] of candidates.bySegment.entries()) {
    const first = firsts[index] ?? 0
    if (first > 0) for (let end = at + count, i = at; i < end; i++) all[i] = (all[i] ?? 0) + first
    at += count
  }
  const { top } = kernels.arena
  const counts = kernels.arena.allocate((scoreMax + 1) * 4)
  const count = kernels.selectTop(candidates, { wanted, scoreMax, counts, out: candidates.pids })
  kernels.arena.reset(top)
  return splitBySegment(kernels, candidates, count, firsts)
}

/** What comes before each segment's pids when all passages are counted through. */
function firstPids({ bySegment }: Candidates): readonly number[] {
  const firsts: number[] = []
  let first = 0
  for (const { segment } of bySegment) {
    firsts.push(first)
    first += segment.block.passageCount
  }
  return firsts
}

function splitBySegment(
  { memory }: Kernels,
  { pids, scores, bySegment }: Candidates,
  count: number,
  firsts: readonly number[],
): Candidates {
  // Allocating may have grown the memory: views are made anew.
  const kept = new Uint32Array(memory.buffer, pids, count)
  let start = 0
  const split = bySegment.map((own, index) => {
    const [first = 0, end = Number.POSITIVE_INFINITY] = firsts.slice(index, index + 2)
    const from = start
    for (; start < count && (kept[start] ?? 0) < end; start++) kept[start] = (kept[start] ?? 0) - first
    return { ...own, pids: pids + from * 4, scores: scores + from * 4, count: start - from }
  })
  return { pids, scores, count, bySegment: split }
}

/**
 * Those whose f32 score is no less than that of the `wanted`th, in their order: more than `wanted` where some tie with it.
 */
export function keepWithTies({ memory: { buffer } }: Kernels, candidates: Candidates, wanted: number): Candidates {
  if (candidates.count <= wanted) return candidates
  const { pids, scores, count } = candidates
  const allPids = new Uint32Array(buffer, pids, count)
  const allScores = new Float32Array(buffer, scores, count)
  const border = allScores.toSorted()[count - wanted] ?? 0
  let kept = 0
  let at = 0
  const bySegment = candidates.bySegment.map((own) => {
    const from = kept
    for (const end = at + own.count; at < end; at++) {
      if ((allScores[at] ?? 0) >= border) allPids[kept++] = allPids[at] ?? 0
    }
    return { ...own, pids: pids + from * 4, scores: scores + from * 4, count: kept - from }
  })
  return { pids, scores, count: kept, bySegment }
}
