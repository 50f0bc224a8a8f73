/**
 * Constants that kernels and host code must agree on. Untyped literals only, so that AssemblyScript and TypeScript both
 * read this file; runtime/kernels/layout.ts is its copy (packages ship without assembly/), and a test compares the two.
 */

// ╒═══════ segment block: u32[15], 16-byte aligned; every pointer is an address in the same memory ═══════╕
/** Values a vector, multiple of 16 in [32, 256]. */
export const SEGMENT_DIM = 0
/** 1, 2 or 4. */
export const SEGMENT_NBITS = 4
/** 2 or 4. */
export const SEGMENT_CODE_BYTES = 8
/** K. */
export const SEGMENT_CENTROID_COUNT = 12
/** N. */
export const SEGMENT_PASSAGE_COUNT = 16
/** i8[K][dim]. */
export const SEGMENT_CENTROIDS = 20
/** f32[K]. */
export const SEGMENT_CENTROID_SCALES = 24
/** i8[16]: weight of a bucket, indexed by the bucket's bits reversed; entries from 2^nbits on are 0. */
export const SEGMENT_WEIGHTS = 28
/** f32[256]: inverse norm of a stored byte. */
export const SEGMENT_INVERSE_NORMS = 32
/** u32[N + 1]: tokens before each passage. */
export const SEGMENT_TOKEN_STARTS = 36
/** u8[rowsLength + 16]: row blocks, then at least 16 bytes that may be read but do not matter. */
export const SEGMENT_ROWS = 40
/** u32[K + 1]. */
export const SEGMENT_POSTING_OFFSETS = 44
/** u8[postingsLength]. */
export const SEGMENT_POSTINGS = 48
export const SEGMENT_POSTINGS_LENGTH = 52
export const SEGMENT_BLOCK_BYTES = 64

// ╒═══════ query block: u32[11], 16-byte aligned ═══════╕
/** Rows of the query, in [1, 512]. */
export const QUERY_ROWS = 0
/** rows rounded up to a multiple of 4; rows from QUERY_ROWS on are zero. */
export const QUERY_ROWS_PADDED = 4
/** rows rounded up to a multiple of 16: bytes of one row of QUERY_CELL_BYTES. */
export const QUERY_BYTE_STRIDE = 8
/** i16[dim / 2][rowsPadded][2], dims in natural order: what centroids are compared with. */
export const QUERY_NATURAL = 12
/** i16[dim / 2][rowsPadded][2], dims in the order residual rows decode to. */
export const QUERY_PERMUTED = 16
/** f32[rowsPadded]: query scale of each row. */
export const QUERY_SCALES = 20
/** f32[rowsPadded]: fround(bucket weight scale * query scale) of each row. */
export const QUERY_RESIDUAL_SCALES = 24
/** f32[K][rowsPadded]: S, score of every centroid; written by scoreCentroids. */
export const QUERY_CELL_SCORES = 28
/** u8[K][byteStride]: U, the same in bytes, zero in padded rows; written by scoreCentroids. */
export const QUERY_CELL_BYTES = 32
/** u8[K]: 1 where a centroid's best score reaches the threshold; written by scoreCentroids. */
export const QUERY_SURVIVES = 36
/** u8[2 * dim + 16 + 8 * rowsPadded]: i16[dim + 8] vector, i32[rowsPadded] dot products, f32[rowsPadded] maxima. */
export const QUERY_SCRATCH = 40
export const QUERY_BLOCK_BYTES = 48

// Status of gather, in the low three bits of its answer; the cell is above them.
export const STATUS_OK = 0
/** Offsets fall, or point outside the postings. */
export const STATUS_OFFSETS = 1
/** A list of 1 to 4 bytes: too short for one posting and its CRC. */
export const STATUS_LENGTH = 2
/** A varint that is cut off, longer than 5 bytes, or not in its shortest form. */
export const STATUS_VARINT = 3
/** A pid that is not in the segment. */
export const STATUS_PID = 4
export const STATUS_BITS = 3

/** Bytes of the sixteen CRC tables: u32[16][256]. */
export const CRC_TABLES_BYTES = 16384
