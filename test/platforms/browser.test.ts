/** An index on a static host, searched by a module worker in real Chromium: the bits of Node, and a small download. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { bundle } from './conformance/chromiumCases.ts'
import { identityAnswers } from './identity/identityRun.ts'

interface Found {
  readonly answers: readonly string[]
  readonly hits: number
  readonly wrong: string
}

const golden = join(ROOT, 'test/golden/index')

let server: StorageServer
let browser: Browser
let page: Page

beforeAll(async () => {
  server = await startStorageServer()
  const put = (name: string, bytes: Uint8Array) => server.files.set(name, bytes)
  put('index.html', Buffer.from('<!doctype html><title>search</title><script type="module" src="/page.js"></script>'))
  put('page.js', await bundle('test/platforms/browserPage.ts'))
  put('worker.js', await bundle('lab/hosts/browserWorker.ts'))
  put('kernels.wasm', await readFile(join(ROOT, 'assembly/build/kernels.wasm')))
  for (const name of await readdir(join(golden, 'nbits4')))
    put(`nbits4/${name}`, await readFile(join(golden, 'nbits4', name)))
  put('nbits2.tartan', await readFile(join(golden, 'nbits2.tartan')))
  browser = await launchChromium()
  page = await browser.newPage()
  await page.goto(`${server.url}/index.html`)
  await page.waitForFunction('typeof answersFrom === "function"')
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

const expected = async (path: string) => {
  const searcher = await openIndex(path)
  const answers = await identityAnswers(searcher)
  await searcher.close()
  return answers
}

describe('a page', () => {
  it('finds what Node finds, bit for bit, in files on a static host', async () => {
    const found = (await page.evaluate('answersFrom("nbits4", "resident")')) as Found
    expect(found.answers).toEqual(await expected(join(golden, 'nbits4')))
    expect(found.wrong).toMatch(/^InputError: .*expected vectors of/)
  })

  it('finds what Node finds in a packed index that is a file of its own', async () => {
    const found = (await page.evaluate('answersFromFile("/nbits2.tartan")')) as Found
    expect(found.answers).toEqual(await expected(join(golden, 'nbits2.tartan')))
  })

  it('searches by ranges without reading the index', async () => {
    server.requests.length = 0
    const found = (await page.evaluate('answersFrom("nbits4", "range")')) as Found
    expect(found.hits).toBe(3)
    expect(server.requests.filter((request) => request.includes('bytes=')).length).toBeGreaterThan(2)
  })

  it('says what is wrong when there is no index', async () => {
    const failure = page.evaluate('answersFrom("nowhere", "resident")')
    await expect(failure).rejects.toThrow('there is nothing at')
  })

  it('downloads at most 40 KB for worker and kernels, gzipped', async () => {
    const worker = gzipSync(server.files.get('worker.js')!).length
    const kernels = gzipSync(server.files.get('kernels.wasm')!).length
    expect(worker + kernels).toBeLessThanOrEqual(40 * 1024)
  })
})
