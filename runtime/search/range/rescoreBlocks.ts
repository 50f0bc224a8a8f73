/**
 * Rescore, for the range pipeline: row blocks that were read become a small segment in WebAssembly memory, with just the
 * centroids they use, and the kernels of the resident pipeline score it. Same blocks, same bits as there.
 */
import {
  type CodedTokens,
  codeBytesOf,
  decodeRowBlock,
  type RowShape,
  rowBlockBytes,
  tokenBytesOf,
} from '../../../format/items/rowBlock.ts'
import { type SegmentBlock, type SegmentPointer, segmentLengths } from '../../kernels/blocks.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { SEGMENT_BLOCK_BYTES } from '../../kernels/layout.ts'
import { placeCandidates } from '../gather.ts'
import { refinedMax } from '../parameters.ts'
import type { PreparedQuery } from '../preparedQuery.ts'
import type { RangeQuantiser } from './rangeQuantiser.ts'

/** A verified row block (SPEC.md §5.1). */
export interface RowBlock {
  readonly tokens: number
  readonly bytes: Uint8Array
}

/**
 * MaxSim of each block's passage.
 * @param k - results wanted: scores are as fine as the resident pipeline gives them
 * @returns f32[blocks]
 */
export function rescoreBlocks(
  kernels: Kernels,
  quantiser: RangeQuantiser,
  query: PreparedQuery,
  blocks: readonly RowBlock[],
  k: number,
): Float32Array {
  const { top } = kernels.arena
  try {
    const segment = placeBlocks(kernels, quantiser, blocks)
    const placed = query.place(kernels, segment, quantiser.scales)
    const candidates = placeCandidates(kernels, Uint32Array.from(blocks.keys()))
    // There are few, and they took longer to read than this takes: all of them at sixteen bits, where the resident pipeline does it.
    if (refinedMax(k) > 0) {
      kernels.refine(segment, placed, candidates)
    } else {
      kernels.scoreCentroids(segment, placed, 1)
      kernels.rescore(placed, [{ segment, candidates }])
    }
    return new Float32Array(kernels.memory.buffer, candidates.scores, candidates.count).slice()
  } finally {
    kernels.arena.reset(top)
  }
}

/** The blocks as passages 0, 1, … of a segment in the arena. */
export function placeBlocks(kernels: Kernels, quantiser: RangeQuantiser, blocks: readonly RowBlock[]): SegmentBlock {
  const { dim, nbits, pointers, scales } = quantiser
  const stored = { dim, nbits, centroids: quantiser.centroidCount }
  const codes = blocks.map(({ bytes, tokens }) => decodeRowBlock(bytes, tokens, stored).codes)
  const cells = usedCells(codes)
  const centroidCount = Math.max(1, cells.size)
  const tokenCount = codes.reduce((sum, list) => sum + list.length, 0)
  const shape = {
    ...{ dim, nbits, centroidCount, tokenCount },
    ...{ passageCount: blocks.length, postingsLength: 0, distinctCount: 0 },
  }
  const { weights, inverseNorms, fineValues } = pointers
  const addresses = { weights, inverseNorms, fineValues } as Record<SegmentPointer, number>
  for (const [name, length] of Object.entries(segmentLengths(shape)) as [SegmentPointer, number][]) {
    addresses[name] ??= kernels.arena.allocate(length)
  }
  const address = kernels.arena.allocate(SEGMENT_BLOCK_BYTES)
  const { buffer } = kernels.memory
  copyCentroids(buffer, quantiser, cells, addresses)
  const tokenStarts = new Uint32Array(buffer, addresses.tokenStarts, blocks.length + 1)
  tokenStarts[0] = 0
  let rowsAt = addresses.rows
  for (const [index, { bytes }] of blocks.entries()) {
    const list = codes[index] ?? new Uint32Array()
    tokenStarts[index + 1] = (tokenStarts[index] ?? 0) + list.length
    const length = rowBlockBytes(list.length, { dim, nbits, centroids: centroidCount })
    const codeBytes = codeBytesOf(quantiser.centroidCount)
    copyBlock(new Uint8Array(buffer, rowsAt, length), { list, cells, bytes, codeBytes })
    rowsAt += length
  }
  return kernels.writeSegment(address, { ...shape, ...addresses, fineScale: scales.fineScale })
}

/** Cell to its number among those used, in order of first use. */
function usedCells(codes: readonly CodedTokens['codes'][]): ReadonlyMap<number, number> {
  const cells = new Map<number, number>()
  for (const list of codes) {
    for (const code of list) if (!cells.has(code)) cells.set(code, cells.size)
  }
  return cells
}

function copyCentroids(
  buffer: ArrayBuffer,
  { dim, pointers }: RangeQuantiser,
  cells: ReadonlyMap<number, number>,
  addresses: Pick<Record<SegmentPointer, number>, 'centroids' | 'centroidScales'>,
): void {
  const bytes = new Uint8Array(buffer)
  for (const [cell, number] of cells) {
    const [from, scaleFrom] = [pointers.centroids + cell * dim, pointers.centroidScales + cell * 4]
    bytes.copyWithin(addresses.centroids + number * dim, from, from + dim)
    bytes.copyWithin(addresses.centroidScales + number * 4, scaleFrom, scaleFrom + 4)
  }
}

interface BlockParts {
  readonly list: CodedTokens['codes']
  readonly cells: ReadonlyMap<number, number>
  readonly bytes: Uint8Array
  /** Of a code in `bytes`. */
  readonly codeBytes: 2 | 4
}

/** A block with its codes renumbered; norms and residuals as they are. Its CRC would no longer hold and is left out. */
function copyBlock(target: Uint8Array, { list, cells, bytes, codeBytes }: BlockParts): void {
  const codeBytesNow = codeBytesOf(cells.size)
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
  for (const [token, code] of list.entries()) {
    const number = cells.get(code) ?? 0
    if (codeBytesNow === 2) view.setUint16(token * 2, number, true)
    else view.setUint32(token * 4, number, true)
  }
  target.set(bytes.subarray(list.length * codeBytes, bytes.length - 4), list.length * codeBytesNow)
}

/** What rescoring `rowBytes` of blocks needs of WebAssembly memory at most: bytes besides the query's, and cells. */
export function rescoreBytes(shape: RowShape, rowBytes: number): { readonly bytes: number; readonly cells: number } {
  const cells = Math.min(Math.ceil(rowBytes / tokenBytesOf(shape)), shape.centroids)
  return { bytes: rowBytes + cells * (shape.dim + 4), cells }
}
