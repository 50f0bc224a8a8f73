/**
 * The readable twin of every kernel: the same numbers by the most direct code, on typed arrays. It is the oracle of the
 * tests; where a kernel and its twin differ in one bit, the kernel is wrong.
 */
import { codeBytesOf, residualBytesOf, reverseBits } from '../format/items/rowBlock.ts'
import type { Nbits, SegmentData } from '../format/manifest/segment.ts'
import { STATUS_LENGTH, STATUS_OFFSETS, STATUS_OK, STATUS_PID, STATUS_VARINT } from '../runtime/kernels/layout.ts'
import type { QuantisedQuery } from '../runtime/kernels/quantise.ts'
import {
  byteThreshold,
  type RowNumbers,
  rowNumbers,
  type SegmentScales,
  segmentScales,
} from '../runtime/kernels/units.ts'

const { fround } = Math

/** A segment as the twin reads it. */
export interface ReferenceSegment {
  readonly dim: number
  readonly nbits: Nbits
  readonly codeBytes: 2 | 4
  /** i8[K][dim]. */
  readonly centroids: Int8Array
  /** f32[K]. */
  readonly centroidScales: Float32Array
  readonly scales: SegmentScales
  /** u32[N + 1]: tokens before each passage. */
  readonly tokenStarts: Uint32Array
  readonly rows: Uint8Array
  /** u32[K + 1]. */
  readonly postingOffsets: Uint32Array
  readonly postings: Uint8Array
}

/** The result of `scoreCentroids`. */
export interface CellScores {
  /** S, i16[K][rows], in units of its row. */
  readonly scores: Int16Array
  /** U, u8[K][rows]: about (cosine + 1) * 127. */
  readonly bytes: Uint8Array
  /** u8[K]: 1 where the best byte of the centroid reaches the threshold's. */
  readonly survives: Uint8Array
}

export function referenceSegment(data: SegmentData): ReferenceSegment {
  return {
    dim: data.dim,
    nbits: data.codec.nbits,
    codeBytes: codeBytesOf(data.centroidScales.length),
    centroids: data.centroids,
    centroidScales: data.centroidScales,
    scales: segmentScales(data.codec, data.dim, data.centroids, data.centroidScales),
    tokenStarts: tokenStartsOf(data.passageLengths),
    rows: data.rows,
    postingOffsets: data.postingOffsets,
    postings: data.postings,
  }
}

/** @returns u32[N + 1]: tokens before each passage, and the total */
export function tokenStartsOf(passageLengths: Uint16Array): Uint32Array {
  const starts = new Uint32Array(passageLengths.length + 1)
  for (const [pid, tokens] of passageLengths.entries()) starts[pid + 1] = at(starts, pid) + tokens
  return starts
}

/** S and U as assembly/README.md defines them. @param threshold - a cosine */
export function scoreCentroids(segment: ReferenceSegment, query: QuantisedQuery, threshold: number): CellScores {
  const { dim } = segment
  const numbers = rowNumbers(query, segment.scales)
  const cells = segment.centroidScales.length
  const scores = new Int16Array(cells * query.rows)
  const bytes = new Uint8Array(cells * query.rows)
  const survives = new Uint8Array(cells)
  for (let cell = 0; cell < cells; cell++) {
    const centroid = segment.centroids.subarray(cell * dim, (cell + 1) * dim)
    for (let row = 0; row < query.rows; row++) {
      const product = fround(dot(query, row, centroid) * at(segment.centroidScales, cell))
      const offset = at(numbers.cellOffsets, row)
      // Rounds to an integer, halves to even: f32 counts in ones at an offset of 1.5 * 2^23.
      const score = fround(fround(product * at(numbers.cellFactors, row)) + offset) - 1.5 * 2 ** 23
      const byte = fraction(score, at(numbers.byteFactors, row)) + at(numbers.byteOffsets, row)
      scores[cell * query.rows + row] = score
      bytes[cell * query.rows + row] = Math.max(0, Math.min(255, byte))
      if (at(bytes, cell * query.rows + row) >= byteThreshold(threshold)) survives[cell] = 1
    }
  }
  return { scores, bytes, survives }
}

