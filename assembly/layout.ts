/**
 * Constants that kernels and host code must agree on. Untyped literals only, so that AssemblyScript and TypeScript both
 * read this file; runtime/kernels/layout.ts is its copy (packages ship without assembly/), and a test compares the two.
 */

// ╒═══════ segment block: u32[20], 16-byte aligned; every pointer is an address in the same memory ═══════╕
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
/** i16[256]: inverse norm of a stored byte, as a fraction of the largest one: 32767 is 1. */
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
/** u32[N + 1]: distinct codes before each passage. */
export const SEGMENT_CELL_STARTS = 56
/** u16[] or u32[], as wide as codes: the distinct codes of each passage, written by distinctCells. */
export const SEGMENT_CELLS = 60
/** i16[256][8 / nbits]: weights of the buckets of a residual byte, first dim first, times the fine scale. What refine decodes by. */
export const SEGMENT_FINE_VALUES = 64
/** f32: i16 steps of a token's value 1 (units.ts). */
export const SEGMENT_FINE_SCALE = 68
export const SEGMENT_BLOCK_BYTES = 80

// ╒═══════ query block: u32[12], 16-byte aligned ═══════╕
/** Rows of the query, in [1, 512]. */
export const QUERY_ROWS = 0
/** R, rows rounded up to a multiple of ROW_BLOCK; everything of a row from QUERY_ROWS on is zero. */
export const QUERY_ROWS_PADDED = 4
/** i16[dim / 2][R][2]: the query in integers, dims in pairs. What centroids are compared with. */
export const QUERY_PAIRS = 8
/** f32[dim][R]: the same integers. What tables are made of. */
export const QUERY_VALUES = 12
/**
 * Numbers of each row (units.ts), one array after another:
 * f32[R] cell factors, f32[R] cell offsets, f32[R] table factors, f32[R] units, i16[R] byte factors, i16[R] byte offsets,
 * f32[R] fine units.
 */
export const QUERY_NUMBERS = 16
/** i16[K][R]: S, score of every centroid in units of its row; written by scoreCentroids. */
export const QUERY_CELL_SCORES = 20
/** u8[K][R]: U, the same on one scale for all rows, in bytes; written by scoreCentroids. */
export const QUERY_CELL_BYTES = 24
/** u8[K]: 1 where a centroid's best U reaches the threshold; written by scoreCentroids. */
export const QUERY_SURVIVES = 28
/** u8[tableBytes][256][ROW_BLOCK]: what a byte of a residual adds to each row; written by buildTables. */
export const QUERY_TABLES = 32
/**
 * u8[SCRATCH_BYTES]: i16[2][dim] centroids and i32[2][ROW_BLOCK] dot products; or i16[2][16][ROW_BLOCK] nibble tables; or
 * u32[512] codes that survive; or what refine.ts says.
 */
export const QUERY_SCRATCH = 36
/** i16[dim / 2][R][2]: the query in fine integers, dims in pairs. What refine multiplies with. */
export const QUERY_FINE_PAIRS = 40
export const QUERY_BLOCK_BYTES = 48

/** Query rows that are scored together: the lanes of two vectors of bytes. */
export const ROW_BLOCK = 32
/** Bytes of a residual whose table entries are added before they are widened; tables are padded to a multiple of it. */
export const SET_BYTES = 4
/** Bytes of QUERY_NUMBERS a row. */
export const NUMBERS_BYTES = 24
/** Two nibble tables; two centroids of 256 dims and their dot products with 32 rows are shorter. */
export const SCRATCH_BYTES = 2048

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
