/**
 * Spherical k-means over the training tokens of a sample: nearest centroids on the device, sums on the CPU. As in
 * ColBERT (faiss, 4 iterations, random tokens to start with).
 * Differs from ColBERT: seeded, and centroids are unit vectors after every iteration, not only after the last, because
 * codes are chosen by dot product.
 */

import { type RunOptions, throwIfAborted } from '../progress.ts'
import { chunkRowsOf, type GraphOptions, openAssigner } from './graphSessions.ts'
import { type Random, sampleIndices } from './sampling.ts'
import type { TokenSample } from './tokenSample.ts'

export interface KmeansOptions extends GraphOptions, RunOptions {
  readonly count: number
  readonly random: Random
  /** Default 4, ColBERT's `kmeans_niters`. */
  readonly iterations?: number
}

const ITERATIONS_DEFAULT = 4
/** faiss's perturbation when it splits a cluster. */
const SPLIT_EPSILON = 1 / 1024

/**
 * @returns f32[count][dim], unit rows
 * @throws AbortedError between chunks
 */
export async function trainCentroids(sample: TokenSample, options: KmeansOptions): Promise<Float32Array> {
  const iterations = options.iterations ?? ITERATIONS_DEFAULT
  let centroids = await initialCentroids(sample, options)
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { sums, sizes } = await sumClusters(sample, centroids, { ...options, iterations, iteration })
    centroids = nextCentroids(centroids, { sums, sizes, dim: sample.dim })
  }
  return centroids
}

/** `count` different tokens, in corpus order. */
async function initialCentroids(sample: TokenSample, options: KmeansOptions): Promise<Float32Array> {
  const { dim } = sample
  const chosen = sampleIndices(options.random, { population: sample.trainingTokens, count: options.count })
  const centroids = new Float32Array(options.count * dim)
  let next = 0
  let position = 0
  for await (const { vectors, rows } of sample.trainingChunks(chunkRowsOf(options, options.count))) {
    throwIfAborted(options.signal)
    for (; next < chosen.length; next++) {
      const row = (chosen[next] ?? 0) - position
      if (row >= rows) break
      centroids.set(vectors.subarray(row * dim, (row + 1) * dim), next * dim)
    }
    position += rows
  }
  for (let row = 0; row < options.count; row++) normalise(centroids.subarray(row * dim, (row + 1) * dim))
  return centroids
}

interface Clusters {
  /** f64[count][dim]: f32 would lose the small addends of large clusters. */
  readonly sums: Float64Array
  /** u32[count]. */
  readonly sizes: Uint32Array
}

async function sumClusters(
  sample: TokenSample,
  centroids: Float32Array,
  options: KmeansOptions & { readonly iterations: number; readonly iteration: number },
): Promise<Clusters> {
  const { dim, trainingTokens } = sample
  const sums = new Float64Array(options.count * dim)
  const sizes = new Uint32Array(options.count)
  const total = trainingTokens * options.iterations
  let done = trainingTokens * options.iteration
  const assigner = await openAssigner({ dim, count: options.count, vectors: centroids }, options)
  try {
    for await (const { vectors, rows } of sample.trainingChunks(chunkRowsOf(options, options.count))) {
      throwIfAborted(options.signal)
      const codes = await assigner.assign(vectors)
      for (let row = 0; row < rows; row++) {
        const code = codes[row] ?? 0
        sizes[code] = (sizes[code] ?? 0) + 1
        addRow(sums, code * dim, vectors, row * dim, dim)
      }
      done += rows
      options.onProgress?.({ stage: 'kmeans', unit: 'tokens', done, total })
    }
  } finally {
    await assigner.close()
  }
  return { sums, sizes }
}

function addRow(sums: Float64Array, to: number, vectors: Float32Array, from: number, dim: number): void {
  for (let d = 0; d < dim; d++) sums[to + d] = (sums[to + d] ?? 0) + (vectors[from + d] ?? 0)
}

/**
 * Mean directions. An empty cluster takes half of the largest one (the first of equals), as in faiss: both get its
 * centroid, every second value a little larger in one and a little smaller in the other, and half its size counts for
 * each, so that several empty clusters split several large ones.
 */
function nextCentroids(before: Float32Array, clusters: Clusters & { readonly dim: number }): Float32Array {
  const { sums, dim } = clusters
  const sizes = Float64Array.from(clusters.sizes)
  const centroids = new Float32Array(before.length)
  sizes.forEach((size, code) => {
    const row = centroids.subarray(code * dim, (code + 1) * dim)
    row.set(sums.subarray(code * dim, (code + 1) * dim))
    // Vectors that cancel out have no mean direction: the old centroid stays.
    if (size > 0 && !normalise(row)) row.set(before.subarray(code * dim, (code + 1) * dim))
  })
  for (let empty = 0; empty < sizes.length; empty++) {
    if (sizes[empty] !== 0) continue
    const largest = indexOfLargest(sizes)
    const half = (sizes[largest] ?? 0) / 2
    sizes[largest] = half
    sizes[empty] = half
    splitRow(centroids.subarray(largest * dim, (largest + 1) * dim), centroids.subarray(empty * dim, (empty + 1) * dim))
  }
  return centroids
}

function indexOfLargest(values: Float64Array): number {
  let largest = 0
  for (let index = 1; index < values.length; index++) {
    if ((values[index] ?? 0) > (values[largest] ?? 0)) largest = index
  }
  return largest
}

function splitRow(row: Float32Array, copy: Float32Array): void {
  row.forEach((value, d) => {
    const sign = d % 2 === 0 ? 1 : -1
    copy[d] = value * (1 + sign * SPLIT_EPSILON)
    row[d] = value * (1 - sign * SPLIT_EPSILON)
  })
  normalise(row)
  normalise(copy)
}

/** Scales a row to unit length; a row without direction is left as it is and answers false. */
function normalise(row: Float32Array): boolean {
  let square = 0
  for (const value of row) square += value * value
  if (square < 1e-20) return false
  const scale = 1 / Math.sqrt(square)
  for (let d = 0; d < row.length; d++) row[d] = (row[d] ?? 0) * scale
  return true
}
