/**
 * What several segments over one quantiser cost beside one segment of the same passages: time and memory of resident search, bytes,
 * reads and time of search by range, and whether the answers are the same. Usage and the meaning of each key: bench/README.md.
 */

import { readIndex } from '../format/indexReader.ts'
import { K_MAX } from '../format/limits.ts'
import type { IndexTiers } from '../format/manifest/tiers.ts'
import type { IndexFiles } from '../format/rangeReader.ts'
import { indexOf } from '../lab/data/indexFiles.ts'
import { evenBorders, slicesOf } from '../lab/data/slicedSegment.ts'
import { storedSegment } from '../lab/data/storedSegment.ts'
import { openByRange } from '../lab/search/openedBy.ts'
import { type CountingFiles, countingFiles, type ReadCount } from '../lab/storage/countingFiles.ts'
import { filesAtPath } from '../runtime/platform/node/nodeFiles.ts'
import { compileKernels } from '../runtime/platform/node/nodeKernels.ts'
import { memoryFiles } from '../runtime/readers/memory.ts'
import { defaultBudget, resolveRangeParameters } from '../runtime/search/range/rangeParameters.ts'
import type { Searcher, SearchHit, SearchOptions } from '../runtime/searcher.ts'
import { openSearcher } from '../runtime/searchers/openIndexFiles.ts'
import { cachedIndex } from './harness/cachedIndex.ts'
import {
  integer,
  integers,
  labelOf,
  oneNbits,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  runBench,
  textTable,
} from './harness/commandLine.ts'
import { type ExactRankings, exactRankings } from './harness/exactSearch.ts'
import { type BenchQuery, factsOf, type JudgedVectors, openJudgedVectors } from './harness/judgedVectors.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { median, percentile, significant } from './harness/samples.ts'
import { qualityOf } from './harness/searchRun.ts'

const USAGE =
  'npm run -s bench:segments -- --vectors FOLDER [--nbits 4] [--segments 10] [--k 10,100] [--rounds 5] [--queries N] [--label NAME]'

/** Largest time of the segments over that of the one that we want. Stated, not enforced. */
const TARGET_RATIO = 1.3
/** What a query by range may read where nothing is to be left out. */
const UNLIMITED = { bytes: 1e9, reads: 1e6 }

const UNITS = {
  'ms_*': 'milliseconds a query, wall time, vectors given',
  memory_mb: '10^6 bytes of WebAssembly memory after all searches',
  ratio: 'median time of the segments over that of one segment',
  'bytes_*, reads_*': 'bytes and byte ranges read for a query, every query cold',
  '*_share, ndcg@10, overlap@10': 'share, 0 to 1',
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, nbits: oneNbits(4), segments: integer(10, 1000, 2), k: integers('10,100', K_MAX) },
    ...{ rounds: integer(5, 1000), queries: optionalInteger(), label: '' },
  },
  async ({ vectors: folder, nbits, segments, k: depths, rounds, ...options }) => {
    const label = labelOf(folder, options.label)
    const started = await startRecord('segments')
    const vectors = await openJudgedVectors(folder, options.queries)
    const { path } = await cachedIndex(vectors, { nbits, label })
    const { one, many, tiers } = await bothIndexes(path, segments)
    const exact = await exactRankings(vectors)
    const resident = await measureResident(
      { one, many },
      { settings: residentSettings(depths, tiers), rounds },
      vectors,
    )
    const range = await measureRange(
      { one, many },
      { settings: rangeSettings(depths, segments), rounds },
      vectors,
      exact,
    )
    await writeResult(`segments-${label}-${nbits}bit`, started, {
      parameters: { ...factsOf(label, vectors), nbits, segments, target_ratio: TARGET_RATIO, threads: 1 },
      samples: {
        queries: vectors.queries.length,
        rounds,
        warm_up: 'all queries once',
        order: 'query by query, taking turns',
      },
      units: UNITS,
      metrics: { resident, range },
    })
    process.stdout.write(`${table(resident, range)}\n`)
    await vectors.store.close()
  },
)

/** Something for the one segment, and for the segments made of it. */
interface Pair<T> {
  readonly one: T
  readonly many: T
}

/** The built index without its texts, as it is and cut into segments: row blocks are copied, posting lists made anew. */
async function bothIndexes(
  path: string,
  segments: number,
): Promise<Pair<IndexFiles> & { readonly tiers?: IndexTiers }> {
  const reader = await readIndex(await filesAtPath(path))
  const { data, ids } = await storedSegment(reader, 0)
  const { tiers } = reader.manifest
  await reader.close()
  progress(`cutting ${ids.length} passages into ${segments} segments`)
  const slices = slicesOf(data, evenBorders(ids.length, segments))
  const idOf = (passage: number) => ids[passage]!
  return {
    one: memoryFiles('one segment', await indexOf([data], { idOf })),
    many: memoryFiles(`${segments} segments`, await indexOf(slices, { idOf })),
    ...(tiers ? { tiers } : {}),
  }
}

