/** Opens an index for the resident pipeline: everything a query touches goes into WebAssembly memory, checked on the way. */
import { InputError, NotFoundError } from '../../format/errors.ts'
import { type IndexReader, readIndex } from '../../format/indexReader.ts'
import { compareBytes } from '../../format/items/ids.ts'
import type { SectionName, SegmentEntry } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { createChecksum } from '../kernels/checksum.ts'
import { instantiateKernels, type Kernels } from '../kernels/kernels.ts'
import { PassageStore } from '../passages/passageStore.ts'
import { requirePositive } from '../search/parameters.ts'
import { requireQuery } from '../search/placedQuery.ts'
import { createResidentSegment, type ResidentSegment, type SegmentAnswer } from '../search/resident/residentSegment.ts'
import { localEngine, type SegmentsEngine } from '../search/resident/segmentsEngine.ts'
import { resolveSearch } from '../search/tiers.ts'
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
import { indexInfo } from './indexInfo.ts'

export interface OpenOptions {
  /** kernels.wasm, compiled: hosts differ in how they get it, so the platform entry brings it. */
  readonly kernels: WebAssembly.Module
  /** Where the index goes. Default: a new memory. */
  readonly memory?: WebAssembly.Memory
  /** Who searches the segments once they are in memory. Default: this thread. */
  readonly engine?: (segments: readonly ResidentSegment[]) => Promise<SegmentsEngine>
}

/** A searcher that holds memory and files until it is closed. */
export interface ResidentSearcher extends Searcher {
  readonly pipeline: 'resident'
  /** Bytes of WebAssembly memory now. */
  readonly memoryBytes: number
  close(): Promise<void>
}

/** A segment and where its passages start among those of all segments. */
interface OpenSegment {
  readonly resident: ResidentSegment
  readonly passages: PassageStore
  readonly firstPid: number
}

/**
 * Reads and checks every section that searching needs.
 * @param files - a folder, a pack, an object store: see readers/ and platform/
 * @throws FormatError, ChecksumError, VersionError, NotFoundError (no manifest, a part missing), StorageError
 */
export async function openSearcher(files: IndexFiles, options: OpenOptions): Promise<ResidentSearcher> {
  const kernels = await instantiateKernels(options.kernels, options)
  return openResident(await readIndex(files, { crc32c: createChecksum(kernels) }), kernels, options)
}

/**
 * As `openSearcher`, for a manifest that was read already.
 * @param reader - closed when opening fails, else with the searcher
 */
export async function openResident(
  reader: IndexReader,
  kernels: Kernels,
  options: Pick<OpenOptions, 'engine'> = {},
): Promise<ResidentSearcher> {
  try {
    const { manifest } = reader
    const segments: OpenSegment[] = []
    let firstPid = 0
    for (const entry of manifest.segments) {
      const resident = await placeEntry(reader, entry, manifest.dim, kernels)
      segments.push({ resident, passages: await PassageStore.open(reader, entry), firstPid })
      firstPid += entry.passages
    }
    const residents = segments.map(({ resident }) => resident)
    const engine = (await options.engine?.(residents)) ?? localEngine(residents)
    return new IndexSearcher(reader, kernels, segments, engine)
  } catch (error) {
    await reader.close()
    throw error
  }
}

async function placeEntry(
  reader: IndexReader,
  entry: SegmentEntry,
  dim: number,
  kernels: Kernels,
): Promise<ResidentSegment> {
  const section = async (name: SectionName) => (await reader.section(entry, name)).buffer
  const source = {
    dim,
    codec: entry.codec,
    centroids: new Int8Array(await section('centroids')),
    centroidScales: new Float32Array(await section('centroidScales')),
    passageLengths: new Uint16Array(await section('passageLengths')),
    postingOffsets: new Uint32Array(await section('postingOffsets')),
    rows: reader.sectionLoader(entry, 'rows'),
    postings: reader.sectionLoader(entry, 'postings'),
  }
  return createResidentSegment(source, kernels)
}

