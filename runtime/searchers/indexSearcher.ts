/** The searcher: from a pipeline's places to hits with ids, texts and ranks, over whatever generation of the index is the newest. */
import { InputError, NotFoundError, StorageError } from '../../format/errors.ts'
import { compareBytes } from '../../format/items/ids.ts'
import type { TextRecord } from '../../format/items/textBlocks.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { resultsWanted } from '../search/parameters.ts'
import { requireQuery } from '../search/preparedQuery.ts'
import type {
  IndexInfo,
  MetadataValue,
  Place,
  QueryVectors,
  SearchAnswer,
  Searcher,
  SearcherHealth,
  SearchHit,
  SearchOptions,
  Snapshot,
  StoredPassage,
  TokenMatch,
} from '../searcher.ts'
import { inLanes } from '../waiting/inLanes.ts'
import { Filters } from './filters.ts'
import { Generations, type Opened } from './generations.ts'
import type { Found, Pipeline, PipelineName, SegmentPlace, SegmentView } from './pipeline.ts'

/** A searcher that holds memory and files until it is closed. */
export interface OpenedIndex extends Searcher {
  /** Of the newest generation. */
  readonly pipeline: PipelineName
  /** Bytes of WebAssembly memory now, of the newest generation. */
  readonly memoryBytes: number
  /** Bytes of what was read by range and is kept for later queries. */
  readonly cacheBytes: number
  /** Queries under way are answered first. */
  close(): Promise<void>
}

export interface IndexSearcherOptions {
  readonly first: Pipeline
  /** Closed with the searcher. */
  readonly files: IndexFiles
  /** The generation in storage, opened; undefined when it is the one given. */
  readonly openNewer: (current: Pipeline, isPartMissing: boolean) => Promise<Pipeline | undefined>
  readonly refreshMs?: number | undefined
}

/** A pipeline and what was looked up over it. */
interface Generation {
  readonly pipeline: Pipeline
  readonly filters: Filters
}

export class IndexSearcher implements OpenedIndex {
  readonly #files: IndexFiles
  readonly #generations: Generations<Generation>

  constructor({ first, files, openNewer, refreshMs }: IndexSearcherOptions) {
    const generationOf = (pipeline: Pipeline) => ({ pipeline, filters: new Filters(pipeline.segments) })
    this.#files = files
    this.#generations = new Generations<Generation>({
      first: generationOf(first),
      key: files.key,
      openNewer: async ({ pipeline }, isPartMissing) => {
        const newer = await openNewer(pipeline, isPartMissing)
        return newer && generationOf(newer)
      },
      close: ({ pipeline }) => pipeline.close(),
      probe: ({ pipeline }, failure) => pipeline.probe(failure),
      refreshMs,
    })
  }

  get #newest(): Pipeline {
    return this.#generations.current.value.pipeline
  }

  get info(): IndexInfo {
    return this.#newest.info
  }

  get pipeline(): PipelineName {
    return this.#newest.name
  }

  get memoryBytes(): number {
    return this.#newest.memoryBytes
  }

  get cacheBytes(): number {
    return this.#newest.cacheBytes
  }

  async withSnapshot<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T> {
    this.#requireOpen()
    return this.#generations.use((generation) => work(new IndexSnapshot(generation)))
  }

  search(query: QueryVectors, options: SearchOptions = {}): Promise<SearchAnswer> {
    return this.withSnapshot((snapshot) => snapshot.search(query, options))
  }

  searchMany(queries: readonly QueryVectors[], options: SearchOptions = {}): Promise<readonly SearchAnswer[]> {
    return this.withSnapshot((snapshot) => snapshot.searchMany(queries, options))
  }

  passage(id: string): Promise<StoredPassage> {
    return this.withSnapshot((snapshot) => snapshot.passage(id))
  }

  passages(places: readonly Place[]): Promise<readonly StoredPassage[]> {
    return this.withSnapshot((snapshot) => snapshot.passages(places))
  }

  matchTokens(query: QueryVectors, places: readonly Place[]): Promise<readonly TokenMatch[]> {
    return this.withSnapshot((snapshot) => snapshot.matchTokens(query, places))
  }

  async refresh(): Promise<boolean> {
    this.#requireOpen()
    return this.#generations.refresh()
  }

  async health(): Promise<SearcherHealth> {
    this.#requireOpen()
    return this.#generations.health()
  }

  #requireOpen(): void {
    if (!this.#generations.isClosed) return
    throw new InputError(`searching in the index "${this.info.name}", which is closed: open it again.`)
  }

  async close(): Promise<void> {
    await this.#generations.close()
    await this.#files.close?.()
  }
}

