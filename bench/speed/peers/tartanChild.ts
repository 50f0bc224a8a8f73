/** One run of Tartan's searcher in a process of its own, in the same steps as the peers' harness. */
import { openIndex } from '../../../runtime/platform/node/nodeIndex.ts'
import type { QueryVectors, SearchOptions } from '../../../runtime/searcher.ts'
import { answerParent, peakRssMb } from '../../harness/freshProcess.ts'
import type { EngineRun } from './engine.ts'

export interface TartanTask {
  readonly index: string
  readonly queries: readonly QueryVectors[]
  /** Queries answered before any is timed, after the first. */
  readonly warm: number
  readonly options: SearchOptions
}

answerParent<TartanTask, EngineRun>(async ({ index, queries, warm, options }) => {
  const baseRssMb = peakRssMb()
  const started = performance.now()
  const searcher = await openIndex(index)
  const openMs = performance.now() - started
  await searcher.search(queries[0]!, options)
  const firstMs = performance.now() - started
  for (const query of queries.slice(0, warm)) await searcher.search(query, options)
  const timesMs: number[] = []
  const pids: number[][] = []
  const scores: number[][] = []
  let parameters: unknown
  for (const query of queries) {
    const asked = performance.now()
    const answer = await searcher.search(query, options)
    timesMs.push(performance.now() - asked)
    pids.push(answer.hits.map(({ place }) => place.pid))
    scores.push(answer.hits.map(({ score }) => score))
    parameters = answer.parameters
  }
  const { memoryBytes } = searcher
  await searcher.close()
  return {
    timesMs,
    pids,
    scores,
    openMs,
    firstMs,
    baseRssMb,
    peakRssMb: peakRssMb(),
    wasmMb: memoryBytes / 1e6,
    facts: { parameters },
  }
})
