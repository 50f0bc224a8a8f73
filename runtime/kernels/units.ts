/**
 * The units that scores are counted in, one a query row, chosen so that table bytes and 16-bit scores cannot overflow and are as
 * fine as that allows. assembly/README.md has the formulas and the bound of the error.
 */
import { residualBytesOf } from '../../format/items/rowBlock.ts'
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'
import { SET_BYTES } from './layout.ts'
import {
  fineValueTable,
  inverseNormTable,
  LEVEL_MAX,
  type QuantisedQuery,
  type QuantisedWeights,
  quantiseWeights,
} from './quantise.ts'

/** What the scores of a segment have in common. */
export interface SegmentScales {
  readonly nbits: Nbits
  readonly weights: QuantisedWeights
  /** Largest length of a quantised centroid. */
  readonly centroidNorm: number
  /** i16[256]: inverse norm of each stored byte in fractions of `inverseNormMax`, 32767 is 1. */
  readonly inverseNorms: Int16Array
  readonly inverseNormMax: number
  /** f32: i16 steps of a token's value 1, so that no value of a token passes 32,001; 0 where tokens say nothing. */
  readonly fineScale: number
  /** i16[256][8 / nbits] (quantise.ts). */
  readonly fineValues: Int16Array
}

/** Numbers of each row of a query, in the order of QUERY_NUMBERS (layout.ts); all arrays have query.rows elements. */
export interface RowNumbers {
  /** f32: units of S per dot product of a centroid, before the centroid's scale. 0 for a row without any score. */
  readonly cellFactors: Float32Array
  /** f32: 1.5 * 2^23 and the integer that undoes the least table entries. */
  readonly cellOffsets: Float32Array
  /** f32: units per product of query and weight, times 64. */
  readonly tableFactors: Float32Array
  /** f32: what one unit of a row's best token is worth in MaxSim. */
  readonly units: Float32Array
  /** i16 fraction of 2^15: units of U per unit of S. */
  readonly byteFactors: Int16Array
  readonly byteOffsets: Int16Array
  /** f32: what one step of a row's best fine token is worth in MaxSim. */
  readonly fineUnits: Float32Array
}

/** Table bytes that are added before they are widened sum to this at most; rounding adds less than 3. */
const SET_SUM_MAX = 252
/** Units of the largest centroid score; with residuals and offsets it stays below 2^15 (see the test). */
const CELL_SCORE_MAX = 20_000
/** Table entries are summed in 64ths. */
const TABLE_FRACTION = 64
/** Any f32 between 2^23 and 2^24 counts in ones. */
export const ROUNDING_OFFSET = 1.5 * 2 ** 23
const FRACTION_ONE = 32_767
/** A cosine of -1, 0 and 1 is 0, 127 and 254 in U. */
const BYTE_ONE = 127
/** Below it a row says nothing, and a division by its unit might overflow. */
const UNIT_MIN = 1e-25

export function segmentScales(
  codec: ResidualCodec,
  dim: number,
  centroids: Int8Array,
  centroidScales: Float32Array,
): SegmentScales {
  const inverseNormsF32 = inverseNormTable(codec)
  const inverseNormMax = Math.max(...inverseNormsF32)
  const fraction = inverseNormMax === 0 ? 0 : FRACTION_ONE / inverseNormMax
  let centroidNorm = 0
  for (let cell = 0; cell < centroidScales.length; cell++) {
    let squares = 0
    for (let at = cell * dim; at < (cell + 1) * dim; at++) {
      const value = centroids[at] ?? 0
      squares += value * value
    }
    centroidNorm = Math.max(centroidNorm, Math.sqrt(squares) * (centroidScales[cell] ?? 0))
  }
  const fineScale = fineScaleOf(codec, centroidScales)
  return {
    fineScale,
    fineValues: fineValueTable(codec.bucketWeights, codec.nbits, fineScale),
    nbits: codec.nbits,
    weights: quantiseWeights(codec.bucketWeights),
    centroidNorm,
    inverseNorms: Int16Array.from(inverseNormsF32, (norm) => Math.round(norm * fraction)),
    inverseNormMax,
  }
}

/** Of the largest value that a centroid and a bucket weight could have together. */
const FINE_VALUE_MAX = 32_000