class IndexSearcher implements ResidentSearcher {
  readonly pipeline = 'resident'
  readonly info: IndexInfo
  readonly #reader: IndexReader
  readonly #kernels: Kernels
  readonly #segments: readonly OpenSegment[]
  readonly #engine: SegmentsEngine
  readonly #batches = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(reader: IndexReader, kernels: Kernels, segments: readonly OpenSegment[], engine: SegmentsEngine) {
    this.#reader = reader
    this.#kernels = kernels
    this.#segments = segments
    this.#engine = engine
    this.info = indexInfo(
      reader,
      segments.every((segment) => segment.passages.hasTexts),
    )
  }

  get memoryBytes(): number {
    return this.#kernels.memory.buffer.byteLength
  }

  async search(query: QueryVectors, options: SearchOptions = {}): Promise<SearchAnswer> {
    this.#requireOpen()
    return this.#search(query, options)
  }

  async #search(query: QueryVectors, options: SearchOptions): Promise<SearchAnswer> {
    const { k, parameters, tier } = resolveSearch(options, this.info)
    requireQuery(query, this.info.dim)
    const { filter } = options
    const filters = filter && this.#segments.map(({ passages }) => pidsOf(passages, filter))
    const deadline = deadlineOf(options)
    const answers = await this.#engine.search({ query, parameters, k, filters, deadline })
    const hits = this.#segments.flatMap((segment, index) => hitsOf(segment, answers[index]))
    const encoder = new TextEncoder()
    // Ids, not pids, break ties: they stay the same when an index is updated or compacted.
    hits.sort((a, b) => b.score - a.score || compareBytes(encoder.encode(a.id), encoder.encode(b.id)))
    const sum = (of: (counts: SearchAnswer['counts']) => number) =>
      answers.reduce((total, { counts }) => total + of(counts), 0)
    const passages = answers.reduce((total, { skipped = 0 }) => total + skipped, 0)
    return {
      hits: hits.slice(0, k).map((hit, i): SearchHit => ({ ...hit, rank: i + 1 })),
      parameters: { ...parameters, k, ...(tier ? { tier } : {}) },
      counts: {
        candidates: sum((counts) => counts.candidates),
        approximated: sum((counts) => counts.approximated),
        rescored: sum((counts) => counts.rescored),
      },
      generation: this.info.generation,
      ...(passages > 0 ? { skipped: { lists: 0, passages, reasons: ['deadline'] } } : {}),
    }
  }

  async searchMany(queries: readonly QueryVectors[], options: SearchOptions = {}): Promise<readonly SearchAnswer[]> {
    this.#requireOpen()
    const batch = inLanes(queries, this.#engine.concurrency, (query) => this.#search(query, options))
    this.#batches.add(batch)
    try {
      return await batch
    } finally {
      this.#batches.delete(batch)
    }
  }

  #requireOpen(): void {
    if (this.#isClosed)
      throw new InputError(`searching in the index "${this.info.name}", which is closed: open it again.`)
  }

  async passage(id: string): Promise<StoredPassage> {
    for (const { passages, firstPid } of this.#segments) {
      const pid = passages.ids.pidOf(id)
      if (pid !== undefined) return storedPassage(passages, pid, firstPid, (await passages.records([pid]))[0])
    }
    throw new NotFoundError(`the index "${this.info.name}" has no passage with the id "${id}".`, { id })
  }

  async passages(pids: readonly number[]): Promise<readonly StoredPassage[]> {
    const results = new Map<number, StoredPassage>()
    for (const { passages, firstPid } of this.#segments) {
      const local = pids.map((pid) => pid - firstPid).filter((pid) => pid >= 0 && pid < passages.ids.size)
      const records = await passages.records(local)
      local.forEach((pid, i) => {
        results.set(pid + firstPid, storedPassage(passages, pid, firstPid, records[i]))
      })
    }
    return this.#inOrder(pids, results)
  }

  async matchTokens(query: QueryVectors, pids: readonly number[]): Promise<readonly TokenMatch[]> {
    const matches = new Map<number, TokenMatch>()
    for (const { resident, passages, firstPid } of this.#segments) {
      const local = pids.map((pid) => pid - firstPid).filter((pid) => pid >= 0 && pid < passages.ids.size)
      if (local.length === 0) continue
      resident.matchTokens(query, local).forEach((match, i) => {
        matches.set((local[i] ?? 0) + firstPid, match)
      })
    }
    return this.#inOrder(pids, matches)
  }

  #inOrder<T>(pids: readonly number[], results: ReadonlyMap<number, T>): readonly T[] {
    return pids.map((pid) => {
      const found = results.get(pid)
      if (!found) throw new NotFoundError(`the index "${this.info.name}" has no passage ${pid}.`, { pid })
      return found
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    // A batch hands its queries to the engine one after another: all of them are under way.
    await Promise.allSettled(this.#batches)
    await this.#engine.close()
    await this.#reader.close()
  }
}

/** @throws InputError unless it is a time above 0 */
function deadlineOf({ deadlineMs }: SearchOptions): number | undefined {
  requirePositive('deadlineMs', deadlineMs)
  return deadlineMs === undefined ? undefined : Date.now() + deadlineMs
}

function pidsOf(passages: PassageStore, ids: readonly string[]): Uint32Array {
  const pids = new Set<number>()
  for (const id of ids) {
    const pid = passages.ids.pidOf(id)
    if (pid !== undefined) pids.add(pid)
  }
  return Uint32Array.from(pids).sort()
}

function hitsOf({ passages, firstPid }: OpenSegment, answer?: SegmentAnswer): Omit<SearchHit, 'rank'>[] {
  if (!answer) throw new Error('an engine gave fewer answers than there are segments')
  const { pids, scores } = answer
  return Array.from(pids, (pid, i) => ({ id: passages.ids.idOf(pid), pid: firstPid + pid, score: scores[i] ?? 0 }))
}

function storedPassage(
  passages: PassageStore,
  pid: number,
  firstPid: number,
  record?: Awaited<ReturnType<PassageStore['records']>>[0],
): StoredPassage {
  const metadata = record?.metadata as Record<string, MetadataValue> | undefined
  return {
    id: passages.ids.idOf(pid),
    pid: firstPid + pid,
    ...(record ? { title: record.title, text: record.text } : {}),
    ...(metadata ? { metadata } : {}),
  }
}
