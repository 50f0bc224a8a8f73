/**
 * Queries encoded by onnxruntime-web on every host beside onnxruntime-node: the vectors, and the ranking they lead to. Measured
 * on x86 with and without VNNI; see bench/results/edge-encode.json.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openModel } from '../../builder/encoderNode.ts'
import { buildFromCorpus, readCorpus } from '../../builder/index.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import { createApp } from '../../runtime/http/index.ts'
import { type NodeSearcher, openIndex, type RunningServer, serve } from '../../runtime/platform/node.ts'
import type { SearchHit } from '../../runtime/searcher.ts'
import { decodeBase64F32 } from '../../runtime/vectorText.ts'
import { launchChromium } from '../browser/chromium.ts'
import { readGoldenCases } from '../encoder/modelFixture.ts'
import type { PageReport, PageTask } from './encoderPage.ts'
import type { EncodeReport, EncodeTask } from './encoderRun.ts'
import { type EncoderServer, startEncoderServer } from './encoderServer.ts'
import { startWorkerd } from './workerd.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const corpus = join(root, 'test/golden/corpus/scifact40.jsonl')
/** Two cores are shared by whatever else runs. */
const TIMEOUT_MS = 120_000
const K = 10
const MODEL_PATHS = ['/model/manifest.json', '/model/model_int8.onnx', '/model/tokenizer.json']

/** Titles of the passages of `ids`, in their order, then other texts. */
let queries: readonly string[]
let ids: readonly string[]
let folder: string
let searcher: NodeSearcher
let native: Encoder
/** Of onnxruntime-node. */
let expected: readonly Float32Array[]
let files: EncoderServer
let tartan: RunningServer
let browser: Browser
/** Reports of hosts that have been tried: tests of what they have in common come last. */
const reports = new Map<string, EncodeReport>()

beforeAll(async () => {
  const lines = (await readFile(corpus, 'utf8')).trim().split('\n')
  const passages = lines.map((line) => JSON.parse(line) as { _id: string; title: string })
  ids = passages.map(({ _id }) => _id)
  const golden = readGoldenCases().filter(({ kind, text }) => kind === 'query' && text.trim() !== '')
  queries = [...passages.map(({ title }) => title), ...golden.map(({ text }) => text)]
  folder = await mkdtemp(join(tmpdir(), 'tartan-encoder-'))
  native = await openModel('tartan-small')
  const out = join(folder, 'index')
  await buildFromCorpus(readCorpus(corpus), native, { out })
  searcher = await openIndex(out)
  expected = await Promise.all(queries.map(async (query) => (await native.encodeQuery(query)).vectors))
  files = await startEncoderServer()
  tartan = await serve({ app: createApp({ indexes: {}, encoder: native, version: '1', origins: ['*'] }), port: 0 })
  browser = await launchChromium()
}, TIMEOUT_MS)

afterAll(async () => {
  await browser?.close()
  await tartan?.close()
  await files?.stop()
  await searcher?.close()
  await native?.close()
  await rm(folder, { recursive: true, force: true })
})

const task = (): EncodeTask => ({ modelUrl: `${files.url}/model/`, remoteUrl: tartan.url, queries })

const hosts: Readonly<Record<string, () => Promise<EncodeReport>>> = {
  node: () => runScript('node', []),
  deno: () => runScript('deno', ['run', '--allow-read', '--allow-env', '--allow-sys', '--allow-net']),
  bun: () => runScript('bun', ['run']),
  workerd: runWorkerd,
  'a page': async () => (await runPage('/page', 'encodeHere')).report,
  'a module worker of a page': async () => (await runPage('/page', 'encodeInWorker')).report,
  'an isolated page': async () => (await runPage('/isolated', 'encodeHere')).report,
}

async function runScript(command: string, words: readonly string[]): Promise<EncodeReport> {
  const script = [...words, 'test/platforms/encoderScript.ts', JSON.stringify(task())]
  const limits = { cwd: root, timeout: TIMEOUT_MS, maxBuffer: 2 ** 27 }
  const { stdout } = await run(join(root, 'node_modules/.bin', command), script, limits)
  return JSON.parse(stdout) as EncodeReport
}

async function runWorkerd(): Promise<EncodeReport> {
  const workerd = await startWorkerd('test/platforms/encoderWorker.ts')
  try {
    const response = await fetch(workerd.url, { method: 'POST', body: JSON.stringify(task()) })
    const text = await response.text()
    expect(response.status, text).toBe(200)
    return JSON.parse(text) as EncodeReport
  } finally {
    await workerd.stop()
  }
}