function fineScaleOf({ bucketWeights }: ResidualCodec, centroidScales: Float32Array): number {
  let scaleMax = 0
  for (let cell = 0; cell < centroidScales.length; cell++) scaleMax = Math.max(scaleMax, centroidScales[cell] ?? 0)
  const largest = scaleMax * LEVEL_MAX + bucketWeights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0)
  return largest > UNIT_MIN ? Math.fround(FINE_VALUE_MAX / largest) : 0
}

/**
 * A row's unit is the larger of two: 1 / 252 of the largest sum that the tables of four residual bytes can give, and 1 / 20,000
 * of the largest score a centroid can have (Cauchy-Schwarz).
 */
export function rowNumbers(query: QuantisedQuery, segment: SegmentScales): RowNumbers {
  const { rows, dim } = query
  const { weights, inverseNormMax } = segment
  const least = Math.min(...weights.values)
  const most = Math.max(...weights.values)
  const numbers = {
    cellFactors: new Float32Array(rows),
    cellOffsets: new Float32Array(rows).fill(ROUNDING_OFFSET),
    tableFactors: new Float32Array(rows),
    units: new Float32Array(rows),
    byteFactors: new Int16Array(rows),
    byteOffsets: new Int16Array(rows),
    fineUnits: new Float32Array(rows),
  }
  for (let row = 0; row < rows; row++) {
    const scale = query.scales[row] ?? 0
    if (segment.fineScale > 0) {
      numbers.fineUnits[row] = ((query.fineScales[row] ?? 0) * inverseNormMax) / (FRACTION_ONE * segment.fineScale)
    }
    const sums = sumsOf(query.values.subarray(row * dim, (row + 1) * dim), segment.nbits, least, most)
    const tableUnit = (sums.rangeMax * weights.scale * scale) / SET_SUM_MAX
    const unit = Math.max(tableUnit, (segment.centroidNorm * sums.norm * scale) / CELL_SCORE_MAX)
    if (!(unit > UNIT_MIN)) continue
    const tableFactor = (weights.scale * scale) / unit
    const offset = Math.round(sums.least * tableFactor)
    const byteFactor = Math.min(FRACTION_ONE, Math.round(unit * BYTE_ONE * 2 ** 15))
    numbers.cellFactors[row] = scale / unit
    numbers.cellOffsets[row] = ROUNDING_OFFSET + offset
    numbers.tableFactors[row] = tableFactor * TABLE_FRACTION
    numbers.units[row] = (unit * inverseNormMax * 2 ** 15) / FRACTION_ONE
    numbers.byteFactors[row] = byteFactor
    numbers.byteOffsets[row] = BYTE_ONE - Math.round((offset * byteFactor) / 2 ** 15)
  }
  return numbers
}

/** The U of a cosine: what `survives` compares with. @returns an integer in [0, 255] */
export function byteThreshold(cosine: number): number {
  return Math.max(0, Math.min(255, Math.round((cosine + 1) * BYTE_ONE)))
}

/** Bytes of the tables of one block of rows: 256 entries for each residual byte, whole sets. */
export function tableBytes(dim: number, nbits: Nbits): number {
  return Math.ceil(residualBytesOf(dim, nbits) / SET_BYTES) * SET_BYTES * 8192
}

/** Integers of one row: the largest range of a set's sum of products, the least sum of all products, the row's length. */
function sumsOf(values: Int8Array, nbits: Nbits, least: number, most: number) {
  const setDims = (SET_BYTES * 8) / nbits
  let rangeMax = 0
  let magnitudes = 0
  let signed = 0
  let squares = 0
  for (let first = 0; first < values.length; first += setDims) {
    const before = magnitudes
    for (let dim = first; dim < first + setDims && dim < values.length; dim++) {
      const value = values[dim] ?? 0
      magnitudes += Math.abs(value)
      signed += value
      squares += value * value
    }
    rangeMax = Math.max(rangeMax, (magnitudes - before) * (most - least))
  }
  // The smaller of v * least and v * most is (v * (least + most) - |v| * (most - least)) / 2.
  const leastSum = (signed * (least + most) - magnitudes * (most - least)) / 2
  return { rangeMax, least: leastSum, norm: Math.sqrt(squares) }
}
