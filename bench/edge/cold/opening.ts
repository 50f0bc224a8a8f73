/**
 * Opening an index over HTTP where every answer takes a while, resident and by range: ms, requests, and round trips. Usage and the meaning
 * of each key: bench/README.md.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { roundFetch } from '../../../lab/storage/roundFetch.ts'
import { startStorageServer } from '../../../lab/storage/storageServer.ts'
import type { httpFiles } from '../../../runtime/readers/http.ts'
import type { openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'
import { integer, labelOf, REQUIRED_FOLDER, rootPath, runBench, textTable } from '../../harness/commandLine.ts'
import { startRecord, writeResult } from '../../harness/record.ts'
import { type SampleSummary, summarise } from '../../harness/samples.ts'

const USAGE =
  'npm run -s bench:opening -- --index FOLDER [--delay 20] [--opens 9] [--label NAME] [--library CHECKOUT]\n--library: another checkout whose runtime is measured, over an index of its format'

interface Library {
  readonly openIndexFiles: typeof openIndexFiles
  readonly httpFiles: typeof httpFiles
  readonly kernels: WebAssembly.Module
}

interface Point {
  readonly pipeline: 'resident' | 'range'
  readonly requests: number
  readonly round_trips: number
  readonly open_ms: SampleSummary
}

const PIPELINES = ['resident', 'range'] as const
/** Of any index that is measured here. */
const MEMORY_MAX = 4e9
const WARM_UP = 2

await runBench(
  USAGE,
  { index: REQUIRED_FOLDER, delay: integer(20, 1000, 0), opens: integer(9, 1000), label: '', library: '' },
  async ({ index, delay, opens, library: checkout, ...options }) => {
    const started = await startRecord('opening')
    const library = await libraryAt(checkout ? resolve(checkout) : rootPath())
    const label = labelOf(index, options.label)
    const storage = await startStorageServer()
    for (const name of await readdir(index)) storage.files.set(name, await readFile(join(index, name)))
    const points: Point[] = []
    try {
      for (const pipeline of PIPELINES) points.push(await measure(library, storage, { pipeline, delay, opens }))
    } finally {
      await storage.close()
    }
    await writeResult(`opening-${label}`, started, {
      parameters: {
        index: label,
        delay_ms: delay,
        server: 'in the same process',
        library: checkout || 'this checkout',
      },
      samples: { opens, warm_up: WARM_UP },
      units: { open_ms: 'ms', requests: 'requests', round_trips: 'times that requests waited for others, plus one' },
      metrics: { points },
    })
    const rows = points.map((point) => [
      ...[point.pipeline, String(point.requests), String(point.round_trips)],
      ...[String(point.open_ms.p50), String(point.open_ms.p95)],
    ])
    process.stdout.write(`${textTable([['pipeline', 'requests', 'round trips', 'ms median', 'p95'], ...rows])}\n`)
  },
)

interface Setting {
  readonly pipeline: Point['pipeline']
  readonly delay: number
  readonly opens: number
}

/** Rounds are counted with answers that come together, ms with answers that come as they do. */
async function measure(
  { openIndexFiles, httpFiles, kernels }: Library,
  storage: Awaited<ReturnType<typeof startStorageServer>>,
  { pipeline, delay, opens }: Setting,
): Promise<Point> {
  const options = { kernels, pipeline, memoryMax: MEMORY_MAX }
  storage.delayMs = 0
  const { fetch, rounds } = roundFetch()
  const counted = await openIndexFiles(httpFiles(storage.url, { fetch }), options)
  const facts = { pipeline, requests: rounds.flat().length, round_trips: rounds.length }
  await counted.close()
  storage.delayMs = delay
  const times: number[] = []
  for (let open = 0; open < WARM_UP + opens; open++) {
    const start = performance.now()
    const searcher = await openIndexFiles(httpFiles(storage.url), options)
    if (open >= WARM_UP) times.push(performance.now() - start)
    await searcher.close()
  }
  return { ...facts, open_ms: summarise(times) }
}

async function libraryAt(root: string): Promise<Library> {
  const load = (path: string) => import(pathToFileURL(join(root, path)).href)
  const [runtime, readers] = [await load('runtime/index.ts'), await load('runtime/readers/index.ts')]
  const kernels = await WebAssembly.compile(await readFile(join(root, 'assembly/build/kernels.wasm')))
  return { openIndexFiles: runtime.openIndexFiles, httpFiles: readers.httpFiles, kernels }
}
