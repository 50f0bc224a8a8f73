/** Opens an index, and a search over it, in this thread of a browser: files by address or as a Blob, kernels by address. */
import { StorageError } from '../../../format/errors.ts'
import { openPack } from '../../../format/indexReader.ts'
import type { IndexFiles } from '../../../format/rangeReader.ts'
import { textSearchOver } from '../../ask/openTextSearch.ts'
import type { QuestionEncoder, TextSearch, TextSearchOptions } from '../../ask/textSearch.ts'
import { blobReader } from '../../readers/blob.ts'
import { cacheApiFiles } from '../../readers/cached.ts'
import { httpFiles } from '../../readers/http.ts'
import type { IndexInfo } from '../../searcher.ts'
import type { OpenedIndex } from '../../searchers/indexSearcher.ts'
import { type OpenIndexFilesOptions, openIndexFiles } from '../../searchers/openIndexFiles.ts'

export interface BrowserIndexOptions extends Omit<OpenIndexFilesOptions, 'kernels'> {
  /** Address of `kernels.wasm` of the package. */
  readonly kernelsUrl: string
  /** Address of the folder that holds `index.msgpack`, or a packed index as a File or Blob. */
  readonly index: string | Blob
  /** Name of a cache of the Cache API that keeps what was read, kernels included: later visits read nothing twice, and need no network. */
  readonly cache?: string
}

/** Where a model is, and the runtime that it runs on. */
export interface ModelAddresses {
  /** Address of the folder that holds `manifest.json`, `tokenizer.json` and the ONNX file. */
  readonly modelUrl: string
  /** Address of `ort-wasm-simd-threaded.wasm` of the package onnxruntime-web. */
  readonly onnxUrl: string
  /** Name of a cache of the Cache API that keeps the model's files. */
  readonly cache?: string
}

/** Plain data, so that a page can send it to its worker. */
export interface BrowserSearchOptions extends BrowserIndexOptions, Pick<TextSearchOptions, 'tier'> {
  /** Given to `openEncoder`. */
  readonly model?: ModelAddresses
}

/**
 * Opens the encoder for an index: `openEncoderAt` of `tartan-search/web-encoder`, or a function of yours, such as
 * `async (index) => createRemoteEncoder({ url, index })`.
 */
export type OpenEncoder = (info: IndexInfo, model: ModelAddresses | undefined) => Promise<QuestionEncoder>

/** A tab has more than a Worker of Cloudflare's. */
const MEMORY_MAX_DEFAULT = 512_000_000

/**
 * Opens an index in this thread: for scripts that are workers already, and Service Workers.
 * @throws InputError, FormatError and its kin, StorageError
 */
export async function openBrowserIndex(options: BrowserIndexOptions): Promise<OpenedIndex> {
  const { kernelsUrl, index, cache: name, memoryMax = MEMORY_MAX_DEFAULT, ...rest } = options
  const cache = name === undefined ? undefined : await caches.open(name)
  const kernels = await WebAssembly.compileStreaming(fetchKept(kernelsUrl, cache))
  return openIndexFiles(await filesOf(index, cache), { ...rest, memoryMax, kernels })
}

/**
 * Opens index and encoder in this thread, which waits while it encodes and searches: a page is better off with
 * `openTextSearchInWorker`.
 *
 * @param options.openEncoder - without it only query vectors can be asked with
 * @throws as `openBrowserIndex`, and what `openEncoder` throws
 */
export async function openTextSearch(
  options: BrowserSearchOptions & { readonly openEncoder?: OpenEncoder },
): Promise<TextSearch> {
  const { model, tier, openEncoder, ...opening } = options
  const source = openEncoder && ((info: IndexInfo) => openEncoder(info, model))
  return textSearchOver(await openBrowserIndex(opening), source, { tier })
}

async function filesOf(index: string | Blob, cache?: Cache): Promise<IndexFiles> {
  if (typeof index !== 'string') return openPack(blobReader('the file', index))
  const files = httpFiles(new URL(index, location.href))
  return cache ? cacheApiFiles(files, cache, { offline: true }) : files
}

/** From the network, so that kernels follow the script; from the cache when there is none. */
async function fetchKept(url: string, cache?: Cache): Promise<Response> {
  try {
    const response = await fetch(url)
    if (response.ok) await cache?.put(url, response.clone()).catch(() => undefined)
    return response
  } catch (error) {
    const kept = await cache?.match(url).catch(() => undefined)
    if (kept) return kept
    throw new StorageError(`"${url}" cannot be read: ${(error as Error).message}.`, { url }, { cause: error })
  }
}
