/**
 * How much memory an index needs, from its manifest alone: what decides between the pipelines before anything is loaded. Follows the
 * shapes of the regions that the pipelines allocate (kernels/blocks.ts), so it changes with them.
 */
import { PIECE_BYTES, READS_AT_ONCE } from '../../format/indexReader.ts'
import { codeBytesOf } from '../../format/items/rowBlock.ts'
import { ENTRY_BYTES } from '../../format/items/textBlocks.ts'
import { type Manifest, quantiserOf, type SegmentEntry, sectionBytes } from '../../format/manifest/manifest.ts'
import { openedSections } from '../../format/manifest/sections.ts'
import { type QueryShape, queryLengths, type SegmentShape, segmentLengths } from '../kernels/blocks.ts'
import { bitmapBytes } from '../kernels/kernels.ts'
import { CRC_TABLES_BYTES, SEGMENT_BLOCK_BYTES } from '../kernels/layout.ts'
import { idBytesKept } from '../passages/rangePassages.ts'
import { SampledOffsets } from '../passages/sampledOffsets.ts'
import { quantiserLengths } from '../search/quantiserPlacement.ts'
import { LIST_SHARE } from '../search/range/rangeParameters.ts'
import { SLAB_CELLS, slabLengths } from '../search/range/rangeQuantiser.ts'
import { rescoreBytes } from '../search/range/rescoreBlocks.ts'
import { ScoreTable } from '../search/range/scoreTable.ts'

export interface MemoryNeed {
  /** WebAssembly memory, which never shrinks: the most of it that is ever in use. */
  readonly wasmBytes: number
  /** Typed arrays that stay for as long as the searcher. */
  readonly arrayBytes: number
  /** Typed arrays that are there for a time while it is opened, at most. */
  readonly openingBytes: number
  /** Typed arrays that queries share and that grow with what they find, at most. */
  readonly sharedBytes: number
  /** The most there is at one time, before the first query. */
  readonly totalBytes: number
}

/** What createChecksum keeps (kernels/checksum.ts): its tables and the piece it copies bytes through. */
const CHECKSUM_BYTES = CRC_TABLES_BYTES + 64 * 1024
/** Rows of the query that is reckoned with. Others need a little more or less: 3 bytes a centroid and row. */
const QUERY_ROWS = 32
/** Pieces of sections that are read at a time. */
const PIECES_BYTES = READS_AT_ONCE * PIECE_BYTES
/** An entry of the directory of texts as a JavaScript object, with its two offsets. */
const TEXT_ENTRY_BYTES = 88
const PAGE_BYTES = 65_536

/** Everything a query touches is in WebAssembly memory, ids and the directory of texts beside it. */
export function residentNeed(manifest: Manifest): MemoryNeed {
  const { dim, quantisers, segments } = manifest
  const placed = segments.map((segment) => {
    const shape = shapeOf(manifest, segment)
    const codeBytes = codeBytesOf(shape.centroidCount)
    // What a segment shares with others of its quantiser is counted once, below.
    const { centroids, centroidScales, weights, inverseNorms, fineValues, ...own } = segmentLengths(shape)
    return {
      // A posting is a distinct code of a passage, and takes at least a byte.
      bytes:
        sum(aligned([...Object.values(own), SEGMENT_BLOCK_BYTES, bitmapBytes(shape.passageCount)])) +
        Math.min(shape.tokenCount, shape.postingsLength) * codeBytes,
      // All codes are there for a time, until the distinct ones of each passage are known.
      placing: shape.tokenCount * codeBytes + shape.centroidCount * 4 + shape.passageCount / 8,
      // Two bitmaps, pids and scores of candidates.
      query: (shape.passageCount / 8) * 2 + shape.passageCount * 8,
      passageLengths: segment.passages * 2,
      // Ids, the directory of texts, and the bitmap of what can be found.
      arrays:
        (segment.passages * 2 + 1) * 4 +
        sectionBytes(segment, 'ids') +
        textEntries(segment) * TEXT_ENTRY_BYTES +
        bitmapBytes(segment.passages),
    }
  })
  const shared = quantisers.map(({ centroids }) => sum(aligned(quantiserLengths(dim, centroids))))
  const queries = quantisers.map(({ centroids, codec }) => queryBytes({ dim, nbits: codec.nbits }, centroids))
  const transient = Math.max(
    0,
    ...placed.map(({ placing }) => placing),
    sum(queries) + sum(placed.map(({ query }) => query)),
  )
  const arrayBytes = sum(placed.map(({ arrays }) => arrays))
  return total({
    wasmBytes: CHECKSUM_BYTES + sum(shared) + sum(placed.map(({ bytes }) => bytes)) + transient,
    arrayBytes,
    // What is copied into WebAssembly memory from arrays that are whole; the rest is loaded straight.
    openingBytes: arrayBytes + sum(placed.map(({ passageLengths }) => passageLengths)) + PIECES_BYTES,
    sharedBytes: 0,
  })
}