/** a * b / 2^15, rounded half up. */
function fraction(a: number, b: number): number {
  return (a * b + 2 ** 14) >> 15
}

/** u8[K]: 1 for a cell that is among the `ncells` best of a row that has a score; equal scores go to the lower cell. */
export function topCells(
  segment: ReferenceSegment,
  query: QuantisedQuery,
  cellScores: CellScores,
  ncells: number,
): Uint8Array {
  const cells = cellScores.survives.length
  const marks = new Uint8Array(cells)
  const order = Array.from({ length: cells }, (_, cell) => cell)
  for (let row = 0; row < query.rows; row++) {
    if (at(rowNumbers(query, segment.scales).cellFactors, row) === 0) continue
    const scoreOf = (cell: number) => at(cellScores.scores, cell * query.rows + row)
    const best = order.toSorted((a, b) => scoreOf(b) - scoreOf(a) || a - b).slice(0, ncells)
    for (const cell of best) marks[cell] = 1
  }
  return marks
}

/** Words of a pid bitmap: whole vectors of 16 bytes. */
export function bitmapWords(passageCount: number): number {
  return Math.ceil(passageCount / 128) * 4
}

export interface GatherResult {
  /** A STATUS of layout.ts. */
  readonly status: number
  /** The first bad cell; 0 when the status is STATUS_OK. */
  readonly cell: number
  /** u32[bitmapWords(N)]. */
  readonly bitmap: Uint32Array
}

/** The pids in the lists of all marked cells, as a bitmap. Stops at the first malformed list. */
export function gather(segment: ReferenceSegment, marks: Uint8Array): GatherResult {
  const passageCount = segment.tokenStarts.length - 1
  const bitmap = new Uint32Array(bitmapWords(passageCount))
  for (const [cell, mark] of marks.entries()) {
    if (mark === 0) continue
    const start = at(segment.postingOffsets, cell)
    const end = at(segment.postingOffsets, cell + 1)
    const inside = start <= end && end <= segment.postings.length
    const status = inside ? gatherList(segment.postings.subarray(start, end), bitmap, passageCount) : STATUS_OFFSETS
    if (status !== STATUS_OK) return { status, cell, bitmap }
  }
  return { status: STATUS_OK, cell: 0, bitmap }
}

/** Sets the pids of one posting list in the bitmap. @returns a STATUS of layout.ts */
export function gatherList(list: Uint8Array, bitmap: Uint32Array, passageCount: number): number {
  if (list.length === 0) return STATUS_OK
  if (list.length < 5) return STATUS_LENGTH
  const bytes = list.subarray(0, list.length - 4)
  let previous = -1
  for (let start = 0; start < bytes.length; ) {
    const last = bytes.findIndex((byte, index) => index >= start && byte < 128)
    if (last === -1 ? true : last - start >= 5) return STATUS_VARINT
    if (last > start && bytes[last] === 0) return STATUS_VARINT
    let delta = 0
    for (let index = last; index >= start; index--) delta = delta * 128 + (at(bytes, index) & 127)
    const pid = previous + 1 + delta
    if (pid >= passageCount) return STATUS_PID
    bitmap[pid >> 5] = at(bitmap, pid >> 5) | (1 << (pid & 31))
    previous = pid
    start = last + 1
  }
  return STATUS_OK
}

/** The pids in bitmap AND filter, ascending. */
export function collectPids(bitmap: Uint32Array, filter: Uint32Array | undefined, passageCount: number): Uint32Array {
  const has = (words: Uint32Array, pid: number) => ((at(words, pid >> 5) >> (pid & 31)) & 1) === 1
  const pids: number[] = []
  for (let pid = 0; pid < passageCount; pid++) {
    if (has(bitmap, pid) && (filter === undefined || has(filter, pid))) pids.push(pid)
  }
  return Uint32Array.from(pids)
}

