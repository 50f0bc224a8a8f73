/**
 * Queries encoded by onnxruntime-web on every host beside onnxruntime-node: the vectors, and the ranking they lead to. Measured
 * on x86 with and without VNNI; see bench/results/edge-encode.json.
 */

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildFromCorpus, readCorpus } from '../../builder/index.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import {
  encodeByPage,
  encodeByScript,
  encodeByWorkerd,
  HOST_TIMEOUT_MS,
  type PageOptions,
} from '../../lab/encoding/encoderHosts.ts'
import type { EncodeReport, EncodeTask } from '../../lab/encoding/encoderRun.ts'
import { type EncoderServer, startEncoderServer } from '../../lab/encoding/encoderServer.ts'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { decodeBase64F32 } from '../../runtime/encoders/vectorText.ts'
import { createApp } from '../../runtime/http/index.ts'
import { openModel } from '../../runtime/platform/node/encoderNode.ts'
import { openIndex, type RunningServer, serve } from '../../runtime/platform/node.ts'
import type { SearchHit } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { readGoldenCases } from '../encoder/modelFixture.ts'

const corpus = join(ROOT, 'test/golden/corpus/scifact40.jsonl')
const K = 10
/** Passages whose titles are queries. */
const TITLES = 20
const MODEL_PATHS = ['/model/manifest.json', '/model/model_int8.onnx', '/model/tokenizer.json']

/** Titles of the passages of `ids`, in their order, then other texts. */
let queries: readonly string[]
let ids: readonly string[]
let folder: string
let searcher: OpenedIndex
let native: Encoder
/** Of onnxruntime-node. */
let expected: readonly Float32Array[]
let files: EncoderServer
let tartan: RunningServer
let browser: Browser
/** Reports of hosts that have been tried: tests of what they have in common come last. */
const reports = new Map<string, EncodeReport>()

beforeAll(async () => {
  const lines = (await readFile(corpus, 'utf8')).trim().split('\n').slice(0, TITLES)
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
  tartan = await serve({ app: createApp({ indexes: {}, encoder: native, origins: ['*'] }), port: 0 })
  browser = await launchChromium()
}, HOST_TIMEOUT_MS)

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
  node: () => encodeByScript('node', task()),
  deno: () => encodeByScript('deno', task()),
  bun: () => encodeByScript('bun', task()),
  workerd: () => encodeByWorkerd(task()),
  'a page': () => inChromium({ where: 'page', threads: 1 }),
  'a module worker of a page': () => inChromium({ where: 'worker', threads: 1 }),
  'an isolated page': () => inChromium({ where: 'page', threads: 2 }),
}

async function inChromium(options: PageOptions): Promise<EncodeReport> {
  const { report, complaints, close } = await encodeByPage(browser, files.url, task(), options)
  await close()
  expect(complaints).toEqual([])
  return report
}

async function search(vectors: Float32Array): Promise<readonly SearchHit[]> {
  const { dim } = searcher.info
  // A long question has more rows than the model's usual ones.
  const query = { vectors, rows: vectors.length / dim, dim }
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

describe.each(Object.keys(hosts))('onnxruntime-web on %s', { timeout: HOST_TIMEOUT_MS }, (name) => {
  let report: EncodeReport
  beforeAll(async () => {
    report = await hosts[name]!()
    reports.set(name, report)
  }, HOST_TIMEOUT_MS)

  it('gives the vectors of onnxruntime-node, as near as two int8 kernels are', async () => {
    expect(report.vectors).toHaveLength(queries.length)
    const cosines = report.vectors.map((text, i) => worstCosine(decodeBase64F32(text)!, expected[i]!, report.dim))
    // 0.991 at worst where the processor has VNNI; 0.940 on a Zen 2 or 3 without, where onnxruntime-node saturates (encoderNode.test.ts).
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(0.93)
  })

  it('leads to the same passages, in the same order but for near ties', async () => {
    let common = 0
    for (const [i, text] of report.vectors.entries()) {
      const [found, wanted] = [await search(decodeBase64F32(text)!), await search(expected[i]!)]
      // The best one is the passage that the title is of. What is no title, such as "...!!!", may have two that are as good.
      if (ids[i] !== undefined) expect(found[0]!.id, queries[i]).toBe(ids[i])
      // Of at most 32. 0.23 at most with VNNI, 0.69 without.
      expect(largestSwap(wanted, found), queries[i]).toBeLessThan(0.9)
      common += wanted.filter(({ id }) => found.some((hit) => hit.id === id)).length
    }
    // 378 of 380 with VNNI, 354 without.
    expect(common / (K * queries.length)).toBeGreaterThanOrEqual(0.92)
  })

  it('gives, asked over HTTP, the very bits of the encoder there', () => {
    expect(report.remoteVectors.map((text) => decodeBase64F32(text))).toEqual(expected)
  })

  it('holds model, weights and a query in 40 MB of WebAssembly memory', () => {
    expect(report.memoryBytes).toBeGreaterThan(23_000_000)
    expect(report.memoryBytes).toBeLessThan(40_000_000)
  })
})

describe('in Chromium', { timeout: HOST_TIMEOUT_MS }, () => {
  it('uses two threads where the page is isolated, one elsewhere', () => {
    expect(reports.get('an isolated page')!.threads).toBe(2)
    expect(reports.get('a page')!.threads).toBe(1)
  })

  it('keeps the model in the Cache API, and does not read it a second time', async () => {
    const modelPathsSince = (start: number) => [
      ...new Set(files.requested.slice(start).filter((path) => path.startsWith('/model/'))),
    ]
    const start = files.requested.length
    const run = await encodeByPage(browser, files.url, task(), { where: 'worker', threads: 1 })
    expect(run.report.cached).toBe(2)
    expect(modelPathsSince(start).sort()).toEqual(MODEL_PATHS)
    const afterwards = files.requested.length
    expect((await run.again()).vectors).toEqual(run.report.vectors)
    expect(modelPathsSince(afterwards)).toEqual(['/model/manifest.json'])
    await run.close()
  })
})

it('all hosts give the same bits, however many threads', () => {
  const [first, ...others] = [...reports.values()]
  expect(reports.size).toBe(Object.keys(hosts).length)
  for (const report of others) expect(report.vectors).toEqual(first!.vectors)
})