async function runPage(path: string, name: 'encodeHere' | 'encodeInWorker') {
  const context = await browser.newContext()
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(String(error)))
  const requests = files.requested.length
  await page.goto(files.url + path)
  await page.waitForFunction((wanted) => wanted in globalThis, name)
  const pageTask: PageTask = { ...task(), ortUrl: `${files.url}/ort/`, threads: path === '/isolated' ? 2 : 1 }
  const evaluate = () =>
    page.evaluate<PageReport, [string, PageTask]>(
      ([called, given]) => (globalThis as unknown as Record<string, (given: PageTask) => PageReport>)[called]!(given),
      [name, pageTask],
    )
  const report = await evaluate()
  expect(complaints).toEqual([])
  return { report, context, page, evaluate, requested: files.requested.slice(requests) }
}

async function search(vectors: Float32Array): Promise<readonly SearchHit[]> {
  const query = { vectors, rows: native.fingerprint.queryLength, dim: searcher.info.dim }
  return (await searcher.search(query, { k: K })).hits
}

/** Largest difference in score of two passages of `expected` that stand the other way round in `found`. */
function largestSwap(expected: readonly SearchHit[], found: readonly SearchHit[]): number {
  const places = new Map(found.map(({ id, rank }) => [id, rank]))
  const both = expected.filter(({ id }) => places.has(id))
  const gaps = both.flatMap((better, i) =>
    both.slice(i + 1).map((worse) => (places.get(better.id)! > places.get(worse.id)! ? better.score - worse.score : 0)),
  )
  return Math.max(0, ...gaps)
}

/** Smallest cosine of rows that belong together. */
function worstCosine(a: Float32Array, b: Float32Array, dim: number): number {
  let worst = 1
  for (let start = 0; start < a.length; start += dim) {
    let dot = 0
    for (let d = start; d < start + dim; d++) dot += a[d]! * b[d]!
    worst = Math.min(worst, dot)
  }
  return worst
}

describe.each(Object.keys(hosts))('onnxruntime-web on %s', { timeout: TIMEOUT_MS }, (name) => {
  let report: EncodeReport
  beforeAll(async () => {
    report = await hosts[name]!()
    reports.set(name, report)
  }, TIMEOUT_MS)

  it('gives the vectors of onnxruntime-node, as near as two int8 kernels are', async () => {
    expect(report.vectors).toHaveLength(queries.length)
    const cosines = report.vectors.map((text, i) => worstCosine(decodeBase64F32(text)!, expected[i]!, report.dim))
    // Here 0.991 at worst, where the processor has VNNI; without, onnxruntime-node rounds otherwise (encoderNode.test.ts).
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.955)
  })

  it('leads to the same passages, in the same order but for near ties', async () => {
    let common = 0
    for (const [i, text] of report.vectors.entries()) {
      const [found, wanted] = [await search(decodeBase64F32(text)!), await search(expected[i]!)]
      // The best one is the passage that the title is of, or the same as of onnxruntime-node.
      expect(found[0]!.id, queries[i]).toBe(ids[i] ?? wanted[0]!.id)
      expect(largestSwap(wanted, found), queries[i]).toBeLessThan(0.3)
      common += wanted.filter(({ id }) => found.some((hit) => hit.id === id)).length
    }
    // Here 0.998: one query of 58 has another candidate in its tenth place.
    expect(common / (K * queries.length)).toBeGreaterThanOrEqual(0.98)
  })

  it('gives, asked over HTTP, the very bits of the encoder there', () => {
    expect(report.remoteVectors.map((text) => decodeBase64F32(text))).toEqual(expected)
  })

  it('holds model, weights and a query in 40 MB of WebAssembly memory', () => {
    expect(report.memoryBytes).toBeGreaterThan(23_000_000)
    expect(report.memoryBytes).toBeLessThan(40_000_000)
  })
})

describe('in Chromium', { timeout: TIMEOUT_MS }, () => {
  it('uses two threads where the page is isolated, one elsewhere', () => {
    expect(reports.get('an isolated page')!.threads).toBe(2)
    expect(reports.get('a page')!.threads).toBe(1)
  })

  it('keeps the model in the Cache API, and does not read it a second time', async () => {
    const { report, evaluate, requested, page, context } = await runPage('/page', 'encodeInWorker')
    expect(report.cached).toBe(2)
    expect(requested.filter((path) => path.startsWith('/model/')).sort()).toEqual(MODEL_PATHS)
    const before = files.requested.length
    await page.reload()
    await page.waitForFunction(() => 'encodeInWorker' in globalThis)
    expect((await evaluate()).vectors).toEqual(report.vectors)
    expect(files.requested.slice(before).filter((path) => path.startsWith('/model/'))).toEqual(['/model/manifest.json'])
    await context.close()
  })
})

it('all hosts give the same bits, however many threads', () => {
  const [first, ...others] = [...reports.values()]
  expect(reports.size).toBe(Object.keys(hosts).length)
  for (const report of others) expect(report.vectors).toEqual(first!.vectors)
})
