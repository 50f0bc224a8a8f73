/** Opens an index in a process of its own, as a Worker would, and answers queries one after another and many at once: peak memory. */
import { readFile } from 'node:fs/promises'
import { countingFiles } from '../../../lab/storage/countingFiles.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../../../runtime/platform/node/nodeKernels.ts'
import { openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'
import { answerParent, peakRssMb } from '../../harness/freshProcess.ts'

export interface MemoryTask {
  readonly index: string
  /** As syntheticIndex.ts writes it. */
  readonly queries: string
  readonly memoryMax: number
  /** Queries under way at a time in the second pass. */
  readonly concurrent: number
}

export interface MemoryUse {
  readonly pipeline: string
  readonly open_ms: number
  readonly open_bytes: number
  readonly open_reads: number
  readonly wasm_bytes: number
  /** Largest of all array buffers seen after a query, before garbage is collected. */
  readonly arrays_peak_bytes: number
  readonly heap_peak_bytes: number
  /** Largest sum of the three at one moment. */
  readonly peak_bytes: number
  /** After a collection, with the cache filled. */
  readonly kept_bytes: number
  readonly rss_peak_mb: number
  readonly rss_base_mb: number
  readonly ms_median: number
  readonly bytes_median: number
  readonly reads_median: number
  /** Share of queries whose passage is the first hit. */
  readonly found_first: number
}

/** As syntheticIndex.ts writes them. */
export interface StoredQueries {
  readonly dim: number
  readonly rows: number
  readonly ids: readonly string[]
  readonly vectors: string
}

answerParent<MemoryTask, MemoryUse>(async ({ index, queries: path, memoryMax, concurrent }) => {
  const stored = JSON.parse(await readFile(path, 'utf8')) as StoredQueries
  const { dim, rows, ids } = stored
  const values = new Float32Array(Uint8Array.from(Buffer.from(stored.vectors, 'base64')).buffer)
  const queries = ids.map((_, i) => ({ dim, rows, vectors: values.subarray(i * rows * dim, (i + 1) * rows * dim) }))
  const baseRss = peakRssMb()
  const base = process.memoryUsage()
  const files = countingFiles(await filesAtPath(index))
  const started = performance.now()
  const searcher = await openIndexFiles(files, { kernels: await compileKernels(), memoryMax })
  const openMs = performance.now() - started
  const opening = files.take()
  const peak = { arrays: 0, heap: 0, all: 0 }
  const look = () => {
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    const [arrays, heap] = [arrayBuffers - base.arrayBuffers, heapUsed - base.heapUsed]
    peak.arrays = Math.max(peak.arrays, arrays)
    peak.heap = Math.max(peak.heap, heap)
    peak.all = Math.max(peak.all, arrays + heap + searcher.memoryBytes)
  }
  look()
  const ms: number[] = []
  const reads: { bytes: number; reads: number }[] = []
  let found = 0
  for (const [i, query] of queries.entries()) {
    const before = performance.now()
    const { hits } = await searcher.search(query)
    ms.push(performance.now() - before)
    reads.push(files.take())
    if (hits[0]?.id === ids[i]) found++
    look()
  }
  for (let first = 0; first < queries.length; first += concurrent) {
    await Promise.all(queries.slice(first, first + concurrent).map((query) => searcher.search(query).then(look)))
  }
  ;(globalThis as { gc?: () => void }).gc?.()
  const kept = process.memoryUsage()
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!
  return {
    pipeline: searcher.pipeline,
    open_ms: openMs,
    open_bytes: opening.bytes,
    open_reads: opening.reads,
    wasm_bytes: searcher.memoryBytes,
    arrays_peak_bytes: peak.arrays,
    heap_peak_bytes: peak.heap,
    peak_bytes: peak.all,
    kept_bytes: kept.arrayBuffers - base.arrayBuffers + searcher.memoryBytes,
    rss_peak_mb: peakRssMb(),
    rss_base_mb: baseRss,
    ms_median: middle(ms),
    bytes_median: middle(reads.map(({ bytes }) => bytes)),
    reads_median: middle(reads.map((read) => read.reads)),
    found_first: found / queries.length,
  }
})
