/** Run by Chromium, as a page's script and as a module worker: encodes the queries of a task, and gives the report. */
import { cacheApiModels } from '../../runtime/encoders/webEncoder.ts'
import { type EncodeReport, type EncodeTask, encodeAll } from './encoderRun.ts'

export interface PageTask extends EncodeTask {
  /** Where onnxruntime-web's files are, with a slash at the end. */
  readonly ortUrl: string
  /** More than one names the script that threads run as well. */
  readonly threads: number
}

export interface PageReport extends EncodeReport {
  /** Files that are kept in the Cache API afterwards. */
  readonly cached: number
}

async function encodeHere({ ortUrl, threads, ...task }: PageTask): Promise<PageReport> {
  const cache = await caches.open('tartan-models')
  const report = await encodeAll(task, {
    ortWasm: () => WebAssembly.compileStreaming(fetch(`${ortUrl}ort-wasm-simd-threaded.wasm`)),
    threads,
    threadScript: threads > 1 ? `${ortUrl}ort-wasm-simd-threaded.mjs` : undefined,
    cache: cacheApiModels(cache),
  })
  return { ...report, cached: (await cache.keys()).length }
}

/** In a module worker: one task, one report. */
function encodeInWorker(task: PageTask): Promise<PageReport> {
  const worker = new Worker(import.meta.url, { type: 'module' })
  return new Promise<PageReport>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<PageReport | { error: string }>) => {
      if ('error' in data) reject(new Error(data.error))
      else resolve(data)
    }
    worker.onerror = ({ message }) => reject(new Error(message))
    worker.postMessage(task)
  }).finally(() => worker.terminate())
}

if (typeof document === 'undefined') {
  addEventListener('message', ({ data }: MessageEvent<PageTask>) => {
    encodeHere(data).then(postMessage, (error: Error) => postMessage({ error: String(error.stack) }))
  })
} else {
  Object.assign(globalThis, { encodeHere, encodeInWorker })
}