interface Setting {
  readonly name: string
  readonly options: SearchOptions & { readonly k: number }
}

/** Stanford's defaults, and the tier `balanced` of the built index where it has one for k. */
function residentSettings(depths: readonly number[], tiers: IndexTiers | undefined): readonly Setting[] {
  return depths.flatMap((k): Setting[] => {
    const balanced = tiers?.sets.find((set) => set.k === k)?.balanced
    if (!balanced) return [{ name: 'default', options: { k } }]
    const { ncells, centroidScoreThreshold, ndocs } = balanced
    return [
      { name: 'default', options: { k } },
      { name: 'balanced', options: { k, ncells, centroidScoreThreshold, ndocs } },
    ]
  })
}

/** The defaults within their budgets, and the same lists and passages whatever they cost: then only what lies between reads can differ. */
function rangeSettings(depths: readonly number[], segments: number): readonly Setting[] {
  return depths.flatMap((k): Setting[] => [
    { name: 'default', options: { k, budget: defaultBudget(segments) } },
    { name: 'unlimited', options: resolveRangeParameters({ k }) },
  ])
}

interface Run {
  readonly settings: readonly Setting[]
  readonly rounds: number
}

async function measureResident(files: Pair<IndexFiles>, { settings, rounds }: Run, { queries }: JudgedVectors) {
  const kernels = await compileKernels()
  const searchers = {
    one: await openSearcher(files.one, { kernels }),
    many: await openSearcher(files.many, { kernels }),
  }
  const points = []
  for (const { name, options } of settings) {
    progress(`resident, ${name} at k = ${options.k}: ${queries.length} queries x ${rounds} rounds`)
    const hits = await searchBoth(searchers, queries, options)
    const times = await timeBoth(searchers, queries, options, rounds)
    points.push({ name, ...options, ...times, ...sameness(hits, options.k) })
  }
  const memory = {
    one: significant(searchers.one.memoryBytes / 1e6),
    many: significant(searchers.many.memoryBytes / 1e6),
  }
  await searchers.one.close()
  await searchers.many.close()
  return { memory_mb: memory, points }
}

async function measureRange(
  files: Pair<IndexFiles>,
  { settings, rounds }: Run,
  vectors: JudgedVectors,
  exact: ExactRankings,
) {
  const options = { kernels: await compileKernels(), concurrency: UNLIMITED.reads, budget: UNLIMITED }
  const counted = { one: countingFiles(files.one), many: countingFiles(files.many) }
  const counting = { one: await openByRange(counted.one, options), many: await openByRange(counted.many, options) }
  // Counting makes each read wait for a turn of the event loop.
  const timed = { one: await openByRange(files.one, options), many: await openByRange(files.many, options) }
  const opening = { one: counted.one.take(), many: counted.many.take() }
  const points = []
  for (const { name, options: asked } of settings) {
    const { k } = asked
    progress(`by range, ${name} at k = ${k}: ${vectors.queries.length} queries x ${rounds} rounds`)
    const one = await countReads(counting.one, counted.one, vectors.queries, asked)
    const many = await countReads(counting.many, counted.many, vectors.queries, asked)
    points.push({
      name,
      ...asked,
      ...(await timeBoth(timed, vectors.queries, asked, rounds)),
      one: { ...one.reads, ...qualityOf(vectors, one.hits, exact) },
      many: { ...many.reads, ...qualityOf(vectors, many.hits, exact) },
      ...sameness({ one: one.hits, many: many.hits }, k),
    })
  }
  for (const { one, many } of [counting, timed]) {
    await one.close()
    await many.close()
  }
  return { opening, points }
}

type Hits = readonly (readonly SearchHit[])[]

async function searchBoth(searchers: Pair<Searcher>, queries: readonly BenchQuery[], options: SearchOptions) {
  const all = async (searcher: Searcher) => (await searcher.searchMany(queries, options)).map(({ hits }) => hits)
  return { one: await all(searchers.one), many: await all(searchers.many) }
}

