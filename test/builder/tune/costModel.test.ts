/** The cost model, by sums done by hand. */
import { describe, expect, it } from 'vitest'
import { costMsOf, touchedBytesOf } from '../../../builder/tune/costModel.ts'

const sizes = { dim: 96, nbits: 4, centroids: 1000, passageTokens: 100, passageCodes: 60, codeBytes: 2 } as const
const work = {
  rows: 32,
  probes: false,
  prunes: false,
  postingBytes: 0,
  candidates: 500,
  approximated: 400,
  rescored: 100,
  refined: 10,
}

describe('the cost of a query', () => {
  it('is that of centroids, codes and rescored tokens', () => {
    // 87 x 1,000 centroids, 60 x 500 codes, 40 x 100 x 100 and 100 x 10 x 100 tokens: 87,000 + 30,000 + 400,000 + 100,000 ns.
    expect(costMsOf(sizes, work)).toBeCloseTo(0.617, 9)
  })

  it('has a second approximate pass where the threshold prunes', () => {
    // 60 x 400 ns more.
    expect(costMsOf(sizes, { ...work, prunes: true })).toBeCloseTo(0.641, 9)
  })

  it('has cells to pick and lists to read where it probes', () => {
    // 30 x 1,000 and 2 x 5,000 ns more.
    expect(costMsOf(sizes, { ...work, probes: true, postingBytes: 5000 })).toBeCloseTo(0.657, 9)
  })

  it('grows with rows, and with dims where vectors are multiplied', () => {
    expect(costMsOf(sizes, { ...work, rows: 64 })).toBeCloseTo(2 * 0.617, 9)
    // Codes are as before: 174,000 + 30,000 + 800,000 + 200,000 ns.
    expect(costMsOf({ ...sizes, dim: 192 }, work)).toBeCloseTo(1.204, 9)
  })

  it.each([
    [1, 15],
    [2, 20],
    [4, 40],
  ] as const)('at %i bits takes %i ns a rescored token', (nbits, ns) => {
    const none = costMsOf({ ...sizes, nbits }, { ...work, rescored: 0 })
    expect(costMsOf({ ...sizes, nbits }, work) - none).toBeCloseTo((ns * 10_000) / 1e6, 9)
  })
})

describe('the bytes of a query', () => {
  it('are lists, codes of candidates, and the rest of the blocks of rescored passages', () => {
    // 5,000; 500 x 100 x 2; 100 x (100 x (1 + 48) + 4).
    expect(touchedBytesOf(sizes, { ...work, postingBytes: 5000 })).toBe(5000 + 100_000 + 490_400)
  })
})
