/** The result file that the peers' search programs write, read as a run. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EngineRun, PeerContext, Setting } from './engine.ts'
import { megabytes, type PeerMemory } from './peerIndex.ts'

interface SearchReport {
  readonly load_ms: number
  readonly first_result_ms: number
  readonly before: PeerMemory
  readonly after: PeerMemory
  readonly times_ms: readonly number[]
  readonly ids: readonly (readonly number[])[]
  readonly scores: readonly (readonly number[])[]
}

/** Where a program writes its result; the last one of a setting stays in the work folder. */
export async function reportPath({ work, label }: PeerContext, name: string, { text, k }: Setting): Promise<string> {
  await mkdir(join(work, 'raw'), { recursive: true })
  const file = `${label}-${name}-k${k}-${text || 'defaults'}.json`.replaceAll(/[^\w.-]+/g, '_')
  return join(work, 'raw', file)
}

export async function readReport(path: string): Promise<EngineRun> {
  const { load_ms, first_result_ms, before, after, times_ms, ids, scores, ...facts } = JSON.parse(
    await readFile(path, 'utf8'),
  ) as SearchReport
  return {
    timesMs: times_ms,
    pids: ids,
    scores,
    openMs: load_ms,
    firstMs: first_result_ms,
    baseRssMb: megabytes(before),
    peakRssMb: megabytes(after),
    facts,
  }
}