/** Of each query first one index, then the other; who goes first changes with each query and round. */
async function timeBoth(
  searchers: Pair<Searcher>,
  queries: readonly BenchQuery[],
  options: SearchOptions,
  rounds: number,
) {
  const times: Pair<number[][]> = { one: [], many: [] }
  for (let round = 0; round < rounds; round++) {
    const ms: Pair<number[]> = { one: [], many: [] }
    for (const [i, query] of queries.entries()) {
      for (const arm of (i + round) % 2 === 0 ? (['one', 'many'] as const) : (['many', 'one'] as const)) {
        const begun = performance.now()
        await searchers[arm].search(query, options)
        ms[arm].push(performance.now() - begun)
      }
    }
    times.one.push(ms.one)
    times.many.push(ms.many)
  }
  const summary = (rounds: readonly (readonly number[])[]) => ({
    ms_median: significant(median(rounds.flat())),
    ms_p95: significant(percentile(rounds.flat(), 0.95)),
    ms_median_rounds: rounds.map((own) => significant(median(own))),
  })
  const ratios = times.one.map((own, round) => median(times.many[round]!) / median(own))
  return {
    time: { one: summary(times.one), many: summary(times.many) },
    ratio: significant(median(times.many.flat()) / median(times.one.flat())),
    ratio_rounds: ratios.map((ratio) => significant(ratio)),
  }
}

/** Shares of queries that get the very same hits, and of hits that both find; scores of those that both find differ by at most so much. */
function sameness({ one, many }: Pair<Hits>, k: number) {
  const pairs = one.map((hits, i) => ({ hits, others: new Map(many[i]!.map(({ id, score }) => [id, score])) }))
  const shared = pairs.map(({ hits, others }) => hits.filter(({ id }) => others.has(id)))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const keyOf = (hits: readonly SearchHit[]) => hits.map(({ id, score }) => `${id} ${score}`).join('\n')
  return {
    same_answer_share: significant(mean(one.map((hits, i) => Number(keyOf(hits) === keyOf(many[i]!))))),
    same_hits_share: significant(
      mean(shared.map(({ length }, i) => length / Math.max(1, Math.min(k, one[i]!.length)))),
    ),
    score_difference_max: Math.max(
      0,
      ...shared.flatMap((hits, i) => hits.map(({ id, score }) => Math.abs(score - pairs[i]!.others.get(id)!))),
    ),
  }
}

async function countReads(
  searcher: Searcher,
  files: CountingFiles,
  queries: readonly BenchQuery[],
  options: SearchOptions,
) {
  const hits: (readonly SearchHit[])[] = []
  const counts: ReadCount[] = []
  files.take()
  for (const query of queries) {
    hits.push((await searcher.search(query, options)).hits)
    counts.push(files.take())
  }
  const of = (key: 'bytes' | 'reads') => counts.map((count) => count[key])
  return {
    hits,
    reads: {
      bytes_median: median(of('bytes')),
      bytes_p95: percentile(of('bytes'), 0.95),
      reads_median: median(of('reads')),
      reads_p95: percentile(of('reads'), 0.95),
      rounds_max: Math.max(...counts.map(({ rounds }) => rounds)),
    },
  }
}

type Resident = Awaited<ReturnType<typeof measureResident>>
type Range = Awaited<ReturnType<typeof measureRange>>

function table({ memory_mb, points }: Resident, range: Range): string {
  const timed = (point: Resident['points'][number] | Range['points'][number]) => [
    ...[point.time.one.ms_median, point.time.many.ms_median].map((ms) => ms.toFixed(2)),
    ...[point.time.one.ms_p95, point.time.many.ms_p95].map((ms) => ms.toFixed(2)),
    ...[point.ratio.toFixed(3), point.same_answer_share.toFixed(3), point.same_hits_share.toFixed(3)],
  ]
  const heading = ['ms, one', 'many', 'p95, one', 'many', 'ratio', 'same answers', 'same hits']
  const read = (of: (reads: Range['points'][number]['one']) => number, digits = 0) =>
    range.points.map(({ one, many }) => [of(one).toFixed(digits), of(many).toFixed(digits)])
  const [bytes, reads, ndcg] = [
    read((own) => own.bytes_median / 1000, 1),
    read((own) => own.reads_median),
    read((own) => own['ndcg@10'], 4),
  ]
  return [
    textTable([
      ['pipeline', 'setting', 'k', ...heading],
      ...points.map((point) => ['resident', point.name, String(point.k), ...timed(point)]),
      ...range.points.map((point) => ['range', point.name, String(point.k), ...timed(point)]),
    ]),
    `WASM MB: ${memory_mb.one} of one segment, ${memory_mb.many} of many`,
    textTable([
      ['range', 'k', 'KB, one', 'many', 'reads, one', 'many', 'nDCG@10, one', 'many'],
      ...range.points.map(({ name, k }, i) => [name, String(k), ...bytes[i]!, ...reads[i]!, ...ndcg[i]!]),
    ]),
  ].join('\n')
}
