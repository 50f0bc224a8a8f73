/** An index behind HTTP, searched in the real workerd: what the isolate holds meanwhile, asked through V8's inspector. */
import { readFile } from 'node:fs/promises'
import { startEncoderServer } from '../../lab/encoding/encoderServer.ts'
import { type RunningWorkerd, startWorkerd } from '../../lab/hosts/workerd.ts'
import { median, percentile } from '../harness/samples.ts'
import type { MemoryTask, StoredQueries } from './memory/memoryChild.ts'
import { peakRssOf, usageOf } from './memory/workerdMemory.ts'
import type { OpenReport, OpenTask, SearchReport, SearchTask } from './rangeWorker.ts'

/** Bytes are of the isolate: WebAssembly memory, JavaScript heap and array buffers, code not counted. */
export interface WorkerdUse {
  readonly pipeline: string
  readonly open_ms: number
  readonly wasm_bytes: number
  readonly heap_peak_bytes: number
  readonly buffers_peak_bytes: number
  /** Largest sum of the three seen at one moment, garbage that was not collected yet included. */
  readonly peak_bytes: number
  /** After a collection, with the cache filled. */
  readonly kept_bytes: number
  readonly rss_peak_mb: number
  readonly rss_base_mb: number
  /** From request to answer, one query at a time. */
  readonly ms_median: number
  readonly ms_p95: number
  /** Of `concurrent` queries at once, from the first request to the last answer. */
  readonly together_ms: number
  readonly bytes_median: number
  readonly reads_median: number
  readonly rounds_max: number
  readonly found_first: number
}

const LOOK_EVERY_MS = 25
/** A small heap, so that garbage is collected as in an isolate that has 128 MB for everything. */
export const WORKERD_FLAGS = ['--expose-gc', '--max-old-space-size=32', '--max-semi-space-size=1']

export async function measureWorkerdRange({ index, queries, memoryMax, concurrent }: MemoryTask): Promise<WorkerdUse> {
  const { dim, rows, ids, vectors } = JSON.parse(await readFile(queries, 'utf8')) as StoredQueries
  const bytes = Buffer.from(vectors, 'base64')
  const queryBytes = dim * rows * 4
  const tasks = ids.map((_, i): SearchTask => {
    const query = bytes.subarray(i * queryBytes, (i + 1) * queryBytes)
    return { dim, rows, vectors: query.toString('base64') }
  })
  const storage = await startEncoderServer({ '/index/': index })
  const workerd = await startWorkerd('bench/edge/rangeWorker.ts', { inspector: true, v8Flags: WORKERD_FLAGS })
  const collect = async () => (await fetch(workerd.url)).text()
  try {
    await collect()
    const rssBase = await peakRssOf(workerd.pid)
    const watch = watchMemory(workerd)
    const started = performance.now()
    const opened = await ask<OpenReport>(workerd, '/open', { indexUrl: `${storage.url}/index/`, memoryMax })
    const openMs = performance.now() - started
    const alone: { report: SearchReport; ms: number }[] = []
    for (const task of tasks) alone.push(await timed(() => ask<SearchReport>(workerd, '/search', task)))
    let togetherMs = 0
    let wasmBytes = opened.wasmBytes
    for (let first = 0; first < tasks.length; first += concurrent) {
      const begun = performance.now()
      const some = tasks.slice(first, first + concurrent).map((task) => ask<SearchReport>(workerd, '/search', task))
      for (const report of await Promise.all(some)) wasmBytes = Math.max(wasmBytes, report.wasmBytes)
      togetherMs = Math.max(togetherMs, performance.now() - begun)
    }
    const seen = await watch.stop()
    await collect()
    const kept = await usageOf(workerd.inspectorUrl)
    const reports = alone.map(({ report }) => report)
    return {
      pipeline: opened.pipeline,
      open_ms: openMs,
      wasm_bytes: wasmBytes,
      heap_peak_bytes: Math.max(...seen.map(({ heapMb }) => heapMb)) * 1e6,
      buffers_peak_bytes: Math.max(...seen.map(({ buffersMb }) => buffersMb)) * 1e6,
      peak_bytes: Math.max(...seen.map(({ heapMb, buffersMb }) => heapMb + buffersMb)) * 1e6 + wasmBytes,
      kept_bytes: (kept.heapMb + kept.buffersMb) * 1e6 + wasmBytes,
      rss_peak_mb: await peakRssOf(workerd.pid),
      rss_base_mb: rssBase,
      ms_median: median(alone.map(({ ms }) => ms)),
      ms_p95: percentile(
        alone.map(({ ms }) => ms),
        0.95,
      ),
      together_ms: togetherMs,
      bytes_median: median(reports.map((report) => report.bytes)),
      reads_median: median(reports.map((report) => report.reads)),
      rounds_max: Math.max(...reports.map((report) => report.rounds)),
      found_first: reports.filter(({ first }, i) => first === ids[i]).length / ids.length,
    }
  } finally {
    await workerd.stop()
    await storage.stop()
  }
}

async function timed<T>(work: () => Promise<T>): Promise<{ report: T; ms: number }> {
  const begun = performance.now()
  const report = await work()
  return { report, ms: performance.now() - begun }
}

/** @throws Error with the Worker's words when it fails */
export async function ask<T>({ url }: RunningWorkerd, path: string, task: OpenTask | SearchTask): Promise<T> {
  const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(task) })
  if (!response.ok) throw new Error(`the Worker answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as T
}

/** Looks again and again until it is stopped. */
function watchMemory({ inspectorUrl }: RunningWorkerd) {
  const seen: { heapMb: number; buffersMb: number }[] = []
  let stopped = false
  const watching = (async () => {
    while (!stopped) {
      seen.push(await usageOf(inspectorUrl))
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  })()
  return {
    async stop() {
      stopped = true
      await watching
      return seen
    },
  }
}
