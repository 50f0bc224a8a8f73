/** The Worker of wrangler.toml as wrangler bundles it, over a local R2 bucket in workerd: it fits, it answers, it says what is wrong. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { getPlatformProxy } from 'wrangler'
import { bundleByWrangler, type WorkerBundle } from '../../lab/hosts/wranglerBundle.ts'
import { ROOT } from '../../lab/root.ts'
import { startWorkerdCache, type WorkerdCache } from '../../lab/storage/workerdCache.ts'
import { createApp } from '../../runtime/http/index.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import type { R2BucketLike } from '../../runtime/readers/r2.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../http/toySearcher.ts'

const golden = join(ROOT, 'test/golden/index/nbits2')

describe('wrangler deploy --dry-run', () => {
  let bundle: WorkerBundle
  beforeAll(async () => {
    bundle = await bundleByWrangler(ROOT)
  })

  it('bundles the Worker of wrangler.toml into at most 160 KB, gzipped, kernels included', () => {
    const [kernels] = [...bundle.files].filter(([name]) => name.endsWith('kernels.wasm')).map(([, bytes]) => bytes)
    expect(kernels?.length).toBeGreaterThan(0)
    expect(kernels?.length).toBeLessThanOrEqual(32 * 1024)
    expect(bundle.gzipped).toBeLessThanOrEqual(160_000)
  })

  it('has nothing of Node and no encoder in it', () => {
    const scripts = [...bundle.files].filter(([name]) => name.endsWith('.js'))
    expect(scripts).toHaveLength(1)
    const script = Buffer.from(scripts[0]![1]).toString()
    expect(/from\s*"node:|require\(\s*"node:/.test(script)).toBe(false)
    expect(script.includes('onnxruntime')).toBe(false)
  })
})

describe('the Worker over R2', () => {
  interface Env {
    readonly INDEX: R2BucketLike & { put(key: string, bytes: Uint8Array): Promise<unknown> }
  }
  let proxy: Awaited<ReturnType<typeof getPlatformProxy<Env>>>

  beforeAll(async () => {
    proxy = await getPlatformProxy<Env>({ configPath: join(ROOT, 'wrangler.toml'), persist: false })
    for (const name of await readdir(golden)) {
      await proxy.env.INDEX.put(`corpus.tartan/${name}`, await readFile(join(golden, name)))
    }
  })

  afterAll(() => proxy.dispose())

  /** The source as it is, with wrangler's own bindings; the bundle itself runs in the conformance test. */
  const createWorkerHere = async () => {
    const { createWorker } = await import('../../runtime/platform/cloudflare.ts')
    const { compileKernels } = await import('../../runtime/platform/node/nodeKernels.ts')
    const { r2Files } = await import('../../runtime/readers/r2.ts')
    const kernels = await compileKernels()
    return (prefix: string) =>
      createWorker<Env>({ kernels, files: (env) => r2Files(env.INDEX, prefix), log: () => undefined })
  }

  const searchRequest = (dim: number) =>
    new Request('http://worker/v1/search', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ vectors: [Array.from({ length: dim }, (_, i) => Math.sin(i) / Math.sqrt(dim))], k: 3 }),
    })

  it('answers as the same index does from disk', async () => {
    const fromDisk = await openIndex(golden)
    const { dim } = fromDisk.info
    const vectors = Float32Array.from({ length: dim }, (_, i) => Math.sin(i) / Math.sqrt(dim))
    const expected = await fromDisk.search({ vectors, rows: 1, dim }, { k: 3 })
    await fromDisk.close()
    const worker = (await createWorkerHere())('corpus.tartan')
    const answers = await Promise.all(Array.from({ length: 20 }, () => worker.fetch(searchRequest(dim), proxy.env)))
    for (const answer of answers) {
      expect(answer.status).toBe(200)
      const { hits } = (await answer.json()) as { hits: { id: string; score: number }[] }
      expect(hits.map(({ id, score }) => [id, score])).toEqual(expected.hits.map(({ id, score }) => [id, score]))
    }
  })

  it('answers with a problem that tells nothing of its storage when there is no index, and tries again', async () => {
    const worker = (await createWorkerHere())('secret/prefix')
    const failed = await worker.fetch(searchRequest(96), proxy.env)
    expect(failed.status).toBe(503)
    expect(failed.headers.get('content-type')).toBe('application/problem+json')
    expect(await failed.text()).not.toContain('secret')
    for (const name of await readdir(golden)) {
      await proxy.env.INDEX.put(`secret/prefix/${name}`, await readFile(join(golden, name)))
    }
    expect((await worker.fetch(new Request('http://worker/health'), proxy.env)).status).toBe(200)
  })
})

describe('the Cache API', () => {
  let cache: WorkerdCache
  beforeAll(async () => {
    cache = await startWorkerdCache()
  })
  afterAll(() => cache.stop())

  it('answers from the Cache API what was answered before, until the index is another', async () => {
    const encoder = new ToyEncoder()
    const toy = await createToySearcher('toy', encoder, toyPassages)
    let searches = 0
    const appOf = (revision: string) => {
      const search = (...words: Parameters<typeof toy.search>) => {
        searches++
        return toy.search(...words)
      }
      const indexes = { ...toy, info: { ...toy.info, revision }, search }
      return createApp({ indexes, encoder, answerCache: cache })
    }
    const waiting: Promise<unknown>[] = []
    const context = {
      waitUntil: (work: Promise<unknown>) => void waiting.push(work),
      passThroughOnException() {},
      props: {},
    }
    const ask = async (app: ReturnType<typeof appOf>, path = '/v1/search?q=twill') => {
      const response = await app.request(path, {}, {}, context)
      await Promise.all(waiting)
      const { status, headers } = response
      const kept = ['etag', 'cache-control', 'content-type', 'x-content-type-options'].map((name) => headers.get(name))
      return { answer: [status, ...kept, await response.text()], timing: headers.get('server-timing') }
    }
    const first = await ask(appOf('a'))
    const again = await ask(appOf('a'))
    expect(again.answer).toEqual(first.answer)
    expect(again.timing).toContain('cached')
    expect([searches, waiting.length]).toEqual([1, 1])
    await ask(appOf('b'))
    await ask(appOf('a'), '/v1/search?q=twill&k=2')
    expect(searches).toBe(3)
    for (let i = 0; i < 2; i++) expect((await ask(appOf('a'), '/v1/search?q=twill&k=0')).answer[0]).toBe(400)
    expect(waiting).toHaveLength(3)
  })
})
