/** Search parameters: defaults, limits, and what follows from them. */
import { InputError } from '../../format/errors.ts'
import { K_MAX, NCELLS_MAX, NDOCS_MAX, PROBED_CELLS_MAX } from '../../format/limits.ts'
import type { Budget, PlaidParameters, SearchOptions } from '../searcher.ts'

/** Results when the caller does not say how many. */
export const K_DEFAULT = 10

/** Stanford ColBERT's defaults by k (colbert-ai 0.2.22, searcher.py). */
export function defaultParameters(k: number): PlaidParameters {
  if (k <= 10) return { ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256 }
  if (k <= 100) return { ncells: 2, centroidScoreThreshold: 0.45, ndocs: 1024 }
  return { ncells: 4, centroidScoreThreshold: 0.4, ndocs: Math.max(k * 4, 4096) }
}

/**
 * Options with everything filled in: what the caller gave, then `base` (a tier of the index), then Stanford's defaults for k.
 *
 * @throws InputError on a parameter out of range, or one of the range pipeline
 */
export function resolveParameters(
  options: Omit<SearchOptions, 'filter'> = {},
  base: Partial<PlaidParameters> = {},
): PlaidParameters & { readonly k: number } {
  const k = resultsWanted(options)
  for (const name of ['lists', 'passages'] as const) {
    if (options[name] === undefined) continue
    throw new InputError(
      `search parameter ${name}: it belongs to an index that is read by range, and this one is in memory. Use ncells and ndocs, or leave it out.`,
      { [name]: options[name] },
    )
  }
  const defaults = defaultParameters(k)
  const parameters = {
    k,
    ncells: options.ncells ?? base.ncells ?? defaults.ncells,
    centroidScoreThreshold:
      options.centroidScoreThreshold ?? base.centroidScoreThreshold ?? defaults.centroidScoreThreshold,
    ndocs: options.ndocs ?? base.ndocs ?? defaults.ndocs,
  }
  requireParameters(parameters, k)
  return parameters
}

/** @throws InputError when k is given and out of range */
export function resultsWanted({ k = K_DEFAULT }: Pick<SearchOptions, 'k'>): number {
  requireInteger('k', k, K_MAX)
  return k
}

/** @throws InputError when a parameter is out of the range of format/limits.ts */
export function requireParameters(parameters: PlaidParameters, k: number): void {
  requireInteger('k', k, K_MAX)
  requireInteger('ncells', parameters.ncells, NCELLS_MAX)
  requireInteger('ndocs', parameters.ndocs, NDOCS_MAX)
  const threshold = parameters.centroidScoreThreshold
  if (!(threshold >= -1 && threshold <= 1)) {
    throw new InputError(
      `search parameter centroidScoreThreshold: expected a number in [-1, 1], got ${threshold}. -1 prunes nothing.`,
      { centroidScoreThreshold: threshold },
    )
  }
}

/**
 * Passages that are rescored on residuals: `ndocs / 4`, but never fewer than the results wanted.
 * Differs from ColBERT: there ndocs / 4 alone, which would answer fewer than k results without a word.
 */
export function rescoredMax(parameters: PlaidParameters, k: number): number {
  return Math.max(Math.floor(parameters.ndocs / 4), k)
}

/**
 * Passages whose scores are computed once more at sixteen bits: the results wanted, and some more that coarse scores may have put
 * behind them. None where many are wanted: for a hundred it would take half as long again, and people look at the first few.
 */
export function refinedMax(k: number): number {
  return k <= REFINED_RESULTS_MAX ? k + Math.max(6, Math.ceil(k / 8)) : 0
}

const REFINED_RESULTS_MAX = 32

/**
 * Whether every passage is a candidate: `ncells` is no less than the number of centroids, or more than PROBED_CELLS_MAX. Then
 * nothing is probed or gathered; up to some 10,000 passages the approximate stage takes them all in less time than that.
 */
export function probesAll(ncells: number, centroidCount: number): boolean {
  return ncells >= Math.min(centroidCount, PROBED_CELLS_MAX + 1)
}

/** @throws InputError when a limit of a search is given and is not a finite number above 0 */
export function requireLimits({ deadlineMs, budget = {} }: Pick<SearchOptions, 'deadlineMs' | 'budget'>): void {
  const limits: Partial<Budget> & { readonly deadlineMs?: number } = {
    deadlineMs,
    bytes: budget.bytes,
    reads: budget.reads,
  }
  for (const [name, value] of Object.entries(limits)) {
    if (value === undefined || (value > 0 && Number.isFinite(value))) continue
    const option = name === 'deadlineMs' ? name : `budget.${name}`
    throw new InputError(`search option ${option}: expected a number above 0, got ${value}.`, { [name]: value })
  }
}

/** @throws InputError unless it is an integer in [1, max] */
export function requireInteger(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new InputError(`search parameter ${name}: expected an integer in [1, ${max}], got ${value}.`, { [name]: value })
}
