/**
 * The numbers of the int8 design: how queries, bucket weights and inverse norms become the integers and f32 tables that the
 * kernels and their twin share. Everything here runs once a query or once a segment.
 */
import { InputError } from '../../format/errors.ts'
import { reverseBits, weightsOfBytes } from '../../format/items/rowBlock.ts'
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'
import { ROW_BLOCK } from './layout.ts'

/** Largest magnitude of a quantised value. */
export const LEVEL_MAX = 127
/** Largest magnitude of a query value or a scale: far above any sensible one, and no f32 product of two overflows. */
export const MAGNITUDE_MAX = 2 ** 20

/** A query in integers. Row i is about `values[i][d] * scales[i]`; a row of zeros has scale 0. */
export interface QuantisedQuery {
  readonly rows: number
  readonly dim: number
  /** i8[rows][dim], in [-127, 127]. */
  readonly values: Int8Array
  /** f32[rows]: fround(largest magnitude of the row / 127). */
  readonly scales: Float32Array
  /** i16[rows][dim]: the same rows in steps of 1 / 4,000 of their length, for refine. */
  readonly fine: Int16Array
  /** f64[rows]: row i is about `fine[i][d] * fineScales[i]`; 0 for a row of zeros. */
  readonly fineScales: Float64Array
}

/** Length of a fine row: with the longest token that refine decodes, every sum stays in i32 (assembly/refine.ts). */
const FINE_LENGTH = 4000

/**
 * `values = clamp(Math.round(value / scale), -127, 127)`, computed in f64; Math.round takes halves up.
 *
 * @param vectors - f32[rows][dim]
 * @throws InputError on a value that is not finite or beyond MAGNITUDE_MAX
 */
export function quantiseQuery(vectors: Float32Array, rows: number, dim: number): QuantisedQuery {
  const values = new Int8Array(rows * dim)
  const scales = new Float32Array(rows)
  const fine = new Int16Array(rows * dim)
  const fineScales = new Float64Array(rows)
  for (let row = 0; row < rows; row++) {
    const vector = vectors.subarray(row * dim, (row + 1) * dim)
    scales[row] = quantiseInto(vector, values.subarray(row * dim), `query row ${row}`)
    fineScales[row] = scales[row] === 0 ? 0 : quantiseFine(vector, fine.subarray(row * dim))
  }
  return { rows, dim, values, scales, fine, fineScales }
}

/** @returns the scale */
function quantiseFine(vector: Float32Array, values: Int16Array): number {
  let squares = 0
  for (let at = 0; at < vector.length; at++) squares += (vector[at] ?? 0) * (vector[at] ?? 0)
  const scale = Math.sqrt(squares) / FINE_LENGTH
  for (let at = 0; at < vector.length; at++) values[at] = Math.floor((vector[at] ?? 0) / scale + 0.5)
  return scale
}

/** Bucket weights in integers: weight b is about `values[b] * scale`. */
export interface QuantisedWeights {
  /** i8[2^nbits], in [-127, 127]. */
  readonly values: Int8Array
  readonly scale: number
}

/**
 * @param bucketWeights - f32[2^nbits]
 * @throws InputError on a weight that is not finite or beyond MAGNITUDE_MAX
 */
export function quantiseWeights(bucketWeights: Float32Array): QuantisedWeights {
  const values = new Int8Array(bucketWeights.length)
  const scale = quantiseInto(bucketWeights, values, 'bucket weights')
  return { values, scale }
}

/** @returns f32[256], the inverse norm of each stored byte: `fround(min + fround(byte * step))` */
export function inverseNormTable(codec: ResidualCodec): Float32Array {
  const table = new Float32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    table[byte] = codec.inverseNormMin + Math.fround(byte * codec.inverseNormStep)
  }
  return table
}

/** @returns i8[16], the weight of a bucket at the index made of its `nbits` bits in reverse, the way residuals store them */
export function weightTable(weights: Int8Array, nbits: Nbits): Int8Array {
  const table = new Int8Array(16)
  for (let bucket = 0; bucket < weights.length; bucket++) {
    table[reverseBits(bucket, nbits)] = weights[bucket] ?? 0
  }
  return table
}

/** @returns i16[256][8 / nbits]: `weight * scale`, rounded, of the buckets of each residual byte, first dim first */
export function fineValueTable(bucketWeights: Float32Array, nbits: Nbits, scale: number): Int16Array {
  return Int16Array.from(weightsOfBytes(bucketWeights, nbits), (weight) => Math.round(weight * scale))
}

/** R: rows rounded up to whole blocks of ROW_BLOCK. */
export function paddedRows(rows: number): number {
  return Math.ceil(rows / ROW_BLOCK) * ROW_BLOCK
}

/**
 * @param query - its `values`, or its `fine` ones in their place
 * @returns i16[dim / 2][paddedRows][2]: the query as `dot2x16Rows` reads it, padded rows zero
 */
export function pairQuery(query: {
  readonly rows: number
  readonly dim: number
  readonly values: Int8Array | Int16Array
}): Int16Array {
  const rowsPadded = paddedRows(query.rows)
  const pairs = new Int16Array(query.dim * rowsPadded)
  for (let row = 0; row < query.rows; row++) {
    for (let dim = 0; dim < query.dim; dim++) {
      pairs[((dim >> 1) * rowsPadded + row) * 2 + (dim & 1)] = query.values[row * query.dim + dim] ?? 0
    }
  }
  return pairs
}

/** @returns f32[dim][paddedRows]: the same integers as `buildTables` reads them, padded rows zero */
export function transposeQuery(query: QuantisedQuery): Float32Array {
  const rowsPadded = paddedRows(query.rows)
  const columns = new Float32Array(query.dim * rowsPadded)
  for (let row = 0; row < query.rows; row++) {
    for (let dim = 0; dim < query.dim; dim++) {
      columns[dim * rowsPadded + row] = query.values[row * query.dim + dim] ?? 0
    }
  }
  return columns
}

/** Quantises one vector with its own scale. @returns the scale, 0 for a vector of zeros */
function quantiseInto(vector: Float32Array, values: Int8Array, name: string): number {
  // Plain loops and no Math.round, min or max, here and in units.ts: their branches go by signs that nobody can predict, and took
  // 170 of the 190 microseconds that preparing a query needed.
  let largest = 0
  for (let at = 0; at < vector.length; at++) {
    const magnitude = Math.abs(vector[at] ?? 0)
    // Written so that NaN fails it too.
    if (!(magnitude <= MAGNITUDE_MAX)) {
      throw new InputError(
        `${name}: expected finite values in [-2^20, 2^20], got ${vector[at]}. Check what encoded it.`,
      )
    }
    if (magnitude > largest) largest = magnitude
  }
  const scale = Math.fround(largest / LEVEL_MAX)
  if (scale === 0) return 0
  for (let at = 0; at < vector.length; at++) {
    // Math.round but for the double just below a half, which no quotient of two f32 is.
    const level = Math.floor((vector[at] ?? 0) / scale + 0.5)
    values[at] = level > LEVEL_MAX ? LEVEL_MAX : level < -LEVEL_MAX ? -LEVEL_MAX : level
  }
  return scale
}
