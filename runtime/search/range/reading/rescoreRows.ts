/** A round of storage that reads the rows of passages, and their MaxSim. */
import { requireRowBlock } from '../../../../format/items/rowBlock.ts'
import type { PassageBitmap } from '../../../passages/bitmap.ts'
import type { Budget, RangeParameters } from '../../../searcher.ts'
import type { PreparedQuery } from '../../preparedQuery.ts'
import type { RangeIndex } from '../rangeIndex.ts'
import { leastOf, minus, plus, type QueryLimits } from '../rangeParameters.ts'
import { wantedRows } from '../rangeSegment.ts'
import { rescoreBlocks } from '../rescoreBlocks.ts'
import {
  type Account,
  costOf,
  planRound,
  type RoundLimits,
  type RoundPlan,
  readRound,
  type Wanted,
} from './readRound.ts'

export interface RangeQuery {
  readonly query: PreparedQuery
  readonly parameters: RangeParameters
  readonly k: number
  /** Of each segment the passages that may be answered, all of them searchable. */
  readonly filters?: readonly PassageBitmap[] | undefined
}

/** A passage of a segment. */
export interface PassagePlace {
  readonly segment: number
  readonly pid: number
}

/** A passage of a segment with its MaxSim. */
export interface FoundPassage extends PassagePlace {
  readonly score: number
}

/** The rows of the best passages, within what the first round left of the budgets. */
function planRows(rows: readonly Wanted[], used: Budget, { all, lists, passagesLeast, gaps }: QueryLimits): RoundPlan {
  const places = rows.map(({ place }) => place)
  const hard = minus(all.hard, used)
  const limits: RoundLimits = { hard, gapBytes: gaps.rows, isStrict: true }
  // What a filter takes more of lists is not taken from rows.
  const soft = all.soft && minus(all.soft, leastOf(used, lists.soft ?? used))
  const plan = planRound(places, soft ? { ...limits, soft } : limits)
  const least = Math.min(passagesLeast, places.length)
  return plan.wanted < least ? planRound(places.slice(0, least), { hard, gapBytes: gaps.rows }) : plan
}

/** What a search finds. */
export interface Scored {
  /** Every passage that was rescored, in no order. */
  readonly found: readonly FoundPassage[]
  readonly candidates: number
}

/** Candidates kept beyond the wanted ones, times this: rescored only when their rows lie inside reads that are made anyway. */
export const NEXT_BEST = 4

export interface RowsAsked<Place> {
  /** Those that are wanted, then the next best. */
  readonly best: readonly Place[]
  readonly wanted: number
  /** What the rounds before cost when nothing is cached. */
  readonly used: Budget
  /** Default: within what is left of the budgets. */
  readonly plan?: RoundPlan
}

export interface RowsScored<Place> {
  readonly found: readonly (Place & FoundPassage)[]
  /** Of `best` the first so many were asked for. */
  readonly wanted: number
  readonly used: Budget
}

/** A round of rows, and MaxSim of what was read. */
export async function rescoreRows<Place extends PassagePlace>(
  index: RangeIndex,
  asked: RangeQuery,
  { best, wanted, used, plan: given }: RowsAsked<Place>,
  account: Account,
): Promise<RowsScored<Place>> {
  const { limits } = account
  const rows = best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const plan = given ?? planRows(rows.slice(0, wanted), used, limits)
  const blocks = await readRound(index, rows, plan, account, limits.gaps.rows)
  account.miss('passages', blocks.slice(0, plan.wanted).filter((bytes) => bytes === undefined).length)
  const found = index.quantisers.flatMap((quantiser, number) => {
    const own = best.flatMap((place, i) => {
      const [bytes, of] = [blocks[i], index.segments[place.segment]]
      if (!bytes || of?.entry.quantiser !== number) return []
      return [{ place, bytes, tokens: of.tokens.lengths[place.pid] ?? 0 }]
    })
    if (own.length === 0) return []
    const scores = rescoreBlocks(index.kernels, quantiser, asked.query, own, asked.k)
    return own.map(({ place }, i) => ({ ...place, score: scores[i] ?? 0 }))
  })
  return { found, wanted: plan.wanted, used: plus(used, costOf(plan)) }
}

export function wantedBlock(index: RangeIndex, segment: number, pid: number): Wanted {
  const of = index.segments[segment]
  if (!of) throw new RangeError(`there is no segment ${segment}`)
  const tokens = of.tokens.lengths[pid] ?? 0
  return {
    key: `${segment}/rows/${pid}`,
    place: wantedRows(of, pid),
    check: (bytes) => requireRowBlock(bytes, { pid, tokens }, of.rowShape, index.reader.crc32c),
  }
}
