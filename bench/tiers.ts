/**
 * How well tiers that were chosen on queries made from the corpus serve real queries, and how well the cost model tells the time.
 * Usage and the meaning of each key: bench/README.md.
 */

import { readCorpus } from '../builder/corpus/corpus.ts'
import { PassageNumbers } from '../builder/tune/passageNumbers.ts'
import { rowQueries, samplePassages, textQueries } from '../builder/tune/pseudoQueries.ts'
import { settingsFor, widestOf } from '../builder/tune/settings.ts'
import { type TuneSource, tuneSearcher } from '../builder/tune/tuneSearcher.ts'
import { InputError } from '../format/errors.ts'
import { readIndex } from '../format/indexReader.ts'
import { type IndexTiers, TIER_NAMES } from '../format/manifest/tiers.ts'
import { filesAtPath } from '../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../runtime/platform/node/nodeIndex.ts'
import { openQueryEncoder } from '../runtime/platform/node/queryEncoder.ts'
import { defaultParameters } from '../runtime/search/parameters.ts'
import type { PlaidParameters, QueryVectors } from '../runtime/searcher.ts'
import type { OpenedIndex } from '../runtime/searchers/indexSearcher.ts'
import { cachedIndex } from './harness/cachedIndex.ts'
import { integer, labelOf, oneNbits, progress, REQUIRED_FOLDER, rootPath, runBench } from './harness/commandLine.ts'
import { type ExactRankings, exactRankings } from './harness/exactSearch.ts'
import { factsOf, type JudgedVectors, openJudgedVectors } from './harness/judgedVectors.ts'
import { startRecord, writeResult } from './harness/record.ts'
import { median, significant } from './harness/samples.ts'
import { qualityOf, searchAll } from './harness/searchRun.ts'

/** Beyond it nothing changes for ten results, as the figure shows. */
const NDOCS_MAX_OF_10 = 2048

const USAGE =
  'npm run -s bench:tiers -- --vectors FOLDER [--corpus FILE] [--nbits 4] [--sample 64] [--seed 42] [--label NAME]'

await runBench(
  USAGE,
  {
    ...{ vectors: REQUIRED_FOLDER, corpus: rootPath('examples', 'scifact', 'corpus.jsonl.gz'), nbits: oneNbits(4) },
    ...{ sample: integer(64, 10_000), seed: integer(42, 2 ** 32 - 1, 0), label: '' },
  },
  async ({ vectors: folder, corpus, nbits, sample, seed, ...options }) => {
    const label = labelOf(folder, options.label)
    const started = await startRecord('tiers')
    const vectors = await openJudgedVectors(folder)
    const index = await cachedIndex(vectors, { nbits, label })
    const exact = await exactRankings(vectors)
    const searcher = await openIndex(index.path)
    const sources = await querySources(vectors, searcher, { corpus, sample, seed })
    const tuned: Tuned[] = []
    for (const [name, queries] of Object.entries(sources))
      tuned.push(await tune(name, queries, { vectors, searcher, path: index.path }))
    const judge = { vectors, searcher, exact, judged: new Map<string, JudgedSetting>() }
    const curve = await judgeCurve(judge)
    const tiers = []
    for (const one of tuned) tiers.push({ ...one, real: await judgeTiers(one.tiers, judge) })
    await writeResult(`tiers-${label}-${nbits}bit`, started, {
      parameters: { ...factsOf(label, vectors), nbits, sample, seed },
      samples: { real_queries: vectors.queries.length, rounds: 1, warm_up: 'the queries of tuning' },
      units: {
        ms: 'milliseconds, median wall time of a query, one thread',
        cost_ms: 'milliseconds by the cost model',
        'recall, overlap@k, ndcg@10': 'share, 0 to 1; overlap with exact float MaxSim over all passages, k of the set',
        tune_s: 'seconds, wall time',
      },
      metrics: { curve, tiers },
    })
    process.stdout.write(`${JSON.stringify(tiers.map(({ name, tune_s, real }) => ({ name, tune_s, real })))}\n`)
    await searcher.close()
    await vectors.store.close()
  },
)

interface SourceOptions {
  readonly corpus: string
  readonly sample: number
  readonly seed: number
}

