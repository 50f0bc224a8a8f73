/**
 * Browsers, `tartan-search/browser`: an index on any static host, searched in the page's own module worker, so that the page never
 * waits. The worker's script is one line of yours: `serveIndex()` of this file.
 */
import { StorageError } from '../../format/errors.ts'
import { openPack } from '../../format/indexReader.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { receivedError, type SentError, sentError } from '../pool/sentError.ts'
import { blobReader } from '../readers/blob.ts'
import { cacheApiFiles } from '../readers/cached.ts'
import { httpFiles } from '../readers/http.ts'
import type { Searcher } from '../searcher.ts'
import { type OpenedIndex, type OpenIndexFilesOptions, openIndexFiles } from '../searchers/openIndexFiles.ts'

export interface BrowserIndexOptions extends Omit<OpenIndexFilesOptions, 'kernels'> {
  /** Address of `kernels.wasm` of the package. */
  readonly kernelsUrl: string
  /** Address of the folder that holds `index.msgpack`, or a packed index as a File or Blob. */
  readonly index: string | Blob
  /** Name of a cache of the Cache API that keeps what was read, kernels included: later visits read nothing twice, and need no network. */
  readonly cache?: string
}

/** What a searcher does, one message each. */
const METHODS = ['search', 'searchMany', 'passage', 'passages', 'matchTokens', 'close'] as const
type Method = (typeof METHODS)[number]

type ToWorker =
  | { readonly id: number; readonly method: 'open'; readonly words: readonly [BrowserIndexOptions] }
  | { readonly id: number; readonly method: Method; readonly words: readonly unknown[] }
type FromWorker = { readonly id: number } & ({ readonly result: unknown } | { readonly error: SentError })

/** A tab has more than a Worker of Cloudflare's. */
const MEMORY_MAX_DEFAULT = 512_000_000

/** Opens an index in this thread: for scripts that are workers already, and Service Workers. */
export async function openBrowserIndex(options: BrowserIndexOptions): Promise<OpenedIndex> {
  const { kernelsUrl, index, cache: name, memoryMax = MEMORY_MAX_DEFAULT, ...rest } = options
  const cache = name === undefined ? undefined : await caches.open(name)
  const kernels = await WebAssembly.compileStreaming(fetchKept(kernelsUrl, cache))
  return openIndexFiles(await filesOf(index, cache), { ...rest, memoryMax, kernels })
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

/** The other side of `openIndexInWorker`: call it in the worker's script, once. */
export function serveIndex(): void {
  let opened: OpenedIndex | undefined
  const call = async ({ method, words }: ToWorker): Promise<unknown> => {
    if (method === 'open') {
      opened = await openBrowserIndex(words[0])
      return { info: opened.info, pipeline: opened.pipeline }
    }
    if (!opened) throw new Error('the worker was asked before it was told to open an index')
    return (opened[method] as (...given: readonly unknown[]) => Promise<unknown>)(...words)
  }
  addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
    call(data).then(
      (result) => postMessage({ id: data.id, result } satisfies FromWorker),
      (error: unknown) => postMessage({ id: data.id, error: sentError(error) } satisfies FromWorker),
    )
  })
}

export interface WorkerIndex extends Searcher {
  readonly pipeline: OpenedIndex['pipeline']
  /** Ends the worker. */
  close(): Promise<void>
}

/**
 * @param worker - `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`, whose script calls `serveIndex()`
 * @throws InputError, FormatError and its kin, StorageError, as in this thread
 */
export async function openIndexInWorker(worker: Worker, options: BrowserIndexOptions): Promise<WorkerIndex> {
  const ask = asker(worker)
  // Addresses are the page's; the worker may lie elsewhere.
  const absolute = (url: string) => new URL(url, location.href).href
  const { index, kernelsUrl } = options
  const words = [
    { ...options, kernelsUrl: absolute(kernelsUrl), index: typeof index === 'string' ? absolute(index) : index },
  ] as const
  const { info, pipeline } = (await ask('open', words)) as Pick<OpenedIndex, 'info' | 'pipeline'>
  const method =
    <Name extends Exclude<Method, 'close'>>(name: Name) =>
    (...given: Parameters<Searcher[Name]>) =>
      ask(name, given) as ReturnType<Searcher[Name]>
  return {
    info,
    pipeline,
    search: method('search'),
    searchMany: method('searchMany'),
    passage: method('passage'),
    passages: method('passages'),
    matchTokens: method('matchTokens'),
    async close() {
      await ask('close', [])
      worker.terminate()
    },
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

function asker(worker: Worker) {
  const waiting = new Map<number, Waiting>()
  let last = 0
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    const asked = waiting.get(data.id)
    waiting.delete(data.id)
    if ('error' in data) asked?.reject(receivedError(data.error))
    else asked?.resolve(data.result)
  })
  worker.addEventListener('error', ({ message }) => {
    for (const { reject } of waiting.values()) reject(new Error(`the search worker failed: ${message}`))
    waiting.clear()
  })
  return (method: Method | 'open', words: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      waiting.set(last, { resolve, reject })
      worker.postMessage({ id: last, method, words })
    })
}
