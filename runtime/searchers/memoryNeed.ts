/**
 * How much memory an index needs, from its manifest alone: what decides between the pipelines before anything is loaded. Follows what
 * the pipelines allocate, in their order, so it changes with them.
 */
import { PIECE_BYTES, READS_AT_ONCE } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import { codeBytesOf } from '../../format/items/rowBlock.ts'
import { ENTRY_BYTES, TextDirectory } from '../../format/items/textBlocks.ts'
import { type Manifest, quantiserOf, type SegmentEntry, sectionBytes } from '../../format/manifest/manifest.ts'
import { openedSections } from '../../format/manifest/sections.ts'
import { allocatedBytes, PAGE_BYTES } from '../kernels/arena.ts'
import { type QueryShape, queryLengths, type SegmentShape, segmentLengths } from '../kernels/blocks.ts'
import { CHECKSUM_BYTES } from '../kernels/checksum.ts'
import { bitmapBytes } from '../kernels/kernels.ts'
import { QUERY_BLOCK_BYTES, SEGMENT_BLOCK_BYTES } from '../kernels/layout.ts'
import { idBytesKept } from '../passages/rangePassages.ts'
import { SampledOffsets } from '../passages/sampledOffsets.ts'
import { quantiserLengths } from '../search/quantiserPlacement.ts'
import { LIST_SHARE } from '../search/range/rangeParameters.ts'
import { SLAB_CELLS, slabLengths } from '../search/range/rangeQuantiser.ts'
import { rescoreBytes } from '../search/range/rescoreBlocks.ts'
import { ScoreTable } from '../search/range/scoreTable.ts'
import type { PipelineName } from './pipeline.ts'

export interface MemoryNeed {
  /** WebAssembly memory, which never shrinks: the most of it that is ever in use. */
  readonly wasmBytes: number
  /** Typed arrays, and objects made of them, that stay for as long as the searcher. */
  readonly arrayBytes: number
  /** The same while it is opened, at most. */
  readonly openingBytes: number
  /** Typed arrays that queries share and that grow with what they find, at most. */
  readonly sharedBytes: number
  /** The most there is at one time, before the first query. */
  readonly totalBytes: number
}

/** Rows of the query that is reckoned with where the index does not say. Others need a little more or less: 3 bytes a centroid and row. */
const QUERY_ROWS = 32
/** A deleted pid in a `Set`, about. */
const DELETED_BYTES = 40
/** A candidate's pid and score. */
const CANDIDATE_BYTES = 8

/** Everything a query touches is in WebAssembly memory, ids and the directory of texts beside it. */
export function residentNeed(manifest: Manifest): MemoryNeed {
  const { dim, quantisers, segments } = manifest
  const rows = queryRows(manifest)
  const queries = sum(
    quantisers.map(({ centroids, codec }) => queryBytes({ dim, nbits: codec.nbits, rows }, centroids)),
  )
  const placed = segments.map((segment) => placedSegment(manifest, segment))
  let used =
    CHECKSUM_BYTES +
    sum(quantisers.map(({ centroids }) => allocatedBytes(quantiserLengths(dim, centroids)))) +
    sum(placed.map(({ reserved }) => reserved))
  let wasmBytes = used
  // All of a segment's codes are there for a time, until the distinct ones of each passage are known.
  for (const { codes, distinctCodes } of placed) {
    wasmBytes = Math.max(wasmBytes, used + codes)
    used += distinctCodes
  }
  wasmBytes = Math.max(wasmBytes, used + queries + sum(placed.map(({ query }) => query)))
  const arrayBytes = sum(
    segments.map(
      (segment) =>
        IdTable.bytes(segment.passages, sectionBytes(segment, 'ids')) +
        TextDirectory.bytes(textBlocks(segment)) +
        findableBytes(segment),
    ),
  )
  const dropped = (['passageLengths', 'tombstones', 'textBlocks'] as const).map((name) => allOf(segments, name))
  return total({ wasmBytes, arrayBytes, sharedBytes: 0, openingBytes: arrayBytes + sum(dropped) }, manifest, 'resident')
}

