/** Run by Chromium: opens the index in a worker and answers the identity test's queries. */
import { openIndexInWorker } from '../../runtime/platform/browser.ts'
import { identityAnswers } from './identity/identityRun.ts'

async function answersFrom(index: string | Blob, pipeline: 'resident' | 'range') {
  const worker = new Worker('/worker.js', { type: 'module' })
  const searcher = await openIndexInWorker(worker, { index, kernelsUrl: '/kernels.wasm', pipeline })
  const answers = pipeline === 'resident' ? await identityAnswers(searcher) : []
  const { dim } = searcher.info
  const query = { vectors: new Float32Array(dim).fill(0.1), rows: 1, dim }
  const { hits } = await searcher.search(query, { k: 3 })
  const wrong = await searcher.search({ ...query, dim: 17 }).catch((error: Error) => `${error.name}: ${error.message}`)
  await searcher.close()
  return { answers, hits: hits.length, wrong }
}

Object.assign(globalThis, {
  answersFrom,
  answersFromFile: async (url: string) => answersFrom(await (await fetch(url)).blob(), 'resident'),
})
