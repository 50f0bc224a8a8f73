/**
 * How much memory an index needs, from its manifest alone: what decides between the pipelines before anything is loaded. Follows the
 * shapes of the regions that the pipelines allocate (kernels/blocks.ts), so it changes with them.
 */

import { codeBytesOf } from '../../format/items/rowBlock.ts'
import type { Manifest, SectionName, SegmentEntry } from '../../format/manifest/manifest.ts'
import { type QueryShape, queryLengths, type SegmentShape, segmentLengths } from '../kernels/blocks.ts'
import { CRC_TABLES_BYTES, SEGMENT_BLOCK_BYTES } from '../kernels/layout.ts'
import { idBytesKept } from '../passages/rangePassages.ts'
import { SampledOffsets } from '../passages/sampledOffsets.ts'
import { LIST_SHARE } from '../search/range/rangeParameters.ts'
import { SLAB_CELLS } from '../search/range/rangeSegment.ts'
import { rescoreBytes } from '../search/range/rescoreBlocks.ts'
import { ScoreTable } from '../search/range/scoreLists.ts'

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
/** Pieces of a section that are read at a time (format/indexReader.ts). */
const PIECES_BYTES = 3 * 2 ** 20
/** An entry of the directory of texts as a JavaScript object, with its two offsets. */
const TEXT_ENTRY_BYTES = 88
const PAGE_BYTES = 65_536

/** Everything a query touches is in WebAssembly memory, ids and the directory of texts beside it. */
export function residentNeed({ dim, segments }: Manifest): MemoryNeed {
  const placed = segments.map((segment) => {
    const shape = shapeOf(segment, dim)
    const codeBytes = codeBytesOf(segment.centroids)
    const { rows: _, postings: __, ...small } = segmentLengths(shape)
    return {
      // A posting is a distinct code of a passage, and takes at least a byte.
      bytes: sum(aligned(segmentLengths(shape))) + Math.min(shape.tokenCount, shape.postingsLength) * codeBytes,
      // All codes are there for a time, until the distinct ones of each passage are known.
      placing: shape.tokenCount * codeBytes + shape.centroidCount * 4 + shape.passageCount / 8,
      // Bitmap, pids and scores of candidates.
      query: queryBytes(shape, shape.centroidCount) + shape.passageCount / 8 + shape.passageCount * 8,
      // What is copied into WebAssembly memory from arrays that are whole; rows and postings are loaded straight.
      opening: sum(Object.values(small)) + PIECES_BYTES,
      arrays: (segment.passages * 2 + 1) * 4 + lengthOf(segment, 'ids') + textEntries(segment) * TEXT_ENTRY_BYTES,
    }
  })
  const transient = Math.max(0, ...placed.map(({ placing, query }) => Math.max(placing, query)))
  return total({
    wasmBytes: CHECKSUM_BYTES + sum(placed.map(({ bytes }) => bytes)) + transient,
    arrayBytes: sum(placed.map(({ arrays }) => arrays)),
    openingBytes: Math.max(0, ...placed.map(({ opening }) => opening)),
    sharedBytes: 0,
  })
}

/** Only tables are kept; `bytesMax` is what a query may read, of which row blocks are rescored in WebAssembly memory. */
export function rangeNeed({ dim, segments }: Manifest, bytesMax: number): MemoryNeed {
  const placed = segments.map((segment) => {
    const shape = shapeOf(segment, dim)
    const { centroids, centroidScales, weights, inverseNorms } = segmentLengths(shape)
    const slabs = Math.ceil(shape.centroidCount / SLAB_CELLS)
    const slabCells = Math.min(shape.centroidCount, SLAB_CELLS)
    const small = [weights, inverseNorms, 4096, slabs * SEGMENT_BLOCK_BYTES, (slabCells + 1) * 4]
    const tables = [centroids, centroidScales, ...small]
    const rescored = rescoreBytes({ entry: segment, dim }, bytesMax)
    return {
      bytes: sum(aligned(tables)),
      query: Math.max(queryBytes(shape, slabCells), rescored.bytes + queryBytes(shape, rescored.cells)),
      arrays:
        (segment.centroids + 1) * 4 +
        SampledOffsets.bytes(segment.passages) +
        idBytesKept(segment.passages, lengthOf(segment, 'ids')) +
        textEntries(segment) * TEXT_ENTRY_BYTES,
    }
  })
  return total({
    wasmBytes:
      CHECKSUM_BYTES + sum(placed.map(({ bytes }) => bytes)) + Math.max(0, ...placed.map(({ query }) => query)),
    arrayBytes: sum(placed.map(({ arrays }) => arrays)),
    // Sections come side by side while what is kept of them is there already; offsets of ids are read whole and dropped.
    // A posting takes at least a byte.
    sharedBytes: Math.max(
      0,
      ...segments.map(({ passages }) => ScoreTable.bytes(Math.min(passages, bytesMax * LIST_SHARE), QUERY_ROWS)),
    ),
    openingBytes:
      sum(placed.map(({ arrays }) => arrays)) + Math.max(0, ...segments.map((segment) => piecesOf(segment))),
  })
}

/** Sections that the range pipeline reads side by side when it opens a segment. */
export const OPENED_SECTIONS: readonly SectionName[] = [
  'centroids',
  'centroidScales',
  'passageLengths',
  'postingOffsets',
  'idOffsets',
  'ids',
]

function piecesOf(segment: SegmentEntry): number {
  const pieces = sum(OPENED_SECTIONS.map((name) => Math.min(PIECES_BYTES, lengthOf(segment, name))))
  return pieces + lengthOf(segment, 'idOffsets')
}

function shapeOf(segment: SegmentEntry, dim: number): SegmentShape {
  return {
    dim,
    nbits: segment.codec.nbits,
    centroidCount: segment.centroids,
    passageCount: segment.passages,
    tokenCount: segment.tokens,
    postingsLength: lengthOf(segment, 'postings'),
    distinctCount: 0,
  }
}

/** Regions of a query over so many centroids, and the marks of its cells. */
function queryBytes({ dim, nbits }: SegmentShape, centroidCount: number): number {
  const shape: QueryShape = { dim, nbits, rows: QUERY_ROWS, centroidCount }
  return sum(aligned(queryLengths(shape))) + centroidCount
}

function lengthOf(segment: SegmentEntry, name: SectionName): number {
  const chunks = segment.sections.find((section) => section.name === name)?.chunks ?? []
  return sum(chunks.map(({ length }) => length))
}

function textEntries(segment: SegmentEntry): number {
  return lengthOf(segment, 'textBlocks') / 16
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
