/**
 * How many of the best allowed passages are found under filters of every size, by both pipelines: random filters, and those that allow
 * only the passages least like the query. Prints one JSON line. Usage and the meaning of each key: bench/README.md.
 */
import { seededRandom } from '../lab/data/randomSegment.ts'
import { openByRange } from '../lab/search/openedBy.ts'
import { filesAtPath } from '../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../runtime/platform/node/nodeIndex.ts'
import { compileKernels } from '../runtime/platform/node/nodeKernels.ts'
import { defaultParameters } from '../runtime/search/parameters.ts'
import type { SearchAnswer, Searcher, SearchOptions } from '../runtime/searcher.ts'
import { cachedIndex } from './harness/cachedIndex.ts'
import { integer, integers, labelOf, oneNbits, progress, REQUIRED_FOLDER, runBench } from './harness/commandLine.ts'
import { type BenchQuery, factsOf, type JudgedVectors, openJudgedVectors } from './harness/judgedVectors.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { median, percentile, significant } from './harness/samples.ts'

const USAGE =
  'npm run -s bench:filters -- --vectors FOLDER [--nbits 2] [--sizes 1,10,100,257,1000] [--queries 100] [--seed 42] [--index PATH] [--label NAME]'

const K = 10
/** So few allowed passages are all scored, and as finely as any, by every version that knows filters. */
const EXHAUSTIVE = 32
const WIDE_BUDGET = { bytes: 1e9, reads: 1e6 }

await runBench(
  USAGE,
  {
    ...{
      vectors: REQUIRED_FOLDER,
      nbits: oneNbits(2),
      sizes: integers('1,10,100,257,1000', 1e6),
      index: '',
      label: '',
    },
    ...{ queries: integer(100, 1e6), seed: integer(42, 2 ** 32 - 1, 0) },
  },
  async ({ vectors: folder, nbits, sizes, queries, seed, ...options }) => {
    const label = labelOf(folder, options.label)
    const started = await startRecord('filters')
    const vectors = await openJudgedVectors(folder, queries)
    const path = options.index || (await cachedIndex(vectors, { nbits, label: labelOf(folder, '') })).path
    const resident = await openIndex(path)
    progress(`ranking ${resident.info.passages} passages for ${vectors.queries.length} queries`)
    const rankings: (readonly string[])[] = []
    for (const query of vectors.queries) rankings.push(await rankAll(resident, query, vectors.store.ids))
    const half = Math.floor(resident.info.passages / 2)
    const wanted = [...sizes.filter((size) => size < half), half]
    const points = []
    for (const setting of await settingsOf(resident, path)) {
      progress(setting.name)
      points.push(await measure(setting, { vectors, rankings, sizes: wanted, seed }))
      await setting.close()
    }
    await resident.close()
    await writeResult(`filters-${label}`, started, {
      parameters: { ...factsOf(label, vectors), nbits, k: K, seed },
      samples: { queries: vectors.queries.length },
      units: {
        'recall@10': 'share, 0 to 1, of the best allowed passages by the scores of the index',
        found: 'share of the results that are wanted and allowed',
        'bytes_*': 'bytes read for a query',
        'reads_*': 'byte ranges read for a query',
        'ms_*': 'milliseconds, wall time of a query',
      },
      metrics: { points },
    })
    process.stdout.write(`${JSON.stringify(points.map(({ name, unfiltered }) => [name, unfiltered['recall@10']]))}\n`)
    await vectors.store.close()
  },
)

interface Setting {
  readonly name: string
  readonly searcher: Searcher
  readonly options: SearchOptions
  readonly close: () => Promise<void>
}

async function settingsOf(resident: Searcher, path: string): Promise<readonly Setting[]> {
  const none = async () => undefined
  const tiers = resident.info.tiers ? (['fast', 'balanced', 'exact'] as const) : []
  const kernels = await compileKernels()
  const range = await openByRange(await filesAtPath(path), { kernels })
  const wide = await openByRange(await filesAtPath(path), { kernels, budget: WIDE_BUDGET })
  return [
    { name: 'resident, Stanford', searcher: resident, options: defaultParameters(K), close: none },
    ...tiers.map((tier) => ({ name: `resident, ${tier}`, searcher: resident, options: { tier }, close: none })),
    { name: 'range', searcher: range, options: {}, close: () => range.close() },
    { name: 'range, 1 GB', searcher: wide, options: {}, close: () => wide.close() },
  ]
}

