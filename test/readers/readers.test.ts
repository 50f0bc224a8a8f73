/** Every reader against a real storage of its kind. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { getPlatformProxy } from 'wrangler'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { type S3Server, startS3Server } from '../../lab/storage/s3Server.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { startWorkerdCache, type WorkerdCache } from '../../lab/storage/workerdCache.ts'
import { folderFiles } from '../../runtime/platform/node/nodeFiles.ts'
import {
  blobReader,
  cacheApiFiles,
  cachedFiles,
  httpFiles,
  memoryFiles,
  type R2BucketLike,
  r2Files,
} from '../../runtime/readers/index.ts'
import { s3Files } from '../../runtime/readers/s3.ts'
import { contractBytes, readerContract } from '../contracts/readerContract.ts'

let folder: string
let server: StorageServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-readers-'))
  server = await startStorageServer()
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

type Files = ReadonlyMap<string, Uint8Array>

async function served(files: Files): Promise<IndexFiles> {
  for (const [name, bytes] of files) server.files.set(`an index/${name}`, bytes)
  return httpFiles(`${server.url}/an%20index`)
}

readerContract('memory', async (files) => memoryFiles('memory', files))
readerContract('a folder on disk', async (files) => {
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes)
  return folderFiles(folder)
})
readerContract('HTTP', served)
readerContract('a cache of blocks above HTTP', async (files) =>
  cachedFiles(await served(files), { blockBytes: 4096, bytesMax: 100_000 }),
)
readerContract('blobs', async (files) => ({
  key: 'blobs',
  open: async (name) => {
    const bytes = files.get(name)
    if (!bytes) return (await memoryFiles('blobs', files)).open(name)
    return blobReader(name, new Blob([bytes as BlobPart]))
  },
}))

describe('S3', () => {
  let s3: S3Server

  beforeAll(async () => {
    s3 = await startS3Server()
  })

  afterAll(() => s3?.stop())

  const stored = async (files: Files) => {
    for (const [name, bytes] of files) await s3.put(`some/index/${name}`, bytes)
    return s3Files({ ...s3.location, prefix: 'some/index' })
  }
  readerContract('S3', stored)

  it('is refused with the wrong key, without a word of the key', async () => {
    await stored(new Map([['index.msgpack', contractBytes]]))
    const credentials = { accessKeyId: 'NOBODY', secretAccessKey: 'not-the-key' }
    const failure = await s3Files({ ...s3.location, prefix: 'some/index', credentials }, { retries: 0 })
      .open('index.msgpack')
      .catch((error: Error) => error)
    expect(failure).toMatchObject({ code: 'STORAGE', message: expect.stringContaining('status 403') })
    expect(JSON.stringify([failure, (failure as Error).message])).not.toMatch(/not-the-key|Signature/)
  })

  it('refuses what is no bucket name', () => {
    expect(() => s3Files({ bucket: 'No Bucket' })).toThrow('no name of an S3 bucket')
  })
})

describe('R2 and the Cache API in workerd', () => {
  let env: { BUCKET: R2BucketLike & { put(key: string, bytes: Uint8Array): Promise<unknown> } }
  let cache: WorkerdCache
  let dispose: () => Promise<void>

  beforeAll(async () => {
    const configPath = join(folder, 'wrangler.toml')
    const bucket = `[[r2_buckets]]\nbinding = "BUCKET"\nbucket_name = "tartan"\n`
    await writeFile(configPath, `name = "tartan-test"\ncompatibility_date = "2026-01-01"\n${bucket}`)
    const proxy = await getPlatformProxy<typeof env>({ configPath, persist: false })
    env = proxy.env
    cache = await startWorkerdCache()
    dispose = proxy.dispose
  })

  afterAll(async () => {
    await cache.stop()
    await dispose()
  })

  readerContract('R2', async (files) => {
    for (const [name, bytes] of files) await env.BUCKET.put(`deep/index/${name}`, bytes)
    return r2Files(env.BUCKET, 'deep/index/')
  })
  readerContract('the Cache API above HTTP', async (files) => cacheApiFiles(await served(files), cache))

  it('reads from the Cache API what it read before', async () => {
    const name = `${'0'.repeat(32)}.msgpack`
    const files = await served(new Map([[name, Uint8Array.of(1, 2, 3, 4)]]))
    const { hits } = cache
    const read = async () => (await cacheApiFiles(files, cache).open(name, 4)).read(1, 2)
    expect([await read(), cache.hits - hits]).toEqual([Uint8Array.of(2, 3), 0])
    expect([await read(), cache.hits - hits]).toEqual([Uint8Array.of(2, 3), 1])
  })
})

it('opens a part of known size without a request, and a manifest with one', async () => {
  const files = await served(
    new Map([
      ['index.msgpack', contractBytes.slice(0, 5000)],
      ['part', contractBytes],
    ]),
  )
  server.requests.length = 0
  const manifest = await files.open('index.msgpack')
  await manifest.read(0, manifest.size)
  expect(server.requests).toEqual(['GET /an%20index/index.msgpack bytes=0-65535'])
  const part = await files.open('part', contractBytes.length)
  expect(server.requests).toHaveLength(1)
  await part.read(1000, 24)
  expect(server.requests.slice(1)).toEqual(['GET /an%20index/part bytes=1000-1023'])
})

it('keeps blocks that were read, and reads neighbours that are missing at once', async () => {
  const files = cachedFiles(await served(new Map([['part', contractBytes]])), { blockBytes: 1024, bytesMax: 8 * 1024 })
  const part = await files.open('part', contractBytes.length)
  server.requests.length = 0
  await part.read(1500, 100)
  await part.read(1024, 1024)
  expect(server.requests).toEqual(['GET /an%20index/part bytes=1024-2047'])
  await part.read(0, 4096)
  expect(server.requests.slice(1)).toEqual([
    'GET /an%20index/part bytes=0-1023',
    'GET /an%20index/part bytes=2048-4095',
  ])
  await part.read(100_000, 8 * 1024)
  server.requests.length = 0
  await part.read(1500, 100)
  expect(server.requests).toHaveLength(1)
})
