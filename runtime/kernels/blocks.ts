/**
 * The segment block and the query block: where in memory a kernel finds what it reads. Written once after checking that
 * every region is inside memory and aligned; kernels trust a block, and only this file makes one.
 */
import { codeBytesOf, rowBlocksBytes } from '../../format/items/rowBlock.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import * as layout from './layout.ts'
import { paddedRows } from './quantise.ts'
import { tableBytes } from './units.ts'

/** Addresses of a segment's sections; lengths and alignment as in layout.ts. */
export interface SegmentRegions {
  readonly dim: number
  readonly nbits: Nbits
  readonly centroidCount: number
  readonly passageCount: number
  readonly tokenCount: number
  readonly postingsLength: number
  /** Distinct codes of all passages, each passage's counted by itself; 0 until they are known. */
  readonly distinctCount: number
  readonly centroids: number
  readonly centroidScales: number
  readonly weights: number
  readonly inverseNorms: number
  readonly tokenStarts: number
  /** Followed by at least ROWS_PADDING_BYTES of readable memory. */
  readonly rows: number
  readonly postingOffsets: number
  readonly postings: number
  readonly cellStarts: number
  readonly cells: number
  readonly fineValues: number
  /** Not an address: SEGMENT_FINE_SCALE itself. */
  readonly fineScale: number
}

/** Addresses of a query's inputs and of what the kernels compute for it. */
export interface QueryRegions {
  readonly dim: number
  readonly nbits: Nbits
  readonly rows: number
  readonly centroidCount: number
  readonly pairs: number
  readonly values: number
  readonly numbers: number
  readonly cellScores: number
  readonly cellBytes: number
  readonly survives: number
  readonly tables: number
  readonly scratch: number
  readonly finePairs: number
}

/** A segment whose block is written at `address`. */
export interface SegmentBlock extends SegmentRegions {
  readonly address: number
}

/** A query whose block is written at `address`. */
export interface QueryBlock extends QueryRegions {
  readonly address: number
}

/** Kernels may read this much after the rows section: residual bytes are read four at a time. */
export const ROWS_PADDING_BYTES = 16

/** Bytes of every region of a segment, in the order of SegmentRegions. */
export function segmentLengths(shape: SegmentShape): Record<SegmentPointer, number> {
  const { dim, nbits, centroidCount, passageCount, tokenCount } = shape
  const rowsLength = rowBlocksBytes(passageCount, tokenCount, { dim, nbits, centroids: centroidCount })
  return {
    centroids: centroidCount * dim,
    centroidScales: centroidCount * 4,
    weights: 16,
    inverseNorms: 512,
    tokenStarts: (passageCount + 1) * 4,
    rows: rowsLength + ROWS_PADDING_BYTES,
    postingOffsets: (centroidCount + 1) * 4,
    postings: shape.postingsLength,
    cellStarts: (passageCount + 1) * 4,
    // One more than there are: distinctCells writes each code before it knows whether it is new.
    cells: (shape.distinctCount + 1) * codeBytesOf(centroidCount),
    fineValues: (256 * 8 * 2) / nbits,
  }
}

/** Bytes of every region of a query, in the order of QueryRegions. */
export function queryLengths({ dim, nbits, rows, centroidCount }: QueryShape): Record<QueryPointer, number> {
  const rowsPadded = paddedRows(rows)
  return {
    pairs: dim * rowsPadded * 2,
    values: dim * rowsPadded * 4,
    numbers: rowsPadded * layout.NUMBERS_BYTES,
    cellScores: centroidCount * rowsPadded * 2,
    cellBytes: centroidCount * rowsPadded,
    survives: centroidCount,
    tables: tableBytes(dim, nbits),
    scratch: layout.SCRATCH_BYTES,
    finePairs: dim * rowsPadded * 2,
  }
}

/** What the lengths of the regions follow from. */
export type SegmentShape = Omit<SegmentRegions, SegmentPointer | 'fineScale'>
export type QueryShape = Omit<QueryRegions, QueryPointer>
export type SegmentPointer = keyof typeof segmentAlignments
export type QueryPointer = keyof typeof queryAlignments

const segmentAlignments = {
  centroids: 1,
  centroidScales: 4,
  weights: 1,
  inverseNorms: 2,
  tokenStarts: 4,
  rows: 1,
  postingOffsets: 4,
  postings: 1,
  cellStarts: 4,
  cells: 2,
  fineValues: 16,
} as const

const queryAlignments = {
  pairs: 16,
  values: 16,
  numbers: 16,
  cellScores: 16,
  cellBytes: 16,
  survives: 1,
  tables: 16,
  scratch: 16,
  finePairs: 16,
} as const

