/** From sections to WebAssembly memory: lays an index out, loads it in one round of storage, and checks all of it. */
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import { requirePostingOffsets } from '../../../format/items/postingList.ts'
import { codeBytesOf, rowBlocksBytes } from '../../../format/items/rowBlock.ts'
import { decodeTombstones } from '../../../format/items/tombstones.ts'
import { CENTROIDS_MAX, PASSAGES_MAX } from '../../../format/limits.ts'
import {
  ROWS_PADDING_BYTES,
  type SegmentBlock,
  type SegmentPointer,
  type SegmentShape,
  segmentLengths,
} from '../../kernels/blocks.ts'
import { placeCrcTables } from '../../kernels/checksum.ts'
import { bitmapBytes, type Kernels } from '../../kernels/kernels.ts'
import { SEGMENT_BLOCK_BYTES } from '../../kernels/layout.ts'
import { bitmapWhere, type PassageBitmap } from '../../passages/bitmap.ts'
import { gatherLists, placeBitmap } from '../gather.ts'
import {
  allocateQuantiser,
  finishQuantiser,
  type PlacedQuantiser,
  type QuantiserPointers,
  quantiserTargets,
  requireCodec,
} from '../quantiserPlacement.ts'
import type { IndexSource, LoadTarget, SegmentSourceShape } from './indexSource.ts'

/** A segment in WebAssembly memory. Plain numbers, which another thread over the same memory may be sent. */
export interface PlacedSegment {
  readonly block: SegmentBlock
  /** Index of its quantiser. */
  readonly quantiser: number
  /** Address of a pid bitmap of the passages that a search may answer: not deleted, and with tokens. */
  readonly searchable: number
  readonly searchableCount: number
  readonly hasDeleted: boolean
}

export interface PlacedIndex {
  readonly quantisers: readonly PlacedQuantiser[]
  readonly segments: readonly PlacedSegment[]
}

/** Which passages of a segment can be found. */
export interface FindablePassages {
  /** By a search: those that are not deleted and have tokens. */
  readonly searchable: PassageBitmap
  /** Not even by id. */
  readonly deleted: ReadonlySet<number>
}

/** What was placed, and of each segment what can be found. */
export interface Placement {
  readonly index: PlacedIndex
  readonly passages: readonly FindablePassages[]
}

/** What is reserved for a segment before anything is loaded. */
interface Reserved {
  readonly source: SegmentSourceShape
  readonly shape: SegmentShape
  readonly addresses: Record<SegmentPointer, number>
  readonly blockAddress: number
  readonly searchable: number
  readonly passageLengths: Uint16Array<ArrayBuffer>
  readonly tombstones: Uint8Array<ArrayBuffer>
}

/**
 * @param options.verifyBlocks - compare row blocks and posting lists with their own CRCs, too; needless after the sections' CRCs
 * @throws FormatError naming the section that is not as SPEC.md promises, ChecksumError, InputError when the memory cannot hold it;
 *   what was allocated is then given back
 */
export async function placeIndex(
  source: IndexSource,
  kernels: Kernels,
  options: { readonly verifyBlocks?: boolean } = {},
): Promise<Placement> {
  for (const { codec, centroids } of source.quantisers) {
    requireCodec({ dim: source.dim, codec })
    if (centroids < 1 || centroids > CENTROIDS_MAX) {
      throw new FormatError('centroidScales', `1 to ${CENTROIDS_MAX} centroids`, centroids)
    }
  }
  const { arena } = kernels
  const start = arena.top
  // All of it at once and before the first await: what others allocate meanwhile then lies above.
  const pointers = source.quantisers.map(({ centroids }) => allocateQuantiser(kernels, source.dim, centroids))
  const segments = source.segments.map((segment) => reserveSegment(source, segment, kernels, pointers))
  const end = arena.top
  let isAlone = true
  try {
    await source
      .load([
        ...pointers.flatMap((own, index) => quantiserTargets(kernels, own, source, index)),
        ...segments.flatMap((reserved, index) => segmentTargets(kernels, reserved, index)),
      ])
      .finally(() => {
        isAlone = arena.top === end
      })
    // Nothing waits from here on, so that nobody else allocates.
    const quantisers = source.quantisers.map((shape, index) =>
      finishQuantiser(kernels, pointers[index] as QuantiserPointers, source.dim, shape),
    )
    const placed = segments.map((reserved) =>
      finishSegment(kernels, reserved, quantisers, options.verifyBlocks ?? false),
    )
    return {
      index: { quantisers, segments: placed.map(({ segment }) => segment) },
      passages: placed.map(({ passages }) => passages),
    }
  } catch (error) {
    if (isAlone) arena.reset(start)
    throw error
  }
}

