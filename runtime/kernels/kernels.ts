/**
 * Typed wrapper over kernels.wasm: one method a kernel, preconditions checked always. Works on addresses in one memory;
 * `Arena` gives them out, blocks.ts describes what lies there. assembly/README.md has the table of kernels.
 */
import { codeBytesOf } from '../../format/items/rowBlock.ts'
import { Arena } from './arena.ts'
import {
  type QueryBlock,
  type QueryRegions,
  requireRegion,
  type SegmentBlock,
  type SegmentRegions,
  writeQueryBlock,
  writeSegmentBlock,
} from './blocks.ts'
import { CRC_TABLES_BYTES, ROW_BLOCK, STATUS_BITS, STATUS_OK } from './layout.ts'
import { paddedRows } from './quantise.ts'
import { byteThreshold } from './units.ts'

/** What the module exports; every number is a u32 unless said. */
interface KernelExports {
  approximate(segment: number, query: number, pids: number, count: number, pruned: number, scores: number): void
  buildTables(segment: number, query: number, firstRow: number): void
  collectPids(bitmap: number, filter: number, passageCount: number, pids: number): void
  countPids(bitmap: number, filter: number, passageCount: number): number
  crc32c(address: number, length: number, previous: number, tables: number): number
  distinctCells(segment: number, last: number, starts: number, cells: number): number
  gather(segment: number, marks: number, bitmap: number): number
  refine(segment: number, query: number, firstRow: number, pids: number, count: number, scores: number): void
  rescore(segment: number, query: number, firstRow: number, pids: number, count: number, scores: number): void
  scoreCentroids(segment: number, query: number, threshold: number): void
  selectTop(
    pids: number,
    scores: number,
    count: number,
    wanted: number,
    scoreMax: number,
    counts: number,
    out: number,
  ): number
  tokenScores(segment: number, query: number, firstRow: number, pid: number, out: number): void
  topCells(segment: number, query: number, ncells: number, heaps: number, marks: number): void
  validateBlocks(segment: number, tables: number): number
}

/** Pids and where their scores go, both in memory. */
export interface CandidateRegions {
  /** Address of u32[count], each below N. */
  readonly pids: number
  readonly count: number
  /** Address of u32[count] (approximate, selectTop) or f32[count] (rescore). */
  readonly scores: number
}

/** A pid bitmap, u32[4 * ceil(N / 128)], 16-byte aligned, and another one to AND it with. */
export interface BitmapRegions {
  readonly bitmap: number
  readonly filter?: number | undefined
  readonly passageCount: number
}

/**
 * @param module - kernels.wasm, compiled by the platform entry
 * @param options.memory - default: a new one that may grow to 4 GiB
 * @param options.others - whether others use the memory already (Arena)
 */
export async function instantiateKernels(
  module: WebAssembly.Module,
  options: { readonly memory?: WebAssembly.Memory; readonly others?: boolean } = {},
): Promise<Kernels> {
  const memory = options.memory ?? new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES_MAX })
  const instance = await WebAssembly.instantiate(module, { env: { memory } })
  return new Kernels(instance.exports as unknown as KernelExports, memory, new Arena(memory, options))
}

/** 4 GiB. */
export const MEMORY_PAGES_MAX = 65_536

/** Kernels over one memory. Several segments may share it; kernels keep no state of their own. */
export class Kernels {
  readonly memory: WebAssembly.Memory
  readonly arena: Arena
  readonly #exports: KernelExports

  constructor(exports: KernelExports, memory: WebAssembly.Memory, arena: Arena) {
    this.#exports = exports
    this.memory = memory
    this.arena = arena
  }

  writeSegment(address: number, regions: SegmentRegions): SegmentBlock {
    return writeSegmentBlock(this.memory, address, regions)
  }

  writeQuery(address: number, regions: QueryRegions): QueryBlock {
    return writeQueryBlock(this.memory, address, regions)
  }

  /** CRC32C of `[address, address + length)`, continued from `previous`. @param tables - of `placeCrcTables` */
  crc32c(address: number, length: number, tables: number, previous = 0): number {
    this.#require('crc input', address, length, 1)
    this.#require('crc tables', tables, CRC_TABLES_BYTES, 4)
    return this.#exports.crc32c(address, length, previous, tables) >>> 0
  }

  /** @returns the first pid whose block does not match its CRC32C, or N */
  validateBlocks(segment: SegmentBlock, tables: number): number {
    this.#require('crc tables', tables, CRC_TABLES_BYTES, 4)
    return this.#exports.validateBlocks(segment.address, tables) >>> 0
  }

