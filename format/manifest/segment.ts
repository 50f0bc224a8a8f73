/**
 * One immutable slice of an index as plain arrays: what the sections of SPEC.md §5 hold once they are read and checked.
 * The builder makes it, the writer stores it, the resident runtime searches it.
 */

/** Bits of a residual value. */
export type Nbits = 1 | 2 | 4

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
  /**
   * The row blocks of passages 0..N-1, one after another. The block of a passage with n tokens is
   *   codes u16[n] (u32[n] when K > 65,536), inverse norms u8[n], residuals u8[n][dim*nbits/8], crc32c u32
   * little-endian, unpadded; the CRC covers the bytes of the block before it.
   */
  readonly rows: Uint8Array
  /** u32[K + 1], byte offsets into `postings`; list k is [offsets[k], offsets[k + 1]). */
  readonly postingOffsets: Uint32Array
  /**
   * Per centroid the sorted unique pids that have a token there: LEB128 of `pid - previous - 1` (previous starts at -1),
   * then crc32c u32 of those bytes. An empty list has no bytes at all.
   */
  readonly postings: Uint8Array
}

/** Bytes of one code. */
export function codeBytesOf(centroidCount: number): 2 | 4 {
  return centroidCount > 65_536 ? 4 : 2
}

/** Bytes of one packed residual row. */
export function residualBytesOf(dim: number, nbits: Nbits): number {
  return (dim * nbits) / 8
}

/** Bytes of the row block of a passage with `tokens` tokens, its CRC included. */
export function rowBlockBytes(tokens: number, dim: number, nbits: Nbits, centroidCount: number): number {
  return tokens * (codeBytesOf(centroidCount) + 1 + residualBytesOf(dim, nbits)) + 4
}
