/** Measures an open index on queries, beside exact MaxSim, and chooses its tiers. */
import { cpus } from 'node:os'
import { InputError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import { K_MAX } from '../../format/limits.ts'
import {
  type IndexTiers,
  type QuerySource,
  type Reference,
  TIER_NAMES,
  type Tier,
  type TierSet,
} from '../../format/manifest/tiers.ts'
import { probesAll, refinedMax } from '../../runtime/search/parameters.ts'
import type { PlaidParameters, QueryVectors, SearchAnswer, Searcher, StageCounts } from '../../runtime/searcher.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import { costMsOf, type IndexSizes, type QueryWork, touchedBytesOf } from './costModel.ts'
import { bestPids, exactScores, type TokenRows } from './exactMaxSim.ts'
import type { PassageNumbers } from './passageNumbers.ts'
import { probedListBytes, readSizes } from './postingLists.ts'
import { chooseTiers, settingsFor, widestOf } from './settings.ts'

/** Up to these numbers of results tiers are chosen: Stanford's own defaults change there. */
export const TUNED_K = [10, 100] as const

export interface TuneSource {
  readonly searcher: Searcher
  /** Of the same index. */
  readonly reader: IndexReader
  readonly numbers: PassageNumbers
  /** The vectors that exact MaxSim is computed on, of the passages in the index's order. */
  readonly rows: TokenRows
  readonly reference: Reference
  readonly queries: readonly QueryVectors[]
  readonly querySource: QuerySource
}

export interface TuneOptions extends RunOptions {
  /** Also take the time of each tier. Default false: times make no two runs the same. */
  readonly times?: boolean
  /** Threads of ONNX Runtime; default: all cores. */
  readonly threads?: number
  /** Token vectors times queries beyond which exact MaxSim looks at the best candidates only. Default 2^26. */
  readonly exactTokensMax?: number
}

/** 2^26 x 32 rows x 96 dims are 0.4 Tflop, a few seconds. */
const EXACT_TOKENS_MAX = 2 ** 26
/** Bound of the work of trying settings for one k, by the cost model: all queries together, seconds. */
const WORK_S_MAX = 20
/** So many queries show whether a setting is worth the others. */
const FIRST_QUERIES = 16
/** A setting that is so far behind after them is left. */
const FIRST_MARGIN = 0.03
const TIMED_ROUNDS = 3

/**
 * @throws InputError when there is no query, or one has another dim than the index
 * @throws AbortedError between two queries
 */
export async function tuneSearcher(source: TuneSource, options: TuneOptions = {}): Promise<IndexTiers> {
  const { searcher, reader, queries } = source
  if (queries.length === 0) throw new InputError('tuning: expected at least one query, got none.')
  for (const { dim } of queries) {
    if (dim === searcher.info.dim) continue
    throw new InputError(
      `tuning: expected queries of ${searcher.info.dim} dims as the index has, got ${dim}. Encode them with the index's model.`,
      { expected: searcher.info.dim, got: dim },
    )
  }
  const exact = await exactRankings(source, options)
  const sizes = await readSizes(reader)
  const listBytes = await probedListBytes(reader, queries, [1, 2, 4, 8, 16])
  const sets: TierSet[] = []
  for (const k of TUNED_K) {
    const measuring = new Measuring(source, { k, exact: exact.pids, sizes, listBytes }, options)
    sets.push(await measuring.tierSet())
  }
  return {
    queries: queries.length,
    querySource: source.querySource,
    reference: source.reference,
    compared: exact.compared,
    ...(options.times ? { machine: machineOf() } : {}),
    sets,
  }
}

interface ExactAnswers {
  readonly compared: IndexTiers['compared']
  /** Of each query, best first. */
  readonly pids: readonly (readonly number[])[]
}

async function exactRankings(
  { searcher, rows, queries, numbers }: TuneSource,
  { onProgress, signal, threads, exactTokensMax = EXACT_TOKENS_MAX }: TuneOptions,
): Promise<ExactAnswers> {
  const depth = Math.max(...TUNED_K)
  const { tokens, passages, centroids } = searcher.info
  const { count, deleted } = numbers
  if (tokens * queries.length <= exactTokensMax) {
    const onTokens = (done: number) => onProgress?.({ stage: 'exact', done, total: tokens, unit: 'tokens' })
    onTokens(0)
    const scores = await exactScores(rows, queries, { signal, threads, onTokens })
    const pids = queries.map((_, i) => bestPids(scores.subarray(i * count, (i + 1) * count), depth, deleted))
    return { compared: 'all', pids }
  }
  const widest = widestOf(settingsFor(depth, { centroids, passages }))
  const pids: (readonly number[])[] = []
  for (const [i, query] of queries.entries()) {
    throwIfAborted(signal)
    onProgress?.({ stage: 'exact', done: i, total: queries.length, unit: 'queries' })
    const { hits } = await searcher.search(query, { ...widest, k: K_MAX })
    const scores = await exactScores(rows, [query], {
      signal,
      threads,
      pids: hits.map(({ place }) => numbers.numberOf(place)),
    })
    pids.push(bestPids(scores, depth, deleted))
  }
  onProgress?.({ stage: 'exact', done: queries.length, total: queries.length, unit: 'queries' })
  return { compared: 'candidates', pids }
}

interface MeasuringFacts {
  readonly k: number
  readonly exact: readonly (readonly number[])[]
  readonly sizes: IndexSizes
  /** Mean bytes of the lists probed, by ncells. */
  readonly listBytes: ReadonlyMap<number, number>
}

/** A setting with all queries behind it. */
interface Measured {
  readonly recall: number
  readonly counts: StageCounts
}

/** Tries settings for one k, each at most once. */
class Measuring {
  readonly #source: TuneSource
  readonly #facts: MeasuringFacts
  readonly #options: TuneOptions
  /** By setting, of as many queries as were asked. Some dozen settings x queries x k hits: a few megabytes. */
  readonly #answered = new Map<string, SearchAnswer[]>()
  /** Recall of the widest setting on each query, what others are held against before all queries are done. */
  #ceilings: readonly number[] = []
  /** Mean candidates, by ncells. */
  readonly #candidates = new Map<number, number>()
  #tried = 0

  constructor(source: TuneSource, facts: MeasuringFacts, options: TuneOptions) {
    this.#source = source
    this.#facts = facts
    this.#options = options
  }

  async tierSet(): Promise<TierSet> {
    const { k } = this.#facts
    const { centroids, passages } = this.#source.searcher.info
    const settings = settingsFor(k, { centroids, passages })
    await this.#countCandidates(settings)
    const chosen = await chooseTiers(
      settings,
      {
        costOf: (setting) => this.#predictedCost(setting),
        recallOf: (setting, target) => this.#recallOf(setting, target),
      },
      (WORK_S_MAX * 1000) / this.#source.queries.length,
    )
    const times = this.#options.times ? await this.#timesOf(TIER_NAMES.map((name) => chosen[name])) : []
    const tierOf = async (at: 0 | 1 | 2): Promise<Tier> => this.#tierOf(chosen[TIER_NAMES[at]], times[at])
    return { k, fast: await tierOf(0), balanced: await tierOf(1), exact: await tierOf(2) }
  }

  async #tierOf(setting: PlaidParameters, ms: number | undefined): Promise<Tier> {
    const { sizes } = this.#facts
    const { recall, counts } = await this.#measure(setting)
    const work = this.#workOf(setting, counts)
    return {
      ...setting,
      recall: Number(recall.toFixed(4)),
      costMs: Number(costMsOf(sizes, work).toPrecision(3)),
      bytes: touchedBytesOf(sizes, work),
      ...(ms === undefined ? {} : { ms: Number(ms.toPrecision(3)) }),
    }
  }

  /** How many candidates the cells give depends on `ncells` alone: the cheapest setting of each tells. */
  async #countCandidates(settings: readonly PlaidParameters[]): Promise<void> {
    for (const setting of settings) {
      if (this.#candidates.has(setting.ncells)) continue
      let sum = 0
      const queries = this.#source.queries.slice(0, FIRST_QUERIES)
      for (const query of queries) sum += (await this.#search(query, { ...setting, ndocs: 64 })).counts.candidates
      this.#candidates.set(setting.ncells, sum / queries.length)
    }
  }

  #predictedCost(setting: PlaidParameters): number {
    const { k, sizes } = this.#facts
    const candidates = this.#candidates.get(setting.ncells) ?? 0
    const approximated = Math.min(candidates, Math.max(setting.ndocs, k))
    const rescored = Math.min(approximated, Math.max(Math.floor(setting.ndocs / 4), k))
    return costMsOf(sizes, this.#workOf(setting, { candidates, approximated, rescored }))
  }

  #workOf({ ncells, centroidScoreThreshold }: PlaidParameters, counts: StageCounts): QueryWork {
    const { queries, searcher } = this.#source
    const probes = !probesAll(ncells, searcher.info.centroids)
    return {
      ...{ candidates: counts.candidates, approximated: counts.approximated ?? 0, rescored: counts.rescored },
      refined: Math.min(counts.rescored, refinedMax(this.#facts.k)),
      rows: queries.reduce((sum, query) => sum + query.rows, 0) / queries.length,
      probes,
      prunes: centroidScoreThreshold > -1,
      postingBytes: probes ? (this.#facts.listBytes.get(ncells) ?? 0) : 0,
    }
  }

  async #recallOf(setting: PlaidParameters, target: number): Promise<number | undefined> {
    this.#options.onProgress?.({ stage: 'tune', done: ++this.#tried, unit: `settings for k = ${this.#facts.k}` })
    const first = this.#ceilings.slice(0, FIRST_QUERIES)
    if (first.length < this.#source.queries.length && first.length > 0) {
      // Held against the widest on the same queries: what these few are like counts for both.
      const answers = await this.#answers(setting, FIRST_QUERIES)
      const recall = mean(answers.map((answer, i) => this.#recallOfAnswer(i, answer)))
      if (recall < mean(first) - (mean(this.#ceilings) - target) - FIRST_MARGIN) return undefined
    }
    return (await this.#measure(setting)).recall
  }

  /** Of the first `count` queries; what was answered before is not searched again. */
  async #answers(setting: PlaidParameters, count: number): Promise<readonly SearchAnswer[]> {
    const key = JSON.stringify(setting)
    const answers = this.#answered.get(key) ?? []
    this.#answered.set(key, answers)
    for (const query of this.#source.queries.slice(answers.length, count)) {
      answers.push(await this.#search(query, setting))
    }
    return answers
  }

  async #measure(setting: PlaidParameters): Promise<Measured> {
    const answers = await this.#answers(setting, this.#source.queries.length)
    const recalls = answers.map((answer, i) => this.#recallOfAnswer(i, answer))
    // The widest comes first.
    if (this.#ceilings.length === 0) this.#ceilings = recalls
    return {
      recall: mean(recalls),
      counts: {
        candidates: mean(answers.map(({ counts }) => counts.candidates)),
        approximated: mean(answers.map(({ counts }) => counts.approximated ?? 0)),
        rescored: mean(answers.map(({ counts }) => counts.rescored)),
      },
    }
  }

  #recallOfAnswer(query: number, { hits }: SearchAnswer): number {
    const wanted = (this.#facts.exact[query] ?? []).slice(0, this.#facts.k)
    if (wanted.length === 0) return 1
    const found = new Set(hits.map(({ place }) => this.#source.numbers.numberOf(place)))
    return wanted.filter((pid) => found.has(pid)).length / wanted.length
  }

  #search(query: QueryVectors, setting: PlaidParameters): Promise<SearchAnswer> {
    throwIfAborted(this.#options.signal)
    return this.#source.searcher.search(query, { ...setting, k: this.#facts.k })
  }

  /** Median ms of a query with each setting; rounds go over all of them in turn, so that a slow moment touches each. */
  async #timesOf(settings: readonly PlaidParameters[]): Promise<readonly number[]> {
    const times: number[][] = settings.map(() => [])
    for (let round = 0; round < TIMED_ROUNDS; round++) {
      for (const [i, setting] of settings.entries()) {
        for (const query of this.#source.queries) {
          const started = performance.now()
          await this.#search(query, setting)
          times[i]?.push(performance.now() - started)
        }
      }
    }
    return times.map((ms) => ms.sort((a, b) => a - b)[ms.length >> 1] ?? 0)
  }
}

function machineOf(): string {
  const cpu = cpus()[0]?.model.trim() || 'unknown processor'
  return `${cpu}, Node ${process.versions.node}, one thread`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