/** Ids of all passages, the best first. */
async function rankAll(searcher: Searcher, query: BenchQuery, ids: readonly string[]): Promise<readonly string[]> {
  const hits: { readonly id: string; readonly score: number }[] = []
  for (let first = 0; first < ids.length; first += EXHAUSTIVE) {
    const filter = ids.slice(first, first + EXHAUSTIVE)
    const options = { ...defaultParameters(K), filter, k: EXHAUSTIVE }
    hits.push(...(await searcher.search(query, options)).hits)
  }
  return hits
    .sort((a, b) => b.score - a.score || Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)))
    .map(({ id }) => id)
}

interface Asked {
  readonly vectors: JudgedVectors
  readonly rankings: readonly (readonly string[])[]
  readonly sizes: readonly number[]
  readonly seed: number
}

async function measure({ name, searcher, options }: Setting, { vectors, rankings, sizes, seed }: Asked) {
  const pointOf = async (size: number | undefined, choose: (ranking: readonly string[], query: number) => string[]) => {
    const answers: Judged[] = []
    for (const [i, query] of vectors.queries.entries()) {
      const ranking = rankings[i] ?? []
      const allowed = choose(ranking, i)
      const began = performance.now()
      const answer = await searcher.search(query, {
        ...options,
        k: K,
        ...(size === undefined ? {} : { filter: allowed }),
      })
      const ms = performance.now() - began
      const isAllowed = new Set(allowed)
      answers.push({ ...answer, ms, best: ranking.filter((id) => isAllowed.has(id)).slice(0, K) })
    }
    return summaryOf(answers)
  }
  const random = []
  const worst = []
  const unfiltered = await pointOf(undefined, (ranking) => [...ranking])
  for (const size of sizes) {
    const lots = (query: number) => {
      const next = seededRandom(seed + query)
      return (id: string) => ({ id, lot: next() })
    }
    const some = (ranking: readonly string[], query: number) =>
      ranking
        .map(lots(query))
        .sort((a, b) => a.lot - b.lot)
        .slice(0, size)
        .map(({ id }) => id)
    random.push({ allowed: size, ...(await pointOf(size, some)) })
    worst.push({ allowed: size, ...(await pointOf(size, (ranking) => ranking.slice(-size))) })
  }
  return { name, unfiltered, random, worst }
}

interface Judged extends SearchAnswer {
  readonly ms: number
  readonly best: readonly string[]
}

function summaryOf(answers: readonly Judged[]) {
  const mean = (values: readonly number[]) =>
    significant(values.reduce((sum, value) => sum + value, 0) / values.length, 5)
  const numbers = (name: string, values: readonly number[]) => ({
    [`${name}_median`]: significant(median(values)),
    [`${name}_p95`]: significant(percentile(values, 0.95)),
  })
  const [first] = answers
  return {
    'recall@10': mean(
      answers.map(({ hits, best }) => hits.filter(({ id }) => best.includes(id)).length / Math.max(1, best.length)),
    ),
    found: mean(answers.map(({ hits, best }) => hits.length / Math.max(1, best.length))),
    ...numbers(
      'rescored',
      answers.map(({ counts }) => counts.rescored),
    ),
    ...(first?.storage
      ? {
          ...numbers(
            'bytes',
            answers.map(({ storage }) => storage?.bytes ?? 0),
          ),
          ...numbers(
            'reads',
            answers.map(({ storage }) => storage?.reads ?? 0),
          ),
          skipped_share: mean(answers.map(({ skipped }) => (skipped ? 1 : 0))),
        }
      : {}),
    ...numbers(
      'ms',
      answers.map(({ ms }) => ms),
    ),
  }
}
