/** An index on a static host, searched by a module worker in real Chromium: the bits of Node, and a small download. */
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { openWebEncoder } from '../../runtime/encoders/webEncoder.ts'
import { compileOnnxWeb, folderFiles, openIndex, openTextSearch } from '../../runtime/platform/node.ts'
import { bundle } from './conformance/chromiumCases.ts'
import { identityAnswers } from './identity/identityRun.ts'

interface Found {
  readonly answers: readonly string[]
  readonly hits: number
  readonly wrong: string
  readonly text: string
}

const ORT = 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
const MODEL = join(ROOT, 'models/tartan-small')

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
  put('textWorker.js', await bundle('test/platforms/browserTextWorker.ts'))
  put('onnxruntime.wasm', await readFile(createRequire(import.meta.url).resolve(ORT)))
  const folders = { nbits4: join(golden, 'nbits4'), nbits2: join(golden, 'nbits2'), model: MODEL }
  for (const [at, folder] of Object.entries(folders))
    for (const name of await readdir(folder)) put(`${at}/${name}`, await readFile(join(folder, name)))
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
    expect(found.text).toMatch(/^InputError: .*no query encoder/)
    expect(await page.evaluate('inThisThread()')).toEqual(found.answers)
  })

  it('asks texts of its worker: titles, texts, marks as the same encoder and index give on Node', async () => {
    const question = 'brain scans of infants'
    const files = folderFiles(MODEL)
    const search = await openTextSearch(join(golden, 'nbits2'), {
      pipeline: 'range',
      encoder: async (index) => openWebEncoder({ files, ort: { wasm: await compileOnnxWeb() }, index }),
    })
    const { hits } = await search.ask(question, { k: 3, highlight: true })
    const passage = await search.passage('4983')
    await search.close()
    const found = (await page.evaluate(`textAnswers(${JSON.stringify(question)})`)) as {
      readonly hits: unknown
      readonly passage: unknown
      readonly typed: readonly unknown[]
      readonly bare: string
    }
    expect(found.hits).toEqual(hits)
    expect(hits[0]).toMatchObject({ id: '4983', title: expect.any(String), text: expect.any(String) })
    expect(hits[0]?.marks?.text.length).toBeGreaterThan(0)
    expect(found.passage).toEqual(passage)
    // Of what was asked while one typed the newest is answered; those before it were withdrawn.
    expect(found.typed).toEqual(['ABORTED', 'ABORTED', 'ABORTED', hits])
    expect(found.bare).toMatch(/serveTextSearch\(\{ openEncoder: openEncoderAt \}\)/)
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

  it('downloads at most 54 KB for worker and kernels, gzipped', async () => {
    const worker = gzipSync(server.files.get('worker.js')!).length
    const kernels = gzipSync(server.files.get('kernels.wasm')!).length
    expect(worker + kernels).toBeLessThanOrEqual(54_000)
  })
})
