/** Limits of the format, and of the search parameters that a manifest stores. Readers refuse what is beyond them before they allocate. */

export const FORMAT_VERSION_MAJOR = 2
export const FORMAT_VERSION_MINOR = 0

/** Payloads of sections start at multiples of this many bytes in their file. */
export const SECTION_ALIGNMENT_BYTES = 64
/** Zero bytes after a section's payload, at least: a 16-byte load that starts inside the payload stays legal. */
export const SECTION_PADDING_MIN_BYTES = 16
/** Default size of a part. Cloudflare's static assets take 25 MiB at most. */
export const PART_BYTES_DEFAULT = 24 * 1024 * 1024

export const DIM_MIN = 32
export const DIM_MAX = 256
export const DIM_MULTIPLE = 16
export const CENTROIDS_MAX = 2 ** 22
export const PASSAGE_TOKENS_MAX = 65_535
/** Passages in one segment. */
export const PASSAGES_MAX = 2 ** 28
/** Bytes of one file (part, pack, manifest). */
export const FILE_BYTES_MAX = 2 ** 32 - 1
export const HEADER_BYTES_MAX = 64 * 1024 * 1024
export const SECTIONS_MAX = 65_000
/** UTF-8 bytes of a passage id. */
export const ID_BYTES_MAX = 1024
/** UTF-8 bytes of one passage's title, text and metadata together. */
export const PASSAGE_TEXT_BYTES_MAX = 16 * 1024 * 1024
/** Raw bytes of a block of stored texts before compression; a single larger passage gets a block of its own. */
export const TEXT_BLOCK_BYTES = 64 * 1024

/** Rows of a query matrix. */
export const QUERY_ROWS_MAX = 512
/** Results of one query. */
export const K_MAX = 1000
/** Cells probed for one query row. As many as there are centroids, or more than PROBED_CELLS_MAX: every passage is a candidate. */
export const NCELLS_MAX = CENTROIDS_MAX
/** More are not worth picking one by one: their lists hold nearly every passage. */
export const PROBED_CELLS_MAX = 1024
/** Candidates kept for exact scoring, Stanford's `ndocs`. */
export const NDOCS_MAX = 1_048_576