  /**
   * Writes the distinct codes of each passage to `cells`, and how many come before each to the segment's `cellStarts`, whose
   * last entry is the `distinctCount` to write the segment with again. Stops at a code that is not below K.
   *
   * @param options.last - address of u32[K] of scratch
   * @param options.cells - address of as many codes as the segment has tokens, and one more
   * @returns the first pid with such a code, or N
   */
  distinctCells(segment: SegmentBlock, { last, cells }: { readonly last: number; readonly cells: number }): number {
    const { centroidCount, tokenCount, cellStarts } = segment
    this.#require('last passages', last, centroidCount * 4, 4)
    this.#require('cells', cells, (tokenCount + 1) * codeBytesOf(centroidCount), 2)
    return this.#exports.distinctCells(segment.address, last, cellStarts, cells) >>> 0
  }

  /** Writes the query's cell scores, cell bytes and survives. @param threshold - a cosine, compared in steps of 1 / 127 */
  scoreCentroids(segment: SegmentBlock, query: QueryBlock, threshold: number): void {
    requireMatch(segment, query)
    this.#exports.scoreCentroids(segment.address, query.address, byteThreshold(threshold))
  }

  /** Marks u8[K] at `marks`. @param heaps - address of topCellsHeapBytes(rows, ncells) bytes of scratch */
  topCells(
    segment: SegmentBlock,
    query: QueryBlock,
    { ncells, heaps, marks }: { readonly ncells: number; readonly heaps: number; readonly marks: number },
  ): void {
    requireMatch(segment, query)
    if (!(Number.isInteger(ncells) && ncells >= 1 && ncells <= segment.centroidCount)) {
      throw new RangeError(`topCells: expected ncells in [1, ${segment.centroidCount}], got ${ncells}`)
    }
    this.#require('cell heaps', heaps, topCellsHeapBytes(query.rows, ncells), 8)
    this.#require('cell marks', marks, segment.centroidCount, 1)
    this.#exports.topCells(segment.address, query.address, ncells, heaps, marks)
  }

  /** Sets the pids of all marked lists in the bitmap. @returns a STATUS of layout.ts, and the bad cell when it is not OK */
  gather(segment: SegmentBlock, marks: number, bitmap: number): { readonly status: number; readonly cell: number } {
    this.#require('cell marks', marks, segment.centroidCount, 1)
    this.#require('pid bitmap', bitmap, bitmapBytes(segment.passageCount), 16)
    const answer = this.#exports.gather(segment.address, marks, bitmap) >>> 0
    if (answer === STATUS_OK) return { status: STATUS_OK, cell: 0 }
    return { status: answer & ((1 << STATUS_BITS) - 1), cell: answer >>> STATUS_BITS }
  }

  /** Pids in bitmap AND filter. Bits from passageCount on must be 0. */
  countPids({ bitmap, filter, passageCount }: BitmapRegions): number {
    this.#require('pid bitmap', bitmap, bitmapBytes(passageCount), 16)
    if (filter !== undefined) this.#require('pid filter', filter, bitmapBytes(passageCount), 16)
    return this.#exports.countPids(bitmap, filter ?? 0, passageCount) >>> 0
  }

  /** Writes the pids of bitmap AND filter, ascending, to u32[countPids(...)] at `pids`. @returns how many */
  collectPids(regions: BitmapRegions, pids: number): number {
    const count = this.countPids(regions)
    this.#require('pids', pids, count * 4, 4)
    this.#exports.collectPids(regions.bitmap, regions.filter ?? 0, regions.passageCount, pids)
    return count
  }

  /** Writes u32 centroid-only scores. @param pruned - count only codes that survive the threshold */
  approximate(segment: SegmentBlock, query: QueryBlock, candidates: CandidateRegions, pruned: boolean): void {
    requireMatch(segment, query)
    this.#requireCandidates(segment, candidates)
    const { pids, count, scores } = candidates
    this.#exports.approximate(segment.address, query.address, pids, count, pruned ? 1 : 0, scores)
  }

