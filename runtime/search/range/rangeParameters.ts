/** What a query that is read by range asks for and may read: defaults, aims, limits. How they were chosen: docs/why/RANGE.md. */
import type { SearchOptions, SearchParameters } from '../../searcher.ts'
import { requirePositive } from '../parameters.ts'
import type { QueryAims, QueryLimits } from './rangeQuery.ts'

/** Lists a row, and the best passages by lists, that are wanted where the aims have room: on large indexes they do not for all. */
const WANTED = { ncells: 4, passages: 64, passagesLeast: 16 }
const LIST_GAP_BYTES = 4096
const ROW_GAP_BYTES = 8192
/** Of lists, and of lists and rows together. */
const LISTS_AIM = { bytesMax: 80_000, readsMax: 24, gapBytes: LIST_GAP_BYTES }
const QUERY_AIM = { bytesMax: 300_000, readsMax: 64, gapBytes: ROW_GAP_BYTES, gapBytesMax: ROW_GAP_BYTES }
/** Of a query's bytes and reads, the share that posting lists may take. */
export const LIST_SHARE = 0.4

/** What a query asks for by default. More finds more of exact search's own results, and hardly more that are relevant (bench/results/range-*.json). */
export function rangeParameters(k = 10): SearchParameters {
  return { ncells: WANTED.ncells, centroidScoreThreshold: -1, ndocs: Math.max(WANTED.passages, k) * 4 }
}

/**
 * @param rescored - passages that are wanted
 * @throws InputError on a limit that is none
 */
export function queryLimits(
  settings: Pick<QueryLimits, 'bytesMax' | 'readsMax' | 'concurrency'>,
  options: SearchOptions,
  rescored: number,
): QueryLimits {
  const { maxBytes, deadlineMs } = options
  requirePositive('maxBytes', maxBytes)
  requirePositive('deadlineMs', deadlineMs)
  const { readsMax, concurrency } = settings
  const bytesMax = Math.min(settings.bytesMax, maxBytes ?? settings.bytesMax)
  return {
    bytesMax,
    readsMax,
    listBytesMax: Math.floor(bytesMax * LIST_SHARE),
    listReadsMax: Math.max(1, Math.floor(readsMax * LIST_SHARE), readsMax - rescored),
    listGapBytes: LIST_GAP_BYTES,
    rowGapBytes: ROW_GAP_BYTES,
    concurrency,
    aims: aimsOf(options),
    ...(deadlineMs === undefined ? {} : { deadline: performance.now() + deadlineMs }),
  }
}

/** Who says how much is wanted gets it: then there are limits alone. */
function aimsOf({ ncells, ndocs, k = 0 }: SearchOptions): QueryAims {
  const least = Math.max(WANTED.passagesLeast, k)
  return {
    ...(ncells === undefined ? { lists: LISTS_AIM } : {}),
    ...(ndocs === undefined ? { passages: { ...QUERY_AIM, least } } : {}),
  }
}
