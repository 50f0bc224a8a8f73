/** The choice of tiers, on recalls and costs that the test makes up. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chooseTiers, settingsFor, TIER_LOSS, widestOf } from '../../../builder/tune/settings.ts'
import { TIER_NAMES } from '../../../format/manifest/tiers.ts'
import type { PlaidParameters } from '../../../runtime/searcher.ts'

const shape = { centroids: 8192, passages: 5000 }
const keyOf = ({ ncells, centroidScoreThreshold, ndocs }: PlaidParameters) =>
  `${ncells} ${centroidScoreThreshold} ${ndocs}`

/** Recall that rises with each parameter, as PLAID's does but for chance; cost likewise. */
function model(steepness: number, prices: readonly [number, number, number]) {
  const part = (value: number, scale: number) => value / (value + scale)
  const recall = ({ ncells, centroidScoreThreshold: t, ndocs }: PlaidParameters) =>
    part(ncells, 0.1 * steepness) * part(ndocs, 5 * steepness) * (1 - Math.max(0, t) / 20)
  const cost = ({ ncells, centroidScoreThreshold: t, ndocs }: PlaidParameters) =>
    1 + prices[0] * Math.log2(ncells) + prices[1] * ndocs - prices[2] * Math.max(0, t)
  return { recall, cost }
}

describe('the grid', () => {
  it('has every passage as a candidate in its widest setting', () => {
    expect(widestOf(settingsFor(10, shape))).toEqual({ ncells: 8192, centroidScoreThreshold: -1, ndocs: 8192 })
  })

  it('has each setting once', () => {
    for (const k of [10, 100]) {
      const keys = settingsFor(k, shape).map(keyOf)
      expect(new Set(keys).size).toBe(keys.length)
    }
  })

  it.each([
    [1, 1],
    [1, 40],
    [3, 40],
    [1025, 12],
    [8192, 5000],
  ])('holds for an index of %i centroids and %i passages', (centroids, passages) => {
    for (const k of [10, 100]) {
      const settings = settingsFor(k, { centroids, passages })
      const widest = widestOf(settings)
      expect(settings.length).toBeGreaterThan(0)
      expect(widest.ncells).toBe(centroids)
      // Enough to rescore every passage, or the most that is tried.
      expect(widest.ndocs >= Math.min(4 * passages, 8192)).toBe(true)
      for (const { ncells } of settings) expect(ncells).toBeLessThanOrEqual(centroids)
    }
  })
})

describe('tiers', () => {
  it('are the cheapest settings that lose no more than their tier may, as a look at every setting finds', async () => {
    const input = fc.record({
      steepness: fc.double({ min: 0.5, max: 20, noNaN: true }),
      prices: fc.tuple(
        fc.double({ min: 0.01, max: 2, noNaN: true }),
        fc.double({ min: 0.0005, max: 0.01, noNaN: true }),
        fc.double({ min: 0, max: 2, noNaN: true }),
      ),
      k: fc.constantFrom(10, 100),
    })
    await fc.assert(
      fc.asyncProperty(input, async ({ steepness, prices, k }) => {
        const { recall, cost } = model(steepness, prices)
        const settings = settingsFor(k, shape)
        let tried = 0
        const chosen = await chooseTiers(settings, {
          costOf: cost,
          recallOf: async (setting) => {
            tried += 1
            return recall(setting)
          },
        })
        const ceiling = recall(widestOf(settings))
        for (const name of TIER_NAMES) {
          const good = settings.filter((setting) => recall(setting) >= ceiling - TIER_LOSS[name] - 1e-9)
          const cheapest = Math.min(...good.map(cost))
          expect(cost(chosen[name]), `${name} ${keyOf(chosen[name])}`).toBeCloseTo(cheapest, 9)
        }
        expect(tried).toBeLessThan(settings.length)
      }),
    )
  })

  it('cost no less from one to the next', async () => {
    const { recall, cost } = model(4, [0.5, 0.002, 0])
    const settings = settingsFor(10, shape)
    const chosen = await chooseTiers(settings, { costOf: cost, recallOf: async (setting) => recall(setting) })
    const costs = TIER_NAMES.map((name) => cost(chosen[name]))
    expect(costs).toEqual(costs.toSorted((a, b) => a - b))
    expect(recall(chosen.fast)).toBeLessThan(recall(chosen.exact))
  })

  it('are the widest setting when there is no work left to find better', async () => {
    const { recall, cost } = model(4, [0.5, 0.002, 0])
    const settings = settingsFor(10, shape)
    let tried = 0
    const recallOf = async (setting: PlaidParameters) => {
      tried += 1
      return recall(setting)
    }
    const chosen = await chooseTiers(settings, { costOf: cost, recallOf }, 0)
    expect(tried).toBe(1)
    for (const name of TIER_NAMES) expect(chosen[name]).toEqual(widestOf(settings))
  })

  it('are one setting where all find the same', async () => {
    const settings = settingsFor(10, { centroids: 2, passages: 3 })
    const chosen = await chooseTiers(settings, { costOf: ({ ndocs }) => ndocs, recallOf: async () => 1 })
    for (const name of TIER_NAMES) expect(chosen[name]).toEqual(chosen.fast)
  })
})
