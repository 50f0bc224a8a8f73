/**
 * From wanted bytes to few reads, before any I/O: which ranges of which parts are fetched, and what a limit leaves out. Pure, so
 * that requests and bytes of a query are numbers that a test can state. Own; the idea of a planner of its own is hyparquet's.
 */

import type { Budget } from '../../searcher.ts'

/** Bytes that are wanted as a whole: a posting list, a row block. Inside one part, since items are never split over parts. */
export interface WantedBytes {
  /** Index into `Manifest.parts`. */
  readonly part: number
  readonly offset: number
  /** At least 1. */
  readonly length: number
}

export interface PlanLimits {
  /** Wanted bytes at most this far apart are fetched together: what a read costs, in bytes that could be fetched instead. */
  readonly gapBytes: number
  /**
   * Wanted bytes farther apart are never fetched together, not even where there are too many reads. Default: no such limit. With such a
   * limit the plan may stop before the longest leading part that would fit, since an item that comes later can close a gap.
   */
  readonly gapBytesMax?: number
  /** Bytes of all reads together, gaps counted, and how many reads. */
  readonly budget: Budget
}

export interface PlannedRead {
  readonly part: number
  readonly offset: number
  readonly length: number
  /** Indexes into what was wanted, ascending by offset: each lies whole inside this read. */
  readonly items: readonly number[]
}

export interface ReadPlan {
  /** Ascending by part and offset; ranges of one part neither touch nor overlap. */
  readonly reads: readonly PlannedRead[]
  /** Of all reads. */
  readonly bytes: number
  /** How many of the wanted are fetched: the first so many; the others would have passed a limit. */
  readonly taken: number
  /** The limit that the next one would have passed; absent when all are fetched. */
  readonly stoppedBy?: 'reads' | 'bytes'
}

/**
 * The reads for the longest leading part of what is wanted that keeps within the limits. More reads are preferred to larger
 * gaps than `gapBytes`, fewer reads where there would be too many.
 *
 * @param wanted - the most important first
 */
export function planReads(wanted: readonly WantedBytes[], limits: PlanLimits): ReadPlan {
  // Fewer items never need more reads or more bytes, so the longest leading part is found by bisection. Where far more is wanted than
  // fits, twice as many items are tried each time until they do not fit: plans of all of it would cost the most and be good for nothing.
  let first = limits.gapBytesMax === undefined ? ITEMS_FIRST : wanted.length
  let best: ReadPlan = { reads: [], bytes: 0, taken: 0 }
  for (;;) {
    const count = Math.min(first, wanted.length)
    const plan = coverFirst(wanted, count, limits)
    if (typeof plan === 'string') return bisect(wanted, limits, { best, tooMany: count, stoppedBy: plan })
    if (count === wanted.length) return plan
    best = plan
    first *= 2
  }
}

/** Items that are planned at first. */
const ITEMS_FIRST = 128

function bisect(
  wanted: readonly WantedBytes[],
  limits: PlanLimits,
  start: { readonly best: ReadPlan; readonly tooMany: number; readonly stoppedBy: 'reads' | 'bytes' },
): ReadPlan {
  let { best, tooMany, stoppedBy } = start
  while (tooMany - best.taken > 1) {
    const middle = (best.taken + tooMany) >>> 1
    const plan = coverFirst(wanted, middle, limits)
    if (typeof plan === 'string') {
      stoppedBy = plan
      tooMany = middle
    } else best = plan
  }
  return { ...best, stoppedBy }
}

/** Whether bytes lie whole inside one of the reads: they come with it, whether wanted or not. */
export function isInside(plan: Pick<ReadPlan, 'reads'>, place: WantedBytes): boolean {
  return readHolding(plan, place) !== -1
}

/** Which of the reads bytes lie whole inside; -1 for none. */
export function readHolding({ reads }: Pick<ReadPlan, 'reads'>, { part, offset, length }: WantedBytes): number {
  // Reads ascend and do not overlap: only the last one that begins no later can hold it.
  let [after, end] = [0, reads.length]
  while (after < end) {
    const middle = (after + end) >>> 1
    const read = reads[middle]
    if (read && (read.part < part || (read.part === part && read.offset <= offset))) after = middle + 1
    else end = middle
  }
  const read = reads[after - 1]
  return read?.part === part && offset + length <= read.offset + read.length ? after - 1 : -1
}

/** Reads for exactly the first `count`, or the limit that forbids them. */
function coverFirst(wanted: readonly WantedBytes[], count: number, limits: PlanLimits): ReadPlan | 'reads' | 'bytes' {
  const runs = touchingRuns(wanted, count)
  const gaps = gapsBetween(runs)
  const gapsByLength = gaps.toSorted((a, b) => a.length - b.length || a.before - b.before)
  let bytes = runs.reduce((sum, run) => sum + run.length, 0)
  const neededMerges = Math.max(0, runs.length - limits.budget.reads)
  if (bytes > limits.budget.bytes) return 'bytes'
  if (neededMerges > gaps.length) return 'reads'
  const merged = new Set<number>()
  for (const [rank, { before, length }] of gapsByLength.entries()) {
    const isNeeded = rank < neededMerges
    if (!isNeeded && (length > limits.gapBytes || bytes + length > limits.budget.bytes)) break
    if (isNeeded && length > (limits.gapBytesMax ?? Number.POSITIVE_INFINITY)) return 'reads'
    bytes += length
    merged.add(before)
  }
  // The gaps that too few reads would force in are what does not fit.
  if (bytes > limits.budget.bytes) return 'reads'
  return { reads: mergeRuns(runs, merged), bytes, taken: count }
}

/** Wanted bytes that touch or overlap, as one range each; ascending by part and offset. */
function touchingRuns(wanted: readonly WantedBytes[], count: number): readonly PlannedRead[] {
  const order = Array.from({ length: count }, (_, index) => ({ index, item: itemAt(wanted, index) }))
  order.sort((a, b) => a.item.part - b.item.part || a.item.offset - b.item.offset || a.index - b.index)
  const runs: { part: number; offset: number; length: number; items: number[] }[] = []
  for (const { index, item } of order) {
    const last = runs.at(-1)
    if (last && last.part === item.part && item.offset <= last.offset + last.length) {
      last.length = Math.max(last.length, item.offset + item.length - last.offset)
      last.items.push(index)
    } else {
      runs.push({ part: item.part, offset: item.offset, length: item.length, items: [index] })
    }
  }
  return runs
}

/** Gaps between neighbours of the same part; `before` is the run on the left. */
function gapsBetween(runs: readonly PlannedRead[]): { readonly before: number; readonly length: number }[] {
  const gaps: { readonly before: number; readonly length: number }[] = []
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1]
    if (next?.part === run.part) gaps.push({ before: index, length: next.offset - run.offset - run.length })
  }
  return gaps
}

function mergeRuns(runs: readonly PlannedRead[], merged: ReadonlySet<number>): readonly PlannedRead[] {
  const reads: { part: number; offset: number; length: number; items: number[] }[] = []
  for (const [index, run] of runs.entries()) {
    const last = reads.at(-1)
    if (last && merged.has(index - 1)) {
      last.length = run.offset + run.length - last.offset
      for (const item of run.items) last.items.push(item)
    } else {
      reads.push({ ...run, items: [...run.items] })
    }
  }
  return reads
}

function itemAt(wanted: readonly WantedBytes[], index: number): WantedBytes {
  const item = wanted[index]
  if (!item) throw new RangeError(`item ${index} is not among ${wanted.length}`)
  return item
}
