/** From sections to WebAssembly memory: lays a segment out, copies or loads it in, and checks all of it. */
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import { requirePostingOffsets } from '../../../format/items/postingList.ts'
import { codeBytesOf, rowBlocksBytes, rowShapeOf } from '../../../format/items/rowBlock.ts'
import { CENTROIDS_MAX, DIM_MAX, DIM_MIN, DIM_MULTIPLE, PASSAGES_MAX } from '../../../format/limits.ts'
import type { SegmentData } from '../../../format/manifest/segment.ts'
import type { ByteLoader } from '../../../format/rangeReader.ts'
import {
  ROWS_PADDING_BYTES,
  type SegmentBlock,
  type SegmentPointer,
  type SegmentShape,
  segmentLengths,
} from '../../kernels/blocks.ts'
import { placeCrcTables } from '../../kernels/checksum.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { SEGMENT_BLOCK_BYTES } from '../../kernels/layout.ts'
import { inverseNormTable, MAGNITUDE_MAX, weightTable } from '../../kernels/quantise.ts'
import { type SegmentScales, segmentScales } from '../../kernels/units.ts'
import { gatherLists, placeBitmap } from '../gather.ts'

/**
 * A segment's sections as they are read. `rows` and `postings` may be loaded straight to where they belong, so that no second
 * copy of the large sections is ever needed; their lengths follow from passageLengths and postingOffsets. A SegmentData is one, too.
 */
export interface SegmentSource extends Omit<SegmentData, 'rows' | 'postings'> {
  readonly rows: Uint8Array | ByteLoader
  readonly postings: Uint8Array | ByteLoader
}

export interface PlacedSegment {
  readonly block: SegmentBlock
  readonly scales: SegmentScales
}

/**
 * @param verifyBlocks - compare row blocks and posting lists with their own CRCs, too
 * @throws FormatError, ChecksumError as createResidentSegment; what was allocated is then given back
 */
