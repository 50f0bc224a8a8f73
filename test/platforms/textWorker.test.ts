/** A Worker with index and encoder, in the real workerd: many first requests at once, and what it reads for them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { buildFromCorpus, openModel, readCorpus } from '../../builder/index.ts'
import { type EncoderServer, startEncoderServer } from '../../lab/encoding/encoderServer.ts'
import { type RunningWorkerd, startWorkerd } from '../../lab/hosts/workerd.ts'
import { ROOT } from '../../lab/root.ts'

let folder: string
let storage: EncoderServer
let worker: RunningWorkerd

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-text-worker-'))
  const encoder = await openModel('tartan-small')
  const passages = readCorpus(join(ROOT, 'test/golden/corpus/scifact40.jsonl'), { limit: 12 })
  await buildFromCorpus(passages, encoder, { out: join(folder, 'index') })
  await encoder.close()
  storage = await startEncoderServer({ '/index/': join(folder, 'index') })
  worker = await startWorkerd('lab/encoding/textWorker.ts', { vars: { STORAGE: storage.url } })
}, 120_000)

afterAll(async () => {
  await worker?.stop()
  await storage?.stop()
  await rm(folder, { recursive: true, force: true })
})

const modelReads = () => storage.requested.filter((path) => path === '/model/model_int8.onnx').length

it('answers requests with vectors before the model has been read', async () => {
  const vectors = [Array.from({ length: 96 }, () => 1 / Math.sqrt(96))]
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ vectors, k: 1 })
  const response = await fetch(`${worker.url}/v1/search`, { method: 'POST', headers, body })
  expect(response.status, await response.clone().text()).toBe(200)
  expect(((await response.json()) as { hits: unknown[] }).hits).toHaveLength(1)
  expect(modelReads()).toBe(0)
})

it('opens the encoder once for many first texts at once, and answers each of them', async () => {
  const queries = ['0-dimensional biomaterials', 'myelodysplasia', 'prostate cancer', 'stem cells', 'blood pressure']
  const ask = async (query: string) => {
    const response = await fetch(`${worker.url}/v1/search?q=${encodeURIComponent(query)}&k=3&highlight=true`)
    const text = await response.text()
    expect(response.status, text).toBe(200)
    const { hits } = JSON.parse(text) as { hits: { id: string; score: number; marks: object }[] }
    expect(hits).toHaveLength(3)
    return hits
  }
  const first = await Promise.all([...queries, ...queries].map(ask))
  // One read of the beginning, which tells the size, and one of the rest.
  expect(modelReads()).toBe(2)
  for (const [i, query] of queries.entries()) {
    expect(first[i + queries.length]).toEqual(first[i])
    expect(await ask(query)).toEqual(first[i])
  }
  expect(modelReads()).toBe(2)
}, 120_000)

it('encodes for others, with the fingerprint of its model', async () => {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ texts: ['blood pressure'], encodingFormat: 'base64' })
  const answer = await (await fetch(`${worker.url}/v1/encode`, { method: 'POST', headers, body })).json()
  expect(answer).toMatchObject({ fingerprint: { model: 'tartan-small', dim: 96 }, results: [{ rows: 32 }] })
})
