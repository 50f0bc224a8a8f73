/**
 * The residual codec: 8-bit centroids, and buckets and norms trained from held-out tokens (ColBERTv2, Santhanam et al., NAACL 2022, §3.3).
 * The ONNX graph of onnx/quantiserGraphs.ts codes with it; codecReference.ts does the same, slowly and readably.
 */
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'

/** Centroids as the index stores them. */
export interface QuantisedCentroids {
  readonly dim: number
  /** i8[K][dim]. */
  readonly centroids: Int8Array
  /** f32[K]. */
  readonly centroidScales: Float32Array
}

/** Everything that turns vectors into rows of an index. */
export interface Quantiser extends QuantisedCentroids {
  readonly codec: ResidualCodec
}

export interface HeldoutTokens {
  /** f32[rows][dim]. */
  readonly vectors: Float32Array
  /** i32[rows], nearest centroids. */
  readonly codes: Int32Array
}

const NORM_QUANTILE = 0.001
/** Part of the range between those quantiles that is added on both sides. */
const NORM_MARGIN = 0.25
/** Keeps the step above zero when every norm is the same. */
const NORM_RANGE_MIN = 1 / 256

/** i8 rows with one f32 scale a row, `max|value| / 127`; a zero row gets scale 1. */
export function quantiseCentroids(vectors: Float32Array, dim: number): QuantisedCentroids {
  const count = vectors.length / dim
  const centroids = new Int8Array(vectors.length)
  const centroidScales = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const values = vectors.subarray(row * dim, (row + 1) * dim)
    const largest = values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
    const scale = Math.fround(largest > 0 ? largest / 127 : 1)
    centroidScales[row] = scale
    values.forEach((value, d) => {
      centroids[row * dim + d] = Math.max(-127, Math.min(127, Math.round(value / scale)))
    })
  }
  return { dim, centroids, centroidScales }
}

/**
 * f32[K][dim], the centroids a reader sees. Codes, residuals, cutoffs, weights and norms are all made with these and not
 * with k-means' own, so that rounding centroids to 8 bits is one more residual to code and costs nothing by itself.
 */
export function dequantiseCentroids(quantised: QuantisedCentroids): Float32Array {
  const { dim, centroids, centroidScales } = quantised
  return Float32Array.from(centroids, (value, at) => value * (centroidScales[Math.floor(at / dim)] ?? 0))
}

/**
 * Cutoffs at quantiles i/2^n of all held-out residual values, weights at (i+½)/2^n, and the range of inverse norms.
 * @param centroids - f32[K][dim], dequantised
 */
export function trainCodec(heldout: HeldoutTokens, centroids: Float32Array, dim: number, nbits: Nbits): ResidualCodec {
  const residuals = residualsOf(heldout, centroids, dim)
  const sorted = residuals.slice().sort()
  const buckets = 2 ** nbits
  const bucketCutoffs = Float32Array.from({ length: buckets - 1 }, (_, i) => quantile(sorted, (i + 1) / buckets))
  const bucketWeights = Float32Array.from({ length: buckets }, (_, i) => quantile(sorted, (i + 0.5) / buckets))
  const norms = inverseNormsOf(heldout, residuals, { centroids, dim, bucketCutoffs, bucketWeights })
  return { nbits, bucketCutoffs, bucketWeights, ...inverseNormRange(norms) }
}

/** Linear interpolation between order statistics, as torch.quantile does by default. */
export function quantile(sorted: Float32Array, fraction: number): number {
  const position = fraction * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below] ?? 0
  const high = sorted[Math.min(below + 1, sorted.length - 1)] ?? 0
  return Math.fround(low + (high - low) * (position - below))
}

function residualsOf({ vectors, codes }: HeldoutTokens, centroids: Float32Array, dim: number): Float32Array {
  return vectors.map((value, at) => {
    const code = codes[Math.floor(at / dim)] ?? 0
    return value - (centroids[code * dim + (at % dim)] ?? 0)
  })
}

function inverseNormsOf(
  { codes }: HeldoutTokens,
  residuals: Float32Array,
  table: Pick<ResidualCodec, 'bucketCutoffs' | 'bucketWeights'> & {
    readonly centroids: Float32Array
    readonly dim: number
  },
): Float32Array {
  const { centroids, dim, bucketCutoffs, bucketWeights } = table
  return Float32Array.from(codes, (code, row) => {
    let square = 0
    for (let d = 0; d < dim; d++) {
      const weight = bucketWeights[bucketOf(residuals[row * dim + d] ?? 0, bucketCutoffs)] ?? 0
      square += ((centroids[code * dim + d] ?? 0) + weight) ** 2
    }
    return inverseNormOf(square)
  })
}

/** 1 / length, from the squared length of a vector that may be zero. */
export function inverseNormOf(square: number): number {
  return 1 / Math.sqrt(Math.max(square, 1e-12))
}

/**
 * Range the bytes 0…255 cover. A few extreme norms must not coarsen all others, so it is built on the quantiles 0.001
 * and 0.999 and widened by a quarter of their distance on both sides; norms beyond are clamped. The widening costs
 * little: at a distance of 0.2 a step is 0.0012, a rounding error of 0.06 % in a row's score.
 */
function inverseNormRange(norms: Float32Array): { inverseNormMin: number; inverseNormStep: number } {
  const sorted = norms.slice().sort()
  const low = quantile(sorted, NORM_QUANTILE)
  const high = quantile(sorted, 1 - NORM_QUANTILE)
  const margin = Math.max((high - low) * NORM_MARGIN, NORM_RANGE_MIN / 2)
  const min = Math.max(0, low - margin)
  return { inverseNormMin: Math.fround(min), inverseNormStep: Math.fround((high + margin - min) / 255) }
}

/** `count(cutoffs < value)`. */
export function bucketOf(value: number, cutoffs: Float32Array): number {
  let bucket = 0
  while (bucket < cutoffs.length && (cutoffs[bucket] ?? 0) < value) bucket++
  return bucket
}
