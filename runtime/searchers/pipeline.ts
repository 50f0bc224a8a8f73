/** What the two pipelines have in common: one generation of an index, searched in memory or by range. IndexSearcher asks nothing else. */
import type { PassageBitmap } from '../passages/bitmap.ts'
import type { SegmentPassages } from '../passages/segmentPassages.ts'
import type { IndexInfo, QueryVectors, SearchAnswer, SearchOptions, TokenMatch } from '../searcher.ts'

export type PipelineName = 'resident' | 'range'

/** A passage of a segment. */
export interface SegmentPlace {
  readonly segment: number
  readonly pid: number
}

/** A passage that was found, with its MaxSim. */
export interface ScoredPlace extends SegmentPlace {
  readonly score: number
}

export interface Found extends Omit<SearchAnswer, 'hits' | 'generation'> {
  /** In any order: at least the best k, and all that tie with the k-th. */
  readonly found: readonly ScoredPlace[]
}

export interface SegmentView {
  readonly passages: SegmentPassages
  /** Passages that can be found by id: those that are not deleted. */
  isLive(pid: number): boolean
  /** Passages that a search may answer: live ones that have tokens. */
  readonly searchable: PassageBitmap
}

export interface Pipeline {
  readonly name: PipelineName
  readonly info: IndexInfo
  readonly segments: readonly SegmentView[]
  /** Queries worth giving it at a time. */
  readonly concurrency: number
  /** Bytes of WebAssembly memory now. */
  readonly memoryBytes: number
  /** Bytes of what was read and is kept for later queries. */
  readonly cacheBytes: number
  /**
   * @param filters - of each segment the passages that may be answered, all of them searchable
   * @throws InputError, StorageError, MissingPartError
   */
  find(query: QueryVectors, options: SearchOptions, filters?: readonly PassageBitmap[]): Promise<Found>
  /** @param places - of passages that are there. @returns one match a place, in their order */
  match(query: QueryVectors, places: readonly SegmentPlace[]): Promise<readonly TokenMatch[]>
  /**
   * Reads a little of what queries read from storage, past everything that is kept.
   * @param failure - of the last query, whose part is looked at as well
   * @throws StorageError and its kin
   */
  probe(failure?: unknown): Promise<void>
  /** From now on it keeps no more of what was read, and queries together hold no more than this; one is always let in. */
  limit(limits: { readonly cacheBytes: number; readonly queriesBytesMax: number }): void
  /** Gives back what it holds of this generation; the files stay open. Queries under way are answered first. */
  close(): Promise<void>
}
