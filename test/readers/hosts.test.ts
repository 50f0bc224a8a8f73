/** What real hosts answer beside the file: other ETags for the same bytes, pages instead of 404, whole files for ranges, S3's refusals. */
import { describe, expect, it } from 'vitest'
import { MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { type FetchLike, httpFile, httpFiles } from '../../runtime/readers/index.ts'
import { s3Files } from '../../runtime/readers/s3.ts'
import { contractBytes } from '../contracts/readerContract.ts'

const PART = `${'0123456789abcdef'.repeat(2)}.msgpack`
const quick = { backoffMs: 1, retries: 0 }

/** A host that answers ranges, with the headers that a test wants for each answer. */
function rangeHost(headersOf: (answer: number) => Record<string, string>, bytesOf = (_: number) => contractBytes) {
  let answers = 0
  const asked: string[] = []
  const fetch: FetchLike = async (_, { headers }) => {
    const [, first = 0, last = 0] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    asked.push(`${first}-${last}`)
    const number = answers++
    const bytes = bytesOf(number)
    const end = Math.min(Number(last), bytes.length - 1)
    const range = { 'content-range': `bytes ${first}-${end}/${bytes.length}` }
    return new Response(bytes.slice(Number(first), end + 1), {
      status: 206,
      headers: { ...range, ...headersOf(number) },
    })
  }
  return { fetch, asked }
}

const expectBytes = (got: Uint8Array, from: number, to: number) =>
  expect(Buffer.compare(got, contractBytes.slice(from, to))).toBe(0)

describe('the same bytes, deployed again or on another node,', () => {
  const versions: readonly (readonly [string, (answer: number) => Record<string, string>])[] = [
    ['with an ETag each', (answer) => ({ etag: `"${answer}"` })],
    ['with a weak and a strong ETag', (answer) => ({ etag: answer % 2 ? '"1"' : 'W/"1"' })],
    ['with a time of change each', (answer) => ({ 'last-modified': new Date(answer * 1e6).toUTCString() })],
    ['with an ETag now and then', (answer): Record<string, string> => (answer % 2 ? { etag: '"1"' } : {})],
    ['from two nodes in turn', (answer) => ({ etag: `"node ${answer % 2}"` })],
  ]

  it.each(versions)('%s: a part is read on, for its name tells its content', async (_, headersOf) => {
    const host = rangeHost(headersOf)
    const part = await httpFiles('http://host/index', { ...quick, fetch: host.fetch }).open(PART, contractBytes.length)
    for (const at of [0, 70_000, 150_000]) expectBytes(await part.read(at, 1000), at, at + 1000)
    expect(host.asked).toHaveLength(3)
  })

  it.each(versions)('%s: a pack is read on, for its beginning is the same', async (_, headersOf) => {
    const host = rangeHost(headersOf)
    const pack = await httpFile('http://host/x.pack.tartan', { ...quick, fetch: host.fetch }).open('')
    for (const at of [70_000, 150_000, 70_000, 150_000]) expectBytes(await pack.read(at, 1000), at, at + 1000)
  })

  it('costs a request for each version that was not seen yet, and no more', async () => {
    const host = rangeHost((answer) => ({ etag: `"node ${answer % 2}"` }))
    const pack = await httpFile('http://host/x.pack.tartan', { ...quick, fetch: host.fetch }).open('')
    for (let i = 0; i < 10; i++) await pack.read(70_000 + i, 10)
    expect(host.asked.filter((range) => range === '0-65535')).toHaveLength(2)
  })
})

it('a pack that was replaced by another of its size is not read on', async () => {
  const other = contractBytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte))
  const host = rangeHost(
    (answer) => ({ etag: answer > 0 ? '"b"' : '"a"' }),
    (answer) => (answer > 0 ? other : contractBytes),
  )
  const pack = await httpFile('http://host/x.pack.tartan', { ...quick, fetch: host.fetch }).open('')
  await expect(pack.read(70_000, 10)).rejects.toMatchObject({
    code: 'STORAGE',
    message: expect.stringContaining('changed while it was read'),
  })
})

