/**
 * A Worker in the real workerd whose storage is slow, wrong, cut off or replaced, asked by many at once: every request ends in the
 * right answer or in a problem, and the right answers come back with the storage.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import { type RunningWorkerd, startWorkerd } from '../../lab/hosts/workerd.ts'
import { type Fault, type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import { openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'
import type { PipelineName } from '../../runtime/searchers/pipeline.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'

const DIM = 32
const QUERIES = 20
const queries = Array.from({ length: QUERIES }, (_, i) =>
  Array.from({ length: 4 }, (_, row) => [...randomQuery(100 * i + row, 1, DIM)]),
)
/** Few reads a query: the storage is a server in this process. */
const SEARCHES = { resident: { k: 5, ncells: 1, ndocs: 20 }, range: { k: 5, lists: 1, passages: 5 } }
const lengths = Array.from({ length: 600 }, (_, pid) => 3 + ((pid * 7) % 23))

/** An index, and what its every query answers when it is asked where nothing fails. */
async function generationOf(generation: number, pipeline: PipelineName) {
  const data = randomSegment({ seed: generation, dim: DIM, nbits: 2, centroidCount: 300, lengths })
  const files = await indexOf([data], { generation, partBytes: 30_000 })
  const kernels = await kernelsModule('kernels.wasm')
  const searcher = await openIndexFiles(memoryFiles('made', files), { kernels, pipeline })
  const answers = await searcher.searchMany(
    queries.map((rows) => ({ vectors: Float32Array.from(rows.flat()), rows: rows.length, dim: DIM })),
    SEARCHES[pipeline],
  )
  await searcher.close()
  return { files, hits: answers.map(({ hits }) => hits.map(({ id, score }) => ({ id, score }))) }
}
type Generation = Awaited<ReturnType<typeof generationOf>>

let first: Generation
let second: Generation
let storage: StorageServer
let worker: RunningWorkerd
let asked: PipelineName

const put = ({ files }: Generation) => {
  storage.files.clear()
  for (const [name, bytes] of files) storage.files.set(`index/${name}`, bytes)
}

interface Answer {
  readonly query: number
  readonly status: number
  readonly type: string | null
  readonly body: {
    readonly generation: number
    readonly hits: { id: string; score: number }[]
    readonly status: number
  }
  readonly text: string
}

async function ask(query: number): Promise<Answer> {
  const response = await fetch(`${worker.url}/v1/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ vectors: queries[query], texts: false, ...SEARCHES[asked] }),
  })
  const text = await response.text()
  return { query, status: response.status, type: response.headers.get('content-type'), body: JSON.parse(text), text }
}

const askMany = (count: number) => Promise.all(Array.from({ length: count }, (_, i) => ask(i % QUERIES)))

/** @returns how many were answered; the others are problems that tell nothing of the storage */
function expectRightOrProblem(answers: readonly Answer[], ...generations: readonly Generation[]): number {
  const right = answers.filter(({ status }) => status === 200)
  for (const { query, body } of right) {
    const hits = body.hits.map(({ id, score }) => ({ id, score }))
    expect(generations.map((generation) => generation.hits[query])).toContainEqual(hits)
  }
  for (const { status, type, body, text } of answers.filter((answer) => answer.status !== 200)) {
    expect([502, 503, 504]).toContain(status)
    expect(type).toBe('application/problem+json')
    expect(body.status).toBe(status)
    expect(text).not.toMatch(/127\.0\.0\.1|index\/|msgpack/)
  }
  return right.length
}

/** All queries answered from that generation, at the latest at the third time of asking: a slow machine may be late once. */
async function expectRecovery(generation: Generation): Promise<void> {
  for (let time = 1; time <= 3; time++) {
    const answers = await askMany(QUERIES)
    if (expectRightOrProblem(answers, generation) === QUERIES) return
  }
  throw new Error('the Worker does not recover')
}

beforeAll(async () => {
  storage = await startStorageServer()
})
afterAll(() => storage.close())

const faults: readonly Fault[] = ['hang', 'trickle', 'cut', 'short', 'shifted', 'gzip', 'whole', 'changed', 'grown']
const statuses: readonly Fault[] = [404, 416, 429, 500, 503]

const start = (pipeline: PipelineName, timeoutMs: number) =>
  startWorkerd('test/platforms/faultWorker.ts', {
    vars: { STORAGE: storage.url, PIPELINE: pipeline, TIMEOUT_MS: String(timeoutMs) },
  })
const SOON_MS = 300
const PATIENT_MS = 20_000

describe.each(['range', 'resident'] as const)('a Worker with the %s pipeline', (pipeline) => {
  beforeAll(async () => {
    first = await generationOf(1, pipeline)
    second = await generationOf(2, pipeline)
    put(first)
    worker = await start(pipeline, PATIENT_MS)
    asked = pipeline
  })
  afterAll(() => worker.stop())

  it('answers 1,000 at once', async () => {
    expect(expectRightOrProblem(await askMany(1000), first)).toBe(1000)
  })

  it.each([...faults, ...statuses])('opens under "%s", or tells of a problem and opens later', async (fault) => {
    await worker.stop()
    worker = await start(pipeline, SOON_MS)
    storage.faults.push(fault, fault, fault)
    expectRightOrProblem(await askMany(5), first)
    storage.faults.length = 0
    await expectRecovery(first)
  })

  if (pipeline === 'resident') return

  it.each([...faults, ...statuses])('asked by many under "%s", answers right or not at all', async (fault) => {
    // Every third read meets it, so that some queries come through and others meet it twice.
    const pattern = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? fault : 'none'))
    storage.faults.push(...(pattern as Fault[]))
    expectRightOrProblem(await askMany(60), first)
    storage.faults.length = 0
    await expectRecovery(first)
  })

  it.each([
    ['a byte is another', (bytes: Uint8Array) => bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 4 : byte))],
    ['parts are cut off', (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1)],
    ['parts are of another index', (bytes: Uint8Array) => bytes.toReversed()],
  ])('when %s, never answers wrongly', async (_, damage) => {
    for (const [name, bytes] of storage.files)
      if (!name.endsWith('index.msgpack')) storage.files.set(name, damage(bytes))
    expectRightOrProblem(await askMany(60), first)
    put(first)
    await expectRecovery(first)
  })

  it('answers each of 1,000 queries from one generation while it is replaced', async () => {
    const asked = askMany(1000)
    // Some are answered, some have read lists and not rows, most have not begun.
    await new Promise((resolve) => setTimeout(resolve, 300))
    put(second)
    const answers = await asked
    expectRightOrProblem(answers, first, second)
    for (const { query, status, body } of answers) {
      if (status !== 200) continue
      const { hits } = body.generation === 1 ? first : second
      expect(body.hits.map(({ id, score }) => ({ id, score }))).toEqual(hits[query])
    }
    await expectRecovery(second)
  })
})
