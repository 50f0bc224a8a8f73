/**
 * From nothing to the first answer in the real workerd: starting and parsing the bundle, kernels, manifest, opening, the first query;
 * with vectors, and with a text that the Worker encodes itself. Usage and the meaning of each key: bench/README.md.
 */
import { readFile } from 'node:fs/promises'
import { startEncoderServer } from '../../../lab/encoding/encoderServer.ts'
import { type RunningWorkerd, startWorkerd } from '../../../lab/hosts/workerd.ts'
import { cachedIndex } from '../../harness/cachedIndex.ts'
import {
  integer,
  labelOf,
  oneNbits,
  progress,
  REQUIRED_FOLDER,
  runBench,
  textTable,
} from '../../harness/commandLine.ts'
import { openJudgedVectors } from '../../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../../harness/record.ts'
import { summarise } from '../../harness/samples.ts'

const USAGE =
  'npm run -s bench:cold-start -- --vectors FOLDER [--nbits 2] [--large FOLDER] [--rounds 9]\n--large: an index of bench:synthetic, to be read by range as well'

/** Names of steps to ms, in their order. */
type Steps = Record<string, number>

interface Arm {
  readonly name: string
  readonly run: () => Promise<Steps>
  readonly rounds: Steps[]
}

const SIMPLE = { method: 'GET' }

const OPTIONS = { vectors: REQUIRED_FOLDER, nbits: oneNbits(2), large: '', rounds: integer(9, 100) }

await runBench(USAGE, OPTIONS, async ({ vectors: folder, nbits, rounds, ...options }) => {
  const vectors = await openJudgedVectors(folder)
  const { path } = await cachedIndex(vectors, { nbits, label: labelOf(folder, '') })
  const { rows, dim, vectors: values } = vectors.queries[0]!
  const query = Array.from({ length: rows }, (_, row) => [...values.subarray(row * dim, (row + 1) * dim)])
  const search = searchOf(query)
  const started = await startRecord('cold-start')
  const storage = await startEncoderServer({ '/index/': path })
  const large = options.large ? await startEncoderServer({ '/index/': options.large }) : undefined
  const largeQuery = large && searchOf(await firstQuery(`${options.large}.queries.json`))
  const arms: Arm[] = [
    { name: 'an empty Worker', run: () => coldSteps('emptyWorker.ts', {}, { first_request: SIMPLE }) },
    ...(['resident', 'range'] as const).map((pipeline) => ({
      name: `vectors, ${pipeline}`,
      run: () => withVectors(storage.url, pipeline, search),
    })),
    ...(large && largeQuery
      ? [{ name: 'vectors, range, the large index', run: () => withVectors(large.url, 'range', largeQuery) }]
      : []),
    { name: 'texts, resident', run: () => withTexts(storage.url) },
  ].map((arm) => ({ ...arm, rounds: [] }))
  try {
    for (let round = 0; round < rounds; round++) {
      progress(`round ${round + 1} of ${rounds}`)
      for (const arm of arms) arm.rounds.push(await arm.run())
    }
  } finally {
    await storage.stop()
    await large?.stop()
  }
  const points = arms.map(({ name, rounds: all }) => ({ name, steps: summaries(all) }))
  await writeResult('edge-cold-start', started, {
    parameters: {
      ...{ label: labelOf(folder, ''), nbits, large: options.large ? labelOf(options.large, '') : 'none' },
      storage: 'a Node server on the same machine: no network time',
    },
    samples: { rounds, of: 'fresh processes of workerd, taking turns' },
    units: { p50: 'ms', p95: 'ms' },
    metrics: { points },
  })
  const table = points.flatMap(({ name, steps }) =>
    Object.entries(steps).map(([step, { p50, p95 }]) => [name, step, String(p50), String(p95)]),
  )
  process.stdout.write(`${textTable([['Worker', 'step', 'ms', 'p95'], ...table])}\n`)
  await vectors.store.close()
})

function searchOf(query: readonly (readonly number[])[]): RequestInit {
  const headers = { 'content-type': 'application/json' }
  return { method: 'POST', headers, body: JSON.stringify({ vectors: query, texts: false }) }
}

async function firstQuery(path: string): Promise<readonly (readonly number[])[]> {
  const { dim, rows, vectors } = JSON.parse(await readFile(path, 'utf8')) as Record<'dim' | 'rows', number> & {
    readonly vectors: string
  }
  const bytes = Buffer.from(vectors, 'base64').subarray(0, dim * rows * 4)
  const values = new Float32Array(Uint8Array.from(bytes).buffer)
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * dim, (row + 1) * dim)])
}

/** Twice: as a client meets it, then the opening step by step. */
async function withVectors(url: string, pipeline: string, search: RequestInit): Promise<Steps> {
  const vars = { STORAGE: url, PIPELINE: pipeline }
  const whole = await coldSteps('coldWorker.ts', vars, {
    '/v1/search first_answer': search,
    '/v1/search second_answer': search,
  })
  const steps = await coldSteps('coldWorker.ts', vars, {
    '/step/ready first_request': SIMPLE,
    '/step/kernels kernels': SIMPLE,
    '/step/manifest manifest': SIMPLE,
    '/health open_all': SIMPLE,
    '/v1/search first_query': search,
  })
  return { ...whole, ...steps, start: whole.start! }
}

function withTexts(url: string): Promise<Steps> {
  const [first, second] = ['vitamin+d', 'calcium'].map((word) => `/v1/search?q=${word}+and+fractures&texts=false`)
  const requests = { [`${first} first_answer`]: SIMPLE, [`${second} second_answer`]: SIMPLE }
  return coldSteps('../../../lab/encoding/textWorker.ts', { STORAGE: url }, requests)
}

/** @param requests - path and name of the step to what is sent, one after another */
async function coldSteps(
  entry: string,
  vars: Readonly<Record<string, string>>,
  requests: Readonly<Record<string, RequestInit>>,
): Promise<Steps> {
  const worker = await startWorkerd(new URL(entry, import.meta.url).pathname, { vars })
  try {
    const steps: Steps = { start: worker.startMs }
    for (const [key, init] of Object.entries(requests)) {
      const [path, name = path] = key.split(' ')
      steps[name!] = await timed(worker, key.includes(' ') ? path! : '/', init)
    }
    return steps
  } finally {
    await worker.stop()
  }
}

async function timed({ url }: RunningWorkerd, path: string, init: RequestInit): Promise<number> {
  const begun = performance.now()
  const response = await fetch(url + path, init)
  const text = await response.text()
  const ms = performance.now() - begun
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`)
  return ms
}

function summaries(rounds: readonly Steps[]) {
  return Object.fromEntries(
    Object.keys(rounds[0] ?? {}).map((step) => {
      const { p50, p95 } = summarise(rounds.map((one) => one[step]!))
      return [step, { p50, p95 }]
    }),
  )
}
