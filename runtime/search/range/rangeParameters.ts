/** What a query that is read by range asks for and may read: defaults and budgets. How they were chosen: docs/why/RANGE.md. */
import { InputError } from '../../../format/errors.ts'
import { NCELLS_MAX, NDOCS_MAX } from '../../../format/limits.ts'
import type { Budget, RangeParameters, SearchOptions } from '../../searcher.ts'
import { requireInteger, requireLimits, resultsWanted } from '../parameters.ts'

/** Wanted by default where the soft budgets have room. On large indexes they do not have room for all of it. */
const WANTED = { lists: 4, passages: 64, passagesLeast: 16 }
const LIST_GAP_BYTES = 4096
const ROW_GAP_BYTES = 8192
/** Soft budgets over one segment: of posting lists, and of lists and rows together. */
const LISTS_SOFT: Budget = { bytes: 80_000, reads: 24 }
const ALL_SOFT: Budget = { bytes: 300_000, reads: 64 }
/** Hard, over one segment, when nobody says another. */
const HARD: Budget = { bytes: 2 ** 20, reads: 64 }
/**
 * The list of a cell lies in each segment's own files, so several segments take more reads of fewer bytes: reads of all budgets are times
 * the number of segments, up to so many. Bytes stay.
 */
const SEGMENTS_COUNTED_MAX = 4
/** Share of a query's hard budget that posting lists may take, so that rows are not left without. */
export const LIST_SHARE = 0.4

/**
 * Soft: what would pass it is not asked for, and nobody is told. Hard: what would pass it is skipped, and the answer says so. Without a
 * soft budget everything that is wanted is asked for.
 */
export interface Budgets {
  readonly soft?: Budget
  readonly hard: Budget
}

export interface QueryLimits {
  readonly lists: Budgets
  /** Of both rounds together. */
  readonly all: Budgets
  /** So many of the best passages are wanted whatever the soft budget says. */
  readonly passagesLeast: number
  /** Wanted bytes that are at most so far apart are read together. */
  readonly gaps: { readonly lists: number; readonly rows: number }
  /** Reads under way at a time. */
  readonly concurrency: number
  /** On the clock of `Date.now`, as all deadlines of searches are: threads share it. */
  readonly deadline?: number
}

/**
 * What a query asks for: what the caller said, else the defaults. More than the defaults finds more of exact search's own results, and
 * hardly more that are relevant (bench/results/range-*.json).
 *
 * @throws InputError on a value out of range, or one of the resident pipeline
 */
export function resolveRangeParameters(options: SearchOptions = {}): RangeParameters & { readonly k: number } {
  const k = resultsWanted(options)
  for (const name of ['ncells', 'centroidScoreThreshold', 'ndocs'] as const) {
    if (options[name] === undefined) continue
    throw new InputError(
      `search parameter ${name}: it belongs to the resident pipeline, and this index is read by range. Use lists and passages, or leave it out.`,
      { [name]: options[name] },
    )
  }
  const { lists = WANTED.lists, passages = WANTED.passages } = options
  requireInteger('lists', lists, NCELLS_MAX)
  requireInteger('passages', passages, NDOCS_MAX)
  // Never fewer passages than results.
  return { k, lists, passages: Math.max(k, passages) }
}

/** The hard budget of a query over so many segments when nobody says another. */
export function defaultBudget(segments: number): Budget {
  return overSegments(HARD, segments)
}

function overSegments({ bytes, reads }: Budget, segments: number): Budget {
  return { bytes, reads: reads * Math.max(1, Math.min(segments, SEGMENTS_COUNTED_MAX)) }
}

/**
 * The limits of a query. Whoever says how many lists or passages are wanted gets them: only the hard budget then limits those.
 *
 * @param passages - that are wanted
 * @throws InputError on a limit that is none
 */
export function queryLimits(
  settings: { readonly budget: Budget; readonly concurrency: number; readonly segments: number },
  options: SearchOptions,
  passages: number,
): QueryLimits {
  requireLimits(options)
  const { budget = {}, deadlineMs, k = 0 } = options
  const hard = leastOf(settings.budget, {
    bytes: budget.bytes ?? Number.POSITIVE_INFINITY,
    reads: budget.reads ?? Number.POSITIVE_INFINITY,
  })
  return {
    lists: {
      ...(options.lists === undefined ? { soft: overSegments(LISTS_SOFT, settings.segments) } : {}),
      hard: {
        bytes: Math.floor(hard.bytes * LIST_SHARE),
        reads: Math.max(1, Math.floor(hard.reads * LIST_SHARE), hard.reads - passages),
      },
    },
    all: { ...(options.passages === undefined ? { soft: overSegments(ALL_SOFT, settings.segments) } : {}), hard },
    passagesLeast: Math.max(WANTED.passagesLeast, k),
    gaps: { lists: LIST_GAP_BYTES, rows: ROW_GAP_BYTES },
    concurrency: settings.concurrency,
    ...(deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }),
  }
}

export const NOTHING: Budget = { bytes: 0, reads: 0 }

export function plus(a: Budget, b: Budget): Budget {
  return { bytes: a.bytes + b.bytes, reads: a.reads + b.reads }
}

/** What is left of a budget. */
export function minus(budget: Budget, used: Budget): Budget {
  return { bytes: budget.bytes - used.bytes, reads: budget.reads - used.reads }
}

export function leastOf(a: Budget, b: Budget): Budget {
  return { bytes: Math.min(a.bytes, b.bytes), reads: Math.min(a.reads, b.reads) }
}
