/**
 * Time of a query as a collection grows: the first passages of a vectors folder, alone and with perturbed copies of them.
 * Usage and keys: bench/README.md.
 */
import { writeFile } from 'node:fs/promises'
import { K_MAX } from '../../format/limits.ts'
import { type CachedIndex, cachedIndex } from '../harness/cachedIndex.ts'
import {
  integer,
  integers,
  labelOf,
  oneNbits,
  progress,
  REQUIRED_FOLDER,
  rootPath,
  runBench,
  textTable,
} from '../harness/commandLine.ts'
import { exactRankings } from '../harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from '../harness/judgedVectors.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, percentile, significant } from '../harness/samples.ts'
import { qualityOf } from '../harness/searchRun.ts'
import { growthFigure } from '../plot/growth.ts'
import { grownVectors } from './grownVectors.ts'
import type { EngineRun } from './peers/engine.ts'
import { runTartan, searchOptionsOf } from './peers/tartan.ts'

const USAGE =
  'npm run -s bench:growth -- --vectors FOLDER [--base 1300] [--factors 1,4,16] [--nbits 4] [--k 10] [--settings ",ncells=4 threshold=0.4 ndocs=4096"] [--queries 50] [--rounds 3] [--noise 0.3] [--cpu 0] [--label NAME]'

const SEED = 42

interface GrowthPoint {
  /** '' are the default parameters. */
  readonly setting: string
  readonly factor: number
  readonly passages: number
  readonly tokens: number
  readonly centroids: number
  readonly ms_median: number
  readonly ms_p95: number
  readonly ms_median_rounds: readonly number[]
  /** Time over that of the smallest collection, and the same of passages: the first is to stay well below the second. */
  readonly time_ratio: number
  readonly passages_ratio: number
  readonly 'overlap@10': number
  readonly wasm_mb: number
  readonly build_s: number
}

interface Collection {
  readonly factor: number
  readonly vectors: JudgedVectors
  readonly index: CachedIndex
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, base: integer(1300, 1e9), factors: integers('1,4,16', 1000), noise: '0.3' },
    ...{ nbits: oneNbits(4), k: integer(10, K_MAX), settings: ',ncells=4 threshold=0.4 ndocs=4096' },
    ...{ queries: integer(50, 1e6), rounds: integer(3, 100), cpu: integer(0, 4095, 0), label: '' },
  },
  async ({ vectors: folder, factors, nbits, k, queries, rounds, cpu, ...options }) => {
    const label = labelOf(folder, options.label)
    const settings = options.settings.split(',').map((text) => ({ text: text.trim(), k }))
    for (const setting of settings) searchOptionsOf(setting)
    const started = await startRecord('growth')
    const source = await openJudgedVectors(folder, queries)
    const base = Math.min(options.base, source.store.ids.length)
    const collections: Collection[] = []
    for (const factor of factors.toSorted((a, b) => a - b)) {
      const growth = { base, factor, noise: Number(options.noise), seed: SEED }
      const vectors = await openJudgedVectors(await grownVectors(source, growth), queries)
      const index = await cachedIndex(vectors, { nbits, label: `${label}-${base}x${factor}` })
      collections.push({ factor, vectors, index })
    }
    const points: GrowthPoint[] = []
    for (const { text } of settings) points.push(...(await measure(collections, { text, k }, { rounds, cpu })))
    const measurement = {
      parameters: {
        ...factsOf(label, collections.at(-1)!.vectors),
        base_passages: base,
        factors,
        copies: `rows plus Gaussian noise of expected length ${options.noise}, of unit length again, seed ${SEED}`,
        ...{ nbits, k, cpu },
      },
      samples: { queries: source.queries.length, rounds, warm_up: 'all queries once, in every process' },
      units: { 'ms_*': 'milliseconds a query', wasm_mb: '10^6 bytes', build_s: 'seconds, wall time' },
      metrics: { points },
    }
    const name = `growth-${label}`
    await writeResult(name, started, measurement)
    await writeFile(rootPath('bench', 'results', `${name}.svg`), growthFigure({ ...started, ...measurement }))
    process.stdout.write(`${table(points)}\n`)
    for (const { vectors } of [{ vectors: source }, ...collections]) await vectors.store.close()
  },
)

/** Rounds go over the collections in turn, each run in a fresh process. */
async function measure(
  collections: readonly Collection[],
  setting: { readonly text: string; readonly k: number },
  { rounds, cpu }: { readonly rounds: number; readonly cpu: number },
): Promise<readonly GrowthPoint[]> {
  const runs = new Map<Collection, EngineRun[]>(collections.map((collection) => [collection, []]))
  for (let round = 1; round <= rounds; round++) {
    for (const [{ factor, vectors, index }, own] of runs) {
      const { queries } = vectors
      own.push(await runTartan(index.path, { queries, warm: queries.length, cpu }, setting))
      progress(
        `round ${round}/${rounds}: × ${factor}, ${setting.text || 'defaults'}: ${median(own.at(-1)!.timesMs).toFixed(2)} ms`,
      )
    }
  }
  const points: GrowthPoint[] = []
  for (const [collection, own] of runs) points.push(await pointOf(collection, own, setting.text, points[0]))
  return points
}

async function pointOf(
  { factor, vectors, index }: Collection,
  runs: readonly EngineRun[],
  setting: string,
  smallest: GrowthPoint | undefined,
): Promise<GrowthPoint> {
  const { ids, tokens } = vectors.store
  const times = runs.flatMap(({ timesMs }) => timesMs)
  const { pids, scores, wasmMb = 0 } = runs[0]!
  const hits = pids.map((list, i) => list.map((pid, rank) => ({ id: ids[pid]!, score: scores[i]![rank]! })))
  const ms = significant(median(times))
  return {
    setting,
    factor,
    passages: ids.length,
    tokens,
    centroids: index.report.centroids,
    ms_median: ms,
    ms_p95: significant(percentile(times, 0.95)),
    ms_median_rounds: runs.map(({ timesMs }) => significant(median(timesMs))),
    time_ratio: significant(ms / (smallest?.ms_median ?? ms)),
    passages_ratio: significant(ids.length / (smallest?.passages ?? ids.length)),
    'overlap@10': qualityOf(vectors, hits, await exactRankings(vectors))['overlap@10'],
    wasm_mb: significant(wasmMb),
    build_s: significant(index.seconds),
  }
}

function table(points: readonly GrowthPoint[]): string {
  return textTable([
    ['setting', 'passages', 'tokens', 'centroids', 'ms median', 'ms p95', '× time', '× passages', 'overlap@10', 'MB'],
    ...points.map((point) => [
      point.setting || 'defaults',
      String(point.passages),
      String(point.tokens),
      String(point.centroids),
      point.ms_median.toFixed(2),
      point.ms_p95.toFixed(2),
      point.time_ratio.toFixed(2),
      point.passages_ratio.toFixed(1),
      point['overlap@10'].toFixed(3),
      point.wasm_mb.toFixed(0),
    ]),
  ])
}