it('a size that the host does not tell is that of the manifest, or where a short answer ends', async () => {
  const short = contractBytes.slice(0, 3000)
  const host = rangeHost(
    () => ({}),
    () => short,
  )
  const fetch: FetchLike = async (url, init) => {
    const response = await host.fetch(url, init)
    const headers = { 'content-range': response.headers.get('content-range')!.replace(/\d+$/, '*') }
    return new Response(await response.arrayBuffer(), { status: 206, headers })
  }
  const files = httpFiles('http://host/index', { ...quick, fetch })
  expect((await files.open(MANIFEST_NAME)).size).toBe(3000)
  expectBytes(await (await files.open(PART, 3000)).read(100, 50), 100, 150)
})

describe('a page instead of a file is told as a file that is not there', () => {
  const page = Buffer.from('﻿\n<!DOCTYPE html><title>App</title><div id="root"></div>')
  it.each([
    [200, {}],
    [206, { 'content-range': `bytes 0-${page.length - 1}/${page.length}` }],
  ] as const)('with status %i', async (status, headers) => {
    const fetch: FetchLike = async () => new Response(page, { status, headers })
    const files = httpFiles('http://host/index', { ...quick, fetch })
    const error = { code: 'NOT_FOUND', message: expect.stringContaining('a page of HTML') }
    await expect(files.open(MANIFEST_NAME)).rejects.toMatchObject(error)
    await expect((await files.open(PART, 200_000)).read(0, 10)).rejects.toMatchObject(error)
  })
})

describe('a server that knows no ranges', () => {
  function wholeHost(parts: ReadonlyMap<string, Uint8Array>) {
    const host = { asked: [] as string[], underWay: 0, mostUnderWay: 0 }
    const fetch: FetchLike = async (url) => {
      const name = new URL(url).pathname.split('/').at(-1) ?? ''
      host.asked.push(name)
      host.underWay++
      host.mostUnderWay = Math.max(host.mostUnderWay, host.underWay)
      await new Promise((resolve) => setTimeout(resolve, 2))
      host.underWay--
      return new Response(parts.get(name) as Uint8Array<ArrayBuffer>)
    }
    return Object.assign(host, { fetch })
  }
  const nameOf = (i: number) => `${String(i).repeat(32)}.msgpack`
  const parts = new Map([0, 1, 2, 3].map((i) => [nameOf(i), contractBytes]))
  parts.set(MANIFEST_NAME, contractBytes.slice(0, 100))
  const opened = async (options: { readonly wholeFilesMax?: number } = {}) => {
    const host = wholeHost(parts)
    const files = httpFiles('http://host/index', { ...quick, ...options, fetch: host.fetch })
    await files.open(MANIFEST_NAME)
    const readers = await Promise.all([0, 1, 2, 3].map((i) => files.open(nameOf(i), contractBytes.length)))
    return { host, readers }
  }

  it('is asked once for a part, however many ranges of it are wanted at a time', async () => {
    const { host, readers } = await opened()
    const at = [...Array(30).keys()].map((i) => i * 5000)
    const read = await Promise.all(at.map((offset) => readers[0]!.read(offset, 100)))
    for (const [i, bytes] of read.entries()) expectBytes(bytes, at[i]!, at[i]! + 100)
    expect(host.asked).toEqual([MANIFEST_NAME, nameOf(0)])
  })

  it('gives bytes that the caller may change', async () => {
    const { readers } = await opened()
    const { length } = contractBytes
    ;(await readers[0]!.read(0, length)).fill(0)
    expectBytes(await readers[0]!.read(0, length), 0, length)
  })

  it('fills no more memory than allowed, with files that are kept and those on their way', async () => {
    const { host, readers } = await opened({ wholeFilesMax: 2 * contractBytes.length })
    await Promise.all(readers.map((reader) => reader.read(0, 100)))
    expect(host.mostUnderWay).toBe(2)
    await readers[3]!.read(9, 9)
    await readers[2]!.read(9, 9)
    expect(host.asked).toHaveLength(5)
    await readers[0]!.read(9, 9)
    expect(host.asked).toHaveLength(6)
  })

  it('is not waited for once it shows that it knows ranges', async () => {
    const host = rangeHost(() => ({}))
    let first = true
    const fetch: FetchLike = async (url, init) => {
      const response = first ? new Response(contractBytes.slice(0, 100)) : await host.fetch(url, init)
      first = false
      return response
    }
    const files = httpFiles('http://host/index', { ...quick, fetch })
    await files.open(MANIFEST_NAME)
    const part = await files.open(PART, contractBytes.length)
    for (const at of [0, 5000]) expectBytes(await part.read(at, 100), at, at + 100)
    expect(host.asked).toEqual(['0-99', '5000-5099'])
  })
})

