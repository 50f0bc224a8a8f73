/**
 * What the range pipeline keeps of a segment: centroids in WebAssembly memory, and where each posting list and row block
 * stands. Everything else is read when a query wants it.
 */
import { FormatError } from '../../../format/errors.ts'
import type { IndexReader } from '../../../format/indexReader.ts'
import { locatePostingList, requirePostingOffsets } from '../../../format/items/postingList.ts'
import { locateRowBlock, type RowShape, rowShapeOf } from '../../../format/items/rowBlock.ts'
import type { SegmentEntry } from '../../../format/manifest/manifest.ts'
import { ROWS_PADDING_BYTES, type SegmentBlock, type SegmentRegions } from '../../kernels/blocks.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { SEGMENT_BLOCK_BYTES } from '../../kernels/layout.ts'
import { weightTable } from '../../kernels/quantise.ts'
import { type SegmentScales, segmentScales } from '../../kernels/units.ts'
import { SampledOffsets } from '../../passages/sampledOffsets.ts'
import { requireCodec, requireScales } from '../resident/segmentPlacement.ts'
import type { WantedBytes } from './plan.ts'

/** Centroids scored in one go: 16,384 x 32 rows x 3 bytes are 1.5 MB for a query's time, however many centroids there are. */
export const SLAB_CELLS = 16_384

/** A run of centroids as a segment without passages, which is all that scoring centroids looks at. */
export interface Slab {
  readonly block: SegmentBlock
  readonly firstCell: number
}

export interface RangeSegment {
  readonly entry: SegmentEntry
  readonly dim: number
  /** Position of pid 0 among the passages of all segments. */
  readonly firstPid: number
  readonly scales: SegmentScales
  /** Addresses of the whole tables, for copying out of them; `centroids` and `centroidScales` hold all K. */
  readonly tables: Pick<SegmentRegions, 'centroids' | 'centroidScales' | 'weights' | 'inverseNorms' | 'fineValues'>
  readonly slabs: readonly Slab[]
  /** u32[K + 1]. */
  readonly postingOffsets: Uint32Array
  /** Tokens of each passage, and before it. */
  readonly tokens: SampledOffsets
}

/**
 * Reads and checks what is kept of a segment.
 * @throws FormatError, ChecksumError, StorageError, InputError (memory)
 */
export async function openRangeSegment(
  reader: IndexReader,
  entry: SegmentEntry,
  kernels: Kernels,
  firstPid: number,
): Promise<RangeSegment> {
  const { dim } = reader.manifest
  const { codec, centroids: count } = entry
  requireCodec({ dim, codec })
  const tables = allocateTables(kernels, dim, count)
  // Side by side: where storage is far away, opening takes as long as its slowest read.
  const [postingOffsets, lengths] = await Promise.all([
    reader.section(entry, 'postingOffsets'),
    reader.section(entry, 'passageLengths'),
    copySection(reader, entry, 'centroids', kernels, tables.centroids),
    copySection(reader, entry, 'centroidScales', kernels, tables.centroidScales),
  ])
  const offsets = new Uint32Array(postingOffsets.buffer)
  requirePostingOffsets(offsets, reader.sectionLength(entry, 'postings'))
  const tokens = new SampledOffsets(new Uint16Array(lengths.buffer))
  if (tokens.total !== entry.tokens) throw new FormatError('passageLengths', `${entry.tokens} tokens`, tokens.total)
  const { buffer } = kernels.memory
  const scaleValues = new Float32Array(buffer, tables.centroidScales, count)
  requireScales(scaleValues)
  const scales = segmentScales(codec, dim, new Int8Array(buffer, tables.centroids, count * dim), scaleValues)
  new Int8Array(buffer, tables.weights, 16).set(weightTable(scales.weights.values, codec.nbits))
  new Int16Array(buffer, tables.inverseNorms, 256).set(scales.inverseNorms)
  new Int16Array(buffer, tables.fineValues, scales.fineValues.length).set(scales.fineValues)
  const { fineScale } = scales
  const slabs = writeSlabs(kernels, tables, { dim, nbits: codec.nbits, count, fineScale })
  return { entry, dim, firstPid, scales, tables, slabs, postingOffsets: offsets, tokens }
}

