/** A searcher over an index that is read by range: for one that is larger than memory, or cold. PLAID.md section 5. */
import { InputError, NotFoundError, StorageError } from '../../format/errors.ts'
import { type IndexReader, readIndex } from '../../format/indexReader.ts'
import { compareBytes } from '../../format/items/ids.ts'
import type { Manifest } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { createChecksum } from '../kernels/checksum.ts'
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts'
import { rescoredMax, resolveParameters } from '../search/parameters.ts'
import { requireQuery } from '../search/placedQuery.ts'
import { matchBlocks } from '../search/range/matchBlocks.ts'
import { openRangeIndex, type RangeIndex } from '../search/range/rangeIndex.ts'
import { queryLimits, rangeParameters } from '../search/range/rangeParameters.ts'
import { type QueryLimits, type RangeAnswer, readBlocks, searchRange } from '../search/range/rangeQuery.ts'
import type {
  IndexInfo,
  MetadataValue,
  QueryVectors,
  SearchAnswer,
  Searcher,
  SearchHit,
  SearchOptions,
  StoredPassage,
  TokenMatch,
} from '../searcher.ts'
import { inLanes } from '../waiting/inLanes.ts'
import { Turns } from '../waiting/turns.ts'
import { indexInfo } from './indexInfo.ts'

export interface RangeOptions {
  /** Reads under way at a time for one query. Default 6, what a Worker may have. */
  readonly concurrency?: number
  /** Reads a query may make. Default 64. */
  readonly readsMax?: number
  /** Bytes a query may read when it does not say. Default 1 MiB; `openIndexFiles` halves it once or twice where memory is short. */
  readonly bytesMax?: number
  /** Bytes of posting lists and row blocks that are kept for later queries. Default 0. */
  readonly cacheBytes?: number
  /** Bytes that all queries together may hold while they wait for storage. Default 32 MiB. */
  readonly queriesBytesMax?: number
}

export interface OpenRangeOptions extends RangeOptions {
  /** kernels.wasm, compiled. */
  readonly kernels: WebAssembly.Module
}

export const RANGE_DEFAULTS: Required<RangeOptions> = {
  concurrency: 6,
  readsMax: 64,
  bytesMax: 2 ** 20,
  cacheBytes: 0,
  queriesBytesMax: 32 * 2 ** 20,
}
/** What a query holds besides what it reads: its vectors, scores of cells, running maxima of candidates. */
const QUERY_BYTES = 512 * 1024
const TURN_TIMES = { heldMaxMs: 60_000, waitMaxMs: 30_000 }

/**
 * Reads the manifest and the small tables. The files stay open until the searcher is closed.
 * @throws FormatError, ChecksumError, VersionError, NotFoundError (no manifest, a part missing), StorageError, InputError
 */
export async function openRangeSearcher(files: IndexFiles, options: OpenRangeOptions): Promise<RangeSearcher> {
  const kernels = await instantiateKernels(options.kernels)
  return openRangeReader(await readIndex(files, { crc32c: createChecksum(kernels) }), kernels, options)
}

/**
 * As `openRangeSearcher`, for a manifest that was read already.
 * @param reader - closed when opening fails, else with the searcher
 */
export async function openRangeReader(
  reader: IndexReader,
  kernels: Kernels,
  options: OpenRangeOptions,
): Promise<RangeSearcher> {
  const settings = { ...RANGE_DEFAULTS, ...definedOf(options) }
  requireSettings(settings)
  return new RangeSearcher(await openRangeIndex(reader, kernels, { cacheBytes: settings.cacheBytes }), settings)
}

/** Options without those that are named but not given: they must not hide a default. */
function definedOf<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

export class RangeSearcher implements Searcher {
  readonly pipeline = 'range'
  #index: RangeIndex
  #info: IndexInfo
  readonly #settings: Required<OpenRangeOptions>
  readonly #turns: Turns
  readonly #reloads = new Turns({ bytesMax: 1, ...TURN_TIMES })
  /** Queries under way over each generation. */
  readonly #users = new Map<RangeIndex, number>()

  constructor(index: RangeIndex, settings: Required<OpenRangeOptions>) {
    this.#index = index
    this.#info = infoOf(index)
    this.#settings = settings
    this.#turns = new Turns({ bytesMax: settings.queriesBytesMax, ...TURN_TIMES })
  }

  get info(): IndexInfo {
    return this.#info
  }

  /** Bytes of WebAssembly memory now. */
  get memoryBytes(): number {
    return this.#index.kernels.memory.buffer.byteLength
  }

  /** Bytes of posting lists and row blocks that are kept now. */
  get cacheBytes(): number {
    return this.#index.cache.bytes
  }