describe('a refusal of S3 says what to do', () => {
  const xml = (code: string, more = '') =>
    `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>hidden details</Message>${more}</Error>`
  // Shapes: AWS, "Amazon S3 error responses".
  const cases: readonly (readonly [number, string, Record<string, string>, string, string])[] = [
    [301, xml('PermanentRedirect'), { 'x-amz-bucket-region': 'eu-west-1' }, 'STORAGE', 'AWS_REGION=eu-west-1'],
    [
      307,
      xml('TemporaryRedirect'),
      { 'x-amz-bucket-region': 'ap-southeast-2' },
      'STORAGE',
      'AWS_REGION=ap-southeast-2',
    ],
    [301, '', {}, 'STORAGE', 'does not say where to'],
    [
      400,
      xml('AuthorizationHeaderMalformed', '<Region>eu-central-1</Region>'),
      {},
      'STORAGE',
      'AWS_REGION=eu-central-1',
    ],
    [400, xml('ExpiredToken'), {}, 'STORAGE', 'credentials have expired'],
    [403, xml('RequestTimeTooSkewed'), {}, 'STORAGE', 'The clock of this machine is wrong'],
    [403, xml('SignatureDoesNotMatch'), {}, 'STORAGE', 'AWS_SECRET_ACCESS_KEY'],
    [403, xml('AccessDenied'), {}, 'STORAGE', 's3:ListBucket'],
    [403, '', {}, 'STORAGE', 'other credentials, or the file is not there'],
    [404, xml('NoSuchBucket'), {}, 'NOT_FOUND', 'no such bucket'],
    [404, xml('NoSuchKey'), {}, 'NOT_FOUND', 'there is nothing at'],
  ]
  it.each(cases)('%i %s %o: %s, %s', async (status, body, headers, code, message) => {
    const fetch: FetchLike = async () =>
      new Response(body, { status, headers: { 'content-type': 'application/xml', ...headers } })
    const failure = await httpFiles('http://bucket/index', { ...quick, fetch })
      .open(MANIFEST_NAME)
      .catch((error: Error) => error)
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(JSON.stringify([failure, (failure as Error).message])).not.toContain('hidden')
  })

  it('and is not followed to where nobody signed for', async () => {
    const { createServer } = await import('node:http')
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.writeHead(307, { location: '/elsewhere', 'x-amz-bucket-region': 'eu-west-1' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { readonly port: number }
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
    const files = s3Files({ bucket: 'bucket', endpoint: `http://127.0.0.1:${port}`, credentials }, quick)
    await expect(files.open(MANIFEST_NAME)).rejects.toThrow('AWS_REGION=eu-west-1')
    expect(asked).toEqual([`/bucket/${MANIFEST_NAME}`])
    server.close()
  })
})

describe('a server that is not reached', () => {
  it.each([
    ['http://127.0.0.1:9/', 'Nothing listens there|bad port'],
    ['http://nobody.invalid/', 'check'],
  ])('at %s is told with its cure', async (address, message) => {
    await expect(httpFiles(address, quick).open(MANIFEST_NAME)).rejects.toThrow(new RegExp(message))
  })
})

it('a range whose place a page may not see names the header that the storage has to send', async () => {
  const fetch: FetchLike = async () => new Response(new Uint8Array(10), { status: 206 })
  await expect(httpFiles('http://host/', { ...quick, fetch }).open(MANIFEST_NAME)).rejects.toThrow(
    'Access-Control-Expose-Headers: Content-Range',
  )
})
