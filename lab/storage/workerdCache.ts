/** The real Cache API of workerd, reached over HTTP: wrangler's platform proxy only pretends to have one. */
import { join } from 'node:path'
import { unstable_startWorker } from 'wrangler'
import { ROOT } from '../root.ts'

export interface WorkerdCache extends Pick<Cache, 'match' | 'put'> {
  /** Look-ups that found something. */
  readonly hits: number
  stop(): Promise<void>
}

export async function startWorkerdCache(): Promise<WorkerdCache> {
  const worker = await unstable_startWorker({
    name: 'cache',
    entrypoint: join(ROOT, 'lab/storage/cacheWorker.ts'),
    compatibilityDate: '2026-01-01',
    dev: { server: { port: 0 }, inspector: false, watch: false, persist: false, logLevel: 'error' },
  })
  const base = await worker.url
  const at = (key: RequestInfo | URL) => new URL(encodeURIComponent(String(key)), base)
  let hits = 0
  return {
    get hits() {
      return hits
    },
    async match(key) {
      const response = await fetch(at(key))
      if (response.status === 404) return undefined
      if (!response.ok) throw new Error(`the cache answered ${response.status}`)
      hits++
      return response
    },
    async put(key, kept) {
      const headers = { 'cache-control': kept.headers.get('cache-control') ?? '' }
      const response = await fetch(at(key), { method: 'PUT', body: await kept.arrayBuffer(), headers })
      if (!response.ok) throw new Error(`the cache answered ${response.status}`)
    },
    stop: () => worker.dispose(),
  }
}
