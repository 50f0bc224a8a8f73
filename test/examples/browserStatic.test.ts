/** examples/browser-static, built by its own script, in real Chromium over a static server that logs what is asked of it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { openWebEncoder } from '../../runtime/encoders/webEncoder.ts'
import { compileOnnxWeb, folderFiles, openIndex } from '../../runtime/platform/node.ts'
import { INDEX } from './searchCases.ts'

const run = promisify(execFile)
const QUERY = 'brain scans of infants'

let folder: string
let site: StorageServer
let browser: Browser
let page: Page
/** What the page must never do: errors in the console, uncaught ones. */
let complaints: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-browser-static-'))
  await run(process.execPath, [join(ROOT, 'examples/browser-static/build.ts'), INDEX, folder])
  site = await startStorageServer()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    site.files.set(path.slice(folder.length + 1), await readFile(path))
  }
  browser = await launchChromium()
})

afterAll(async () => {
  await browser?.close()
  await site?.close()
  await rm(folder, { recursive: true })
})

beforeEach(async () => {
  site.requests.length = 0
  complaints = []
  page = await browser.newPage()
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
})

afterEach(() => page.close())

/** Every passage with its score, best first, from disk, the query encoded by the same ONNX Runtime. */
async function rankedOnDisk(): Promise<readonly string[]> {
  const files = folderFiles(join(ROOT, 'models/tartan-small'))
  const encoder = await openWebEncoder({ files, ort: { wasm: await compileOnnxWeb() } })
  const searcher = await openIndex(INDEX)
  const all = { k: 12, ncells: 1024, centroidScoreThreshold: -1, ndocs: 1000 }
  const { hits } = await searcher.search(await encoder.encodeQuery(QUERY), all)
  await searcher.close()
  await encoder.close()
  return hits.map(({ id, score }) => `${id}, score ${score.toFixed(2)}`)
}

it('finds as one types what the index gives from disk, with titles and texts', async () => {
  await page.goto(`${site.url}/index.html`)
  await page.keyboard.type(QUERY)
  const results = page.getByRole('listitem')
  await results.first().waitFor()
  const found = await results.locator('small').allTextContents()
  expect(found.length).toBeGreaterThanOrEqual(3)
  expect(found).toEqual((await rankedOnDisk()).slice(0, found.length))
  expect(await results.first().getByRole('heading').textContent()).toContain('newborn cerebral white matter')
  expect(await page.locator('#about').textContent()).toBe('12 passages, 0.1 MB, searched in this tab')
  expect(await page.getByRole('status').textContent()).toMatch(/\d+ KB in \d+ range requests read$/)
  expect(complaints).toEqual([])
})

it('reads the index by ranges, and asks for nothing but the site', async () => {
  await page.goto(`${site.url}/index.html?q=${encodeURIComponent(QUERY)}`)
  await page.getByRole('listitem').first().waitFor()
  const whole = ['index.html', 'page.js', 'searchWorker.js', 'kernels.wasm', 'onnxruntime.wasm']
  expect(site.requests.filter((request) => !request.includes('bytes=')).sort()).toEqual(
    whole.map((name) => `GET /${name}`).sort(),
  )
  const ranges = site.requests.filter((request) => request.includes('bytes='))
  const ofSite =
    /^GET \/(corpus\.tartan\/(index|[0-9a-f]{32})\.msgpack|model\/(manifest\.json|tokenizer\.json|model_int8\.onnx)) bytes=\d+-\d+$/
  expect(ranges.filter((request) => !ofSite.test(request))).toEqual([])
  expect(ranges.filter((request) => request.includes('/corpus.tartan/')).length).toBeGreaterThan(3)
})

it('leaves all work to its worker: the page itself is a few kilobytes', () => {
  expect(site.files.get('page.js')!.length).toBeLessThan(6_000)
})

it('says what is missing when there is no index', async () => {
  const hidden = [...site.files].filter(([name]) => name.startsWith('corpus.tartan/'))
  for (const [name] of hidden) site.files.delete(name)
  try {
    await page.goto(`${site.url}/index.html`)
    await page.getByRole('alert').getByText('there is nothing at').waitFor()
    expect(await page.getByRole('alert').textContent()).toContain('/corpus.tartan/index.msgpack')
  } finally {
    for (const [name, bytes] of hidden) site.files.set(name, bytes)
  }
})