function reserveSegment(
  { dim, quantisers }: IndexSource,
  source: SegmentSourceShape,
  kernels: Kernels,
  pointers: readonly QuantiserPointers[],
): Reserved {
  const quantiser = quantisers[source.quantiser]
  const shared = pointers[source.quantiser]
  if (!quantiser || !shared) throw new FormatError('quantiser', 'the number of a quantiser', source.quantiser)
  const { passages, tokens, postingsBytes, tombstonesBytes } = source
  if (passages > PASSAGES_MAX) throw new FormatError('passageLengths', `at most ${PASSAGES_MAX}`, passages)
  const { nbits } = quantiser.codec
  const shape: SegmentShape = {
    dim,
    nbits,
    centroidCount: quantiser.centroids,
    passageCount: passages,
    tokenCount: tokens,
    postingsLength: postingsBytes,
    distinctCount: 0,
  }
  if (rowBlocksBytes(passages, tokens, { dim, nbits, centroids: quantiser.centroids }) >= 2 ** 32) {
    throw new FormatError('passageLengths', 'rows of less than 4 GiB', `${tokens} tokens`)
  }
  const addresses: Partial<Record<SegmentPointer, number>> = { ...shared }
  for (const [name, length] of Object.entries(segmentLengths(shape)) as [SegmentPointer, number][]) {
    addresses[name] ??= kernels.arena.allocate(length)
  }
  return {
    source,
    shape,
    addresses: addresses as Record<SegmentPointer, number>,
    blockAddress: kernels.arena.allocate(SEGMENT_BLOCK_BYTES),
    searchable: kernels.arena.allocate(bitmapBytes(passages)),
    passageLengths: new Uint16Array(passages),
    tombstones: new Uint8Array(tombstonesBytes),
  }
}

function segmentTargets(kernels: Kernels, reserved: Reserved, index: number): readonly LoadTarget[] {
  const { shape, addresses, passageLengths, tombstones } = reserved
  const lengths = segmentLengths(shape)
  const placed = (name: 'postingOffsets' | 'postings' | 'rows', length = lengths[name]): LoadTarget => ({
    ...{ owner: 'segment', index, name, length },
    view: (offset, count) => new Uint8Array(kernels.memory.buffer, addresses[name] + offset, count),
  })
  const kept = (
    name: 'passageLengths' | 'tombstones',
    array: Uint16Array<ArrayBuffer> | Uint8Array<ArrayBuffer>,
  ): LoadTarget => ({
    ...{ owner: 'segment', index, name, length: array.byteLength },
    view: (offset, count) => new Uint8Array(array.buffer, offset, count),
  })
  return [
    kept('passageLengths', passageLengths),
    ...(tombstones.length > 0 ? [kept('tombstones', tombstones)] : []),
    placed('postingOffsets'),
    placed('rows', lengths.rows - ROWS_PADDING_BYTES),
    placed('postings'),
  ]
}

function finishSegment(
  kernels: Kernels,
  { source, shape, addresses, blockAddress, searchable: bitmapAddress, passageLengths, tombstones }: Reserved,
  quantisers: readonly PlacedQuantiser[],
  verifyBlocks: boolean,
): { readonly segment: PlacedSegment; readonly passages: FindablePassages } {
  const { buffer } = kernels.memory
  const { passageCount } = shape
  writeTokenStarts(new Uint32Array(buffer, addresses.tokenStarts, passageCount + 1), passageLengths, source.tokens)
  requirePostingOffsets(
    new Uint32Array(buffer, addresses.postingOffsets, shape.centroidCount + 1),
    shape.postingsLength,
  )
  const deleted = new Set(tombstones.length > 0 ? decodeTombstones(tombstones, passageCount, source.deleted) : [])
  const searchable = bitmapWhere(passageCount, (pid) => (passageLengths[pid] ?? 0) > 0 && !deleted.has(pid))
  new Uint32Array(buffer, bitmapAddress, searchable.words.length).set(searchable.words)
  const fineScale = quantisers[source.quantiser]?.scales.fineScale ?? 0
  const unfinished = kernels.writeSegment(blockAddress, { ...shape, ...addresses, fineScale })
  if (verifyBlocks) requireBlocks(kernels, unfinished)
  const block = placeDistinctCells(kernels, unfinished)
  requirePostings(kernels, block, verifyBlocks)
  const segment = {
    ...{ block, quantiser: source.quantiser, searchable: bitmapAddress },
    ...{ searchableCount: searchable.count, hasDeleted: deleted.size > 0 },
  }
  return { segment, passages: { searchable, deleted } }
}

function writeTokenStarts(starts: Uint32Array, passageLengths: Uint16Array, expected: number): void {
  let tokens = 0
  starts[0] = 0
  for (let pid = 0; pid < passageLengths.length; pid++) {
    tokens += passageLengths[pid] ?? 0
    starts[pid + 1] = tokens
  }
  if (tokens !== expected) throw new FormatError('passageLengths', `a sum of ${expected} tokens`, tokens)
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
    const bitmap = placeBitmap(kernels, block.passageCount)
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
