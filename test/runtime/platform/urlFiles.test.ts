/** Addresses of indexes, at hosts that say in their own ways what is there and what is not. */
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readIndex } from '../../../format/indexReader.ts'
import { encodePack } from '../../../format/pack.ts'
import { ROOT } from '../../../lab/root.ts'
import { folderFiles } from '../../../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../../../runtime/platform/node/nodeKernels.ts'
import { filesAtUrl } from '../../../runtime/platform/urlFiles.ts'
import { openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'

const golden = join(ROOT, 'test/golden/index')
const files = new Map<string, Buffer>()
/** What paths that are not there are answered with. */
const absences = {
  'a 404': [404, 'text/plain', 'not found'],
  'a page': [200, 'text/html', '<!doctype html><title>App</title>'],
  'a text, as if it were there': [200, 'text/plain', 'Not found. Sorry!\n'.repeat(9)],
  "S3's 403": [403, 'application/xml', '<Error><Code>AccessDenied</Code></Error>'],
} as const
let absence: keyof typeof absences = 'a 404'
let answers = 0

const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url ?? '', 'http://host').pathname)
  const file = files.get(path)
  if (!file) {
    const [status, type, body] = absences[absence]
    response.writeHead(status, { 'content-type': type }).end(body)
    return
  }
  const [, first = 0, last = 0] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
  const end = Math.min(Number(last), file.length - 1)
  // Each answer has an ETag of its own: nothing may rest on it.
  const headers = { 'content-range': `bytes ${first}-${end}/${file.length}`, etag: `"${answers++}"` }
  response.writeHead(206, headers).end(file.subarray(Number(first), end + 1))
})
let url: string

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const name of await readdir(join(golden, 'nbits2')))
    files.set(`/deep/folder/${name}`, await readFile(join(golden, 'nbits2', name)))
  files.set('/deep/x.pack.tartan', await readFile(join(golden, 'nbits2.tartan')))
  files.set('/deep/a corpus.tsv', Buffer.from('1\ta text that is no index\n2\tanother one\n'))
})
afterAll(() => server.close())

describe.each(Object.keys(absences) as (keyof typeof absences)[])(
  'at a host that answers what is not there with %s',
  (name) => {
    beforeAll(() => {
      absence = name
    })

    it.each([
      '/deep/folder',
      '/deep/folder/',
      '/deep/folder//',
      '/deep/folder/index.msgpack',
      '/deep/folder?signature=a/b#top',
      '/deep/x.pack.tartan',
      '/deep/x.pack.tartan/',
      '/deep/x.pack.tartan?signature=a/b',
    ])('the index at %s is read', async (path) => {
      const reader = await readIndex(await filesAtUrl(url + path))
      expect(reader.manifest.segments[0]?.passages).toBe(12)
      await reader.openParts(reader.manifest.segments[0]!, ['rows'])
      await reader.close()
    })

    it('what is no index is told as such', async () => {
      const failure = await filesAtUrl(`${url}/deep/none`).catch((error: Error) => error)
      expect(failure).toBeInstanceOf(Error)
      const messages = {
        'a 404': 'there is no index at',
        'a page': 'the host answers with a page of HTML',
        'a text, as if it were there': 'expected a Tartan file',
        "S3's 403": 's3:ListBucket',
      }
      expect((failure as Error).message).toContain(messages[name])
      await expect(filesAtUrl(`${url}/deep/a%20corpus.tsv`)).rejects.toThrow(/expected a Tartan file|s3:ListBucket/)
    })
  },
)

it.each(['s3://bucket/100%', 'https://', 'ftp://host/x'])('%s is no address', async (address) => {
  await expect(filesAtUrl(address)).rejects.toMatchObject({
    code: 'INPUT',
    message: expect.stringContaining('is no address'),
  })
})

it('a pack that was replaced is noticed, one that was deployed again is read on', async () => {
  absence = 'a 404'
  const searcher = await openIndexFiles(await filesAtUrl(`${url}/deep/x.pack.tartan`), {
    kernels: await compileKernels(),
    pipeline: 'range',
  })
  const { dim } = searcher.info
  const query = { vectors: new Float32Array(dim).fill(dim ** -0.5), rows: 1, dim }
  const before = await searcher.search(query)
  expect(await searcher.refresh()).toBe(false)
  expect((await searcher.search(query)).hits).toEqual(before.hits)
  const next = await readIndex(folderFiles(join(golden, 'nbits4')))
  const pieces: Uint8Array[] = []
  for await (const piece of encodePack(next.files, next.manifest)) pieces.push(piece)
  files.set('/deep/x.pack.tartan', Buffer.concat(pieces))
  expect(await searcher.refresh()).toBe(true)
  expect((await searcher.search(query)).hits.map(({ score }) => score)).not.toEqual(
    before.hits.map(({ score }) => score),
  )
  expect(searcher.info.nbits).toBe(4)
  await searcher.close()
})
