/** From a tier's name, or none, to search parameters: what an index's own measuring says beside Stanford's defaults. */
import { InputError } from '../../format/errors.ts'
import { NDOCS_MAX } from '../../format/limits.ts'
import { type IndexTiers, TIER_NAMES, type TierName, tierSetFor } from '../../format/manifest/tiers.ts'
import type { IndexInfo, PlaidParameters, SearchOptions } from '../searcher.ts'
import { K_DEFAULT, resolveParameters } from './parameters.ts'

/** The tier that a search uses when it names none and the index has tiers. */
export const TIER_DEFAULT: TierName = 'balanced'

/** Everything a search runs with. */
export interface ResolvedSearch {
  readonly parameters: PlaidParameters
  readonly k: number
  /** The tier that the parameters started from; absent when they are Stanford's. */
  readonly tier?: TierName
}

/**
 * Options with everything filled in: single values that the caller gave, else those of the tier that was asked for, else those
 * of `balanced` when the index has tiers, else Stanford's defaults for k.
 *
 * @throws InputError on a parameter out of range, on a name that is no tier, and on a tier when the index was not tuned
 */
export function resolveSearch(
  options: Omit<SearchOptions, 'filter'>,
  info: Pick<IndexInfo, 'name' | 'tiers'>,
): ResolvedSearch {
  const tier = options.tier ?? (info.tiers ? TIER_DEFAULT : undefined)
  if (tier === undefined) {
    const { k, ...parameters } = resolveParameters(options)
    return { parameters, k }
  }
  const tiers = requireTiers(tier, info)
  const { k, ...parameters } = resolveParameters(options, tierParameters(tiers, tier, options.k ?? K_DEFAULT))
  return { parameters, k, tier }
}

/** @throws InputError when there is no such tier, or the index was never tuned */
export function requireTiers(tier: string, { name, tiers }: Pick<IndexInfo, 'name' | 'tiers'>): IndexTiers {
  requireTierName(tier)
  if (tiers) return tiers
  throw new InputError(
    `the index "${name}" has no tiers, so it cannot be searched with the tier "${tier}". Measure them with "tartan tune INDEX", or leave the tier out. An index that is read by range has none.`,
    { tier },
  )
}

/** @throws InputError when there is no such tier */
export function requireTierName(tier: string): void {
  if (TIER_NAMES.some((known) => known === tier)) return
  throw new InputError(`tier: expected ${TIER_NAMES.join(', ')}, got "${tier}".`, { tier })
}

/** Beyond the k of the last set `ndocs` grows in proportion. */
function tierParameters(tiers: IndexTiers, tier: TierName, k: number): Partial<PlaidParameters> {
  const set = tierSetFor(tiers, k)
  if (!set) return {}
  const { ncells, centroidScoreThreshold, ndocs } = set[tier]
  const grown = k > set.k ? Math.min(NDOCS_MAX, Math.ceil((ndocs * k) / set.k)) : ndocs
  return { ncells, centroidScoreThreshold, ndocs: grown }
}
