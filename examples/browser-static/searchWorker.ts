/** The page's worker: encodes the text, searches the index by byte ranges, and gives back the passages. The page never waits. */
import { openBrowserIndex } from 'tartan-search/browser'
import { httpFiles } from 'tartan-search/readers'
import { cacheApiModels, openWebEncoder } from 'tartan-search/web-encoder'

/** From the page: a text to search for. */
export interface Question {
  /** Larger for each. */
  readonly number: number
  readonly text: string
}

/** To the page. */
export type Message =
  | { readonly kind: 'ready'; readonly passages: number; readonly bytes: number }
  | { readonly kind: 'answer'; readonly number: number; readonly hits: readonly Hit[]; readonly cost: Cost }
  | { readonly kind: 'failure'; readonly reason: string }

export interface Hit {
  readonly id: string
  readonly score: number
  readonly title: string
  readonly text: string
}

export interface Cost {
  readonly encodeMs: number
  readonly searchMs: number
  /** Read from the host for the ranking; what was read before is kept. */
  readonly bytes: number
  readonly requests: number
}

async function openAll() {
  const index = await openBrowserIndex({ index: 'corpus.tartan/', kernelsUrl: 'kernels.wasm', pipeline: 'range' })
  const encoder = await openWebEncoder({
    files: httpFiles(new URL('model/', location.href)),
    ort: { wasm: await WebAssembly.compileStreaming(fetch('onnxruntime.wasm')) },
    cache: cacheApiModels(await caches.open('tartan-models')),
    index: index.info,
  })
  return { index, encoder }
}

const say = (message: Message) => postMessage(message)
const fail = (error: unknown) =>
  say({ kind: 'failure', reason: error instanceof Error ? error.message : String(error) })

const opening = openAll()
opening.then(({ index: { info } }) => say({ kind: 'ready', passages: info.passages, bytes: info.bytes }), fail)

let newest = 0

async function answer({ number, text }: Question): Promise<void> {
  newest = number
  const { index, encoder } = await opening
  // Another text may have come while this one waited.
  if (number !== newest) return
  const start = performance.now()
  const query = await encoder.encodeQuery(text)
  const encoded = performance.now()
  const { hits, storage } = await index.search(query, { k: 10 })
  const searched = performance.now()
  const passages = await index.passages(hits.map(({ pid }) => pid))
  say({
    kind: 'answer',
    number,
    hits: hits.map(({ id, score }, i) => ({
      id,
      score,
      title: passages[i]?.title ?? '',
      text: passages[i]?.text ?? '',
    })),
    cost: {
      encodeMs: encoded - start,
      searchMs: searched - encoded,
      bytes: storage?.bytes ?? 0,
      requests: storage?.reads ?? 0,
    },
  })
}

addEventListener('message', ({ data }: MessageEvent<Question>) => void answer(data).catch(fail))