async function querySources(
  { store, queries }: JudgedVectors,
  searcher: OpenedIndex,
  { corpus, sample, seed }: SourceOptions,
): Promise<Readonly<Record<string, readonly QueryVectors[]>>> {
  const pids = samplePassages(store.passageLengths, sample, seed)
  const wanted = new Set(pids.map((pid) => store.ids[pid]!))
  const texts = new Map<string, { title?: string; text: string }>()
  for await (const passage of readCorpus(corpus)) if (wanted.has(passage.id)) texts.set(passage.id, passage)
  if (texts.size !== wanted.size) throw new InputError(`"${corpus}" is not the corpus of the vectors: ids differ.`)
  const encoder = await openQueryEncoder(searcher.info)
  const fromTexts = await textQueries(
    pids.map((pid) => texts.get(store.ids[pid]!)!),
    encoder,
    seed,
  )
  await encoder.close()
  const step = Math.max(1, Math.floor(queries.length / sample))
  return {
    texts: fromTexts,
    rows: await rowQueries(store, pids, seed),
    real: queries.filter((_, i) => i % step === 0).slice(0, sample),
  }
}

interface Tuned {
  readonly name: string
  readonly tiers: IndexTiers
  readonly tune_s: number
}

async function tune(
  name: string,
  queries: readonly QueryVectors[],
  index: { readonly vectors: JudgedVectors; readonly searcher: OpenedIndex; readonly path: string },
): Promise<Tuned> {
  progress(`tuning on queries of: ${name}`)
  const reader = await readIndex(await filesAtPath(index.path))
  const source: TuneSource = {
    searcher: index.searcher,
    reader,
    numbers: await PassageNumbers.of(reader),
    rows: index.vectors.store,
    reference: 'vectors',
    queries,
    querySource: name === 'real' ? 'given' : 'pseudo',
  }
  const started = performance.now()
  const tiers = await tuneSearcher(source)
  const seconds = (performance.now() - started) / 1000
  await reader.close()
  return { name, tiers, tune_s: significant(seconds) }
}

interface Judge {
  readonly vectors: JudgedVectors
  readonly searcher: OpenedIndex
  readonly exact: ExactRankings
  /** What was judged before, by k and setting: tiers of several sources are often the same. */
  readonly judged: Map<string, JudgedSetting>
}

interface JudgedSetting extends PlaidParameters {
  readonly k: number
  readonly ms: number
  readonly 'overlap@k': number
  readonly 'ndcg@10': number
}

/** Stanford's defaults, and the settings in which every passage is a candidate: what tiers compete with. */
async function judgeCurve(judge: Judge): Promise<unknown> {
  const { centroids, passages } = judge.searcher.info
  const points = []
  for (const k of [10, 100]) {
    const settings = settingsFor(k, { centroids, passages })
    const { ncells: widest } = widestOf(settings)
    const ndocsMax = k === 10 ? NDOCS_MAX_OF_10 : Number.POSITIVE_INFINITY
    const all = settings.filter(({ ncells, ndocs }) => ncells === widest && ndocs <= ndocsMax)
    for (const setting of all) points.push({ name: 'all', ...(await judgeSetting(setting, k, judge)) })
    points.push({ name: 'default', ...(await judgeSetting(defaultParameters(k), k, judge)) })
  }
  return points
}

async function judgeTiers(tiers: IndexTiers, judge: Judge): Promise<unknown> {
  const points = []
  for (const set of tiers.sets) {
    for (const name of TIER_NAMES) {
      const { ncells, centroidScoreThreshold, ndocs, recall, costMs } = set[name]
      const judged = await judgeSetting({ ncells, centroidScoreThreshold, ndocs }, set.k, judge)
      points.push({ name, ...judged, tuned_recall: recall, cost_ms: costMs })
    }
  }
  return points
}

/** One setting on all real queries. */
async function judgeSetting(setting: PlaidParameters, k: number, judge: Judge): Promise<JudgedSetting> {
  const { vectors, searcher, exact, judged } = judge
  const key = JSON.stringify([k, setting.ncells, setting.centroidScoreThreshold, setting.ndocs])
  const before = judged.get(key)
  if (before) return before
  const { hits, ms } = await searchAll(searcher, vectors.queries, { ...setting, k })
  const overlaps = hits.map((found, i) => {
    const wanted = exact.ids[i]!.slice(0, k)
    const ids = new Set(found.map(({ id }) => id))
    return wanted.filter((id) => ids.has(id)).length / wanted.length
  })
  const result = {
    k,
    ...setting,
    ms: significant(median(ms)),
    'overlap@k': significant(overlaps.reduce((sum, share) => sum + share, 0) / overlaps.length, 5),
    'ndcg@10': qualityOf(vectors, hits, exact)['ndcg@10'],
  }
  judged.set(key, result)
  return result
}
