/**
 * Trains a segment's quantiser on a sample of its token vectors: centroids by k-means, numbered so that similar ones are near, and the
 * residual codec. What comes out codes any number of passages (codeSegment.ts).
 */
import { InputError } from '../../format/errors.ts'
import { CENTROIDS_MAX } from '../../format/limits.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import type { VectorStore } from '../stores/vectorStore.ts'
import { orderCentroids, permuteRows } from './centroidOrder.ts'
import { dequantiseCentroids, type HeldoutTokens, type Quantiser, quantiseCentroids, trainCodec } from './codec.ts'
import { adjacencyOf, refineOrder } from './graphOrder.ts'
import { chunkRowsOf, type GraphOptions, nearestNeighbours, openAssigner } from './graphSessions.ts'
import { trainCentroids } from './kmeans.ts'
import { centroidCount, seededRandom } from './sampling.ts'
import { drawTokenSample, type TokenSample } from './tokenSample.ts'

export interface TrainOptions extends GraphOptions, RunOptions {
  readonly nbits: Nbits
  /** Seed of the sample, the held-out tokens and the first centroids. Default 0. */
  readonly seed?: number
  /** Overrides Stanford's rule; clamped to the number of training tokens. */
  readonly centroids?: number
  /** k-means iterations, default 4. */
  readonly iterations?: number
}

export interface SegmentStats {
  readonly passages: number
  readonly tokens: number
  readonly centroids: number
  readonly sampledPassages: number
  readonly trainingTokens: number
  readonly heldoutTokens: number
}

export interface TrainedQuantiser extends Quantiser {
  readonly stats: SegmentStats
}

/** Nearest centroids that each one wants to stand by. */
const NEIGHBOURS = 16

/** Sample → k-means → order → 8-bit centroids → residual codec. The `plan` step of a sharded build. */
export async function trainQuantiser(store: VectorStore, options: TrainOptions): Promise<TrainedQuantiser> {
  throwIfAborted(options.signal)
  const { dim } = store
  const random = seededRandom(options.seed ?? 0)
  const sample = drawTokenSample(store, random)
  options.onProgress?.({ stage: 'sample', unit: 'tokens', done: sample.tokens, total: sample.tokens })
  const count = countCentroids(store, sample, options.centroids)
  const trained = await trainCentroids(sample, { ...options, count, random })
  const order = await similarityOrder(trained, dim, options)
  const quantised = quantiseCentroids(permuteRows(trained, dim, order), dim)
  // From here on only the centroids that readers see; see dequantiseCentroids.
  const centroids = dequantiseCentroids(quantised)
  const heldout = await assignHeldout(sample, centroids, { ...options, count })
  const codec = trainCodec(heldout, centroids, dim, options.nbits)
  const stats: SegmentStats = {
    passages: store.passageLengths.length,
    tokens: store.tokens,
    centroids: count,
    sampledPassages: sample.passages,
    trainingTokens: sample.trainingTokens,
    heldoutTokens: sample.heldoutTokens,
  }
  return { ...quantised, codec, stats }
}

/**
 * Centroids that a query row probes together get near numbers: bisected along directions first, then by who is whose neighbour.
 * The second step saves a quarter of the reads of posting lists (bench/results/range-order-*.json).
 */
export async function similarityOrder(table: Float32Array, dim: number, options: GraphOptions): Promise<Uint32Array> {
  const count = table.length / dim
  const order = orderCentroids(table, dim)
  const degree = Math.min(NEIGHBOURS + 1, count)
  const neighbours = await nearestNeighbours({ dim, count, vectors: table }, degree, options)
  refineOrder(order, adjacencyOf(neighbours, degree))
  return order
}

function countCentroids(store: VectorStore, sample: TokenSample, wanted: number | undefined): number {
  const stanford = centroidCount({
    passages: store.passageLengths.length,
    sampledPassages: sample.passages,
    sampledTokens: sample.tokens,
    trainingTokens: sample.trainingTokens,
  })
  if (wanted === undefined) return stanford
  if (!Number.isInteger(wanted) || wanted < 1) {
    throw new InputError(`number of centroids: expected a positive integer, got ${wanted}`, { wanted })
  }
  return Math.min(wanted, sample.trainingTokens, CENTROIDS_MAX)
}

async function assignHeldout(
  sample: TokenSample,
  centroids: Float32Array,
  options: TrainOptions & { readonly count: number },
): Promise<HeldoutTokens> {
  const { dim } = sample
  const tokens = sample.heldoutTokens || sample.trainingTokens
  const vectors = new Float32Array(tokens * dim)
  const codes = new Int32Array(tokens)
  const assigner = await openAssigner({ dim, count: options.count, vectors: centroids }, options)
  let done = 0
  try {
    for await (const chunk of sample.heldoutChunks(chunkRowsOf(options, options.count))) {
      throwIfAborted(options.signal)
      vectors.set(chunk.vectors.subarray(0, chunk.rows * dim), done * dim)
      codes.set((await assigner.assign(chunk.vectors)).subarray(0, chunk.rows), done)
      done += chunk.rows
      options.onProgress?.({ stage: 'codec', unit: 'tokens', done, total: tokens })
    }
  } finally {
    await assigner.close()
  }
  return { vectors, codes }
}
