/** The grid of settings that tuning looks at, and which of them become tiers. Pure: what measures is handed in. */
import { NDOCS_MAX } from '../../format/limits.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { probesAll } from '../../runtime/search/parameters.ts'
import type { PlaidParameters } from '../../runtime/searcher.ts'

/**
 * How far below the best recall on the grid each tier may be, on the queries that are measured. Real queries lose a little more than
 * those made from the corpus: bench/results/tiers-scifact-4bit.json.
 */
export const TIER_LOSS: Readonly<Record<TierName, number>> = { fast: 0.03, balanced: 0.002, exact: 0.001 }

const NCELLS = [1, 2, 4, 8, 16]
const THRESHOLDS = [-1, 0.4, 0.45, 0.5]
const NDOCS = [64, 128, 256, 400, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192]
/** Means of a few hundred shares of k: two that differ by less are equal but for rounding. */
const ROUNDING = 1e-9

/**
 * All settings worth a try for k results. Every passage is a candidate in those whose `ncells` is the number of centroids; pruning
 * would cost them a second pass, so they come without.
 */
export function settingsFor(
  k: number,
  { centroids, passages }: { readonly centroids: number; readonly passages: number },
): readonly PlaidParameters[] {
  // Search rescores ndocs / 4 passages, so from ndocs = 4 x passages on it rescores all of them: the smallest such value stands for the rest.
  const enough = NDOCS.findIndex((ndocs) => ndocs >= 4 * passages)
  const wanted = (enough < 0 ? NDOCS : NDOCS.slice(0, enough + 1)).filter((ndocs) => ndocs >= Math.min(k, passages))
  const ndocsOf = (prunes: boolean) => {
    // Without pruning, ndocs decides one thing: search rescores max(ndocs / 4, k) passages. All values up to 4 k then mean the same
    // search, so only the largest of them is tried.
    const below = wanted.filter((ndocs) => ndocs <= 4 * k).length
    return prunes ? wanted : wanted.slice(Math.max(0, below - 1))
  }
  const all: PlaidParameters[] = ndocsOf(false).map((ndocs) => ({
    ncells: centroids,
    centroidScoreThreshold: -1,
    ndocs,
  }))
  const probing = NCELLS.filter((ncells) => !probesAll(ncells, centroids)).flatMap((ncells) =>
    THRESHOLDS.flatMap((centroidScoreThreshold) =>
      ndocsOf(centroidScoreThreshold > -1).map((ndocs) => ({ ncells, centroidScoreThreshold, ndocs })),
    ),
  )
  return [...probing, ...all]
}

/** The setting that no other of the grid can beat but for chance: every passage a candidate, as many rescored as any. */
export function widestOf(settings: readonly PlaidParameters[]): PlaidParameters {
  const wide = (a: PlaidParameters, b: PlaidParameters) => (isNarrower(a, b) ? b : a)
  const [first = { ncells: 1, centroidScoreThreshold: -1, ndocs: NDOCS_MAX }, ...rest] = settings.toReversed()
  return rest.reduce(wide, first)
}

/** Whether `a` keeps no passage that `b` would not keep as well, and so can hardly find more. */
function isNarrower(a: PlaidParameters, b: PlaidParameters): boolean {
  return a.ncells <= b.ncells && a.centroidScoreThreshold >= b.centroidScoreThreshold && a.ndocs <= b.ndocs
}

export interface MeasuredSettings {
  /** Cost of a query, before it is tried. */
  costOf(setting: PlaidParameters): number
  /** Recall in [0, 1], or `undefined` when it is clear from a part of the queries that it is below `target`. */
  recallOf(setting: PlaidParameters, target: number): Promise<number | undefined>
}

/**
 * For each tier the cheapest setting whose recall is at most TIER_LOSS below that of the widest. A setting narrower than one that
 * failed is not tried, nor is one that costs more than one that is good enough. So the settings that differ from the widest in
 * `ndocs` alone come first, by halving; they leave little of the grid. When the work allowed is used up, the best so far is taken.
 *
 * @param workMax - bound of the sum of the costs of what is tried
 */
export async function chooseTiers(
  settings: readonly PlaidParameters[],
  { costOf, recallOf }: MeasuredSettings,
  workMax = Number.POSITIVE_INFINITY,
): Promise<Readonly<Record<TierName, PlaidParameters>>> {
  const widest = widestOf(settings)
  const ceiling = (await recallOf(widest, 0)) ?? 0
  let work = costOf(widest)
  // A wider setting that costs no more finds no less: pruning, for one, is not worth its second pass where passes cost alike.
  const worthTrying = (setting: PlaidParameters) =>
    !settings.some((other) => other !== setting && isNarrower(setting, other) && costOf(other) <= costOf(setting))
  const byCost = settings.filter(worthTrying).sort((a, b) => costOf(a) - costOf(b))
  const family = byCost.filter(
    ({ ncells, centroidScoreThreshold }) =>
      ncells === widest.ncells && centroidScoreThreshold === widest.centroidScoreThreshold,
  )
  // Targets rise from tier to tier: what failed one fails the next.
  const failed: PlaidParameters[] = []
  const reaches = async (setting: PlaidParameters, target: number): Promise<boolean> => {
    if (setting === widest) return true
    if (work > workMax || failed.some((other) => isNarrower(setting, other))) return false
    const recall = await recallOf(setting, target)
    work += costOf(setting)
    if (recall !== undefined && recall >= target) return true
    failed.push(setting)
    return false
  }
  const choose = async (loss: number): Promise<PlaidParameters> => {
    const target = ceiling - loss - ROUNDING
    let low = 0
    let high = family.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (await reaches(family[middle] ?? widest, target)) high = middle
      else low = middle + 1
    }
    const enough = family[high] ?? widest
    for (const setting of byCost) {
      if (costOf(setting) >= costOf(enough)) break
      if (await reaches(setting, target)) return setting
    }
    return enough
  }
  return {
    fast: await choose(TIER_LOSS.fast),
    balanced: await choose(TIER_LOSS.balanced),
    exact: await choose(TIER_LOSS.exact),
  }
}
