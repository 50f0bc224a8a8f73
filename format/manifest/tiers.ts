/**
 * Tiers (SPEC.md §4.5): named settings of the search parameters, chosen by measuring this index, with what was measured.
 * Everything but `ms` and `machine` is a function of index, queries and options, so that a build stays reproducible.
 */

import type { FieldReader } from '../container/fields.ts'
import { FormatError } from '../errors.ts'
import { K_MAX, NCELLS_MAX, NDOCS_MAX } from '../limits.ts'

/** From the least work to the most. */
export const TIER_NAMES = ['fast', 'balanced', 'exact'] as const
export type TierName = (typeof TIER_NAMES)[number]

export interface Tier {
  /** As many as the index has centroids, or more: every passage is a candidate. */
  readonly ncells: number
  readonly centroidScoreThreshold: number
  readonly ndocs: number
  /** Share of exact MaxSim's first k among the first k, mean over the queries, in [0, 1]. */
  readonly recall: number
  /** Work of a query in milliseconds by the cost model (builder/tune/costModel.ts), mean. Counted, not timed. */
  readonly costMs: number
  /** Bytes of the index a query touches, mean: probed posting lists, codes of candidates, rows of rescored passages. */
  readonly bytes: number
  /** Median wall time of a query, one thread, in ms; only when `tartan tune` timed it. */
  readonly ms?: number
}

/** The tiers for up to `k` results. */
export interface TierSet extends Readonly<Record<TierName, Tier>> {
  readonly k: number
}

export interface IndexTiers {
  /** How many queries were measured. */
  readonly queries: number
  /** Made from the corpus, or given by the user. */
  readonly querySource: QuerySource
  /** What exact MaxSim was computed on: the original vectors, or those that the index decodes to. */
  readonly reference: Reference
  /** What exact MaxSim ranked: every passage, or the best candidates of a very wide search. */
  readonly compared: Compared
  /** Where `ms` was measured; present when it is. */
  readonly machine?: string
  /** Ascending by k. */
  readonly sets: readonly TierSet[]
}

const QUERY_SOURCES = ['pseudo', 'given'] as const
const REFERENCES = ['vectors', 'decoded'] as const
const COMPARED = ['all', 'candidates'] as const
export type QuerySource = (typeof QUERY_SOURCES)[number]
export type Reference = (typeof REFERENCES)[number]
export type Compared = (typeof COMPARED)[number]

const SETS_MAX = 16
const QUERIES_MAX = 1_000_000
/** A day: whatever is above it was never measured. */
const MS_MAX = 86_400_000

/** @throws FormatError naming the field that is missing or wrong */
export function readTiers(fields: FieldReader): IndexTiers {
  const sets = fields.maps('sets', SETS_MAX).map(readSet)
  if (sets.length === 0) throw new FormatError(`${fields.path}.sets`, 'at least one set', 0)
  for (const [i, { k }] of sets.entries()) {
    const before = sets[i - 1]?.k ?? 0
    if (k <= before) throw new FormatError(`${fields.path}.sets[${i}].k`, `more than ${before}`, k)
  }
  return {
    queries: fields.count('queries', 1, QUERIES_MAX),
    querySource: oneOf(fields, 'querySource', QUERY_SOURCES),
    reference: oneOf(fields, 'reference', REFERENCES),
    compared: oneOf(fields, 'compared', COMPARED),
    ...(fields.has('machine') ? { machine: fields.text('machine', 256) } : {}),
    sets,
  }
}

function readSet(fields: FieldReader): TierSet {
  return {
    k: fields.count('k', 1, K_MAX),
    fast: readTier(fields.map('fast')),
    balanced: readTier(fields.map('balanced')),
    exact: readTier(fields.map('exact')),
  }
}

function readTier(fields: FieldReader): Tier {
  return {
    ncells: fields.count('ncells', 1, NCELLS_MAX),
    centroidScoreThreshold: within(fields, 'centroidScoreThreshold', [-1, 1]),
    ndocs: fields.count('ndocs', 1, NDOCS_MAX),
    recall: within(fields, 'recall', [0, 1]),
    costMs: within(fields, 'costMs', [0, MS_MAX]),
    bytes: fields.count('bytes', 0, Number.MAX_SAFE_INTEGER),
    ...(fields.has('ms') ? { ms: within(fields, 'ms', [0, MS_MAX]) } : {}),
  }
}

function within(fields: FieldReader, key: string, [min, max]: readonly [number, number]): number {
  const value = fields.number(key)
  if (value < min || value > max) throw new FormatError(`${fields.path}.${key}`, `a number in [${min}, ${max}]`, value)
  return value
}

function oneOf<const T extends string>(fields: FieldReader, key: string, allowed: readonly T[]): T {
  const value = fields.text(key, 64)
  const found = allowed.find((one) => one === value)
  if (found === undefined) throw new FormatError(`${fields.path}.${key}`, allowed.join(' or '), value)
  return found
}

/** The set that answers for `k` results: the first with at least as many, else the last. */
export function tierSetFor(tiers: IndexTiers, k: number): TierSet | undefined {
  return tiers.sets.find((set) => set.k >= k) ?? tiers.sets.at(-1)
}
