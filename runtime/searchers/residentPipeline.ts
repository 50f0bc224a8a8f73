/** The resident pipeline: everything a query touches goes into WebAssembly memory, checked on the way. */
import type { IndexReader } from '../../format/indexReader.ts'
import { openedSections } from '../../format/manifest/sections.ts'
import { SectionArrays } from '../../format/sectionArrays.ts'
import type { Kernels } from '../kernels/kernels.ts'
import type { PassageBitmap } from '../passages/bitmap.ts'
import { PassageStore } from '../passages/passageStore.ts'
import { requireLimits } from '../search/parameters.ts'
import { localEngine, type ResidentEngine } from '../search/resident/engine.ts'
import { readerSource } from '../search/resident/indexSource.ts'
import { type PlacedIndex, placeIndex } from '../search/resident/placement.ts'
import { ResidentIndex } from '../search/resident/residentIndex.ts'
import { resolveSearch } from '../search/tiers.ts'
import type { IndexInfo, QueryVectors, SearchOptions, TokenMatch } from '../searcher.ts'
import { indexInfo } from './indexInfo.ts'
import type { Found, Pipeline, SegmentPlace, SegmentView } from './pipeline.ts'
import { probeStorage } from './probeStorage.ts'

export interface ResidentOptions {
  /** Who searches once the index is in memory. Default: this thread. */
  readonly engine?: (placed: PlacedIndex, memory: WebAssembly.Memory) => Promise<ResidentEngine>
}

/**
 * Reads and checks every section that searching needs, all of them side by side.
 * @param reader - closed when opening fails; its parts, with the pipeline
 * @throws FormatError, ChecksumError, StorageError, MissingPartError, InputError (memory)
 */
export async function openResident(
  reader: IndexReader,
  kernels: Kernels,
  options: ResidentOptions = {},
): Promise<Pipeline> {
  const { manifest } = reader
  try {
    const owners = [
      ...manifest.quantisers.map((owner) => ({ owner, names: openedSections('resident', 'quantiser') })),
      ...manifest.segments.map((owner) => ({ owner, names: openedSections('resident', 'segment') })),
    ]
    await Promise.all(owners.map(({ owner, names }) => reader.openParts(owner, names)))
    const arrays = new SectionArrays(reader)
    const finishPassages = manifest.segments.map((entry) => PassageStore.reserve(reader, entry, arrays))
    const { index, passages } = await placeIndex(readerSource(reader, arrays.targets), kernels)
    const segments = passages.map(({ searchable, deleted }, number): SegmentView => {
      const finish = finishPassages[number]
      if (!finish) throw new RangeError(`there is no segment ${number}`)
      return { passages: finish(), searchable, isLive: (pid) => !deleted.has(pid) }
    })
    const engine = (await options.engine?.(index, kernels.memory)) ?? localEngine(new ResidentIndex(kernels, index))
    return new ResidentPipeline(reader, kernels, segments, engine)
  } catch (error) {
    await reader.closeParts()
    throw error
  }
}

class ResidentPipeline implements Pipeline {
  readonly name = 'resident'
  readonly cacheBytes = 0
  readonly info: IndexInfo
  readonly segments: readonly SegmentView[]
  readonly #reader: IndexReader
  readonly #kernels: Kernels
  readonly #engine: ResidentEngine

  constructor(reader: IndexReader, kernels: Kernels, segments: readonly SegmentView[], engine: ResidentEngine) {
    this.#reader = reader
    this.#kernels = kernels
    this.segments = segments
    this.#engine = engine
    this.info = indexInfo(
      reader,
      segments.every(({ passages }) => passages.hasTexts),
      'resident',
    )
  }

  get concurrency(): number {
    return this.#engine.concurrency
  }

  get memoryBytes(): number {
    return this.#kernels.memory.buffer.byteLength
  }

  async find(query: QueryVectors, options: SearchOptions, filters?: readonly PassageBitmap[]): Promise<Found> {
    requireLimits(options)
    const { k, parameters, tier } = resolveSearch(options, this.info)
    const { deadlineMs } = options
    const deadline = deadlineMs === undefined ? undefined : Date.now() + deadlineMs
    const answer = await this.#engine.search({ query, parameters, k, filters, deadline })
    const { segments, pids, scores, counts, skipped } = answer
    return {
      found: Array.from(pids, (pid, i) => ({ segment: segments[i] ?? 0, pid, score: scores[i] ?? 0 })),
      parameters: { pipeline: 'resident', ...parameters, k, ...(tier ? { tier } : {}) },
      counts,
      ...(skipped > 0 ? { skipped: { lists: 0, passages: skipped, reasons: ['deadline'] } } : {}),
    }
  }

  match(query: QueryVectors, places: readonly SegmentPlace[]): Promise<readonly TokenMatch[]> {
    return this.#engine.matchTokens(
      query,
      places.map(({ segment, pid }) => ({ segment, pid })),
    )
  }

  /** Texts are all that it reads. */
  async probe(failure?: unknown): Promise<void> {
    if (this.segments.some(({ passages }) => passages.hasTexts)) await probeStorage(this.#reader, 'texts', failure)
  }

  /** It keeps nothing, and its queries hold nothing. */
  limit(): void {}

  async close(): Promise<void> {
    await this.#engine.close()
    await this.#reader.closeParts()
  }
}
