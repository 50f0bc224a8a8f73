/** Opens index and encoder together, as one search that texts can be asked of, wherever index files are. */
import type { IndexFiles } from '../../format/rangeReader.ts'
import type { IndexInfo, Searcher } from '../searcher.ts'
import { type OpenIndexFilesOptions, openIndexFiles } from '../searchers/openIndexFiles.ts'
import { createTextSearch, type QuestionEncoder, type TextSearch, type TextSearchOptions } from './textSearch.ts'

/**
 * A ready encoder, which stays the caller's to close; or what opens one for an index, closed with the search. A model of some size
 * is best opened by the first text: give `(index) => createLazyEncoder({ index, open })`.
 */
export type EncoderSource = QuestionEncoder | ((info: IndexInfo) => QuestionEncoder | Promise<QuestionEncoder>)

export interface OpenTextSearchOptions extends OpenIndexFilesOptions, Pick<TextSearchOptions, 'tier'> {
  /** Without it only query vectors can be asked with. */
  readonly encoder?: EncoderSource | undefined
}

/**
 * @param files - the index: `httpFiles`, `r2Files`, `s3Files`, `memoryFiles`, or an implementation of one's own
 * @throws as `openIndexFiles`; what opening the encoder throws, after the index is closed again
 */
export async function openTextSearch(files: IndexFiles, options: OpenTextSearchOptions): Promise<TextSearch> {
  const { encoder, tier, ...opening } = options
  return textSearchOver(await openIndexFiles(files, opening), encoder, { tier })
}

/** Takes over an index that is open: closing the search closes it. */
export async function textSearchOver(
  index: Searcher & { close(): Promise<void> },
  source: EncoderSource | undefined,
  options: Pick<TextSearchOptions, 'tier'> = {},
): Promise<TextSearch> {
  let encoder: QuestionEncoder | undefined
  try {
    encoder = typeof source === 'function' ? await source(index.info) : source
  } catch (error) {
    await index.close()
    throw error
  }
  return createTextSearch(index, encoder, {
    ...options,
    async close() {
      if (typeof source === 'function') await encoder?.close()
      await index.close()
    },
  })
}
