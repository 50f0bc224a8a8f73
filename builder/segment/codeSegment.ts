/**
 * Codes token vectors on disk with a trained quantiser: every token becomes a code and a residual, rows are grouped into blocks of
 * passages, and codes are inverted into posting lists. Rows leave through a sink, so memory does not grow with them.
 */
import { InputError } from '../../format/errors.ts'
import { type CodedTokens, encodeRowBlocks, residualBytesOf } from '../../format/items/rowBlock.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import type { VectorStore } from '../stores/vectorStore.ts'
import { dequantiseCentroids, type Quantiser } from './codec.ts'
import { chunkRowsOf, type GraphOptions, openResidualCoder, type ResidualCoder } from './graphSessions.ts'
import { PostingsBuilder } from './postings.ts'
import { type SegmentStats, type TrainOptions, trainQuantiser } from './trainQuantiser.ts'

export interface CodeOptions extends GraphOptions, RunOptions {
  /**
   * Gets the row blocks of consecutive passages, whole blocks only, in order; the bytes are the receiver's to keep. A
   * promise holds the builder back.
   */
  readonly onRows: (bytes: Uint8Array, passages: number) => void | Promise<void>
}

/** A segment without its rows, which went to the sink. */
export interface CodedSegment extends Omit<SegmentData, 'rows'> {
  /** Bytes the sink got. */
  readonly rowBytes: number
}

/** Tokens of one group of passages that is coded and handed to the sink together; 0.9 MB of rows at 96 dims, 2 bits. */
const GROUP_TOKENS = 32_768

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