/** What a segment takes of WebAssembly memory. What it shares with others of its quantiser is counted there, once. */
function placedSegment(manifest: Manifest, segment: SegmentEntry) {
  const { dim } = manifest
  const { centroids: centroidCount, codec } = quantiserOf(manifest, segment)
  const shape: SegmentShape = {
    ...{ dim, nbits: codec.nbits, centroidCount, distinctCount: 0 },
    ...{ passageCount: segment.passages, tokenCount: segment.tokens },
    postingsLength: sectionBytes(segment, 'postings'),
  }
  const { centroids, centroidScales, weights, inverseNorms, fineValues, ...own } = segmentLengths(shape)
  const bitmap = bitmapBytes(segment.passages)
  const codeBytes = codeBytesOf(centroidCount)
  return {
    reserved: allocatedBytes([...Object.values(own), SEGMENT_BLOCK_BYTES, bitmap]),
    codes: allocatedBytes([segment.tokens * codeBytes, centroidCount * 4]),
    // A posting is a distinct code of a passage, and takes at least a byte.
    distinctCodes: allocatedBytes([Math.min(segment.tokens, shape.postingsLength) * codeBytes]),
    // Bitmaps of the lists gathered and of a filter, and the candidates.
    query: 2 * bitmap + segment.passages * CANDIDATE_BYTES,
  }
}

/** Only tables are kept; `queryBytesMax` is what a query may read, of which row blocks are rescored in WebAssembly memory. */
export function rangeNeed(manifest: Manifest, queryBytesMax: number): MemoryNeed {
  const { dim, quantisers, segments } = manifest
  const rows = queryRows(manifest)
  const tables = quantisers.map(({ centroids }) =>
    allocatedBytes([...quantiserLengths(dim, centroids), ...slabLengths(centroids)]),
  )
  // Quantisers are scored, and their blocks rescored, one after another.
  const queries = quantisers.map(({ centroids, codec: { nbits } }) => {
    const rescored = rescoreBytes({ dim, nbits, centroids }, queryBytesMax)
    const slab = queryBytes({ dim, nbits, rows }, Math.min(centroids, SLAB_CELLS))
    return Math.max(slab, rescored.bytes + queryBytes({ dim, nbits, rows }, rescored.cells))
  })
  const arrayBytes = sum(
    segments.map(
      (segment) =>
        sectionBytes(segment, 'postingOffsets') +
        SampledOffsets.bytes(segment.passages) +
        idBytesKept(segment.passages, sectionBytes(segment, 'ids')) +
        TextDirectory.bytes(textBlocks(segment)) +
        findableBytes(segment),
    ),
  )
  // A posting takes at least a byte, and passages of all segments stand in one table.
  const listed = Math.min(sum(segments.map(({ passages }) => passages)), queryBytesMax * LIST_SHARE)
  return total(
    {
      wasmBytes: CHECKSUM_BYTES + sum(tables) + Math.max(0, ...queries),
      arrayBytes,
      sharedBytes: ScoreTable.bytes(listed, rows),
      openingBytes: arrayBytes + allOf(segments, 'idOffsets') + allOf(segments, 'tombstones'),
    },
    manifest,
    'range',
  )
}

/** Which passages can be found. */
function findableBytes({ passages, deleted }: SegmentEntry): number {
  return bitmapBytes(passages) + deleted * DELETED_BYTES
}

function queryRows({ encoder }: Manifest): number {
  return encoder?.queryLength ?? QUERY_ROWS
}

/** Regions of a query over so many centroids, and the marks of its cells. */
function queryBytes(query: Omit<QueryShape, 'centroidCount'>, centroidCount: number): number {
  return allocatedBytes([...Object.values(queryLengths({ ...query, centroidCount })), QUERY_BLOCK_BYTES, centroidCount])
}

function textBlocks(segment: SegmentEntry): number {
  return sectionBytes(segment, 'textBlocks') / ENTRY_BYTES
}

function total(
  need: Omit<MemoryNeed, 'totalBytes'>,
  { quantisers, segments }: Manifest,
  pipeline: PipelineName,
): MemoryNeed {
  const opened = [
    ...openedSections(pipeline, 'quantiser').map((name) => allOf(quantisers, name)),
    ...openedSections(pipeline, 'segment').map((name) => allOf(segments, name)),
  ]
  const wasmBytes = Math.ceil(need.wasmBytes / PAGE_BYTES) * PAGE_BYTES
  // Pieces of sections under way.
  const openingBytes = need.openingBytes + Math.min(READS_AT_ONCE * PIECE_BYTES, sum(opened))
  return { ...need, wasmBytes, openingBytes, totalBytes: wasmBytes + openingBytes }
}

function allOf(
  owners: readonly Parameters<typeof sectionBytes>[0][],
  name: Parameters<typeof sectionBytes>[1],
): number {
  return sum(owners.map((owner) => sectionBytes(owner, name)))
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