/**
 * @param address - of SEGMENT_BLOCK_BYTES bytes
 * @throws RangeError when a region is not in memory or not aligned: a bug of the caller
 */
export function writeSegmentBlock(memory: WebAssembly.Memory, address: number, regions: SegmentRegions): SegmentBlock {
  requireRegion(memory, 'segment block', address, layout.SEGMENT_BLOCK_BYTES, 16)
  const lengths = segmentLengths(regions)
  for (const [name, alignment] of entriesOf(segmentAlignments)) {
    requireRegion(memory, name, regions[name], lengths[name], alignment)
  }
  const view = new DataView(memory.buffer, address, layout.SEGMENT_BLOCK_BYTES)
  const put = (offset: number, value: number) => view.setUint32(offset, value, true)
  put(layout.SEGMENT_DIM, regions.dim)
  put(layout.SEGMENT_NBITS, regions.nbits)
  put(layout.SEGMENT_CODE_BYTES, codeBytesOf(regions.centroidCount))
  put(layout.SEGMENT_CENTROID_COUNT, regions.centroidCount)
  put(layout.SEGMENT_PASSAGE_COUNT, regions.passageCount)
  put(layout.SEGMENT_CENTROIDS, regions.centroids)
  put(layout.SEGMENT_CENTROID_SCALES, regions.centroidScales)
  put(layout.SEGMENT_WEIGHTS, regions.weights)
  put(layout.SEGMENT_INVERSE_NORMS, regions.inverseNorms)
  put(layout.SEGMENT_TOKEN_STARTS, regions.tokenStarts)
  put(layout.SEGMENT_ROWS, regions.rows)
  put(layout.SEGMENT_POSTING_OFFSETS, regions.postingOffsets)
  put(layout.SEGMENT_POSTINGS, regions.postings)
  put(layout.SEGMENT_POSTINGS_LENGTH, regions.postingsLength)
  put(layout.SEGMENT_CELL_STARTS, regions.cellStarts)
  put(layout.SEGMENT_CELLS, regions.cells)
  put(layout.SEGMENT_FINE_VALUES, regions.fineValues)
  view.setFloat32(layout.SEGMENT_FINE_SCALE, regions.fineScale, true)
  return { ...regions, address }
}

/**
 * @param address - of QUERY_BLOCK_BYTES bytes
 * @throws RangeError when a region is not in memory or not aligned: a bug of the caller
 */
export function writeQueryBlock(memory: WebAssembly.Memory, address: number, regions: QueryRegions): QueryBlock {
  requireRegion(memory, 'query block', address, layout.QUERY_BLOCK_BYTES, 16)
  const lengths = queryLengths(regions)
  for (const [name, alignment] of entriesOf(queryAlignments)) {
    requireRegion(memory, name, regions[name], lengths[name], alignment)
  }
  const view = new DataView(memory.buffer, address, layout.QUERY_BLOCK_BYTES)
  const put = (offset: number, value: number) => view.setUint32(offset, value, true)
  put(layout.QUERY_ROWS, regions.rows)
  put(layout.QUERY_ROWS_PADDED, paddedRows(regions.rows))
  put(layout.QUERY_PAIRS, regions.pairs)
  put(layout.QUERY_VALUES, regions.values)
  put(layout.QUERY_NUMBERS, regions.numbers)
  put(layout.QUERY_CELL_SCORES, regions.cellScores)
  put(layout.QUERY_CELL_BYTES, regions.cellBytes)
  put(layout.QUERY_SURVIVES, regions.survives)
  put(layout.QUERY_TABLES, regions.tables)
  put(layout.QUERY_SCRATCH, regions.scratch)
  put(layout.QUERY_FINE_PAIRS, regions.finePairs)
  return { ...regions, address }
}

/** @throws RangeError when `[address, address + length)` is not inside memory or not aligned */
export function requireRegion(
  memory: WebAssembly.Memory,
  name: string,
  address: number,
  length: number,
  alignment: number,
): void {
  const size = memory.buffer.byteLength
  const inside = Number.isInteger(address) && address >= 0 && length >= 0 && address + length <= size
  if (!inside || address % alignment !== 0) {
    throw new RangeError(
      `kernel region "${name}": expected [address, address + ${length}) inside ${size} bytes, aligned to ${alignment}, got ${address}`,
    )
  }
}

function entriesOf<Name extends string>(record: Readonly<Record<Name, number>>): [Name, number][] {
  return Object.entries(record) as [Name, number][]
}