export async function placeSegment(
  source: SegmentSource,
  kernels: Kernels,
  verifyBlocks: boolean,
): Promise<PlacedSegment> {
  requireCodec(source)
  requireCentroids(source)
  const shape = shapeOf(source)
  const tables = segmentTables(source)
  const { arena } = kernels
  const start = arena.top
  const lengths = segmentLengths(shape)
  requireLength('rows', source.rows, lengths.rows - ROWS_PADDING_BYTES)
  requireLength('postings', source.postings, lengths.postings)
  // All of it at once and before the first await: what others allocate meanwhile then lies above.
  const addresses = {} as Record<SegmentPointer, number>
  for (const [name, length] of Object.entries(lengths) as [SegmentPointer, number][]) {
    addresses[name] = arena.allocate(length)
  }
  const blockAddress = arena.allocate(SEGMENT_BLOCK_BYTES)
  let end = arena.top
  try {
    for (const [name, values] of Object.entries(tables.sections) as [keyof typeof tables.sections, ArrayBufferView][]) {
      copyIn(kernels, addresses[name], new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    }
    await loadInto(kernels, addresses.rows, source.rows)
    await loadInto(kernels, addresses.postings, source.postings)
    const { fineScale } = tables.scales
    const unfinished = kernels.writeSegment(blockAddress, { ...shape, ...addresses, fineScale })
    if (verifyBlocks) requireBlocks(kernels, unfinished)
    const block = placeDistinctCells(kernels, unfinished)
    end = arena.top
    requirePostings(kernels, block, verifyBlocks)
    return { block, scales: tables.scales }
  } catch (error) {
    if (arena.top === end) arena.reset(start)
    throw error
  }
}

/**
 * The approximate stage reads distinct codes only. Room for all codes is taken at first, and given back but for what they need.
 * @throws FormatError on a code that is no centroid's
 */
function placeDistinctCells(kernels: Kernels, segment: SegmentBlock): SegmentBlock {
  const { arena } = kernels
  const codeBytes = codeBytesOf(segment.centroidCount)
  const { top } = arena
  try {
    const cells = arena.allocate((segment.tokenCount + 1) * codeBytes)
    const last = arena.allocate(segment.centroidCount * 4)
    const badCode = kernels.distinctCells(segment, { last, cells })
    if (badCode < segment.passageCount) {
      throw new FormatError('rows', `codes below ${segment.centroidCount}`, `a larger one in passage ${badCode}`)
    }
    const { buffer } = kernels.memory
    const distinctCount = new DataView(buffer).getUint32(segment.cellStarts + segment.passageCount * 4, true)
    arena.reset(top)
    const length = (distinctCount + 1) * codeBytes
    const kept = arena.allocate(length)
    // The same place, but for a memory of several runs.
    if (kept !== cells) new Uint8Array(buffer).copyWithin(kept, cells, cells + length)
    return kernels.writeSegment(segment.address, { ...segment, cells: kept, distinctCount })
  } catch (error) {
    arena.reset(top)
    throw error
  }
}

/** @throws FormatError when the kernels have no code for the shape, or values could overflow */
export function requireCodec({ dim, codec }: Pick<SegmentSource, 'dim' | 'codec'>): void {
  const { nbits, bucketWeights } = codec
  if (!(dim >= DIM_MIN && dim <= DIM_MAX && dim % DIM_MULTIPLE === 0)) {
    throw new FormatError('codec', `a dim that is a multiple of ${DIM_MULTIPLE} in [${DIM_MIN}, ${DIM_MAX}]`, dim)
  }
  if (![1, 2, 4].includes(nbits)) throw new FormatError('codec', 'nbits 1, 2 or 4', nbits)
  if (bucketWeights.length !== 2 ** nbits) {
    throw new FormatError('codec', `${2 ** nbits} bucket weights`, bucketWeights.length)
  }
  requireMagnitudes('codec', bucketWeights, -MAGNITUDE_MAX)
  requireMagnitudes('codec', inverseNormTable(codec), 0)
}

function requireCentroids({ dim, centroids, centroidScales }: SegmentSource): void {
  const count = centroidScales.length
  if (count < 1 || count > CENTROIDS_MAX) {
    throw new FormatError('centroidScales', `1 to ${CENTROIDS_MAX} centroids`, count)
  }
  if (centroids.length !== count * dim) {
    throw new FormatError('centroids', `${count} x ${dim} bytes`, centroids.length)
  }
  requireScales(centroidScales)
}

/** @throws FormatError */
export function requireScales(centroidScales: Float32Array): void {
  requireMagnitudes('centroidScales', centroidScales, 0)
}

/** Values in [min, MAGNITUDE_MAX]: then no score can overflow to infinity or NaN, and every comparison is sound. */
function requireMagnitudes(section: string, values: Float32Array, min: number): void {
  for (const value of values) {
    if (!(value >= min && value <= MAGNITUDE_MAX)) {
      throw new FormatError(section, `finite values in [${min}, ${MAGNITUDE_MAX}]`, value)
    }
  }
}

function shapeOf(source: SegmentSource): SegmentShape {
  const { dim, codec, centroidScales, passageLengths, postingOffsets } = source
  const centroidCount = centroidScales.length
  const passageCount = passageLengths.length
  if (passageCount > PASSAGES_MAX) throw new FormatError('passageLengths', `at most ${PASSAGES_MAX}`, passageCount)
  let tokenCount = 0
  for (const tokens of passageLengths) tokenCount += tokens
  if (rowBlocksBytes(passageCount, tokenCount, rowShapeOf(dim, { codec, centroids: centroidCount })) >= 2 ** 32) {
    throw new FormatError('passageLengths', 'rows of less than 4 GiB', `${tokenCount} tokens`)
  }
  if (postingOffsets.length !== centroidCount + 1) {
    throw new FormatError('postingOffsets', `${centroidCount + 1} offsets`, postingOffsets.length)
  }
  const postingsLength = postingOffsets.at(-1) ?? 0
  requirePostingOffsets(postingOffsets, postingsLength)
  return {
    dim,
    nbits: codec.nbits,
    centroidCount,
    passageCount,
    tokenCount,
    postingsLength,
    distinctCount: 0,
  }
}

/** The small sections, and the tables the kernels read in place of the codec. */
function segmentTables({ dim, codec, centroids, centroidScales, passageLengths, postingOffsets }: SegmentSource) {
  const scales = segmentScales(codec, dim, centroids, centroidScales)
  const tokenStarts = new Uint32Array(passageLengths.length + 1)
  let tokens = 0
  for (let pid = 0; pid < passageLengths.length; pid++) {
    tokens += passageLengths[pid] ?? 0
    tokenStarts[pid + 1] = tokens
  }
  const sections = {
    centroids,
    centroidScales,
    weights: weightTable(scales.weights.values, codec.nbits),
    inverseNorms: scales.inverseNorms,
    fineValues: scales.fineValues,
    tokenStarts,
    postingOffsets,
  }
  return { sections, scales }
}

/** Before anything is allocated for it, so that hostile lengths cannot reserve memory for nothing. */
function requireLength(section: string, bytes: SegmentSource['rows'], length: number): void {
  if (bytes.length !== length) throw new FormatError(section, `${length} bytes`, bytes.length)
}

async function loadInto(kernels: Kernels, address: number, bytes: SegmentSource['rows']): Promise<void> {
  if (bytes instanceof Uint8Array) copyIn(kernels, address, bytes)
  else await bytes.load((offset, length) => new Uint8Array(kernels.memory.buffer, address + offset, length))
}

function copyIn(kernels: Kernels, address: number, bytes: Uint8Array): void {
  new Uint8Array(kernels.memory.buffer, address, bytes.length).set(bytes)
}

function requireBlocks(kernels: Kernels, block: SegmentBlock): void {
  const { top } = kernels.arena
  const tables = placeCrcTables(kernels)
  const badBlock = kernels.validateBlocks(block, tables)
  kernels.arena.reset(top)
  if (badBlock < block.passageCount) {
    throw new FormatError('rows', 'blocks that match their CRC32C', `another CRC in passage ${badBlock}`)
  }
}

/** Decodes every list once; after that no search can meet a malformed one. */
function requirePostings(kernels: Kernels, block: SegmentBlock, verifyBlocks: boolean): void {
  const { arena, memory } = kernels
  const { top } = arena
  try {
    const marks = arena.allocate(block.centroidCount)
    const bitmap = placeBitmap(kernels, block.passageCount, [])
    new Uint8Array(memory.buffer, marks, block.centroidCount).fill(1)
    gatherLists(kernels, block, marks, bitmap)
    if (verifyBlocks) requireListChecksums(kernels, block)
  } finally {
    arena.reset(top)
  }
}

function requireListChecksums(kernels: Kernels, block: SegmentBlock): void {
  const tables = placeCrcTables(kernels)
  const view = new DataView(kernels.memory.buffer)
  for (let cell = 0; cell < block.centroidCount; cell++) {
    const start = view.getUint32(block.postingOffsets + cell * 4, true)
    const length = view.getUint32(block.postingOffsets + cell * 4 + 4, true) - start - 4
    if (length < 0) continue
    const got = kernels.crc32c(block.postings + start, length, tables)
    const expected = view.getUint32(block.postings + start + length, true)
    if (got !== expected) throw new ChecksumError(`postings of cell ${cell}`, expected, got)
  }
}
