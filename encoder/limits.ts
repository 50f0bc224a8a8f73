/** Limits of what an encoder takes. Beyond them a text is refused before any work is done on it. */

/** Characters of a query text; ColBERT reads only the first `queryLength` tokens anyway. */
export const QUERY_CHARACTERS_MAX = 8192
/** Bytes of a model's manifest.json. */
export const MODEL_MANIFEST_BYTES_MAX = 256 * 1024
