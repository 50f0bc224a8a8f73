/** Random passages and a query for the study of kernels, and what floats make of them. */
import type { Nbits } from '../../../format/manifest/segment.ts'
import { residualBuckets } from '../../../reference/kernels.ts'
import { seededRandom } from '../../../test/kernels/randomSegment.ts'

export const ROWS = 32
export const CENTROIDS = 8192

export interface StudyData {
  readonly dim: number
  readonly nbits: Nbits
  readonly rowBytes: number
  /** u32[passages + 1]. */
  readonly starts: Uint32Array
  readonly codes: Uint16Array
  /** Fractions of 2^15. */
  readonly norms: Int16Array
  readonly residuals: Uint8Array
  /** f32[2^nbits], by bucket. */
  readonly weights: Float32Array
  /** f32[ROWS][dim]. */
  readonly query: Float32Array
  /** f32[CENTROIDS][ROWS]. */
  readonly cells: Float32Array
  /** f32[ROWS]: what one unit of a row's table entries is worth; four bytes' entries sum to 252 at most. */
  readonly units: Float32Array
}

export interface StudyShape {
  readonly dim: number
  readonly nbits: Nbits
  readonly passages: number
  readonly tokens: number
}

export function studyData({ dim, nbits, passages, tokens }: StudyShape): StudyData {
  const random = seededRandom(dim * 10 + nbits)
  const rowBytes = (dim * nbits) / 8
  const all = passages * tokens
  const buckets = 2 ** nbits
  const weights = Float32Array.from({ length: buckets }, (_, b) => ((b + 0.5) / buckets - 0.5) * 0.25)
  const query = Float32Array.from({ length: ROWS * dim }, () => ((random() - 0.5) * 3.4) / Math.sqrt(dim))
  const setDims = Math.min(dim, 32 / nbits)
  const span = weights.at(-1)! - weights[0]!
  const units = Float32Array.from({ length: ROWS }, (_, row) => {
    let most = 0
    for (let first = 0; first < dim; first += setDims) {
      const sum = query.subarray(row * dim + first, row * dim + first + setDims).reduce((a, q) => a + Math.abs(q), 0)
      most = Math.max(most, (sum * span) / 252)
    }
    return most
  })
  return {
    dim,
    nbits,
    rowBytes,
    starts: Uint32Array.from({ length: passages + 1 }, (_, p) => p * tokens),
    codes: Uint16Array.from({ length: all }, () => Math.floor(random() * CENTROIDS)),
    norms: Int16Array.from({ length: all }, () => 24_000 + Math.floor(random() * 8000)),
    residuals: Uint8Array.from({ length: all * rowBytes }, () => Math.floor(random() * 256)),
    weights,
    query,
    cells: Float32Array.from({ length: CENTROIDS * ROWS }, () => random() - 0.3),
    units,
  }
}

/**
 * Compares the best of every passage and row with floats. @param best - i16[passages][ROWS] @returns the largest difference in units
 * @throws Error when it is more than rounding can explain: a wrong variant must not be timed
 */
export function checkVariant(data: StudyData, best: Int16Array, allowedUnits: number): number {
  const { dim, nbits, rowBytes, starts, codes, norms, residuals, weights, query, cells, units } = data
  let worst = 0
  for (let passage = 0; passage + 1 < starts.length; passage++) {
    const expected = new Float64Array(ROWS).fill(Number.NEGATIVE_INFINITY)
    for (let token = starts[passage]!; token < starts[passage + 1]!; token++) {
      const buckets = residualBuckets(residuals.subarray(token * rowBytes, (token + 1) * rowBytes), nbits)
      for (let row = 0; row < ROWS; row++) {
        let score = cells[codes[token]! * ROWS + row]!
        for (let d = 0; d < dim; d++) score += query[row * dim + d]! * weights[buckets[d]!]!
        expected[row] = Math.max(expected[row]!, (score * norms[token]!) / 2 ** 15)
      }
    }
    for (let row = 0; row < ROWS; row++) {
      worst = Math.max(worst, Math.abs(expected[row]! / units[row]! - best[passage * ROWS + row]!))
    }
  }
  if (!(worst <= allowedUnits)) throw new Error(`a variant is off by ${worst} units, ${allowedUnits} are allowed`)
  return worst
}
