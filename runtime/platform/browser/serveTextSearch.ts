/** The worker's side of a page's search: it holds index and encoder, and answers one message a call. */
import { InputError } from '../../../format/errors.ts'
import type { TextSearch } from '../../ask/textSearch.ts'
import { sentError } from '../../pool/sentError.ts'
import type { Call, FromWorker, ToWorker } from './messages.ts'
import { type OpenEncoder, openTextSearch } from './openBrowser.ts'

export interface ServeTextSearchOptions {
  /** Without it only query vectors can be asked with. */
  readonly openEncoder?: OpenEncoder
}

/** The other side of `openTextSearchInWorker`: call it in the worker's script, once. */
export function serveTextSearch({ openEncoder }: ServeTextSearchOptions = {}): void {
  let search: TextSearch | undefined
  const questions = new Map<number, AbortController>()

  async function answer(id: number, call: Call): Promise<unknown> {
    if (call.method === 'open') {
      if (call.options.model && !openEncoder) throw noEncoder()
      search = await openTextSearch({ ...call.options, ...(openEncoder ? { openEncoder } : {}) })
      return { info: search.info }
    }
    if (!search) throw new Error('the worker was asked before it was told to open an index')
    if (call.method === 'passage') return search.passage(call.passageId)
    if (call.method === 'close') return search.close()
    const question = new AbortController()
    questions.set(id, question)
    try {
      return await search.ask(call.question, { ...call.options, signal: question.signal })
    } finally {
      questions.delete(id)
    }
  }

  addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
    if (data.method === 'withdraw') {
      questions.get(data.id)?.abort()
      return
    }
    answer(data.id, data).then(
      (result) => postMessage({ id: data.id, result } satisfies FromWorker),
      (error: unknown) => postMessage({ id: data.id, error: sentError(error) } satisfies FromWorker),
    )
  })
}

function noEncoder(): InputError {
  return new InputError(
    'opening a search in a worker: expected its script to bring an encoder for `model`, got none. Call serveTextSearch({ openEncoder: openEncoderAt }) there, with openEncoderAt of tartan-search/web-encoder.',
  )
}
