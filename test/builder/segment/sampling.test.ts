/** Sizes and draws of the training sample. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  centroidCount,
  heldoutTokenCount,
  sampleIndices,
  samplePassageCount,
  seededRandom,
} from '../../../builder/segment/sampling.ts'

describe('seededRandom', () => {
  it('repeats a sequence for a seed, and not for its neighbour', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed))
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
  })

  it('is uniform over 16 classes', () => {
    // Chi-squared with 15 degrees of freedom exceeds 37.7 with probability 0.001; the seed is fixed, so it never flips.
    const random = seededRandom(1)
    const counts = new Array<number>(16).fill(0)
    for (let draw = 0; draw < 16_000; draw++) counts[random() >>> 28]!++
    expect(counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(37.7)
  })
})

describe('sampleIndices', () => {
  it('draws the asked number of different indices, ascending', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.nat(300), fc.nat(), (population, wanted, seed) => {
        const count = Math.min(population, wanted)
        const drawn = sampleIndices(seededRandom(seed), { population, count })
        expect(drawn.length).toBe(count)
        for (let at = 0; at < count; at++) {
          expect(drawn[at]!).toBeGreaterThan(at === 0 ? -1 : drawn[at - 1]!)
          expect(drawn[at]!).toBeLessThan(population)
        }
      }),
      { seed: 3 },
    )
  })

  it('draws every index about equally often', () => {
    // 2,000 draws of 5 out of 20: each index is expected 500 times, standard deviation 19; 5 deviations allowed.
    const random = seededRandom(4)
    const counts = new Array<number>(20).fill(0)
    for (let draw = 0; draw < 2000; draw++) {
      for (const index of sampleIndices(random, { population: 20, count: 5 })) counts[index]!++
    }
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(97)
  })
})

describe('sizes', () => {
  // By hand from min(1 + floor(16 * sqrt(120 * N)), N): sqrt(120 * 8,841,823) = 32,573.3 for MS MARCO.
  it.each([
    [1, 1],
    [5183, 5183],
    [100_000, 55_426],
    [8_841_823, 521_173],
  ])('samples of %i passages %i', (passages, sampled) => {
    expect(samplePassageCount(passages)).toBe(sampled)
  })

  it.each([
    [19, 0],
    [20, 1],
    [973_203, 48_660],
    [2_000_000, 50_000],
  ])('holds out of %i tokens %i', (tokens, heldout) => {
    expect(heldoutTokenCount(tokens)).toBe(heldout)
  })

  it.each([
    // SciFact: 16 * sqrt(973,203) = 15,784, so 2^13.
    [{ passages: 5183, sampledPassages: 5183, sampledTokens: 973_203, trainingTokens: 924_543 }, 8192],
    // A tenth of the passages sampled: the estimate is 100,000 tokens, 16 * 316.2 = 5,059, so 2^12.
    [{ passages: 1000, sampledPassages: 100, sampledTokens: 10_000, trainingTokens: 9500 }, 4096],
    // Tiny: clamped to half of the training tokens.
    [{ passages: 1, sampledPassages: 1, sampledTokens: 3, trainingTokens: 3 }, 1],
    [{ passages: 1, sampledPassages: 1, sampledTokens: 1, trainingTokens: 1 }, 1],
    [{ passages: 2, sampledPassages: 2, sampledTokens: 100, trainingTokens: 95 }, 47],
  ])('of %o gives %i centroids', (sizes, count) => {
    expect(centroidCount(sizes)).toBe(count)
  })

  it('refuses a corpus without tokens', () => {
    const sizes = { passages: 2, sampledPassages: 2, sampledTokens: 0, trainingTokens: 0 }
    expect(() => centroidCount(sizes)).toThrow(expect.objectContaining({ code: 'INPUT' }))
  })
})