/** The distinct codes of each passage, in the order of their first tokens. */
export function distinctCells(segment: ReferenceSegment): readonly Uint32Array[] {
  const pids = Array.from({ length: segment.tokenStarts.length - 1 }, (_, pid) => pid)
  return pids.map((pid) => Uint32Array.from(new Set(passageRows(segment, pid).codes)))
}

/** u32[pids]: sum over rows of the largest byte over the passage's codes; 0 for a passage without (surviving) codes. */
export function approximate(
  segment: ReferenceSegment,
  query: QuantisedQuery,
  cellScores: CellScores,
  pids: Uint32Array,
  pruned: boolean,
): Uint32Array {
  return pids.map((pid) => {
    const codes = passageRows(segment, pid).codes.filter((code) => !pruned || at(cellScores.survives, code) === 1)
    let score = 0
    for (let row = 0; row < query.rows; row++) {
      score += codes.reduce((best, code) => Math.max(best, at(cellScores.bytes, code * query.rows + row)), 0)
    }
    return score
  })
}

/** The `wanted` pids of the highest score in their given order; equal scores at the border go to the earlier. */
export function selectTop(pids: Uint32Array, scores: Uint32Array, wanted: number): Uint32Array {
  const order = Array.from(pids, (_, index) => index)
  const best = order.toSorted((a, b) => at(scores, b) - at(scores, a) || a - b).slice(0, wanted)
  return Uint32Array.from(
    best.toSorted((a, b) => a - b),
    (index) => at(pids, index),
  )
}

/** f32[pids]: MaxSim, the maxima added in f32 in the order of rows; 0 for a passage without tokens. */
export function rescore(
  segment: ReferenceSegment,
  query: QuantisedQuery,
  cellScores: CellScores,
  pids: Uint32Array,
): Float32Array {
  return Float32Array.from(pids, (pid) => {
    const scores = tokenScores(segment, query, cellScores, pid)
    if (scores.length === 0) return 0
    let sum = 0
    for (let row = 0; row < query.rows; row++) {
      let best = Number.NEGATIVE_INFINITY
      for (let index = row; index < scores.length; index += query.rows) {
        if (best < at(scores, index)) best = at(scores, index)
      }
      sum = fround(sum + best)
    }
    return sum
  })
}

/** f32[tokens][rows]: fround(unit * score) of each token of a passage, the score an integer as assembly/README.md defines it. */
export function tokenScores(
  segment: ReferenceSegment,
  query: QuantisedQuery,
  cellScores: CellScores,
  pid: number,
): Float32Array {
  const { codes, norms, residuals } = passageRows(segment, pid)
  const numbers = rowNumbers(query, segment.scales)
  const residualBytes = residualBytesOf(segment.dim, segment.nbits)
  const scores = new Float32Array(codes.length * query.rows)
  for (const [token, code] of codes.entries()) {
    const packed = residuals.subarray(token * residualBytes, (token + 1) * residualBytes)
    const buckets = residualBuckets(packed, segment.nbits)
    const norm = at(segment.scales.inverseNorms, at(norms, token))
    for (let row = 0; row < query.rows; row++) {
      const sum = at(cellScores.scores, code * query.rows + row) + residualScore(segment, query, numbers, row, buckets)
      scores[token * query.rows + row] = fraction(sum, norm) * at(numbers.units, row)
    }
  }
  return scores
}

/** What a residual adds to the score of a row: each half of a byte in 64ths of a unit, each byte rounded to units. */
function residualScore(
  { nbits, scales }: ReferenceSegment,
  query: QuantisedQuery,
  numbers: RowNumbers,
  row: number,
  buckets: Uint8Array,
): number {
  const { values: weights } = scales.weights
  const leastWeight = Math.min(...weights)
  const mostWeight = Math.max(...weights)
  const dimsOfHalf = 4 / nbits
  let score = 0
  let byte = 0
  for (let first = 0; first < buckets.length; first += dimsOfHalf) {
    let aboveLeast = 0
    for (let dim = first; dim < first + dimsOfHalf; dim++) {
      const value = at(query.values, row * query.dim + dim)
      const least = Math.min(leastWeight * value, mostWeight * value)
      aboveLeast += at(weights, at(buckets, dim)) * value - least
    }
    byte += roundHalfEven(fround(aboveLeast * at(numbers.tableFactors, row)))
    if ((first / dimsOfHalf) % 2 === 1) {
      score += (byte + 32) >> 6
      byte = 0
    }
  }
  return score
}

