/** The range pipeline: tables in memory, posting lists and rows read when a query wants them. PLAID.md section 5. */
import { ChecksumError, FormatError, InputError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { PassageBitmap } from '../passages/bitmap.ts'
import { PreparedQuery } from '../search/preparedQuery.ts'
import { ORDER_BYTES } from '../search/range/allowed/allowedOrder.ts'
import { matchBlocks } from '../search/range/matchBlocks.ts'
import { openRangeIndex, type RangeIndex } from '../search/range/rangeIndex.ts'
import {
  defaultBudget,
  type QueryLimits,
  queryLimits,
  resolveRangeParameters,
} from '../search/range/rangeParameters.ts'
import { readBlocks, searchRange } from '../search/range/rangeQuery.ts'
import type { Budget, IndexInfo, QueryVectors, SearchOptions, TokenMatch } from '../searcher.ts'
import { Turns } from '../waiting/turns.ts'
import { indexInfo } from './indexInfo.ts'
import type { Found, Pipeline, SegmentPlace, SegmentView } from './pipeline.ts'
import { probeStorage } from './probeStorage.ts'

export interface RangeOptions {
  /** Reads under way at a time for one query. Default 6, what a Worker may have. */
  readonly concurrency?: number
  /** What a query may read at most. Default 1 MiB, halved once or twice where memory is short, and 64 reads a segment, 256 at most. */
  readonly budget?: Partial<Budget>
  /** Bytes of posting lists and row blocks that are kept for later queries. Default 0. */
  readonly cacheBytes?: number
  /** Bytes that all queries together may hold while they wait for storage. Default 32 MiB. */
  readonly queriesBytesMax?: number
}

/** Options with everything filled in. */
export interface RangeSettings extends Required<Omit<RangeOptions, 'budget'>> {
  readonly budget: Budget
  /** Of the index. */
  readonly segments: number
}

export const RANGE_DEFAULTS = {
  concurrency: 6,
  cacheBytes: 0,
  queriesBytesMax: 32 * 2 ** 20,
}
/** What a query holds besides what it reads: its vectors, scores of cells, running maxima of candidates. */
const QUERY_BYTES = 512 * 1024
const TURN_TIMES = { heldMaxMs: 60_000, waitMaxMs: 30_000 }

/**
 * @param segments - of the index
 * @throws InputError on an option that is none
 */
export function rangeSettings(options: RangeOptions, segments: number): RangeSettings {
  const { concurrency, budget, cacheBytes, queriesBytesMax } = options
  const reading = defaultBudget(segments)
  const settings = {
    concurrency: concurrency ?? RANGE_DEFAULTS.concurrency,
    budget: {
      bytes: budget?.bytes ?? reading.bytes,
      reads: budget?.reads ?? reading.reads,
    },
    cacheBytes: cacheBytes ?? RANGE_DEFAULTS.cacheBytes,
    queriesBytesMax: queriesBytesMax ?? RANGE_DEFAULTS.queriesBytesMax,
    segments,
  }
  const { bytes, reads } = settings.budget
  requireAtLeast(1, { ...settings, 'budget.bytes': bytes, 'budget.reads': reads }, [
    'concurrency',
    'budget.bytes',
    'budget.reads',
    'queriesBytesMax',
  ])
  requireAtLeast(0, settings, ['cacheBytes'])
  return settings
}

function requireAtLeast(least: number, values: Readonly<Record<string, unknown>>, names: readonly string[]): void {
  for (const name of names) {
    const value = values[name]
    if (typeof value === 'number' && Number.isFinite(value) && value >= least) continue
    throw new InputError(`opening by range: expected ${name} to be a number from ${least} on, got ${value}.`, {
      [name]: String(value),
    })
  }
}

/**
 * Reads the small tables.
 * @param reader - its parts are closed when opening fails, else with the pipeline
 * @throws FormatError, ChecksumError, StorageError, MissingPartError, InputError
 */
export async function openRange(reader: IndexReader, kernels: Kernels, options: RangeOptions = {}): Promise<Pipeline> {
  try {
    const settings = rangeSettings(options, reader.manifest.segments.length)
    return new RangePipeline(await openRangeIndex(reader, kernels, { cacheBytes: settings.cacheBytes }), settings)
  } catch (error) {
    await reader.closeParts()
    throw error
  }
}

class RangePipeline implements Pipeline {
  readonly name = 'range'
  readonly info: IndexInfo
  readonly segments: readonly SegmentView[]
  readonly concurrency: number
  readonly #index: RangeIndex
  readonly #settings: RangeSettings
  readonly #turns: Turns

  constructor(index: RangeIndex, settings: RangeSettings) {
    this.#index = index
    this.#settings = settings
    this.concurrency = settings.concurrency
    this.#turns = new Turns({ bytesMax: settings.queriesBytesMax, ...TURN_TIMES })
    // Without tiers: they are measured in memory, where a candidate costs no read; here they would mean something else.
    const { tiers: _tiers, ...info } = indexInfo(
      index.reader,
      index.passages.every(({ hasTexts }) => hasTexts),
      'range',
    )
    this.info = info
    this.segments = index.segments.map(({ searchable, deleted }, number): SegmentView => {
      const passages = index.passages[number]
      if (!passages) throw new RangeError(`there is no segment ${number}`)
      return { passages, searchable, isLive: (pid) => !deleted.has(pid) }
    })
  }

  get memoryBytes(): number {
    return this.#index.kernels.memory.buffer.byteLength
  }

  get cacheBytes(): number {
    return this.#index.cache.bytes
  }

  async find(query: QueryVectors, options: SearchOptions, filters?: readonly PassageBitmap[]): Promise<Found> {
    if (options.tier !== undefined) throw tierProblem(options.tier, this.info.name)
    const { k, ...parameters } = resolveRangeParameters(options)
    const limits = queryLimits(this.#settings, options, parameters.passages)
    const prepared = new PreparedQuery(query, this.info.dim)
    const held = QUERY_BYTES + (filters ? ORDER_BYTES : 0)
    return this.#inTurn(limits, held, async () => {
      const answer = await searchRange(this.#index, { query: prepared, parameters, k, filters }, limits)
      const { found, counts, storage, skipped } = answer
      return {
        found,
        parameters: { pipeline: 'range', ...parameters, k },
        counts,
        storage,
        ...(skipped.reasons.length > 0 ? { skipped } : {}),
      }
    })
  }

  match(query: QueryVectors, places: readonly SegmentPlace[]): Promise<readonly TokenMatch[]> {
    const limits = queryLimits(this.#settings, {}, places.length)
    const prepared = new PreparedQuery(query, this.info.dim)
    return this.#inTurn(limits, QUERY_BYTES, async () => {
      const blocks = await readBlocks(this.#index, places, limits)
      return matchBlocks(
        this.#index,
        prepared,
        places.map(({ segment, pid }, i) => ({ segment, pid, bytes: blocks[i] ?? new Uint8Array() })),
      )
    })
  }

  async probe(failure?: unknown): Promise<void> {
    await probeStorage(this.#index.reader, 'rows', failure)
    // Damage is seen in what is read only: a small query reads a list and a row block, which have checksums.
    if (!(failure instanceof ChecksumError || failure instanceof FormatError)) return
    const { dim } = this.info
    const vectors = new Float32Array(dim).fill(1 / Math.sqrt(dim))
    await this.find({ vectors, rows: 1, dim }, { k: 1, lists: 1, passages: 1 })
  }

  limit({ cacheBytes, queriesBytesMax }: Parameters<Pipeline['limit']>[0]): void {
    this.#index.cache.limit(cacheBytes)
    this.#turns.limit(queriesBytesMax)
  }

  async close(): Promise<void> {
    await this.#index.reader.closeParts()
  }

  /** Work that reads, once it is its turn. @param heldBytes - besides what it reads */
  async #inTurn<T>({ all, deadline }: QueryLimits, heldBytes: number, work: () => Promise<T>): Promise<T> {
    const giveBack = await this.#turns.take(all.hard.bytes + heldBytes, deadline)
    try {
      return await work()
    } finally {
      giveBack()
    }
  }
}

function tierProblem(tier: string, name: string): InputError {
  return new InputError(
    `the index "${name}" is read by range, and tiers are settings of the resident pipeline. Leave the tier "${tier}" out, or open the index with the pipeline "resident".`,
    { tier },
  )
}
