/** Building whole segments from small stores. */
import { describe, expect, it } from 'vitest'
import { decodeRow } from '../../../builder/segment/codecReference.ts'
import { buildSegment, buildSegmentInMemory, codeSegment } from '../../../builder/segment/codeSegment.ts'
import { trainQuantiser } from '../../../builder/segment/trainQuantiser.ts'
import { rowBlockBytes, rowBlocksBytes } from '../../../format/items/rowBlock.ts'
import { withStore } from './clusteredVectors.ts'
import { decodePostings, decodeRows } from './segmentReading.ts'

const LENGTHS = [40, 0, 7, 120, 33, 300, 1, 60, 90, 250]
const TOKENS = 901

describe('buildSegment', () => {
  // Measured: 0.939, 0.974, 0.991; the centroids alone reach 0.85. Each bound allows half as much loss (1 - cosine) again
  // as measured, for other seeds; wrong bits or weights would lose far more.
  it.each([
    [1, 32, 0.908],
    [2, 48, 0.96],
    [4, 96, 0.987],
  ] as const)(
    'codes rows whose reconstruction, at %i bits and %i dims, has a mean cosine above %d',
    (nbits, dim, bound) =>
      withStore(LENGTHS, { dim }, async (store, vectors) => {
        const segment = await buildSegmentInMemory(store, { nbits, centroids: 40, threads: 1 })
        const tokens = decodeRows(segment).flat()
        expect(tokens.length).toBe(TOKENS)
        let cosines = 0
        tokens.forEach((token, row) => {
          const decoded = decodeRow(token, segment)
          const length = Math.hypot(...decoded)
          cosines += decoded.reduce((sum, value, d) => sum + value * vectors[row * dim + d]!, 0) / length
        })
        expect(cosines / TOKENS).toBeGreaterThan(bound)
      }),
  )

  it('reconstructs rows of unit length, to a step of the inverse norm', () =>
    withStore(LENGTHS, { dim: 48 }, async (store) => {
      const segment = await buildSegmentInMemory(store, { nbits: 2, threads: 1 })
      const lengths = decodeRows(segment)
        .flat()
        .map((token) => Math.hypot(...decodeRow(token, segment)))
      // A norm beyond the range of the held-out tokens is clamped; that may happen to a few.
      const far = lengths.filter((length) => Math.abs(length - 1) > segment.codec.inverseNormStep)
      expect(far.length / TOKENS).toBeLessThan(0.02)
    }))

  it('lists in each cell exactly the passages whose rows have its code', () =>
    withStore(LENGTHS, { dim: 32 }, async (store) => {
      const segment = await buildSegmentInMemory(store, { nbits: 2, threads: 1 })
      const passages = decodeRows(segment).map((tokens) => new Set(tokens.map((token) => token.code)))
      const expected = Array.from(segment.centroidScales, (_, cell) =>
        passages.flatMap((codes, pid) => (codes.has(cell) ? [pid] : [])),
      )
      expect(decodePostings(segment)).toEqual(expected)
    }))

  it('gives the same bytes for the same store, options and seed, and others for another seed', () =>
    withStore(LENGTHS, { dim: 32 }, async (store) => {
      const build = (seed: number) => buildSegmentInMemory(store, { nbits: 4, seed, threads: 1 })
      const [one, two, other] = [await build(1), await build(1), await build(2)]
      expect(two).toEqual(one)
      expect(other.rows).not.toEqual(one.rows)
    }))

  it.each([64, 300, 2048])('gives the same bytes with chunks of %i rows as with the default', (chunkRows) =>
    withStore(LENGTHS, { dim: 32 }, async (store) => {
      const build = (options: object) => buildSegmentInMemory(store, { nbits: 2, threads: 1, ...options })
      expect(await build({ chunkRows })).toEqual(await build({}))
    }),
  )

  it('hands rows to the sink in whole blocks, in order, and waits for it', () =>
    withStore([20_000, 3, 30_000, 15_000], { dim: 32 }, async (store) => {
      const sizes: number[] = []
      let busy = false
      const segment = await buildSegment(store, {
        nbits: 1,
        centroids: 4,
        threads: 1,
        iterations: 1,
        onRows: async (bytes) => {
          expect(busy).toBe(false)
          busy = true
          await new Promise((resolve) => setImmediate(resolve))
          busy = false
          sizes.push(bytes.length)
        },
      })
      // Groups of at most 32,768 tokens: 20,000 + 3, then 30,000, then 15,000.
      const block = (tokens: number) => rowBlockBytes(tokens, { dim: 32, nbits: 1, centroids: 4 })
      expect(sizes).toEqual([block(20_000) + block(3), block(30_000), block(15_000)])
      expect(segment.rowBytes).toBe(sizes.reduce((sum, size) => sum + size, 0))
    }))

  it.each([
    ['one passage of one token', [1]],
    ['one passage of three tokens', [3]],
    ['passages without tokens around one', [0, 2, 0]],
  ])('builds %s', (_, lengths) =>
    withStore(lengths, { dim: 32 }, async (store, vectors) => {
      const segment = await buildSegmentInMemory(store, { nbits: 4, threads: 1 })
      expect(segment.stats.centroids).toBe(1)
      const tokens = decodeRows(segment).flat()
      // One centroid and four bits for values it was trained on: close, whatever the vectors are.
      tokens.forEach((token, row) => {
        const decoded = decodeRow(token, segment)
        const cosine =
          decoded.reduce((sum, value, d) => sum + value * vectors[row * 32 + d]!, 0) / Math.hypot(...decoded)
        expect(cosine).toBeGreaterThan(0.95)
      })
    }),
  )

  it('refuses a store without any token', () =>
    withStore([0, 0], { dim: 32 }, async (store) => {
      await expect(buildSegmentInMemory(store, { nbits: 2 })).rejects.toThrow(
        expect.objectContaining({ code: 'INPUT' }),
      )
    }))

  it('refuses a number of centroids that is not a positive integer', () =>
    withStore([5], { dim: 32 }, async (store) => {
      await expect(trainQuantiser(store, { nbits: 2, centroids: 0.5 })).rejects.toThrow(
        expect.objectContaining({ code: 'INPUT' }),
      )
    }))

  it('codes other passages with a quantiser that was trained before', () =>
    withStore(LENGTHS, { dim: 32 }, async (store) => {
      const { stats, ...quantiser } = await trainQuantiser(store, { nbits: 2, threads: 1 })
      await withStore([5, 6], { dim: 32, seed: 77 }, async (shard) => {
        const coded = await codeSegment(shard, quantiser, { threads: 1, onRows: () => {} })
        expect(coded.centroids).toBe(quantiser.centroids)
        expect(coded.postingOffsets.length).toBe(stats.centroids + 1)
        expect(coded.rowBytes).toBe(rowBlocksBytes(2, 11, { dim: 32, nbits: 2, centroids: stats.centroids }))
      })
      await withStore([5], { dim: 48 }, async (shard) => {
        await expect(codeSegment(shard, quantiser, { onRows: () => {} })).rejects.toThrow(
          expect.objectContaining({ code: 'INPUT' }),
        )
      })
    }))

  it('stops between chunks of coding when the signal fires', () =>
    withStore([20_000, 20_000], { dim: 32 }, async (store) => {
      const stop = new AbortController()
      let rows = 0
      const building = buildSegment(store, {
        nbits: 1,
        centroids: 4,
        iterations: 1,
        threads: 1,
        signal: stop.signal,
        onRows: (bytes) => {
          rows += bytes.length
          stop.abort()
        },
      })
      await expect(building).rejects.toThrow(expect.objectContaining({ code: 'ABORTED' }))
      expect(rows).toBe(rowBlockBytes(20_000, { dim: 32, nbits: 1, centroids: 4 }))
    }))
})
