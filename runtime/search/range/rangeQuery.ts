/**
 * A query over an index that is read by range, in two rounds of storage, three with a filter: probe → posting lists → candidates → row blocks → rescore.
 * Between the rounds it holds what it read and nothing in WebAssembly memory, so queries may interleave.
 */
import type { Budget, Skipped, StageCounts, StorageUse } from '../../searcher.ts'
import { searchAllowed } from './allowed/searchAllowed.ts'
import type { RangeIndex } from './rangeIndex.ts'
import type { QueryLimits } from './rangeParameters.ts'
import { Account, planRound, readRound } from './reading/readRound.ts'
import {
  type FoundPassage,
  NEXT_BEST,
  type PassagePlace,
  type RangeQuery,
  rescoreRows,
  type Scored,
  wantedBlock,
} from './reading/rescoreRows.ts'
import { scoreByLists } from './reading/scoreByLists.ts'

export interface RangeAnswer {
  /** Every passage that was rescored, in no order. */
  readonly found: readonly FoundPassage[]
  readonly counts: StageCounts
  readonly skipped: Skipped
  readonly storage: StorageUse
}

/** @throws InputError, FormatError and its kin, StorageError, NotFoundError (a part is gone) */
export async function searchRange(index: RangeIndex, asked: RangeQuery, limits: QueryLimits): Promise<RangeAnswer> {
  const account = new Account(limits)
  const { found, candidates } = asked.filters
    ? await searchAllowed(index, { ...asked, filters: asked.filters }, account)
    : await searchAll(index, asked, account)
  const counts = { candidates, rescored: found.length }
  return { found, counts, skipped: account.skipped, storage: account.storage }
}

async function searchAll(index: RangeIndex, asked: RangeQuery, account: Account): Promise<Scored> {
  const { passages } = asked.parameters
  const { used, taken } = await scoreByLists(index, asked, account, (scores) => {
    const best = scores.best(passages * NEXT_BEST).map(({ passage }) => placeOf(index, passage))
    return { best, candidates: scores.count }
  })
  const { best, candidates } = taken
  const { found } = await rescoreRows(index, asked, { best, wanted: passages, used }, account)
  return { found, candidates }
}

/** The passage of a number that counts the passages of all segments through. */
function placeOf({ segments }: RangeIndex, passage: number): PassagePlace {
  let first = 0
  for (const [segment, { entry }] of segments.entries()) {
    if (passage < first + entry.passages) return { segment, pid: passage - first }
    first += entry.passages
  }
  throw new RangeError(`there is no passage ${passage}`)
}

/**
 * Row blocks of passages, for what is asked about passages that are known.
 * @throws as searchRange
 */
export async function readBlocks(
  index: RangeIndex,
  passages: readonly { readonly segment: number; readonly pid: number }[],
  limits: QueryLimits,
): Promise<readonly (Uint8Array | undefined)[]> {
  const wanted = passages.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const places = wanted.map(({ place }) => place)
  const gapBytes = limits.gaps.rows
  const plan = planRound(places, { hard: NO_LIMIT, gapBytes })
  return readRound(index, wanted, plan, new Account(limits), gapBytes)
}

const NO_LIMIT: Budget = { bytes: Number.POSITIVE_INFINITY, reads: Number.POSITIVE_INFINITY }