  /**
   * Writes the pids of the `wanted` highest u32 scores to `out`, in their given order; `out` may be `candidates.pids`.
   *
   * @param options.counts - address of u32[scoreMax + 1] of scratch
   * @returns how many were written, min(wanted, count)
   * @throws RangeError when a score is above scoreMax
   */
  selectTop(
    candidates: CandidateRegions,
    options: { readonly wanted: number; readonly scoreMax: number; readonly counts: number; readonly out: number },
  ): number {
    const { pids, count, scores } = candidates
    const { wanted, scoreMax, counts, out } = options
    this.#require('pids', pids, count * 4, 4)
    this.#require('scores', scores, count * 4, 4)
    this.#require('score counts', counts, (scoreMax + 1) * 4, 4)
    this.#require('selected pids', out, Math.min(wanted, count) * 4, 4)
    requireBelow('score', new Uint32Array(this.memory.buffer, scores, count), scoreMax + 1)
    return this.#exports.selectTop(pids, scores, count, wanted, scoreMax, counts, out) >>> 0
  }

  /**
   * Writes f32 MaxSim scores of candidates of one or more segments that share a quantiser. Builds the query's tables first, once for all
   * of them, which costs as much as to score a few hundred tokens.
   */
  rescore(
    query: QueryBlock,
    parts: readonly { readonly segment: SegmentBlock; readonly candidates: CandidateRegions }[],
  ): void {
    for (const { segment, candidates } of parts) {
      requireMatch(segment, query)
      this.#requireCandidates(segment, candidates)
    }
    for (let firstRow = 0; firstRow < query.rows; firstRow += ROW_BLOCK) {
      for (const [index, { segment, candidates }] of parts.entries()) {
        const { pids, count, scores } = candidates
        if (index === 0) this.#exports.buildTables(segment.address, query.address, firstRow)
        this.#exports.rescore(segment.address, query.address, firstRow, pids, count, scores)
      }
    }
  }

  /** Writes f32 MaxSim scores at sixteen bits; a token takes three times as long as in `rescore`. */
  refine(segment: SegmentBlock, query: QueryBlock, candidates: CandidateRegions): void {
    requireMatch(segment, query)
    this.#requireCandidates(segment, candidates)
    const { pids, count, scores } = candidates
    for (let firstRow = 0; firstRow < query.rows; firstRow += ROW_BLOCK) {
      this.#exports.refine(segment.address, query.address, firstRow, pids, count, scores)
    }
  }

  /** Writes f32[tokens][paddedRows(rows)] of one passage with `tokens` tokens at `out`. */
  tokenScores(segment: SegmentBlock, query: QueryBlock, passage: { readonly pid: number; readonly out: number }): void {
    requireMatch(segment, query)
    const { pid, out } = passage
    if (!(Number.isInteger(pid) && pid >= 0 && pid < segment.passageCount)) {
      throw new RangeError(`tokenScores: expected a pid in [0, ${segment.passageCount}), got ${pid}`)
    }
    const [start = 0, end = 0] = new Uint32Array(this.memory.buffer, segment.tokenStarts + pid * 4, 2)
    this.#require('token scores', out, (end - start) * paddedRows(query.rows) * 4, 16)
    for (let firstRow = 0; firstRow < query.rows; firstRow += ROW_BLOCK) {
      this.#exports.buildTables(segment.address, query.address, firstRow)
      this.#exports.tokenScores(segment.address, query.address, firstRow, pid, out)
    }
  }

  #require(name: string, address: number, length: number, alignment: number): void {
    requireRegion(this.memory, name, address, length, alignment)
  }

  #requireCandidates(segment: SegmentBlock, { pids, count, scores }: CandidateRegions): void {
    this.#require('pids', pids, count * 4, 4)
    this.#require('scores', scores, count * 4, 4)
    // A pid outside the segment would read outside its regions; scanning costs far less than scoring.
    requireBelow('pid', new Uint32Array(this.memory.buffer, pids, count), segment.passageCount)
  }
}

/** Bytes of a pid bitmap. */
export function bitmapBytes(passageCount: number): number {
  return Math.ceil(passageCount / 128) * 16
}

/** Bytes of scratch that topCells needs. */
export function topCellsHeapBytes(rows: number, ncells: number): number {
  return paddedRows(rows) * 6 + rows * ncells * 8
}

function requireMatch(segment: SegmentBlock, query: QueryBlock): void {
  const { dim, nbits, centroidCount } = query
  if (segment.dim !== dim || segment.nbits !== nbits || segment.centroidCount !== centroidCount) {
    throw new RangeError(
      `query block: expected ${segment.dim} dims, ${segment.nbits} bits and ${segment.centroidCount} centroids, got ${dim}, ${nbits} and ${centroidCount}`,
    )
  }
}

function requireBelow(name: string, values: Uint32Array, limit: number): void {
  for (const value of values) {
    if (value >= limit) throw new RangeError(`${name}: expected values below ${limit}, got ${value}`)
  }
}