  async search(query: QueryVectors, options: SearchOptions = {}): Promise<SearchAnswer> {
    if (options.tier !== undefined) throw tierProblem(options.tier, this.info.name)
    const { k, ...parameters } = resolveParameters(options, rangeParameters(options.k))
    requireQuery(query, this.#info.dim)
    const { filter } = options
    return this.#answer(queryLimits(this.#settings, options, rescoredMax(parameters, k)), async (index, limits) => {
      const filters = filter && index.passages.map((own) => own.pidsOf(filter))
      const answer = await searchRange(index, { query, parameters, k, ...(filters ? { filters } : {}) }, limits)
      return {
        hits: hitsOf(index, answer, k),
        parameters: { ...parameters, k },
        counts: answer.counts,
        generation: index.reader.manifest.generation,
        storage: answer.storage,
        ...(answer.skipped.reasons.length > 0 ? { skipped: answer.skipped } : {}),
      }
    })
  }

  searchMany(queries: readonly QueryVectors[], options: SearchOptions = {}): Promise<readonly SearchAnswer[]> {
    return inLanes(queries, this.#settings.concurrency, (query) => this.search(query, options))
  }

  async passage(id: string): Promise<StoredPassage> {
    return this.#withIndex(async (index) => {
      for (const [segment, passages] of index.passages.entries()) {
        const [pid] = passages.pidsOf([id])
        if (pid !== undefined) return storedPassage(index, segment, pid, (await passages.records([pid]))[0])
      }
      throw new NotFoundError(`the index "${index.reader.manifest.name}" has no passage with the id "${id}".`, { id })
    })
  }

  async passages(pids: readonly number[]): Promise<readonly StoredPassage[]> {
    return this.#withIndex(async (index) => {
      const places = pids.map((pid) => placeOf(index, pid))
      const results: StoredPassage[] = []
      for (const [segment, passages] of index.passages.entries()) {
        const own = places.flatMap((place, at) => (place.segment === segment ? [{ at, pid: place.pid }] : []))
        const records = await passages.records(own.map(({ pid }) => pid))
        for (const [i, { at, pid }] of own.entries()) results[at] = storedPassage(index, segment, pid, records[i])
      }
      return results
    })
  }

  async matchTokens(query: QueryVectors, pids: readonly number[]): Promise<readonly TokenMatch[]> {
    requireQuery(query, this.#info.dim)
    return this.#answer(queryLimits(this.#settings, {}, pids.length), async (index, limits) => {
      const places = pids.map((pid) => placeOf(index, pid))
      const unlimited = { ...limits, readsMax: Number.POSITIVE_INFINITY, bytesMax: Number.POSITIVE_INFINITY }
      const blocks = await readBlocks(index, places, unlimited)
      return matchBlocks(
        index,
        query,
        places.map((place, i) => ({ ...place, bytes: blocks[i] ?? new Uint8Array() })),
      )
    })
  }

  async close(): Promise<void> {
    await this.#index.reader.close()
  }

  /** Work that reads, once it is its turn. */
  async #answer<T>(limits: QueryLimits, work: (index: RangeIndex, limits: QueryLimits) => Promise<T>): Promise<T> {
    const giveBack = await this.#turns.take(limits.bytesMax + QUERY_BYTES, limits.deadline)
    try {
      return await this.#withIndex((index) => work(index, limits))
    } finally {
      giveBack()
    }
  }

  /** Once more with the next generation when a part is gone because the index was replaced. */
  async #withIndex<T>(work: (index: RangeIndex) => Promise<T>): Promise<T> {
    const index = this.#index
    try {
      return await this.#using(index, work)
    } catch (error) {
      // A passage that is not there names its id; a part that is not there does not.
      if (!(error instanceof NotFoundError) || error.detail.id !== undefined) throw error
      return this.#using(await this.#newerThan(index, error), work)
    }
  }

  /** Parts of a generation that was replaced are closed when the last query over it is done. */
  async #using<T>(index: RangeIndex, work: (index: RangeIndex) => Promise<T>): Promise<T> {
    this.#users.set(index, (this.#users.get(index) ?? 0) + 1)
    try {
      return await work(index)
    } finally {
      const users = (this.#users.get(index) ?? 1) - 1
      this.#users.set(index, users)
      if (users === 0) this.#users.delete(index)
      if (users === 0 && index !== this.#index) await index.reader.closeParts()
    }
  }

  /** Only one query at a time opens it, so that there are never more than two generations in memory; the others look again. */
  async #newerThan(old: RangeIndex, cause: NotFoundError): Promise<RangeIndex> {
    const giveBack = await this.#reloads.take(1)
    try {
      if (this.#index !== old) return this.#index
      const { kernels: module, cacheBytes } = this.#settings
      const index = await openNewer(old, { module, cacheBytes, cause })
      this.#index = index
      this.#info = infoOf(index)
      if (!this.#users.has(old)) await old.reader.closeParts()
      return index
    } finally {
      giveBack()
    }
  }
}

/** @throws StorageError when there is no newer generation */
async function openNewer(
  { reader: { files, manifest }, endPid }: RangeIndex,
  options: { readonly module: WebAssembly.Module; readonly cacheBytes: number; readonly cause: NotFoundError },
): Promise<RangeIndex> {
  const kernels = await instantiateKernels(options.module)
  const reader = await readIndex(files, { crc32c: createChecksum(kernels) })
  // Not by its number: an index that was built anew is the first generation again. Parts are named by their content.
  if (partsOf(reader.manifest) === partsOf(manifest)) {
    throw new StorageError(
      `"${files.key}": a part of generation ${manifest.generation} is missing, and there is no newer generation. Copy the index again, parts first.`,
      { generation: manifest.generation },
      { cause: options.cause },
    )
  }
  return openRangeIndex(reader, kernels, { cacheBytes: options.cacheBytes, firstPid: endPid })
}

/** @throws InputError */
function requireSettings({
  concurrency,
  readsMax,
  bytesMax,
  cacheBytes,
  queriesBytesMax,
}: Required<RangeOptions>): void {
  const atLeastOne = { concurrency, readsMax, bytesMax, queriesBytesMax }
  for (const [name, value] of [...Object.entries(atLeastOne), ['cacheBytes', cacheBytes + 1] as const]) {
    if (Number.isFinite(value) && value >= 1) continue
    const least = name === 'cacheBytes' ? 0 : 1
    throw new InputError(`opening by range: expected ${name} to be a number from ${least} on, got ${value}.`, {
      [name]: value,
    })
  }
}

const partsOf = ({ parts }: Manifest): string => parts.map(({ name }) => name).join(' ')

/** Without tiers: who looks for some that searches can use, such as a server that is started with one, finds none. */
function infoOf(index: RangeIndex): IndexInfo {
  const { tiers: _unused, ...info } = indexInfo(
    index.reader,
    index.passages.every(({ hasTexts }) => hasTexts),
  )
  return info
}

/** Score descending, then the bytes of ids: they stay the same when an index is updated or compacted. */
function hitsOf(index: RangeIndex, { found }: RangeAnswer, k: number): readonly SearchHit[] {
  const empty = new Uint8Array()
  const hits = found.map(({ segment, pid, score }) => {
    const id = index.passages[segment]?.idBytes(pid) ?? empty
    return { id, pid: (index.segments[segment]?.firstPid ?? 0) + pid, score }
  })
  hits.sort((a, b) => b.score - a.score || compareBytes(a.id, b.id))
  const decoder = new TextDecoder()
  return hits.slice(0, k).map(({ id, ...hit }, i) => ({ ...hit, id: decoder.decode(id), rank: i + 1 }))
}

/** @throws StorageError for a passage of an earlier generation, NotFoundError for one that never was */
function placeOf(index: RangeIndex, pid: number): { readonly segment: number; readonly pid: number } {
  const { name } = index.reader.manifest
  if (Number.isInteger(pid) && pid >= 0 && pid < (index.segments[0]?.firstPid ?? 0)) {
    throw new StorageError(`the index "${name}" was replaced since passage ${pid} was found. Search again.`, { pid })
  }
  const segment = index.segments.findIndex(
    ({ firstPid, entry }) => Number.isInteger(pid) && pid >= firstPid && pid < firstPid + entry.passages,
  )
  const firstPid = index.segments[segment]?.firstPid
  if (firstPid !== undefined) return { segment, pid: pid - firstPid }
  throw new NotFoundError(`the index "${name}" has no passage ${pid}.`, { pid, id: String(pid) })
}

function storedPassage(
  index: RangeIndex,
  segment: number,
  pid: number,
  record?: { readonly title: string; readonly text: string; readonly metadata?: Readonly<Record<string, unknown>> },
): StoredPassage {
  const metadata = record?.metadata as Record<string, MetadataValue> | undefined
  return {
    id: index.passages[segment]?.idOf(pid) ?? '',
    pid: (index.segments[segment]?.firstPid ?? 0) + pid,
    ...(record ? { title: record.title, text: record.text } : {}),
    ...(metadata ? { metadata } : {}),
  }
}

/** Tiers are measured with everything in memory, where a candidate costs no read; here they would mean something else. */
function tierProblem(tier: string, name: string): InputError {
  return new InputError(
    `the index "${name}" is read by range, and tiers are settings of the resident pipeline. Leave the tier "${tier}" out, or open the index with the pipeline "resident".`,
    { tier },
  )
}
