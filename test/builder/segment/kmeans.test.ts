/** Spherical k-means over a store. */
import { describe, expect, it } from 'vitest'
import { nearestReference } from '../../../builder/segment/codecReference.ts'
import { trainCentroids } from '../../../builder/segment/kmeans.ts'
import { seededRandom } from '../../../builder/segment/sampling.ts'
import { drawTokenSample, type TokenSample } from '../../../builder/segment/tokenSample.ts'
import { withStore } from './clusteredVectors.ts'

const dim = 32

async function collect(sample: TokenSample, kind: 'training' | 'heldout', chunkRows: number): Promise<number[]> {
  const values: number[] = []
  const chunks = kind === 'training' ? sample.trainingChunks(chunkRows) : sample.heldoutChunks(chunkRows)
  for await (const { vectors, rows } of chunks) values.push(...vectors.subarray(0, rows * dim))
  return values
}

/** Mean dot product of vectors with their nearest centroids. */
function meanScore(vectors: Float32Array, centroids: Float32Array): number {
  let sum = 0
  for (let start = 0; start < vectors.length; start += dim) {
    const vector = vectors.subarray(start, start + dim)
    const code = nearestReference(vector, centroids)
    sum += vector.reduce((dot, value, d) => dot + value * centroids[code * dim + d]!, 0)
  }
  return sum / (vectors.length / dim)
}

describe('a token sample', () => {
  it('splits the tokens of a small store into training and held-out ones, each once', () =>
    withStore([30, 0, 50, 20], { dim }, async (store, vectors) => {
      const sample = drawTokenSample(store, seededRandom(1))
      expect([sample.tokens, sample.trainingTokens, sample.heldoutTokens]).toEqual([100, 95, 5])
      const all = [...(await collect(sample, 'training', 7)), ...(await collect(sample, 'heldout', 7))]
      expect(all.sort()).toEqual(Array.from(vectors, Math.f16round).sort())
    }))

  it('gives the same tokens in chunks of any size', () =>
    withStore([30, 50], { dim }, async (store) => {
      const sample = drawTokenSample(store, seededRandom(2))
      expect(await collect(sample, 'training', 7)).toEqual(await collect(sample, 'training', 256))
    }))

  it('pads the last chunk with zero rows', () =>
    withStore([5], { dim }, async (store) => {
      for await (const { vectors, rows } of drawTokenSample(store, seededRandom(3)).trainingChunks(8)) {
        expect(rows).toBe(5)
        expect(vectors.subarray(5 * dim)).toEqual(new Float32Array(3 * dim))
      }
    }))

  it('lets training tokens stand in for held-out ones below 20 tokens', () =>
    withStore([4], { dim }, async (store) => {
      const sample = drawTokenSample(store, seededRandom(3))
      expect(await collect(sample, 'heldout', 8)).toEqual(await collect(sample, 'training', 8))
    }))
})

describe('trainCentroids', () => {
  it('gives unit centroids that fit the tokens better than the tokens it started with', () =>
    withStore([200, 300, 100], { dim, clusters: 12 }, async (store, vectors) => {
      const train = (iterations: number) => {
        const random = seededRandom(5)
        return trainCentroids(drawTokenSample(store, random), { count: 16, random, iterations, threads: 1 })
      }
      const [first, last] = [await train(0), await train(4)]
      for (let row = 0; row < 16; row++) {
        expect(Math.hypot(...last.subarray(row * dim, (row + 1) * dim))).toBeCloseTo(1, 5)
      }
      expect(meanScore(vectors, last)).toBeGreaterThan(meanScore(vectors, first) + 0.01)
    }))

  it('finds one iteration as the plain algorithm does', () =>
    withStore([150], { dim, clusters: 8 }, async (store) => {
      const train = (iterations: number) => {
        const random = seededRandom(6)
        return trainCentroids(drawTokenSample(store, random), { count: 4, random, iterations, threads: 1 })
      }
      const before = await train(0)
      const random = seededRandom(6)
      const tokens = Float32Array.from(await collect(drawTokenSample(store, random), 'training', 64))
      // The twin: assign with the readable nearest centroid, sum, normalise.
      const sums = new Float64Array(4 * dim)
      for (let start = 0; start < tokens.length; start += dim) {
        const code = nearestReference(tokens.subarray(start, start + dim), before)
        for (let d = 0; d < dim; d++) sums[code * dim + d]! += tokens[start + d]!
      }
      const after = await train(1)
      for (let row = 0; row < 4; row++) {
        const length = Math.hypot(...sums.subarray(row * dim, (row + 1) * dim))
        for (let d = 0; d < dim; d++) expect(after[row * dim + d]).toBeCloseTo(sums[row * dim + d]! / length, 5)
      }
    }))

  it('splits the largest cluster when one is empty', () =>
    // All tokens are one vector: three of four centroids start equal to the first, which takes every token.
    withStore([8], { dim, clusters: 1, noise: 0 }, async (store, vector) => {
      const random = seededRandom(1)
      const centroids = await trainCentroids(drawTokenSample(store, random), {
        count: 4,
        random,
        iterations: 1,
        threads: 1,
      })
      const rows = Array.from({ length: 4 }, (_, row) => centroids.slice(row * dim, (row + 1) * dim))
      expect(new Set(rows.map((row) => row.join())).size).toBe(4)
      for (const row of rows) {
        expect(row.reduce((dot, value, d) => dot + value * vector[d]!, 0)).toBeGreaterThan(0.99)
      }
    }))

  it('stops between chunks when the signal fires, and reports how far it was', () =>
    withStore([600], { dim }, async (store) => {
      const stop = new AbortController()
      const seen: number[] = []
      const random = seededRandom(1)
      const training = trainCentroids(drawTokenSample(store, random), {
        count: 4,
        random,
        threads: 1,
        chunkRows: 64,
        signal: stop.signal,
        onProgress: ({ done, total }) => {
          expect(total).toBe(4 * 570)
          seen.push(done)
          if (seen.length === 3) stop.abort()
        },
      })
      await expect(training).rejects.toThrow(expect.objectContaining({ code: 'ABORTED' }))
      expect(seen).toEqual([64, 128, 192])
    }))
})