/** Where a posting list stands; undefined for an empty one. */
export function wantedList(reader: IndexReader, segment: RangeSegment, cell: number): WantedBytes | undefined {
  const { offset, length } = locatePostingList(segment.postingOffsets, cell)
  return length === 0 ? undefined : reader.locate(segment.entry, 'postings', offset, length)
}

/** Where the row block of a passage stands. */
export function wantedRows(reader: IndexReader, segment: RangeSegment, pid: number): WantedBytes {
  const { tokens } = segment
  const passage = { pid, tokensBefore: tokens.before(pid), tokens: tokens.lengths[pid] ?? 0 }
  const { offset, length } = locateRowBlock(passage, rowShape(segment))
  return reader.locate(segment.entry, 'rows', offset, length)
}

/** Of the segment's row blocks. */
export function rowShape({ dim, entry }: Pick<RangeSegment, 'dim' | 'entry'>): RowShape {
  return rowShapeOf(dim, entry)
}

interface Tables
  extends Pick<SegmentRegions, 'centroids' | 'centroidScales' | 'weights' | 'inverseNorms' | 'fineValues'> {
  /** What a segment without passages points to where it has nothing. */
  readonly empty: number
  readonly blocks: number
}

function allocateTables({ arena }: Kernels, dim: number, count: number): Tables {
  return {
    centroids: arena.allocate(count * dim),
    centroidScales: arena.allocate(count * 4),
    weights: arena.allocate(16),
    inverseNorms: arena.allocate(512),
    // As many as any nbits needs.
    fineValues: arena.allocate(4096),
    empty: arena.allocate(Math.max(ROWS_PADDING_BYTES, (Math.min(count, SLAB_CELLS) + 1) * 4)),
    blocks: arena.allocate(Math.ceil(count / SLAB_CELLS) * SEGMENT_BLOCK_BYTES),
  }
}

/** Straight into WebAssembly memory, piece by piece: no second copy of the centroids is ever there. */
async function copySection(
  reader: IndexReader,
  entry: SegmentEntry,
  name: 'centroids' | 'centroidScales',
  kernels: Kernels,
  address: number,
): Promise<void> {
  await reader
    .sectionLoader(entry, name)
    .load((offset, length) => new Uint8Array(kernels.memory.buffer, address + offset, length))
}

function writeSlabs(
  kernels: Kernels,
  tables: Tables,
  { dim, nbits, count, fineScale }: Pick<SegmentRegions, 'dim' | 'nbits' | 'fineScale'> & { readonly count: number },
): readonly Slab[] {
  const slabs: Slab[] = []
  const { weights, inverseNorms, fineValues, empty } = tables
  new Uint8Array(kernels.memory.buffer, empty, 64).fill(0)
  for (let firstCell = 0; firstCell < count; firstCell += SLAB_CELLS) {
    const block = kernels.writeSegment(tables.blocks + slabs.length * SEGMENT_BLOCK_BYTES, {
      ...{ dim, nbits, centroidCount: Math.min(SLAB_CELLS, count - firstCell), passageCount: 0, tokenCount: 0 },
      ...{
        postingsLength: 0,
        distinctCount: 0,
        cellStarts: empty,
        cells: empty,
        tokenStarts: empty,
        rows: empty,
        postingOffsets: empty,
        postings: empty,
      },
      ...{ weights, inverseNorms, fineValues, fineScale },
      centroids: tables.centroids + firstCell * dim,
      centroidScales: tables.centroidScales + firstCell * 4,
    })
    slabs.push({ block, firstCell })
  }
  return slabs
}
