/**
 * A small, valid index in memory: random codes and residuals from a seed, everything else derived as SPEC.md says. It can grow by
 * segments and tombstones, a generation at a time.
 */
import {
  createManifest,
  extendManifest,
  type IndexFragment,
  IndexWriter,
  type SegmentWriter,
} from '../../format/indexWriter.ts'
import { encodePostingList } from '../../format/items/postingList.ts'
import { encodeRowBlocks, type RowShape, residualBytesOf, rowShapeOf } from '../../format/items/rowBlock.ts'
import { TextBlockEncoder } from '../../format/items/textBlocks.ts'
import { encodeManifest, MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import type { IndexSink } from '../../format/writer.ts'

export interface TinySegment {
  /** Token vectors of each passage. */
  readonly lengths: readonly number[]
  /** Default: different ones, in no order, the same for every seed. */
  readonly ids?: readonly string[]
  readonly seed?: number
  readonly partBytes?: number
  readonly texts?: boolean
  /** Called with the segment's writer, for sections of other kinds. */
  readonly extra?: (segment: SegmentWriter) => Promise<void>
}

export interface TinyShape extends TinySegment {
  readonly dim?: number
  readonly nbits?: Nbits
  readonly centroids?: number
}

export interface TinyIndex {
  readonly files: Map<string, Uint8Array>
  readonly manifest: Manifest
}

/** What a generation adds: a segment over the first quantiser, and all deleted passages of segments that are there. */
export interface TinyChange {
  readonly segment?: TinySegment
  /** Number of a segment → its pids, ascending. */
  readonly deleted?: Readonly<Record<number, readonly number[]>>
}

/** mulberry32: enough randomness for test data, the same everywhere. */
export function seededBytes(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) & 0xff
  }
}

export async function tinyIndex(shape: TinyShape): Promise<TinyIndex> {
  const { dim = 32, nbits = 2, centroids = 5, seed = 1, partBytes } = shape
  const next = seededBytes(seed)
  const files = new Map<string, Uint8Array>()
  const writer = new IndexWriter(sinkOf(files), { partBytes })
  const codec = {
    nbits,
    bucketCutoffs: Float32Array.from({ length: 2 ** nbits - 1 }, (_, i) => (i - 1) / 10),
    bucketWeights: Float32Array.from({ length: 2 ** nbits }, (_, i) => (i - 1.5) / 10),
    inverseNormMin: 0.5,
    inverseNormStep: 1 / 256,
  }
  const quantiser = await writer.appendQuantiser({
    dim,
    codec,
    centroids: Int8Array.from({ length: centroids * dim }, next),
    centroidScales: new Float32Array(centroids).fill(0.01),
  })
  await appendSegment(writer.segment(quantiser), shape, { dim, nbits, centroids }, next)
  return withManifest(files, createManifest(await writer.finish(), { name: 'tiny', dim, builder: 'test' }))
}

/** The next generation of an index, which stays as it is. */
export async function grown(index: TinyIndex, change: TinyChange): Promise<TinyIndex> {
  const files = new Map(index.files)
  return withManifest(files, extendManifest(index.manifest, await fragmentOf(index.manifest, change, files)))
}

/** What a change writes. */
export async function fragmentOf(
  manifest: Manifest,
  { segment, deleted = {} }: TinyChange,
  files: Map<string, Uint8Array>,
): Promise<IndexFragment> {
  const writer = new IndexWriter(sinkOf(files), { partBytes: segment?.partBytes, extends: manifest })
  if (segment) {
    const shape = rowShapeOf(manifest.dim, manifest.quantisers[0]!)
    await appendSegment(writer.segment(0), segment, shape, seededBytes(segment.seed ?? manifest.generation + 1))
  }
  for (const [number, pids] of Object.entries(deleted)) {
    const { passages } = manifest.segments[Number(number)] ?? { passages: 1 }
    await writer.appendTombstones(Number(number), Uint32Array.from(pids), passages)
  }
  return writer.finish()
}

function sinkOf(files: Map<string, Uint8Array>): IndexSink {
  return { write: async (name, bytes) => void files.set(name, bytes) }
}

function withManifest(files: Map<string, Uint8Array>, manifest: Manifest): TinyIndex {
  files.set(MANIFEST_NAME, encodeManifest(manifest))
  return { files, manifest }
}

async function appendSegment(
  writer: SegmentWriter,
  { lengths, ids = lengths.map((_, pid) => `p${(pid * 7919) % 1000}/${pid}`), texts = true, extra }: TinySegment,
  shape: RowShape,
  next: () => number,
): Promise<void> {
  const lists: Set<number>[] = Array.from({ length: shape.centroids }, () => new Set())
  for (const [pid, tokens] of lengths.entries()) await writer.appendRows(rowBlock(pid, tokens, shape, lists, next), 1)
  const postings = encodePostings(lists)
  await writer.appendTables({
    passageLengths: Uint16Array.from(lengths),
    postingOffsets: postings.offsets,
    postings: postings.bytes,
    ids,
  })
  if (texts) await writer.appendTexts(await textBlocks(lengths.length))
  await extra?.(writer)
}

function rowBlock(
  pid: number,
  tokens: number,
  shape: RowShape,
  lists: readonly Set<number>[],
  next: () => number,
): Uint8Array {
  const codes = Uint32Array.from({ length: tokens }, () => next() % lists.length)
  for (const code of codes) lists[code]!.add(pid)
  const inverseNorms = Uint8Array.from({ length: tokens }, next)
  const residuals = Uint8Array.from({ length: tokens * residualBytesOf(shape.dim, shape.nbits) }, next)
  return encodeRowBlocks({ codes, inverseNorms, residuals }, [tokens], shape)
}

function encodePostings(lists: readonly Set<number>[]): { offsets: Uint32Array; bytes: Uint8Array<ArrayBuffer> } {
  const encoded = lists.map((list) => encodePostingList([...list].sort((a, b) => a - b)))
  const offsets = new Uint32Array(lists.length + 1)
  for (const [cell, { length }] of encoded.entries()) offsets[cell + 1] = offsets[cell]! + length
  return { offsets, bytes: new Uint8Array(Buffer.concat(encoded)) }
}

async function textBlocks(passages: number) {
  const encoder = new TextBlockEncoder()
  const blocks = []
  for (let pid = 0; pid < passages; pid++) {
    const metadata = pid % 2 ? { path: `a/${pid}.md`, page: pid } : undefined
    const block = await encoder.add({ title: `Title ${pid}`, text: `Text of passage ${pid}. `.repeat(20), metadata })
    if (block) blocks.push(block)
  }
  const last = await encoder.end()
  if (last) blocks.push(last)
  return blocks.map(({ entry, bytes }) => ({ entry, read: async () => bytes }))
}