class IndexSnapshot implements Snapshot {
  readonly #pipeline: Pipeline
  readonly #filters: Filters
  readonly #opening: number

  constructor({ value: { pipeline, filters }, opening }: Opened<Generation>) {
    this.#pipeline = pipeline
    this.#filters = filters
    this.#opening = opening
  }

  get info(): IndexInfo {
    return this.#pipeline.info
  }

  async search(query: QueryVectors, options: SearchOptions = {}): Promise<SearchAnswer> {
    const k = resultsWanted(options)
    requireQuery(query, this.info.dim)
    const { filter = null } = options
    const { bitmaps, unknownIds } = filter === null ? {} : this.#filters.of(filter)
    const { found, counts, ...rest } = await this.#pipeline.find(query, options, bitmaps)
    return {
      ...rest,
      counts: unknownIds === undefined ? counts : { ...counts, unknownIds },
      hits: this.#hitsOf(found, k),
      generation: this.info.generation,
    }
  }

  searchMany(queries: readonly QueryVectors[], options: SearchOptions = {}): Promise<readonly SearchAnswer[]> {
    return inLanes(queries, this.#pipeline.concurrency, (query) => this.search(query, options))
  }

  async passage(id: string): Promise<StoredPassage> {
    for (const [segment, view] of this.#pipeline.segments.entries()) {
      const [pid] = view.passages.pidsOf([id])
      if (pid === undefined || !view.isLive(pid)) continue
      return this.#stored(view, { segment, pid }, (await view.passages.records([pid]))[0])
    }
    throw new NotFoundError(`the index "${this.info.name}" has no passage with the id "${id}".`, { id })
  }

  async passages(places: readonly Place[]): Promise<readonly StoredPassage[]> {
    for (const place of places) this.#requirePlace(place)
    const results: StoredPassage[] = []
    // Side by side: over a network the texts of hits in several segments take one round.
    await Promise.all(
      this.#pipeline.segments.map(async (view, segment) => {
        const own = places.flatMap((place, at) => (place.segment === segment ? [{ at, pid: place.pid }] : []))
        if (own.length === 0) return
        const records = await view.passages.records(own.map(({ pid }) => pid))
        for (const [i, { at, pid }] of own.entries()) results[at] = this.#stored(view, { segment, pid }, records[i])
      }),
    )
    return results
  }

  async matchTokens(query: QueryVectors, places: readonly Place[]): Promise<readonly TokenMatch[]> {
    requireQuery(query, this.info.dim)
    for (const place of places) this.#requirePlace(place)
    return this.#pipeline.match(query, places)
  }

  /** Score descending, then the bytes of ids: ids, not places, stay the same when an index is updated or compacted. */
  #hitsOf(found: Found['found'], k: number): readonly SearchHit[] {
    const empty = new Uint8Array()
    const hits = found.map(({ segment, pid, score }) => {
      const bytes = this.#pipeline.segments[segment]?.passages.idBytes(pid) ?? empty
      return { bytes, place: this.#place({ segment, pid }), score }
    })
    hits.sort((a, b) => b.score - a.score || compareBytes(a.bytes, b.bytes))
    const decoder = new TextDecoder()
    return hits.slice(0, k).map(({ bytes, ...hit }, i) => ({ id: decoder.decode(bytes), ...hit, rank: i + 1 }))
  }

  #place({ segment, pid }: SegmentPlace): Place {
    return { segment, pid, opening: this.#opening }
  }

  /** @throws StorageError for a place of another generation, NotFoundError for one that is not there */
  #requirePlace({ segment, pid, opening }: Place): void {
    const { name } = this.info
    if (opening !== this.#opening) {
      throw new StorageError(`the index "${name}" was replaced since passage ${pid} was found. Search again.`, { pid })
    }
    const view = this.#pipeline.segments[segment]
    if (view && Number.isInteger(pid) && pid >= 0 && pid < view.passages.size && view.isLive(pid)) return
    throw new NotFoundError(`the index "${name}" has no passage ${pid} in segment ${segment}.`, { segment, pid })
  }

  #stored({ passages }: SegmentView, place: SegmentPlace, record?: TextRecord): StoredPassage {
    const metadata = record?.metadata as Record<string, MetadataValue> | undefined
    return {
      id: passages.idOf(place.pid),
      place: this.#place(place),
      ...(record ? { title: record.title, text: record.text } : {}),
      ...(metadata ? { metadata } : {}),
    }
  }
}
