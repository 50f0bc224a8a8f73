/** Limits of what an encoder takes. Beyond them a text is refused before any work is done on it. */

/** Characters of a query text; ColBERT reads only the first `queryLength` tokens anyway. */
export const QUERY_CHARACTERS_MAX = 8192
/** Characters of a text as people and JSON Schema count them: an emoji is one, though JavaScript counts two. */
export function charactersOf(text: string): number {
  let pairs = 0
  for (let i = 0; i < text.length; i++) if ((text.codePointAt(i) ?? 0) > 0xffff) pairs++
  return text.length - pairs
}

/** Whether a text has more characters; most texts need not be counted through. */
export function isLongerThan(text: string, characters: number): boolean {
  return text.length > characters && charactersOf(text) > characters
}

/** Bytes of a model's manifest.json. */
export const MODEL_MANIFEST_BYTES_MAX = 256 * 1024