/** Only tables are kept; `bytesMax` is what a query may read, of which row blocks are rescored in WebAssembly memory. */
export function rangeNeed({ dim, quantisers, segments }: Manifest, bytesMax: number): MemoryNeed {
  const placed = quantisers.map(({ centroids, codec: { nbits } }) => {
    const rescored = rescoreBytes({ dim, nbits, centroids }, bytesMax)
    const slab = queryBytes({ dim, nbits }, Math.min(centroids, SLAB_CELLS))
    return {
      bytes: sum(aligned([...quantiserLengths(dim, centroids), ...slabLengths(centroids)])),
      query: Math.max(slab, rescored.bytes + queryBytes({ dim, nbits }, rescored.cells)),
    }
  })
  const arrays = segments.map(
    (segment) =>
      sectionBytes(segment, 'postingOffsets') +
      SampledOffsets.bytes(segment.passages) +
      bitmapBytes(segment.passages) +
      idBytesKept(segment.passages, sectionBytes(segment, 'ids')) +
      textEntries(segment) * TEXT_ENTRY_BYTES,
  )
  return total({
    wasmBytes:
      CHECKSUM_BYTES + sum(placed.map(({ bytes }) => bytes)) + Math.max(0, ...placed.map(({ query }) => query)),
    arrayBytes: sum(arrays),
    // A posting takes at least a byte.
    sharedBytes: Math.max(
      0,
      ...segments.map(({ passages }) => ScoreTable.bytes(Math.min(passages, bytesMax * LIST_SHARE), QUERY_ROWS)),
    ),
    // Sections come side by side while what is kept of them is there already; offsets of ids are read whole and dropped.
    openingBytes:
      sum(arrays) +
      sum(segments.map((segment) => sectionBytes(segment, 'idOffsets'))) +
      Math.min(PIECES_BYTES, sum(segments.map((segment) => openedBytes(segment)))),
  })
}

function openedBytes(segment: SegmentEntry): number {
  return sum(openedSections('range', 'segment').map((name) => sectionBytes(segment, name)))
}

function shapeOf(manifest: Manifest, segment: SegmentEntry): SegmentShape {
  const { centroids, codec } = quantiserOf(manifest, segment)
  return {
    dim: manifest.dim,
    nbits: codec.nbits,
    centroidCount: centroids,
    passageCount: segment.passages,
    tokenCount: segment.tokens,
    postingsLength: sectionBytes(segment, 'postings'),
    distinctCount: 0,
  }
}

/** Regions of a query over so many centroids, and the marks of its cells. */
function queryBytes({ dim, nbits }: Pick<SegmentShape, 'dim' | 'nbits'>, centroidCount: number): number {
  const shape: QueryShape = { dim, nbits, rows: QUERY_ROWS, centroidCount }
  return sum(aligned(queryLengths(shape))) + centroidCount
}

function textEntries(segment: SegmentEntry): number {
  return sectionBytes(segment, 'textBlocks') / ENTRY_BYTES
}

function total(need: Omit<MemoryNeed, 'totalBytes'>): MemoryNeed {
  const wasmBytes = Math.ceil(need.wasmBytes / PAGE_BYTES) * PAGE_BYTES
  return { ...need, wasmBytes, totalBytes: wasmBytes + Math.max(need.arrayBytes, need.openingBytes) }
}

/** Regions start on cache lines (kernels/arena.ts). */
function aligned(lengths: Readonly<Record<string, number>> | readonly number[]): readonly number[] {
  return Object.values(lengths).map((length) => Math.ceil(length / 64) * 64)
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0)
}
