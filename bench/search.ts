/**
 * Search speed, memory and opening time of one index, beside its quality: one JSON line on standard output.
 * Usage and the meaning of each key: bench/README.md.
 */
import { InputError } from '../format/errors.ts'
import { K_MAX, NCELLS_MAX, NDOCS_MAX } from '../format/limits.ts'
import { TIER_NAMES, type TierName } from '../format/manifest/tiers.ts'
import { openIndex } from '../runtime/platform/node/nodeIndex.ts'
import type { SearchOptions } from '../runtime/searcher.ts'
import { type CachedIndex, cachedIndex } from './harness/cachedIndex.ts'
import {
  integer,
  labelOf,
  oneNbits,
  optionalInteger,
  progress,
  REQUIRED_FOLDER,
  runBench,
} from './harness/commandLine.ts'
import { exactRankings } from './harness/exactSearch.ts'
import { runFresh } from './harness/freshProcess.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from './harness/judgedVectors.ts'
import type { OpenCost, OpenTask } from './harness/openChild.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { median, type SampleSummary, significant, summarise } from './harness/samples.ts'
import { exactQuality, qualityOf, searchAll } from './harness/searchRun.ts'

const USAGE =
  'npm run -s bench:search -- --vectors FOLDER [--nbits 4] [--k 10] [--ncells N] [--threshold X] [--ndocs N] [--tier balanced] [--rounds 5] [--opens 30] [--queries N] [--threads N] [--label NAME]'

const UNITS = {
  'ms_*, open_ms*, first_ms*': 'milliseconds, wall time',
  'memory_mb, *_rss_mb': '10^6 bytes',
  index_bytes: 'bytes on disk, all files',
  build_s: 'seconds, wall time',
  build_cpu_s: 'seconds of CPU time, all threads, user and system',
  'ndcg@10, recall@100, overlap@10': 'share, 0 to 1',
}

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, nbits: oneNbits(4), k: integer(10, K_MAX), tier: '', label: '' },
    ...{ ncells: optionalInteger(NCELLS_MAX), threshold: '', ndocs: optionalInteger(NDOCS_MAX) },
    ...{ rounds: integer(5, 1000), opens: integer(30, 1000), queries: optionalInteger() },
    threads: optionalInteger(1024),
  },
  async ({ vectors: folder, nbits, k, rounds, opens, ncells, ndocs, threads, ...options }) => {
    const label = labelOf(folder, options.label)
    const given: SearchOptions = {
      ...(ncells && { ncells }),
      ...(options.threshold && { centroidScoreThreshold: Number(options.threshold) }),
      ...(ndocs && { ndocs }),
      ...(options.tier && { tier: tierOf(options.tier) }),
    }
    const started = await startRecord('search')
    const vectors = await openJudgedVectors(folder, options.queries)
    const index = await cachedIndex(vectors, { nbits, threads, label })
    const searched = await measureSearch(vectors, index, { k, given, rounds })
    const opened = await measureOpening(vectors, index, { ...given, k }, opens)
    const line = { ...searched.line, ...opened.line, ...costLine(index) }
    await writeResult(`search-${label}-${nbits}bit-k${k}${Object.keys(given).length > 0 ? '-custom' : ''}`, started, {
      parameters: {
        ...factsOf(label, vectors),
        ...{ nbits, k, ...searched.parameters },
        ...{ threads: 1, build_threads: threads ?? `all of ${index.cores}` },
      },
      samples: {
        queries: vectors.queries.length,
        rounds,
        warm_up: 'all queries once',
        search: searched.summary.samples,
        ...opened.samples,
      },
      units: UNITS,
      metrics: { ...line, search_ms: searched.summary, built: index.built, build_stage_s: index.report.seconds },
    })
    process.stdout.write(`${JSON.stringify(line)}\n`)
    await vectors.store.close()
  },
)

function tierOf(text: string): TierName {
  const name = TIER_NAMES.find((tier) => tier === text)
  if (name === undefined) throw new InputError(`--tier: expected ${TIER_NAMES.join(', ')}, got "${text}".`)
  return name
}

interface SearchSetting {
  readonly k: number
  readonly given: SearchOptions
  readonly rounds: number
}

async function measureSearch(
  vectors: JudgedVectors,
  index: CachedIndex,
  { k, given, rounds }: SearchSetting,
): Promise<{
  readonly line: Record<string, unknown>
  readonly summary: SampleSummary
  /** As the answers tell them: what was given, the tier's, or the defaults. */
  readonly parameters: object
}> {
  const exact = await exactRankings(vectors)
  const searcher = await openIndex(index.path)
  progress(`searching: ${vectors.queries.length} queries x ${rounds} rounds after one of warm-up`)
  const { hits } = await searchAll(searcher, vectors.queries, { ...given, k })
  const { parameters } = await searcher.search(vectors.queries[0]!, { ...given, k })
  const roundsMs: (readonly number[])[] = []
  for (let round = 0; round < rounds; round++) {
    roundsMs.push((await searchAll(searcher, vectors.queries, { ...given, k })).ms)
  }
  // Ten results cannot be judged at 100: recall is that of the same index asked for 100, with the parameters for 100.
  const recallK = Math.max(k, 100)
  const deeper = recallK === k ? hits : (await searchAll(searcher, vectors.queries, { ...given, k: recallK })).hits
  const quality = qualityOf(vectors, hits, exact)
  const reference = exactQuality(vectors, exact)
  const summary = summarise(roundsMs.flat())
  const line = {
    ms_median: summary.p50,
    ms_p95: summary.p95,
    'ndcg@10': quality['ndcg@10'],
    'recall@100': qualityOf(vectors, deeper, exact)['recall@100'],
    'overlap@10': quality['overlap@10'],
    'exact_ndcg@10': reference['ndcg@10'],
    'exact_recall@100': reference['recall@100'],
    recall_k: recallK,
    ms_median_rounds: roundsMs.map((ms) => significant(median(ms))),
    memory_mb: significant(searcher.memoryBytes / 1e6),
  }
  await searcher.close()
  return { line, summary, parameters }
}

async function measureOpening(
  { queries }: JudgedVectors,
  { path }: CachedIndex,
  options: SearchOptions,
  opens: number,
): Promise<{ readonly line: Record<string, unknown>; readonly samples: Record<string, unknown> }> {
  progress(`opening: ${opens} fresh processes, files in the page cache`)
  const open = new URL('harness/openChild.ts', import.meta.url)
  const costs: OpenCost[] = []
  for (let i = 0; i < opens; i++) {
    const task: OpenTask = { index: path, queries: queries.slice(0, 1), options }
    costs.push(await runFresh<OpenCost>(open, task))
  }
  const openMs = summarise(costs.map((cost) => cost.openMs))
  const firstMs = summarise(costs.map((cost) => cost.firstMs))
  const all = await runFresh<OpenCost>(open, { index: path, queries, options } satisfies OpenTask)
  return {
    line: {
      open_ms: openMs.p50,
      open_ms_p95: openMs.p95,
      first_ms: firstMs.p50,
      first_ms_p95: firstMs.p95,
      peak_rss_mb: significant(all.peakRssMb),
      base_rss_mb: significant(all.baseRssMb),
    },
    samples: { opens, peak_rss: '1 process, all queries' },
  }
}

function costLine({ report, seconds, cpuSeconds, peakRssMb }: CachedIndex): Record<string, unknown> {
  return {
    index_bytes: report.bytes,
    build_s: significant(seconds),
    build_cpu_s: significant(cpuSeconds),
    build_peak_rss_mb: significant(peakRssMb),
  }
}
