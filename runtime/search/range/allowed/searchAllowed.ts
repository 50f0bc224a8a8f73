/** A query with a filter over an index that is read by range: PLAID.md section 5. */
import { type PassageBitmap, pidsOf } from '../../../passages/bitmap.ts'
import { reachBorder } from '../../reachBorder.ts'
import type { WantedBytes } from '../plan.ts'
import type { RangeIndex } from '../rangeIndex.ts'
import { defaultBudget, leastOf, minus, NOTHING, type QueryLimits } from '../rangeParameters.ts'
import { type Account, planRound } from '../reading/readRound.ts'
import { NEXT_BEST, type RangeQuery, rescoreRows, type Scored, wantedBlock } from '../reading/rescoreRows.ts'
import { type ListedSegment, scoreByLists } from '../reading/scoreByLists.ts'
import type { ScoreTable } from '../scoreTable.ts'
import { ALLOWED_MAX, AllowedOrder } from './allowedOrder.ts'

type Filtered = RangeQuery & { readonly filters: readonly PassageBitmap[] }

/** What a filter allows: all of it where it is little, else the best by lists, and then those that may still be as good. */
export async function searchAllowed(index: RangeIndex, asked: Filtered, account: Account): Promise<Scored> {
  const { filters } = asked
  const allowed = filters.reduce((sum, { count }) => sum + count, 0)
  const whole = planAllowed(index, filters, allowed, account.limits)
  if (whole) {
    const { found } = await rescoreRows(index, asked, { ...whole, used: NOTHING }, account)
    return { found, candidates: allowed }
  }
  const searchable = index.segments.reduce((sum, own) => sum + own.searchable.count, 0)
  const orderOf = (scores: ScoreTable, unlisted: readonly ListedSegment[]) =>
    new AllowedOrder(
      filters.map((own, segment) => ({ allowed: own, ...(unlisted[segment] ?? NOTHING_LISTED) })),
      scores,
    )
  const { used, taken: order } = await scoreByLists(index, asked, account, orderOf, allowed / searchable)
  const { passages } = asked.parameters
  const best = order.best(passages * NEXT_BEST)
  const first = await rescoreRows(index, asked, { best, wanted: passages, used }, account)
  const least = reachBorder(
    first.found.map(({ score }) => score),
    first.found.map(({ estimate }) => estimate),
    asked.k,
  )
  const more = order.reaching(
    least,
    new Set([...best.slice(0, first.wanted), ...first.found].map(({ passage }) => passage)),
  )
  if (more.length === 0) return { found: first.found, candidates: allowed }
  const { all, gaps } = account.limits
  const places = more.map(({ segment, pid }) => wantedBlock(index, segment, pid).place)
  const plan = planRound(places, { hard: minus(all.hard, first.used), gapBytes: gaps.rows })
  const second = await rescoreRows(index, asked, { best: more, wanted: more.length, used: first.used, plan }, account)
  return { found: [...first.found, ...second.found], candidates: allowed }
}

const NOTHING_LISTED = { firstPassage: 0, unlistedScore: 0 }

/** All passages that a filter allows, when there is room to read them all: lists could only lose some of them. */
function planAllowed(index: RangeIndex, filters: readonly PassageBitmap[], count: number, { all, gaps }: QueryLimits) {
  if (count > ALLOWED_MAX) return undefined
  const hard = leastOf(all.hard, defaultBudget(index.segments.length))
  const best = filters.flatMap((own, segment) => Array.from(pidsOf(own), (pid) => ({ segment, pid })))
  const places: WantedBytes[] = []
  let bytes = 0
  for (const { segment, pid } of best) {
    const { place } = wantedBlock(index, segment, pid)
    bytes += place.length
    // To plan what cannot fit would take longer than to see it.
    if (bytes > hard.bytes) return undefined
    places.push(place)
  }
  const plan = planRound(places, { hard, gapBytes: gaps.rows })
  return plan.taken === best.length ? { best, wanted: best.length, plan } : undefined
}
