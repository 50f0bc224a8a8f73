/** Commands on an index that is not on disk: by HTTP and in S3, whole or by range. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../../lab/root.ts'
import { type S3Server, startS3Server } from '../../lab/storage/s3Server.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { startTartan, tartan } from './runTartan.ts'

const golden = join(ROOT, 'test/golden/index')

let server: StorageServer
beforeAll(async () => {
  server = await startStorageServer()
  for (const name of await readdir(join(golden, 'nbits2')))
    server.files.set(`deep/folder/${name}`, await readFile(join(golden, 'nbits2', name)))
  server.files.set('deep/pack.tartan', await readFile(join(golden, 'nbits2.tartan')))
})
afterAll(() => server.close())

describe.each(['folder', 'folder/', 'pack.tartan'])('an index at https://…/%s', (name) => {
  it('is verified', async () => {
    const { code, stdout } = await tartan('verify', `${server.url}/deep/${name}`)
    expect(stdout).toContain('is sound: 12 passages')
    expect(code).toBe(0)
  })
})

describe('search', () => {
  const found = (stdout: string) => (JSON.parse(stdout) as { hits: { id: string; score: number }[] }).hits

  it('reads an address by range, and finds the same first passage as on disk', async () => {
    const query = ['vitamin d', '--json', '--k', '3'] as const
    const onDisk = await tartan('search', join(golden, 'nbits2'), ...query)
    const byRange = await tartan('search', `${server.url}/deep/folder`, ...query)
    const whole = await tartan('search', `${server.url}/deep/folder`, ...query, '--pipeline', 'resident')
    expect([onDisk.code, byRange.code, whole.code], byRange.stderr).toEqual([0, 0, 0])
    expect(JSON.parse(byRange.stdout)).toMatchObject({ storage: { rounds: 2 } })
    expect(found(byRange.stdout)[0]).toEqual(found(onDisk.stdout)[0])
    expect(found(whole.stdout)).toEqual(found(onDisk.stdout))
  })

  it.each([
    ['deep/none', 'there is no index at'],
    ['', 'there is no index at'],
  ])('says what is wrong with the address "%s"', async (path, message) => {
    const { code, stderr } = await tartan('search', `${server.url}/${path}`, 'vitamin d')
    expect(code).toBe(1)
    expect(stderr).toContain(message)
  })

  it.each([
    ['https://', 'is no address'],
    ['gs://bucket/index', 'is no address'],
    ['http://user:secret@127.0.0.1/index', 'holds a user or password'],
    ['s3://X/prefix', 'is no name of an S3 bucket'],
    ['http://127.0.0.1:1/index', 'cannot be read: fetch failed'],
  ])('says what is wrong with %s', async (address, message) => {
    const { code, stderr } = await tartan('search', address, 'vitamin d')
    expect(code).toBe(1)
    expect(stderr).toContain(message)
  })
})

it('tune says that it needs an index on disk', async () => {
  const { code, stderr } = await tartan('tune', `${server.url}/deep/folder`)
  expect(code).toBe(1)
  expect(stderr).toContain('tune a copy on disk')
})

describe('in S3', () => {
  let s3: S3Server
  beforeAll(async () => {
    s3 = await startS3Server()
    for (const name of await readdir(join(golden, 'nbits2')))
      await s3.put(`some/index/${name}`, await readFile(join(golden, 'nbits2', name)))
  })
  afterAll(() => s3.stop())

  it('an index is served by range, with the keys of the environment', async () => {
    const { bucket, endpoint, credentials } = s3.location
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL: endpoint,
    }
    const words = ['serve', `s3://${bucket}/some/index`, '--pipeline', 'range', '--port', '0']
    const { child, finished, stdoutSoFar, stderrSoFar } = startTartan(words, { env })
    const url = await new Promise<string>((resolve, reject) => {
      finished.then(() => reject(new Error(stderrSoFar())))
      child.stdout?.on('data', () => {
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(stdoutSoFar()) ?? []
        if (found) resolve(found)
      })
    })
    const response = await fetch(`${url}/v1/search?q=vitamin+d&k=2&texts=false`)
    expect(response.status).toBe(200)
    expect(((await response.json()) as { hits: unknown[] }).hits).toHaveLength(2)
    child.kill('SIGINT')
    expect((await finished).code).toBe(0)
  })

  it('says what to do about a refusal', async () => {
    const { bucket, endpoint } = s3.location
    const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'y', AWS_ENDPOINT_URL: endpoint }
    const { code, stderr } = await startTartan(['inspect', `s3://${bucket}/some/index`], { env }).finished
    expect(code).toBe(1)
    expect(stderr).toContain('InvalidAccessKeyId')
    expect(stderr).toContain('check AWS_ACCESS_KEY_ID')
  })
})
