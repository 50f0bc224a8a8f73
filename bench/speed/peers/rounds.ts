/** Runs all settings of all engines in rounds, the engines taking turns, and sums up what each setting gave. */
import { TartanError } from '../../../format/errors.ts'
import { progress } from '../../harness/commandLine.ts'
import type { ExactRankings } from '../../harness/exactSearch.ts'
import type { JudgedVectors } from '../../harness/judgedVectors.ts'
import { median, percentile, significant } from '../../harness/samples.ts'
import { exactQuality, type JudgedHit, type Quality, qualityOf } from '../../harness/searchRun.ts'
import type { EngineRun, PeerEngine, Setting } from './engine.ts'

/** What one process gave. */
export interface PeerRound {
  readonly ms_median: number
  readonly ms_p95: number
  readonly open_ms: number
  readonly first_ms: number
  readonly peak_rss_mb: number
}

export interface PeerPoint extends Quality {
  readonly engine: string
  /** '' are the engine's defaults. */
  readonly setting: string
  readonly k: number
  readonly queries: number
  /** Over all rounds and queries. */
  readonly ms_median: number
  readonly ms_p95: number
  /** Exact search on the same queries. */
  readonly 'exact_ndcg@10': number
  readonly open_ms: number
  readonly first_ms: number
  readonly peak_rss_mb: number
  readonly base_rss_mb: number
  readonly wasm_mb?: number
  readonly rounds: readonly PeerRound[]
  readonly facts: Readonly<Record<string, unknown>>
}

/** An engine or setting that gave no result, and why. */
export interface AbsentPeer {
  readonly name: string
  readonly reason: string
}

export interface RoundsResult {
  readonly points: readonly PeerPoint[]
  readonly failed: readonly AbsentPeer[]
}

interface Arm {
  readonly engine: PeerEngine
  readonly setting: Setting
  readonly runs: EngineRun[]
  failure?: string
}

/** Every run is a process of its own. A setting that fails is reported and left out of later rounds. */
export async function runRounds(
  engines: readonly PeerEngine[],
  rounds: number,
  judge: { readonly vectors: JudgedVectors; readonly exact: ExactRankings },
): Promise<RoundsResult> {
  const arms = interleaved(
    engines.map((engine) => engine.settings.map((setting): Arm => ({ engine, setting, runs: [] }))),
  )
  for (let round = 1; round <= rounds; round++) {
    for (const arm of arms) {
      if (arm.failure !== undefined) continue
      const { engine, setting } = arm
      try {
        const run = await engine.run(setting)
        arm.runs.push(run)
        const ms = median(run.timesMs).toFixed(2)
        progress(`round ${round}/${rounds}: ${engine.name} k=${setting.k} ${setting.text || 'defaults'}: ${ms} ms`)
      } catch (error) {
        if (!(error instanceof TartanError)) throw error
        arm.failure = error.message
        progress(`round ${round}/${rounds}: ${engine.name} ${setting.text || 'defaults'} failed: ${error.message}`)
      }
    }
  }
  return {
    points: arms.filter(({ failure }) => failure === undefined).map((arm) => pointOf(arm, judge)),
    failed: arms.flatMap(({ engine, setting, failure }) =>
      failure === undefined ? [] : [{ name: `${engine.name} ${setting.text || 'defaults'}`, reason: failure }],
    ),
  }
}

/** First of each list, second of each list, …: noise of some minutes touches all engines. */
function interleaved<Item>(lists: readonly (readonly Item[])[]): readonly Item[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat()
}

function pointOf({ engine, setting, runs }: Arm, { vectors, exact }: { vectors: JudgedVectors; exact: ExactRankings }) {
  const judged = firstQueries(vectors, engine.queries)
  const { pids, scores, baseRssMb, wasmMb, facts } = runs[0]!
  const hits = pids.map((list, i): readonly JudgedHit[] =>
    list.map((pid, rank) => ({ id: vectors.store.ids[pid]!, score: scores[i]![rank]! })),
  )
  const times = runs.flatMap(({ timesMs }) => timesMs)
  const middle = (value: (run: EngineRun) => number) => significant(median(runs.map(value)))
  const point: PeerPoint = {
    engine: engine.name,
    setting: setting.text,
    k: setting.k,
    queries: engine.queries,
    ms_median: significant(median(times)),
    ms_p95: significant(percentile(times, 0.95)),
    ...qualityOf(judged, hits, exact),
    'exact_ndcg@10': exactQuality(judged, exact)['ndcg@10'],
    open_ms: middle(({ openMs }) => openMs),
    first_ms: middle(({ firstMs }) => firstMs),
    peak_rss_mb: middle(({ peakRssMb }) => peakRssMb),
    base_rss_mb: significant(baseRssMb),
    ...(wasmMb === undefined ? {} : { wasm_mb: significant(wasmMb) }),
    rounds: runs.map((run) => ({
      ms_median: significant(median(run.timesMs)),
      ms_p95: significant(percentile(run.timesMs, 0.95)),
      open_ms: significant(run.openMs),
      first_ms: significant(run.firstMs),
      peak_rss_mb: significant(run.peakRssMb),
    })),
    facts,
  }
  return point
}

/** The same vectors, judged on their first `count` queries only. */
function firstQueries(vectors: JudgedVectors, count: number): JudgedVectors {
  const queries = vectors.queries.slice(0, count)
  return { ...vectors, queries, qrels: new Map(queries.map(({ id }) => [id, vectors.qrels.get(id)!])) }
}
