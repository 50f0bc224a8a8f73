/**
 * From token vectors on disk to a segment: train the quantiser on a sample, then code every token, group rows into
 * blocks of passages, and invert codes into posting lists. Rows leave through a sink, so memory does not grow with them.
 */
import { InputError } from '../../format/errors.ts'
import { type CodedTokens, encodeRowBlocks, residualBytesOf } from '../../format/items/rowBlock.ts'
import { CENTROIDS_MAX } from '../../format/limits.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import type { VectorStore } from '../stores/vectorStore.ts'
import { orderCentroids, permuteRows } from './centroidOrder.ts'
import { dequantiseCentroids, type HeldoutTokens, type Quantiser, quantiseCentroids, trainCodec } from './codec.ts'
import { adjacencyOf, refineOrder } from './graphOrder.ts'
import {
  chunkRowsOf,
  type GraphOptions,
  nearestNeighbours,
  openAssigner,
  openResidualCoder,
  type ResidualCoder,
} from './graphSessions.ts'
import { trainCentroids } from './kmeans.ts'
import { PostingsBuilder } from './postings.ts'
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

export interface CodeOptions extends GraphOptions, RunOptions {
  /**
   * Gets the row blocks of consecutive passages, whole blocks only, in order; the bytes are the receiver's to keep. A
   * promise holds the builder back.
   */
  readonly onRows: (bytes: Uint8Array, passages: number) => void | Promise<void>
}

export interface SegmentStats {
  readonly passages: number
  readonly tokens: number
  readonly centroids: number
  readonly sampledPassages: number
  readonly trainingTokens: number
  readonly heldoutTokens: number
}

/** A segment without its rows, which went to the sink. */
export interface CodedSegment extends Omit<SegmentData, 'rows'> {
  /** Bytes the sink got. */
  readonly rowBytes: number
}

export interface TrainedQuantiser extends Quantiser {
  readonly stats: SegmentStats
}

/** Tokens of one group of passages that is coded and handed to the sink together; 0.9 MB of rows at 96 dims, 2 bits. */
const GROUP_TOKENS = 32_768

/** Nearest centroids that each one wants to stand by. */
const NEIGHBOURS = 16

/**
 * The whole build. The same store, options and seed give the same bytes on the same machine and device.
 * @throws InputError for a store without tokens; DeviceError; AbortedError between chunks
 */
export async function buildSegment(
  store: VectorStore,
  options: TrainOptions & CodeOptions,
): Promise<CodedSegment & { readonly stats: SegmentStats }> {
  const { stats, ...quantiser } = await trainQuantiser(store, options)
  return { ...(await codeSegment(store, quantiser, options)), stats }
}

/** `buildSegment` with the rows in memory, for segments that fit it. */
export async function buildSegmentInMemory(
  store: VectorStore,
  options: TrainOptions,
): Promise<SegmentData & { readonly stats: SegmentStats }> {
  const groups: Uint8Array[] = []
  const { rowBytes, ...segment } = await buildSegment(store, { ...options, onRows: (bytes) => void groups.push(bytes) })
  const rows = new Uint8Array(rowBytes)
  let end = 0
  for (const group of groups) {
    rows.set(group, end)
    end += group.length
  }
  return { ...segment, rows }
}

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

/** Codes every token of the store with a trained quantiser. The `encode shard` step of a sharded build. */
export async function codeSegment(
  store: VectorStore,
  quantiser: Quantiser,
  options: CodeOptions,
): Promise<CodedSegment> {
  const { dim, passageLengths } = store
  const { codec, centroids, centroidScales } = quantiser
  if (quantiser.dim !== dim) {
    throw new InputError(`coding vectors of dim ${dim}: expected a quantiser of that dim, got ${quantiser.dim}`, {
      dim,
    })
  }
  const count = centroidScales.length
  const table = { dim, count, vectors: dequantiseCentroids(quantiser) }
  const postings = new PostingsBuilder({ centroids: count, passages: passageLengths.length })
  const coder = await openResidualCoder(table, codec, options)
  const chunkRows = chunkRowsOf(options, count)
  let rowBytes = 0
  try {
    for (const group of passageGroups(passageLengths)) {
      const coded = await codeGroup(store, coder, { group, nbits: codec.nbits, chunkRows, signal: options.signal })
      const lengths = passageLengths.subarray(group.firstPid, group.endPid)
      const bytes = encodeRowBlocks(coded, lengths, { dim, nbits: codec.nbits, centroids: count })
      for (const codes of codesOfPassages(coded.codes, lengths)) postings.add(codes)
      rowBytes += bytes.length
      await options.onRows(bytes, group.endPid - group.firstPid)
      options.onProgress?.({ stage: 'code', unit: 'tokens', done: group.endToken, total: store.tokens })
    }
  } finally {
    await coder.close()
  }
  options.onProgress?.({ stage: 'invert', unit: 'cells', done: 0, total: count })
  const lists = postings.finish()
  options.onProgress?.({ stage: 'invert', unit: 'cells', done: count, total: count })
  return { dim, codec, centroids, centroidScales, passageLengths, ...lists, rowBytes }
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

/** Passages [firstPid, endPid), whose tokens are rows [firstToken, endToken) of the store. */
interface PassageGroup {
  readonly firstPid: number
  readonly endPid: number
  readonly firstToken: number
  readonly endToken: number
}

/** Whole passages of at most GROUP_TOKENS tokens, or one longer passage alone. */
function* passageGroups(passageLengths: Uint16Array): Generator<PassageGroup> {
  let firstPid = 0
  let firstToken = 0
  let endToken = 0
  for (let pid = 0; pid < passageLengths.length; pid++) {
    const length = passageLengths[pid] ?? 0
    if (pid > firstPid && endToken + length - firstToken > GROUP_TOKENS) {
      yield { firstPid, endPid: pid, firstToken, endToken }
      firstPid = pid
      firstToken = endToken
    }
    endToken += length
  }
  if (passageLengths.length > firstPid) yield { firstPid, endPid: passageLengths.length, firstToken, endToken }
}

async function codeGroup(
  store: VectorStore,
  coder: ResidualCoder,
  plan: {
    readonly group: PassageGroup
    readonly nbits: Nbits
    readonly chunkRows: number
    readonly signal?: AbortSignal
  },
): Promise<CodedTokens> {
  const { dim } = store
  const { group } = plan
  const tokens = group.endToken - group.firstToken
  const width = residualBytesOf(dim, plan.nbits)
  const { chunkRows } = plan
  // Rows beyond the group's end stay zero: every call has the same shape (see openAssigner).
  const vectors = new Float32Array(Math.ceil(tokens / chunkRows) * chunkRows * dim)
  await store.readRows(group.firstToken, tokens, vectors)
  const coded = {
    codes: new Int32Array(tokens),
    residuals: new Uint8Array(tokens * width),
    inverseNorms: new Uint8Array(tokens),
  }
  for (let first = 0; first < tokens; first += chunkRows) {
    throwIfAborted(plan.signal)
    const rows = Math.min(chunkRows, tokens - first)
    const chunk = await coder.encode(vectors.subarray(first * dim, (first + chunkRows) * dim))
    coded.codes.set(chunk.codes.subarray(0, rows), first)
    coded.residuals.set(chunk.packed.subarray(0, rows * width), first * width)
    coded.inverseNorms.set(chunk.inverseNorms.subarray(0, rows), first)
  }
  return coded
}

function* codesOfPassages(codes: CodedTokens['codes'], lengths: Uint16Array): Generator<CodedTokens['codes']> {
  let start = 0
  for (const length of lengths) {
    yield codes.subarray(start, start + length)
    start += length
  }
}
