/** The readable twin of the planner of reads (runtime/search/range/plan.ts): tries one number of items after another. */

export interface Place {
  readonly part: number
  readonly offset: number
  readonly length: number
}

export interface ReadLimits {
  /** Gaps up to so many bytes are read over. */
  readonly gap: number
  /** Larger gaps than this are never read over, not even to save a read. */
  readonly gapMax?: number
  /** Of all reads together. */
  readonly bytes: number
  readonly reads: number
}

export interface Planned {
  readonly reads: readonly Place[]
  readonly bytes: number
  /** The first so many of the wanted are read. */
  readonly taken: number
  readonly stoppedBy?: 'reads' | 'bytes' | undefined
}

/** Reads for as many of the first of `wanted` as the limits allow. */
export function plannedReads(wanted: readonly Place[], limits: ReadLimits): Planned {
  const planOf = (count: number) => readsOfAll(wanted.slice(0, count), limits)
  const whole = planOf(wanted.length)
  if (typeof whole !== 'string') return { ...whole, taken: wanted.length }
  // With gaps that are too large whatever comes, more items may fit where fewer do not: then the border is wherever halving ends.
  let [fits, tooMany] = [0, wanted.length]
  while (tooMany - fits > 1) {
    const next = limits.gapMax === undefined ? tooMany - 1 : Math.floor((fits + tooMany) / 2)
    if (typeof planOf(next) === 'string') tooMany = next
    else fits = next
    if (limits.gapMax === undefined && fits > 0) break
  }
  const plan = planOf(fits)
  const stoppedBy = planOf(tooMany)
  return {
    ...(fits === 0 || typeof plan === 'string' ? { reads: [], bytes: 0 } : plan),
    taken: fits,
    ...(typeof stoppedBy === 'string' ? { stoppedBy } : {}),
  }
}

export function isWithin(reads: readonly Place[], { part, offset, length }: Place): boolean {
  return reads.some(
    (read) => read.part === part && read.offset <= offset && read.offset + read.length >= offset + length,
  )
}

/** Reads for all places, or which limit forbids it. */
function readsOfAll(places: readonly Place[], limits: ReadLimits): Omit<Planned, 'taken'> | 'reads' | 'bytes' {
  const runs = joined(places)
  const total = () => runs.reduce((sum, { length }) => sum + length, 0)
  if (total() > limits.bytes) return 'bytes'
  for (let smallest = smallestGap(runs); ; smallest = smallestGap(runs)) {
    const isForced = runs.length > limits.reads
    if (!smallest) {
      if (isForced) return 'reads'
      break
    }
    if (isForced && smallest.length > (limits.gapMax ?? Number.POSITIVE_INFINITY)) return 'reads'
    if (!isForced && (smallest.length > limits.gap || total() + smallest.length > limits.bytes)) break
    const [left, right] = runs.slice(smallest.before, smallest.before + 2)
    if (!left || !right) break
    runs.splice(smallest.before, 2, { ...left, length: right.offset + right.length - left.offset })
  }
  return total() > limits.bytes ? 'reads' : { reads: runs, bytes: total() }
}

/** Places that touch or overlap as one, ascending. */
function joined(places: readonly Place[]): Place[] {
  const runs: Place[] = []
  for (const place of places.toSorted((a, b) => a.part - b.part || a.offset - b.offset)) {
    const last = runs.at(-1)
    if (last && last.part === place.part && place.offset <= last.offset + last.length) {
      runs.pop()
      runs.push({ ...last, length: Math.max(last.length, place.offset + place.length - last.offset) })
    } else runs.push(place)
  }
  return runs
}

/** The first of the smallest gaps between neighbours of one part. */
function smallestGap(runs: readonly Place[]): { readonly before: number; readonly length: number } | undefined {
  const gaps = runs.flatMap(({ part, offset, length }, before) => {
    const next = runs[before + 1]
    return next?.part === part ? [{ before, length: next.offset - offset - length }] : []
  })
  return gaps.toSorted((a, b) => a.length - b.length || a.before - b.before)[0]
}
