/** The app in a site's own Service Worker, in real Chromium: it answers below its base, leaves the rest alone, and needs no network later. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { askPage, bundle, REGISTER } from './conformance/chromiumCases.ts'

const golden = join(ROOT, 'test/golden/index/nbits4')
const dim = 96
const vectors = [Array.from({ length: dim }, (_, i) => Math.sin(i) / Math.sqrt(dim))]
const search = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ vectors }) }

let server: StorageServer
let browser: Browser
let page: Page
let expected: readonly (readonly [string, number])[]

const found = async (path = '/search/v1/search') => {
  const { status, body } = await askPage(page, path, search)
  expect(status, body).toBe(200)
  const { hits } = JSON.parse(body) as { hits: { id: string; score: number }[] }
  return hits.map(({ id, score }) => [id, score] as const)
}

beforeAll(async () => {
  const fromDisk = await openIndex(golden)
  const { hits } = await fromDisk.search({ vectors: Float32Array.from(vectors[0]!), rows: 1, dim })
  expected = hits.map(({ id, score }) => [id, score])
  await fromDisk.close()
  server = await startStorageServer()
  server.files.set('host.html', Buffer.from(`<!doctype html><title>host</title><script>${REGISTER}</script>`))
  server.files.set('script.js', await bundle('lab/hosts/searchServiceWorker.ts'))
  server.files.set('kernels.wasm', await readFile(join(ROOT, 'assembly/build/kernels.wasm')))
  browser = await launchChromium()
  page = await (await browser.newContext()).newPage()
  await page.goto(`${server.url}/host.html`)
  await page.waitForFunction('globalThis.isReady === true')
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
})

it('answers with a problem while there is no index, and tries again', async () => {
  const { status, headers, body } = await askPage(page, '/search/v1/search', search)
  expect(status).toBe(503)
  expect(new Headers(headers).get('content-type')).toBe('application/problem+json')
  expect(JSON.parse(body)).toMatchObject({ status: 503 })
  for (const name of await readdir(golden)) server.files.set(`index/${name}`, await readFile(join(golden, name)))
  expect(await found()).toEqual(expected)
})

it('answers a body, a refusal and a page below its base', async () => {
  const refused = await askPage(page, '/search/v1/search', { ...search, body: '{"vectors": [[1, 2]]}' })
  expect([refused.status, JSON.parse(refused.body).code]).toEqual([400, 'INPUT'])
  const other = await page.context().newPage()
  const shown = await other.goto(`${server.url}/search`)
  expect([shown?.status(), shown?.fromServiceWorker(), await other.title()]).toEqual([200, true, 'in the browser'])
  await other.close()
})

it('leaves everything else to the network', async () => {
  server.files.set('searching.txt', Buffer.from('from the network'))
  expect(await askPage(page, '/searching.txt', {})).toMatchObject({ status: 200, body: 'from the network' })
  expect(await askPage(page, '/v1/search', {})).toMatchObject({ status: 404 })
})

it('answers without a network, also after the browser has ended it', async () => {
  await server.close()
  expect(await found()).toEqual(expected)
  const session = await page.context().newCDPSession(page)
  await session.send('ServiceWorker.enable')
  await session.send('ServiceWorker.stopAllWorkers')
  expect(await found()).toEqual(expected)
})
