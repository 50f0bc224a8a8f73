/** The page's side of a search in a worker: a `TextSearch` whose work is done there, so that the page never waits. */
import { AbortedError } from '../../../format/errors.ts'
import type { Passage, TextAnswer, TextSearch } from '../../ask/textSearch.ts'
import { receivedError } from '../../pool/sentError.ts'
import type { Call, FromWorker, OpenedInWorker, ToWorker } from './messages.ts'
import type { BrowserSearchOptions } from './openBrowser.ts'

/**
 * Opens index and encoder in a worker. `info` is that of the moment when it was opened. A question that is withdrawn by its `signal`
 * ends here at once; the worker leaves out what it has not begun of it.
 *
 * @param worker - `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`, whose script calls `serveTextSearch()`;
 * closing the search ends it
 * @throws InputError, ModelError, FormatError and its kin, StorageError, as in this thread
 */
export async function openTextSearchInWorker(worker: Worker, options: BrowserSearchOptions): Promise<TextSearch> {
  const call = caller(worker)
  const { info } = (await call({ method: 'open', options: withAbsoluteUrls(options) })) as OpenedInWorker
  return {
    info,
    ask: (question, { signal, ...asked } = {}) =>
      call({ method: 'ask', question, options: asked }, signal) as Promise<TextAnswer>,
    passage: (passageId) => call({ method: 'passage', passageId }) as Promise<Passage>,
    async close() {
      await call({ method: 'close' })
      worker.terminate()
    },
  }
}

/** Addresses are the page's; the worker's script may lie elsewhere. */
function withAbsoluteUrls(options: BrowserSearchOptions): BrowserSearchOptions {
  const absolute = (url: string) => new URL(url, location.href).href
  const { index, kernelsUrl, model } = options
  return {
    ...options,
    kernelsUrl: absolute(kernelsUrl),
    index: typeof index === 'string' ? absolute(index) : index,
    ...(model ? { model: { ...model, modelUrl: absolute(model.modelUrl), onnxUrl: absolute(model.onnxUrl) } } : {}),
  }
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

function caller(worker: Worker) {
  const waiting = new Map<number, Waiting>()
  const post = (message: ToWorker) => worker.postMessage(message)
  let last = 0
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
    const call = waiting.get(data.id)
    waiting.delete(data.id)
    if ('error' in data) call?.reject(receivedError(data.error))
    else call?.resolve(data.result)
  })
  worker.addEventListener('error', ({ message }) => {
    const reason = message || 'its script cannot be loaded'
    for (const { reject } of waiting.values()) reject(new Error(`the search worker failed: ${reason}`))
    waiting.clear()
  })
  return (call: Call, signal?: AbortSignal): Promise<unknown> =>
    new Promise((resolve, reject) => {
      last += 1
      const id = last
      const withdraw = () => {
        if (waiting.delete(id)) post({ id, method: 'withdraw' })
        reject(new AbortedError('the question was withdrawn before it was answered'))
      }
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', withdraw)
          settle(value)
        }
      }
      if (signal?.aborted) return withdraw()
      post({ id, ...call })
      signal?.addEventListener('abort', withdraw)
      waiting.set(id, { resolve: settled(resolve), reject: settled(reject) })
    })
}
