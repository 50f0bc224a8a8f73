/**
 * Quality of compressed search beside exact float32 MaxSim on the same vectors, for the default parameters and for a
 * grid of them with its time. Usage and the meaning of each key: bench/README.md.
 */
import type { Nbits } from '../format/manifest/segment.ts'
import { openIndex } from '../runtime/platform/node/nodeIndex.ts'
import { defaultParameters } from '../runtime/search/parameters.ts'
import type { PlaidParameters, Searcher, SearchHit } from '../runtime/searcher.ts'
import { cachedIndex } from './harness/cachedIndex.ts'
import {
  integer,
  labelOf,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  runBench,
  someNbits,
  textTable,
} from './harness/commandLine.ts'
import { type ExactRankings, exactRankings } from './harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from './harness/judgedVectors.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { significant, summarise } from './harness/samples.ts'
import { exactQuality, type Quality, qualityOf, searchAll } from './harness/searchRun.ts'

const USAGE =
  'npm run -s bench:quality -- --vectors FOLDER [--nbits 4,2,1] [--rounds 2] [--queries N] [--threads N] [--label NAME]'

const GRID_NCELLS = [1, 2, 4, 8, 16]
const GRID_NDOCS = [256, 1024, 4096, 8192]
const GRID_K = 100
/** Largest loss of nDCG@10 against exact search that we want at k = 100. Stated, not enforced. */
const TARGET_LOSS: Readonly<Partial<Record<Nbits, number>>> = { 4: 0.003, 2: 0.006 }

interface Setting extends PlaidParameters {
  readonly name: string
  readonly k: number
}

interface Point extends Setting, Quality {
  readonly ms_p50: number
  readonly ms_p95: number
  readonly samples: number
}

interface IndexQuality {
  readonly nbits: Nbits
  readonly centroids: number
  readonly index_bytes: number
  /** Default parameters at k = 100 less exact search; negative is worse. */
  readonly 'ndcg@10_minus_exact': number
  readonly 'ndcg@10_loss_target'?: number
  readonly within_target?: boolean
  readonly points: readonly Point[]
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, nbits: someNbits('4,2,1'), rounds: integer(2, 100) },
    ...{ queries: optionalInteger(), threads: optionalInteger(1024), label: '' },
  },
  async ({ vectors: folder, rounds, threads, ...options }) => {
    const label = labelOf(folder, options.label)
    const started = await startRecord('quality')
    const vectors = await openJudgedVectors(folder, options.queries)
    const exact = await exactRankings(vectors)
    const reference = exactQuality(vectors, exact)
    const indexes: IndexQuality[] = []
    for (const nbits of options.nbits) {
      const { path, report } = await cachedIndex(vectors, { nbits, threads, label })
      const searcher = await openIndex(path)
      progress(`${nbits} bits: ${settings().length} settings x ${vectors.queries.length} queries x ${rounds} rounds`)
      const points = await measure(searcher, vectors, exact, rounds)
      await searcher.close()
      indexes.push({
        nbits,
        centroids: report.centroids,
        index_bytes: report.bytes,
        ...againstTarget(nbits, points, reference),
        points,
      })
    }
    await writeResult(`quality-${label}`, started, {
      parameters: {
        ...factsOf(label, vectors),
        grid: { ncells: GRID_NCELLS, ndocs: GRID_NDOCS, k: GRID_K },
        threads: 1,
      },
      samples: { queries: vectors.queries.length, rounds, warm_up: 'every setting once over all queries' },
      units: { 'ms_*': 'milliseconds a query', 'ndcg@10, recall@100, overlap@10': 'share, 0 to 1' },
      metrics: { exact: { ...reference, seconds: significant(exact.seconds) }, indexes },
    })
    process.stdout.write(`${table(reference, indexes)}\n`)
    await vectors.store.close()
  },
)

/** Stanford's defaults for 10 and for 100 results, and the grid at its threshold for that many cells. */
function settings(): readonly Setting[] {
  const grid = GRID_NCELLS.flatMap((ncells) =>
    GRID_NDOCS.map((ndocs) => ({
      name: 'grid',
      k: GRID_K,
      ncells,
      centroidScoreThreshold: thresholdOf(ncells),
      ndocs,
    })),
  )
  return [
    { name: 'default', k: 100, ...defaultParameters(100) },
    { name: 'default', k: 10, ...defaultParameters(10) },
    ...grid,
  ]
}

/** The threshold Stanford pairs with `ncells` in its own defaults: 1 → 0.5, 2 → 0.45, 4 and more → 0.4. */
function thresholdOf(ncells: number): number {
  const paired = [10, 100, 1000].map(defaultParameters).findLast((parameters) => parameters.ncells <= ncells)
  return paired!.centroidScoreThreshold
}

/** Rounds go over all settings in turn, so that a machine that slows down does so for each of them. */
async function measure(
  searcher: Searcher,
  vectors: JudgedVectors,
  exact: ExactRankings,
  rounds: number,
): Promise<readonly Point[]> {
  const measured = settings().map((setting) => ({
    setting,
    ms: [] as number[],
    hits: [] as readonly (readonly SearchHit[])[],
  }))
  for (let round = 0; round <= rounds; round++) {
    for (const entry of measured) {
      const { name: _, ...parameters } = entry.setting
      const pass = await searchAll(searcher, vectors.queries, parameters)
      if (round === 0) entry.hits = pass.hits
      else entry.ms.push(...pass.ms)
    }
  }
  return measured.map(({ setting, ms, hits }) => {
    const { p50, p95, samples } = summarise(ms)
    return { ...setting, ...qualityOf(vectors, hits, exact), ms_p50: p50, ms_p95: p95, samples }
  })
}

function againstTarget(nbits: Nbits, points: readonly Point[], exact: Quality) {
  const at100 = points.find((point) => point.name === 'default' && point.k === 100)!
  const difference = significant(at100['ndcg@10'] - exact['ndcg@10'], 4)
  const target = TARGET_LOSS[nbits]
  return {
    'ndcg@10_minus_exact': difference,
    ...(target === undefined ? {} : { 'ndcg@10_loss_target': target, within_target: -difference <= target }),
  }
}

function table(exact: Quality, indexes: readonly IndexQuality[]): string {
  const shares = (quality: Quality) =>
    [quality['ndcg@10'], quality['recall@100'], quality['overlap@10']].map((value) => value.toFixed(4))
  return textTable([
    ['nbits', 'k', 'ncells', 'ndocs', 'nDCG@10', 'Recall@100', 'overlap@10', 'p50 ms', 'p95 ms'],
    ['exact', '100', '', '', ...shares(exact), '', ''],
    ...indexes.flatMap(({ nbits, points }) =>
      points.map((point) => [
        String(nbits),
        `${point.k}${point.name === 'default' ? '*' : ''}`,
        String(point.ncells),
        String(point.ndocs),
        ...shares(point),
        point.ms_p50.toFixed(2),
        point.ms_p95.toFixed(2),
      ]),
    ),
  ]).concat('\n* default parameters; at k = 10 the column Recall@100 counts 10 results')
}
