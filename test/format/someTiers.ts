/** Tiers for tests: two sets, every number different. */
import type { IndexTiers, Tier } from '../../format/manifest/tiers.ts'

const tier = (ncells: number, centroidScoreThreshold: number, ndocs: number): Tier => ({
  ncells,
  centroidScoreThreshold,
  ndocs,
  recall: 0.9 + ncells / 1000,
  costMs: ndocs / 100,
  bytes: ndocs * 1000,
})

export const someTiers: IndexTiers = {
  queries: 64,
  querySource: 'pseudo',
  reference: 'vectors',
  compared: 'all',
  sets: [
    { k: 10, fast: tier(1, 0.5, 64), balanced: tier(2, 0.4, 400), exact: tier(5, -1, 1024) },
    { k: 100, fast: tier(3, 0.45, 512), balanced: tier(4, -1, 2048), exact: tier(6, -0.5, 8192) },
  ],
}
