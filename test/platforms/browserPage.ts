/** Run by Chromium: opens the index in a worker and answers the identity test's queries; and asks texts of one with an encoder. */
import {
  type BrowserSearchOptions,
  newestOnly,
  openTextSearch,
  openTextSearchInWorker,
} from '../../runtime/platform/browser.ts'
import { identityAnswers } from './identity/identityRun.ts'

const kernelsUrl = '/kernels.wasm'
const startWorker = (script: string) => new Worker(script, { type: 'module' })

async function answersFrom(index: string | Blob, pipeline: 'resident' | 'range') {
  const search = await openTextSearchInWorker(startWorker('/worker.js'), { index, kernelsUrl, pipeline })
  const answers = pipeline === 'resident' ? await identityAnswers(search) : []
  const { dim } = search.info
  const query = { vectors: new Float32Array(dim).fill(0.1), rows: 1, dim }
  const { hits } = await search.ask(query, { k: 3 })
  const wrong = await search.ask({ ...query, dim: 17 }).catch((error: Error) => `${error.name}: ${error.message}`)
  const text = await search.ask('words').catch((error: Error) => `${error.name}: ${error.message}`)
  await search.close()
  return { answers, hits: hits.length, wrong, text }
}

/** A text, asked of a worker with an encoder, and of this thread; then as one types. */
async function textAnswers(question: string) {
  const options: BrowserSearchOptions = {
    index: '/nbits2',
    kernelsUrl,
    pipeline: 'range',
    model: { modelUrl: '/model/', onnxUrl: '/onnxruntime.wasm' },
  }
  const search = await openTextSearchInWorker(startWorker('/textWorker.js'), options)
  const asked = { k: 3, highlight: true }
  const inWorker = await search.ask(question, asked)
  const passage = await search.passage(inWorker.hits[0]?.id ?? '')
  const box = newestOnly(search)
  const typed = await Promise.allSettled(
    [1, 5, 9, question.length].map((end) => box.ask(question.slice(0, end), asked)),
  )
  await search.close()
  const bare = await openTextSearchInWorker(startWorker('/worker.js'), options).catch((error: Error) => error.message)
  return {
    hits: inWorker.hits,
    passage,
    typed: typed.map((one) => (one.status === 'fulfilled' ? one.value.hits : (one.reason as { code: string }).code)),
    bare,
  }
}

Object.assign(globalThis, {
  answersFrom,
  answersFromFile: async (url: string) => answersFrom(await (await fetch(url)).blob(), 'resident'),
  textAnswers,
  inThisThread: async () => {
    const search = await openTextSearch({ index: '/nbits4', kernelsUrl })
    const answers = await identityAnswers(search)
    await search.close()
    return answers
  },
})
