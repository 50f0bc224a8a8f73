/**
 * One immutable slice of an index as plain arrays: what the sections of SPEC.md §5 hold once they are read and checked.
 * The builder makes it, the writer stores it, the resident runtime searches it.
 */
import type { Nbits } from '../items/rowBlock.ts'

export type { Nbits }

/** How residuals and norms were quantised: one codec for all segments of a quantiser (SPEC.md §4.4). */
export interface ResidualCodec {
  readonly nbits: Nbits
  /** f32[2^nbits - 1], ascending. A residual value v falls into bucket `count(cutoffs < v)`. */
  readonly bucketCutoffs: Float32Array
  /** f32[2^nbits], the value a bucket decodes to. */
  readonly bucketWeights: Float32Array
  /** Stored inverse norm byte b decodes to `fround(inverseNormMin + fround(b * inverseNormStep))`. */
  readonly inverseNormMin: number
  readonly inverseNormStep: number
}

/** What codes and residuals mean; segments share one. K centroids. */
export interface Quantiser {
  /** Values a vector: a multiple of 16 in [32, 256]. */
  readonly dim: number
  readonly codec: ResidualCodec
  /** i8[K][dim]; centroid k is `centroids[k][d] * centroidScales[k]`. Numbered so that similar centroids are near. */
  readonly centroids: Int8Array
  /** f32[K]. */
  readonly centroidScales: Float32Array
}

/**
 * Token vector of token t with code c = (centroid c + weights of its residual buckets) * its inverse norm.
 * Sizes: K centroids, N passages, T tokens in all.
 */
export interface SegmentData extends Quantiser {
  /** u16[N], tokens of each passage; 0 is allowed. */
  readonly passageLengths: Uint16Array
  /** The row blocks (items/rowBlock.ts) of passages 0..N-1, one after another without gaps. */
  readonly rows: Uint8Array
  /** u32[K + 1], byte offsets into `postings`; list k is [offsets[k], offsets[k + 1]). */
  readonly postingOffsets: Uint32Array
  /** The posting lists (items/postingList.ts) of centroids 0..K-1, one after another without gaps. */
  readonly postings: Uint8Array
}
