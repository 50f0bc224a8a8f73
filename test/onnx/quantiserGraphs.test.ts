/** The quantiser's graphs against the readable twin and against bytes that ColBERT and next-plaid wrote themselves. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { dequantiseCentroids, quantiseCentroids, trainCodec } from '../../builder/segment/codec.ts'
import { encodeResidualReference, nearestReference } from '../../builder/segment/codecReference.ts'
import { openAssigner, openResidualCoder } from '../../builder/segment/graphSessions.ts'
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'
import { clusteredVectors } from '../builder/segment/clusteredVectors.ts'

async function assign(vectors: Float32Array, centroids: Float32Array, dim: number): Promise<Int32Array> {
  const assigner = await openAssigner({ dim, count: centroids.length / dim, vectors: centroids }, { threads: 1 })
  const codes = await assigner.assign(vectors)
  await assigner.close()
  return codes
}

describe('the assign graph', () => {
  // 128 and 512 take the two-level argmax, the others the plain one.
  it.each([1, 3, 128, 130, 512])('finds the nearest of %i centroids as the twin does', async (count) => {
    const dim = 32
    const centroids = clusteredVectors({ rows: count, dim, seed: 2, noise: 1 })
    const vectors = clusteredVectors({ rows: 200, dim, seed: 3 })
    const codes = await assign(vectors, centroids, dim)
    for (let row = 0; row < 200; row++) {
      expect(codes[row]).toBe(nearestReference(vectors.subarray(row * dim, (row + 1) * dim), centroids))
    }
  })

  it.each([
    ['in one block', 70, 90],
    ['in different blocks', 100, 300],
    ['at the ends', 0, 511],
  ])('takes the first of two equal centroids %s', async (_, first, second) => {
    const dim = 32
    // All others are the opposite direction, so only the two equal ones can win.
    const vector = clusteredVectors({ rows: 1, dim })
    const centroids = new Float32Array(512 * dim)
    for (let row = 0; row < 512; row++)
      centroids.set(
        vector.map((value) => -value),
        row * dim,
      )
    centroids.set(vector, first * dim)
    centroids.set(vector, second * dim)
    expect(Array.from(await assign(vector, centroids, dim))).toEqual([first])
  })
})

describe('the residual coding graph', () => {
  const shapes = ([1, 2, 4] as const).flatMap((nbits) => [32, 48, 96].map((dim) => [nbits, dim] as const))
  it.each(shapes)('codes like the twin with %i bits and %i dims', async (nbits, dim) => {
    const rows = 256
    const vectors = clusteredVectors({ rows, dim, seed: 5 })
    const table = quantiseCentroids(clusteredVectors({ rows: 128, dim, seed: 5, noise: 0.3 }), dim)
    const centroids = dequantiseCentroids(table)
    const heldoutCodes = await assign(vectors, centroids, dim)
    const codec = trainCodec({ vectors, codes: heldoutCodes }, centroids, dim, nbits)
    const coder = await openResidualCoder({ dim, count: 128, vectors: centroids }, codec, { threads: 1 })
    const { codes, packed, inverseNorms } = await coder.encode(vectors)
    await coder.close()
    const width = (dim * nbits) / 8
    for (let row = 0; row < rows; row++) {
      const twin = encodeResidualReference(vectors.subarray(row * dim, (row + 1) * dim), centroids, codec)
      expect(codes[row]).toBe(twin.code)
      expect(packed.subarray(row * width, (row + 1) * width)).toEqual(twin.packed)
      // The graph sums squares in f32, so a norm on a rounding boundary may fall to either side.
      expect(Math.abs(inverseNorms[row]! - twin.inverseNorm)).toBeLessThanOrEqual(1)
    }
  })
})

describe('a value on a cutoff', () => {
  it.each([1, 2, 4] as const)('stays below it with %i bits, as in ColBERT', async (nbits) => {
    const dim = 32
    const buckets = 2 ** nbits
    // Exact binary fractions around a centroid at zero, so that values do meet cutoffs.
    const codec: ResidualCodec = {
      nbits,
      bucketCutoffs: Float32Array.from({ length: buckets - 1 }, (_, i) => (i + 1 - buckets / 2) / 16),
      bucketWeights: Float32Array.from({ length: buckets }, (_, i) => (i + 0.5 - buckets / 2) / 16),
      inverseNormMin: 0,
      inverseNormStep: 1,
    }
    const vector = Float32Array.from({ length: dim }, (_, d) => (d - 16) / 32)
    const centroids = new Float32Array(dim)
    const coder = await openResidualCoder({ dim, count: 1, vectors: centroids }, codec, { threads: 1 })
    const { packed } = await coder.encode(vector)
    await coder.close()
    // count(cutoffs < value): by hand for value 0 (d = 16), which is the middle cutoff itself: buckets / 2 - 1 below it.
    const bits = packed[(16 * nbits) >> 3]!.toString(2).padStart(8, '0').slice(0, nbits)
    expect(Number.parseInt([...bits].reverse().join(''), 2)).toBe(buckets / 2 - 1)
    expect(packed).toEqual(encodeResidualReference(vector, centroids, codec).packed)
  })
})

interface Golden {
  dim: number
  vectorsFloat16: number[][]
  engines: {
    engine: string
    nbits: Nbits
    bucketCutoffs: number[]
    bucketWeights: number[]
    centroids: number[][]
    codes: number[]
    packed: number[][]
    inverseNorms?: number[]
  }[]
}

describe('bytes that other engines wrote', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../golden/residualCoding/tokens.json', import.meta.url), 'utf8'),
  ) as Golden
  const { dim } = golden
  // Decoded by the JavaScript engine's own float16, independent of builder/stores/float16.ts.
  const view = new DataView(Uint16Array.from(golden.vectorsFloat16.flat()).buffer)
  const vectors = Float32Array.from({ length: view.byteLength / 2 }, (_, at) => view.getFloat16(at * 2, true))

  it.each(golden.engines)('are what the graph makes: $engine, $nbits bits', async (engine) => {
    const centroids = Float32Array.from(engine.centroids.flat())
    const codec: ResidualCodec = {
      nbits: engine.nbits,
      bucketCutoffs: Float32Array.from(engine.bucketCutoffs),
      bucketWeights: Float32Array.from(engine.bucketWeights),
      inverseNormMin: 0.5,
      inverseNormStep: Math.fround(1 / 255),
    }
    const table = { dim, count: engine.centroids.length, vectors: centroids }
    const coder = await openResidualCoder(table, codec, { threads: 1 })
    const { codes, packed, inverseNorms } = await coder.encode(vectors)
    await coder.close()
    expect(Array.from(codes)).toEqual(engine.codes)
    expect(Array.from(packed)).toEqual(engine.packed.flat())
    // Half a step of rounding, and the float error of two different sums.
    engine.inverseNorms?.forEach((expected, row) => {
      expect(Math.abs(0.5 + inverseNorms[row]! / 255 - expected)).toBeLessThan(0.5 / 255 + 1e-5)
    })
  })
})
