/** A quantiser as the range pipeline holds it: all centroids in WebAssembly memory, cut into slabs that are scored one after another. */
import type { ResidualCodec } from '../../../format/manifest/segment.ts'
import { ROWS_PADDING_BYTES, type SegmentBlock } from '../../kernels/blocks.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { SEGMENT_BLOCK_BYTES } from '../../kernels/layout.ts'
import {
  allocateQuantiser,
  finishQuantiser,
  type PlacedQuantiser,
  type QuantiserPointers,
} from '../quantiserPlacement.ts'

/** Centroids scored in one go: 16,384 x 32 rows x 3 bytes are 1.5 MB for a query's time, however many centroids there are. */
export const SLAB_CELLS = 16_384

/** A run of centroids as a segment without passages, which is all that scoring centroids looks at. */
export interface Slab {
  readonly block: SegmentBlock
  readonly firstCell: number
}

export interface RangeQuantiser extends PlacedQuantiser {
  readonly slabs: readonly Slab[]
}

export interface ReservedQuantiser {
  readonly pointers: QuantiserPointers
  /** What a segment without passages points to where it has nothing. */
  readonly empty: number
  readonly blocks: number
}

export function reserveRangeQuantiser(kernels: Kernels, dim: number, centroids: number): ReservedQuantiser {
  const { arena } = kernels
  return {
    pointers: allocateQuantiser(kernels, dim, centroids),
    empty: arena.allocate(emptyBytes(centroids)),
    blocks: arena.allocate(Math.ceil(centroids / SLAB_CELLS) * SEGMENT_BLOCK_BYTES),
  }
}

/** Bytes of what a reserved quantiser takes besides the quantiser's own, region by region. */
export function slabLengths(centroids: number): readonly number[] {
  return [emptyBytes(centroids), Math.ceil(centroids / SLAB_CELLS) * SEGMENT_BLOCK_BYTES]
}

const emptyBytes = (centroids: number) => Math.max(ROWS_PADDING_BYTES, (Math.min(centroids, SLAB_CELLS) + 1) * 4)

/**
 * Checks what was loaded.
 * @throws FormatError
 */
export function finishRangeQuantiser(
  kernels: Kernels,
  { pointers, empty, blocks }: ReservedQuantiser,
  dim: number,
  shape: { readonly codec: ResidualCodec; readonly centroids: number },
): RangeQuantiser {
  const placed = finishQuantiser(kernels, pointers, dim, shape)
  const slabs: Slab[] = []
  new Uint8Array(kernels.memory.buffer, empty, 64).fill(0)
  for (let firstCell = 0; firstCell < shape.centroids; firstCell += SLAB_CELLS) {
    const block = kernels.writeSegment(blocks + slabs.length * SEGMENT_BLOCK_BYTES, {
      ...pointers,
      ...{ dim, nbits: placed.nbits, passageCount: 0, tokenCount: 0, postingsLength: 0, distinctCount: 0 },
      ...{ cellStarts: empty, cells: empty, tokenStarts: empty, rows: empty, postingOffsets: empty, postings: empty },
      centroidCount: Math.min(SLAB_CELLS, shape.centroids - firstCell),
      fineScale: placed.scales.fineScale,
      centroids: pointers.centroids + firstCell * dim,
      centroidScales: pointers.centroidScales + firstCell * 4,
    })
    slabs.push({ block, firstCell })
  }
  return { ...placed, slabs }
}
