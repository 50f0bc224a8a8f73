/** Training of the residual codec, and coding and decoding by the readable reference. */
import { describe, expect, it } from 'vitest'
import {
  bucketOf,
  dequantiseCentroids,
  quantile,
  quantiseCentroids,
  trainCodec,
} from '../../../builder/segment/codec.ts'
import { decodeRow, encodeResidualReference } from '../../../builder/segment/codecReference.ts'
import { clusteredVectors } from './clusteredVectors.ts'

describe('quantile', () => {
  // torch.quantile(torch.tensor([1., 2., 4., 8.]), q): the documented rule, position q * (n - 1), by hand.
  it.each([
    [0, 1],
    [0.5, 3],
    [0.25, 1.75],
    [0.9, 6.8],
    [1, 8],
  ])('at %d interpolates linearly', (fraction, expected) => {
    expect(quantile(Float32Array.of(1, 2, 4, 8), fraction)).toBe(Math.fround(expected))
  })
})

describe('quantiseCentroids', () => {
  it('keeps every value to half a step of its row', () => {
    const dim = 32
    const vectors = clusteredVectors({ rows: 20, dim })
    const table = quantiseCentroids(vectors, dim)
    dequantiseCentroids(table).forEach((value, at) => {
      const scale = table.centroidScales[Math.floor(at / dim)]!
      expect(Math.abs(value - vectors[at]!)).toBeLessThanOrEqual(scale * 0.5001)
    })
  })

  it('uses the whole range of a row and never -128', () => {
    const row = new Float32Array(32)
    row.set([-0.8, 0.4])
    const { centroids, centroidScales } = quantiseCentroids(row, 32)
    expect([centroids[0], centroids[1], centroidScales[0]]).toEqual([-127, 64, Math.fround(Math.fround(0.8) / 127)])
  })

  it('keeps a zero row zero', () => {
    const { centroids, centroidScales } = quantiseCentroids(new Float32Array(32), 32)
    expect([centroids[0], centroidScales[0]]).toEqual([0, 1])
  })
})

describe('trainCodec', () => {
  it('puts cutoffs and weights at the quantiles of the residuals', () => {
    // One centroid at zero: residuals are the values themselves, 0, 1/96, …, 95/96; quantiles by hand: q * 95 / 96.
    const vectors = Float32Array.from({ length: 96 }, (_, at) => at / 96)
    const codec = trainCodec({ vectors, codes: Int32Array.of(0, 0, 0) }, new Float32Array(32), 32, 2)
    const expected = (fractions: readonly number[]) => fractions.map((q) => expect.closeTo((q * 95) / 96, 6))
    expect(Array.from(codec.bucketCutoffs)).toEqual(expected([0.25, 0.5, 0.75]))
    expect(Array.from(codec.bucketWeights)).toEqual(expected([0.125, 0.375, 0.625, 0.875]))
  })

  it('gives a step above zero when all norms are equal', () => {
    const vectors = clusteredVectors({ rows: 1, dim: 32 })
    const codec = trainCodec({ vectors, codes: Int32Array.of(0) }, vectors, 32, 4)
    expect(codec.inverseNormStep).toBeGreaterThan(0)
    expect(codec.inverseNormMin).toBeLessThan(1)
    expect(codec.inverseNormMin + 255 * codec.inverseNormStep).toBeGreaterThan(1)
  })
})

describe('the reference', () => {
  it('counts the cutoffs below a value, so a value on a cutoff stays below it', () => {
    const cutoffs = Float32Array.of(-1, 0, 1)
    expect([-2, -1, -0.5, 0, 0.5, 1, 2].map((value) => bucketOf(value, cutoffs))).toEqual([0, 0, 1, 1, 2, 2, 3])
  })

  it('packs the first value into the highest bits, its lowest bit first', () => {
    // 2 bits: buckets 0, 1, 2, 3 are written 00, 10, 01, 11: 0b00100111.
    const vector = new Float32Array(32).fill(-9)
    vector.set([-9, 0.5, 1.5, 9])
    const codec = {
      nbits: 2 as const,
      bucketCutoffs: Float32Array.of(0, 1, 2),
      bucketWeights: Float32Array.of(-1, 0.5, 1.5, 3),
      inverseNormMin: 0,
      inverseNormStep: 1,
    }
    const { packed } = encodeResidualReference(vector, new Float32Array(32), codec)
    expect(Array.from(packed)).toEqual([0b00100111, 0, 0, 0, 0, 0, 0, 0])
  })

  it('decodes centroid plus weights, times the inverse norm', () => {
    const dim = 32
    const centroids = new Int8Array(2 * dim)
    centroids.set([10, -20], dim)
    const codec = {
      nbits: 4 as const,
      bucketCutoffs: new Float32Array(15),
      bucketWeights: Float32Array.from({ length: 16 }, (_, bucket) => bucket / 8),
      inverseNormMin: 0.5,
      inverseNormStep: 0.25,
    }
    const packed = new Uint8Array(16)
    // Bucket 1 is written 1000, bucket 4 is written 0010.
    packed[0] = 0b1000_0010
    const quantiser = { dim, centroids, centroidScales: Float32Array.of(9, 0.5), codec }
    const row = decodeRow({ code: 1, inverseNorm: 2, packed }, quantiser)
    // (10 * 0.5 + 1/8) * 1, (-20 * 0.5 + 4/8) * 1, with inverse norm 0.5 + 2 * 0.25 = 1.
    expect(Array.from(row.subarray(0, 3))).toEqual([5.125, -9.5, 0])
  })
})