/** In [0, 2^22]: f32 counts in ones from 2^23 on. */
function roundHalfEven(value: number): number {
  return fround(value + 2 ** 23) - 2 ** 23
}

/**
 * Bucket of each dim of a packed residual row: bits least significant first within a value, values most significant bit
 * first within a byte, as ColBERT, fast-plaid and next-plaid pack them.
 *
 * @param packed - u8[dim * nbits / 8]
 * @returns u8[dim]
 */
export function residualBuckets(packed: Uint8Array, nbits: Nbits): Uint8Array {
  const perByte = 8 / nbits
  // A loop, not Uint8Array.from: tests decode millions of rows.
  const buckets = new Uint8Array(packed.length * perByte)
  for (let dim = 0; dim < buckets.length; dim++) {
    const shift = 8 - nbits * ((dim % perByte) + 1)
    buckets[dim] = reverseBits((at(packed, Math.floor(dim / perByte)) >> shift) & ((1 << nbits) - 1), nbits)
  }
  return buckets
}

/** CRC32C (RFC 3720 §12.1), one bit at a time. `previous` continues a checksum. */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  let crc = ~previous
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return ~crc >>> 0
}

/** The first pid whose block does not match its CRC32C, or N. */
export function validateBlocks(segment: ReferenceSegment): number {
  const passageCount = segment.tokenStarts.length - 1
  for (let pid = 0; pid < passageCount; pid++) {
    const { bytes, crc } = passageRows(segment, pid)
    if (crc32c(bytes) !== crc) return pid
  }
  return passageCount
}

interface PassageRows {
  readonly codes: Uint32Array
  /** u8[tokens], bytes of the inverse norm table. */
  readonly norms: Uint8Array
  /** u8[tokens][dim * nbits / 8]. */
  readonly residuals: Uint8Array
  /** The block without its CRC. */
  readonly bytes: Uint8Array
  readonly crc: number
}

/** The row block of one passage, taken apart, independent of format/items/rowBlock.ts. */
export function passageRows(segment: ReferenceSegment, pid: number): PassageRows {
  const start = at(segment.tokenStarts, pid)
  const tokens = at(segment.tokenStarts, pid + 1) - start
  const tokenBytes = segment.codeBytes + 1 + residualBytesOf(segment.dim, segment.nbits)
  const offset = start * tokenBytes + pid * 4
  const view = new DataView(segment.rows.buffer, segment.rows.byteOffset + offset, tokens * tokenBytes + 4)
  const bytes = segment.rows.subarray(offset, offset + tokens * tokenBytes)
  const codes = new Uint32Array(tokens)
  for (let token = 0; token < tokens; token++) {
    codes[token] = segment.codeBytes === 2 ? view.getUint16(token * 2, true) : view.getUint32(token * 4, true)
  }
  const norms = bytes.subarray(tokens * segment.codeBytes, tokens * (segment.codeBytes + 1))
  const residuals = bytes.subarray(tokens * (segment.codeBytes + 1))
  return { codes, norms, residuals, bytes, crc: view.getUint32(tokens * tokenBytes, true) }
}

/** Exact: at most 256 products below 2^14. */
function dot(query: QuantisedQuery, row: number, vector: Int8Array): number {
  let sum = 0
  for (const [dim, value] of vector.entries()) sum += at(query.values, row * query.dim + dim) * value
  return sum
}

/** Element of a typed array that is known to be inside; outside is our own bug. */
export function at(array: { readonly [index: number]: number; readonly length: number }, index: number): number {
  const value = array[index]
  if (value === undefined) throw new RangeError(`index ${index} is outside an array of ${array.length}`)
  return value
}
