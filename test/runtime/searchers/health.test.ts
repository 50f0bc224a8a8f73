/** What a searcher says of its storage, and the app of itself by it: the truth when a balancer asks, also when nobody searches. */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { NotFoundError, StorageError } from '../../../format/errors.ts'
import { MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment } from '../../../lab/data/randomSegment.ts'
import { createApp, type LogEntry } from '../../../runtime/http/index.ts'
import type { Searcher } from '../../../runtime/searcher.ts'
import { openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'
import type { PipelineName } from '../../../runtime/searchers/pipeline.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { liveFiles } from '../../search/range/liveFiles.ts'

const lengths = Array.from({ length: 60 }, (_, pid) => 1 + (pid % 11))
const segment = (seed: number) => randomSegment({ seed, dim: 32, nbits: 2, centroidCount: 40, lengths })
const query = { vectors: randomQuery(4, 12, 32), rows: 12, dim: 32 }
const stored = (seed: number, texts = true) => indexOf([segment(seed)], { partBytes: 70_000, texts })

let kernels: WebAssembly.Module
beforeAll(async () => {
  kernels = await kernelsModule('kernels.wasm')
})

async function opened(pipeline: PipelineName, texts = true) {
  const files = liveFiles(await stored(1, texts))
  const searcher = await openIndexFiles(files, { kernels, pipeline })
  const logged: LogEntry[] = []
  const app = createApp({ indexes: searcher, log: (entry) => logged.push(entry) })
  const ready = async (over: { request(path: string): Response | Promise<Response> } = app) => {
    const response = await over.request('/ready')
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    }
  }
  const again = async () => {
    const now = performance.now.bind(performance)
    // A look holds for two seconds.
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 2001)
    const answer = await ready()
    later.mockRestore()
    return answer
  }
  return { files, searcher, ready, again, logged }
}

describe.each(['range', 'resident'] as const)('an index that is read for %s searches', (pipeline) => {
  it('is ready while storage answers', async () => {
    const { ready, searcher } = await opened(pipeline)
    const { status, headers, body } = await ready()
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(body).toEqual({ status: 'ready', indexes: [searcher.info.name], encoder: false })
    await searcher.close()
  })

  it('is not ready when storage fails, though nobody searched, and is ready again when storage is', async () => {
    const { files, ready, again, searcher, logged } = await opened(pipeline)
    files.answer = () => {
      throw new StorageError('secret/path: the store is down.')
    }
    const { status, headers, body } = await ready()
    expect([status, headers.get('retry-after'), headers.get('cache-control')]).toEqual([503, '5', 'no-store'])
    expect(body).toMatchObject({ code: 'STORAGE', detail: expect.stringContaining(`"${searcher.info.name}" since 20`) })
    expect(JSON.stringify(body)).not.toContain('secret')
    await ready()
    expect(logged).toHaveLength(1)
    expect(logged[0]).toMatchObject({
      path: '/ready',
      status: 503,
      error: { message: expect.stringContaining('down') },
    })
    files.answer = (_, bytes) => bytes
    expect((await again()).status).toBe(200)
    await searcher.close()
  })

  it('is ready, and says so, when only the look for a newer index fails', async () => {
    const { files, ready, searcher } = await opened(pipeline)
    files.stored.delete(MANIFEST_NAME)
    await expect(searcher.refresh()).rejects.toBeInstanceOf(NotFoundError)
    const { status, body } = await ready()
    expect(status).toBe(200)
    expect(body).toMatchObject({
      problems: [{ index: searcher.info.name, detail: expect.stringContaining('replaced') }],
    })
    for (const [name, bytes] of await stored(1)) files.stored.set(name, bytes)
    expect(await searcher.refresh()).toBe(false)
    expect((await ready()).body).not.toHaveProperty('problems')
    await searcher.close()
  })

  it('is ready when it was replaced and its parts are gone: the new one answers', async () => {
    const { files, ready, searcher } = await opened(pipeline)
    const { revision } = searcher.info
    files.stored.clear()
    for (const [name, bytes] of await stored(2)) files.stored.set(name, bytes)
    expect((await ready()).status).toBe(200)
    expect(searcher.info.revision).not.toBe(revision)
    await searcher.close()
  })
})

it('an index in memory without texts is ready whatever storage does', async () => {
  const { files, ready, searcher } = await opened('resident', false)
  files.stored.clear()
  expect((await ready()).status).toBe(200)
  await searcher.close()
})

it('an index whose lists and rows are damaged is not ready once a search met that', async () => {
  const { files, ready, searcher } = await opened('range')
  files.answer = (_, bytes) => bytes.fill(7)
  await expect(searcher.search(query)).rejects.toMatchObject({ code: expect.stringMatching(/FORMAT|CHECKSUM/) })
  expect((await ready()).status).toBe(503)
  await searcher.close()
})

it('an app of several indexes is ready while one of them answers, and names the other', async () => {
  const [sound, broken] = [await opened('range'), await opened('range')]
  broken.files.stored.clear()
  const indexes = new Map<string, Searcher>([
    ['a', sound.searcher],
    ['b', broken.searcher],
  ])
  const { status, body } = await sound.ready(createApp({ indexes }))
  expect(status).toBe(200)
  expect(new Set((body.problems as { index: string }[]).map(({ index }) => index))).toEqual(new Set(['b']))
  sound.files.stored.clear()
  await Promise.all([sound.searcher.close(), broken.searcher.close()])
})
