/**
 * Residual coding and decoding, one token at a time and readably: the oracle for the ONNX graph that the builder codes with. The layout
 * of bits is that of colbert-ai's residual.py.
 */
import { residualBytesOf, reverseBits } from '../../format/items/rowBlock.ts'
import type { ResidualCodec } from '../../format/manifest/segment.ts'
import { bucketOf, inverseNormOf, type Quantiser } from './codec.ts'

export interface CodedToken {
  readonly code: number
  readonly inverseNorm: number
  /** u8[dim*nbits/8]. */
  readonly packed: Uint8Array
}

/** One token vector, f32[dim], coded the slow and readable way. `centroids` are the dequantised ones. */
export function encodeResidualReference(
  vector: Float32Array,
  centroids: Float32Array,
  codec: ResidualCodec,
): CodedToken {
  const dim = vector.length
  const { nbits, bucketCutoffs, bucketWeights, inverseNormMin, inverseNormStep } = codec
  const code = nearestReference(vector, centroids)
  const packed = new Uint8Array(residualBytesOf(dim, nbits))
  let square = 0
  vector.forEach((value, d) => {
    const centroid = centroids[code * dim + d] ?? 0
    const bucket = bucketOf(Math.fround(value - centroid), bucketCutoffs)
    square += (centroid + (bucketWeights[bucket] ?? 0)) ** 2
    // Values fill a byte from its highest bit; within a value the lowest bit comes first.
    const bit = d * nbits
    const shift = 8 - nbits - (bit % 8)
    packed[bit >> 3] = (packed[bit >> 3] ?? 0) | (reverseBits(bucket, nbits) << shift)
  })
  const steps = Math.round((inverseNormOf(square) - inverseNormMin) / inverseNormStep)
  return { code, inverseNorm: Math.max(0, Math.min(255, steps)), packed }
}

/** Number of the centroid with the largest dot product, the first of equals. */
export function nearestReference(vector: Float32Array, centroids: Float32Array): number {
  const dim = vector.length
  let best = 0
  let bestScore = Number.NEGATIVE_INFINITY
  for (let start = 0; start < centroids.length; start += dim) {
    let score = 0
    for (let d = 0; d < dim; d++) score += (vector[d] ?? 0) * (centroids[start + d] ?? 0)
    if (score > bestScore) {
      bestScore = score
      best = start / dim
    }
  }
  return best
}

/** f32[dim]: the token vector a reader reconstructs, of about unit length. */
export function decodeRow(token: CodedToken, quantiser: Quantiser): Float32Array {
  const { dim, centroids, centroidScales, codec } = quantiser
  const { nbits, bucketWeights, inverseNormMin, inverseNormStep } = codec
  const inverseNorm = Math.fround(inverseNormMin + Math.fround(token.inverseNorm * inverseNormStep))
  const scale = centroidScales[token.code] ?? 0
  return Float32Array.from({ length: dim }, (_, d) => {
    const bit = d * nbits
    const value = ((token.packed[bit >> 3] ?? 0) >> (8 - nbits - (bit % 8))) & (2 ** nbits - 1)
    const weight = bucketWeights[reverseBits(value, nbits)] ?? 0
    return Math.fround(Math.fround((centroids[token.code * dim + d] ?? 0) * scale) + weight) * inverseNorm
  })
}
