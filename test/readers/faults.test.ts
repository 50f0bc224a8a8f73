/** A network that fails: every fault ends in the right bytes or in a typed error, after few requests, and nothing hangs. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Fault, type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { type HttpFilesOptions, httpFiles } from '../../runtime/readers/index.ts'
import { contractBytes } from '../contracts/readerContract.ts'

let server: StorageServer
const quick = { backoffMs: 1, timeoutMs: 150 }

beforeAll(async () => {
  server = await startStorageServer()
})
afterAll(() => server.close())
beforeEach(() => {
  server.files.set('part', contractBytes)
  server.requests.length = 0
  server.faults.length = 0
  server.faultHeaders = {}
})

const read = async (faults: readonly Fault[], options: HttpFilesOptions = {}) => {
  server.faults.push(...faults)
  const part = await httpFiles(server.url, { ...quick, ...options }).open('part', contractBytes.length)
  return part.read(5000, 3000)
}

describe('gets the right bytes', () => {
  it.each<[Fault]>([['hang'], ['trickle'], ['cut'], ['short'], [429], [500], [502], [503], [504], ['whole']])(
    'after %s',
    async (fault) => {
      expect(Buffer.compare(await read([fault]), contractBytes.slice(5000, 8000))).toBe(0)
      expect(server.requests).toHaveLength(fault === 'whole' ? 1 : 2)
    },
  )

  it('after three faults in a row, and no more', async () => {
    expect(await read(['hang', 503, 'cut'])).toHaveLength(3000)
    await expect(read(['hang', 503, 'cut', 500])).rejects.toMatchObject({ code: 'STORAGE' })
    expect(server.requests).toHaveLength(8)
  })

  it('waits as long as the server asks for, within bounds', async () => {
    server.faultHeaders = { 'retry-after': '1' }
    const started = Date.now()
    await read([429])
    expect(Date.now() - started).toBeGreaterThanOrEqual(990)
    server.faultHeaders = { 'retry-after': '3600' }
    await read([503], { pauseMaxMs: 5 })
    expect(Date.now() - started).toBeLessThan(10_000)
  })
})

describe('says what is wrong, at once', () => {
  it.each<[Fault, string, string]>([
    [400, 'STORAGE', 'status 400'],
    [401, 'STORAGE', 'other credentials'],
    [403, 'STORAGE', 'other credentials'],
    [404, 'NOT_FOUND', 'there is nothing at'],
    [416, 'STORAGE', 'changed while it was read'],
    ['shifted', 'STORAGE', 'with the range'],
    ['gzip', 'STORAGE', 'switch compression off'],
    ['grown', 'STORAGE', 'changed while it was read'],
    ['endless', 'STORAGE', 'ignores range requests'],
  ])('%s: %s', async (fault, code, message) => {
    const failure = read([fault], { wholeFileMax: 1e6, timeoutMs: 5000 })
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('secret') })
    expect(server.requests).toHaveLength(1)
  })

  it('when a file changes between two reads', async () => {
    const part = await httpFiles(server.url, quick).open('part', contractBytes.length)
    await part.read(0, 10)
    server.faults.push('changed')
    await expect(part.read(10, 10)).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining('changed'),
    })
  })

  it('when nobody listens', async () => {
    const files = httpFiles('http://127.0.0.1:9', { ...quick, retries: 1 })
    await expect(files.open('index.msgpack')).rejects.toMatchObject({ code: 'STORAGE' })
  })

  it('without the parts of an address that may be secret', async () => {
    const files = httpFiles(`${server.url}/x?signature=secret`, { ...quick, headers: { authorization: 'secret' } })
    const failure = await files.open('index.msgpack').catch((error: Error) => error)
    expect(JSON.stringify([failure, (failure as Error).message])).not.toContain('secret')
  })
})

it('stops when the caller does', async () => {
  const controller = new AbortController()
  const part = await httpFiles(server.url, { timeoutMs: 60_000 }).open('part', contractBytes.length)
  server.faults.push('hang')
  const reading = part.read(0, 10, controller.signal)
  controller.abort()
  await expect(reading).rejects.toThrow('abort')
})
