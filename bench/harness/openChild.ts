/** Opens an index in a process of its own and answers queries: time to the first answer, and peak memory. */
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import type { QueryVectors, SearchOptions } from '../../runtime/searcher.ts'
import { answerParent, peakRssMb } from './freshProcess.ts'

export interface OpenTask {
  readonly index: string
  /** Answered one after another; the first is timed. */
  readonly queries: readonly QueryVectors[]
  readonly options: SearchOptions
}

export interface OpenCost {
  /** From nothing to a searcher: kernels compiled, every section read and checked. */
  readonly openMs: number
  /** From nothing to the first answer. */
  readonly firstMs: number
  /** Of this process before opening: Node and our modules, and the queries. */
  readonly baseRssMb: number
  /** After the last query. */
  readonly peakRssMb: number
  readonly memoryBytes: number
}

answerParent<OpenTask, OpenCost>(async ({ index, queries, options }) => {
  const baseRssMb = peakRssMb()
  const started = performance.now()
  const searcher = await openIndex(index)
  const openMs = performance.now() - started
  let firstMs = Number.NaN
  for (const [i, query] of queries.entries()) {
    await searcher.search(query, options)
    if (i === 0) firstMs = performance.now() - started
  }
  const { memoryBytes } = searcher
  await searcher.close()
  return { openMs, firstMs, baseRssMb, peakRssMb: peakRssMb(), memoryBytes }
})
