/** What a searchable index offers, whatever it is read from. The HTTP app, the CLI and applications see only this. */
import type { EncoderFingerprint } from '../encoder/encoder.ts'
import type { Nbits } from '../format/manifest/segment.ts'
import type { IndexTiers, TierName } from '../format/manifest/tiers.ts'

/** PLAID's parameters, with Stanford ColBERT's names and defaults (Santhanam et al., CIKM 2022, and its code). */
export interface PlaidParameters {
  /** Cells probed for each query row. */
  readonly ncells: number
  /** Centroids whose best score over the query rows is below it are skipped when candidates are pruned. In [-1, 1]. */
  readonly centroidScoreThreshold: number
  /** Candidates kept after pruning; `ndocs / 4` of them are rescored on residuals. */
  readonly ndocs: number
}

/** What a search by range asks of the storage (docs/RANGE.md). */
export interface RangeParameters {
  /** Posting lists that are read, for each query row: all rows together choose which. */
  readonly lists: number
  /** Passages that are rescored on their row blocks. */
  readonly passages: number
}

/** Bytes and requests of storage. */
export interface Budget {
  readonly bytes: number
  readonly reads: number
}

/** Passages by their ids. Whatever says whether an id is meant, or the ids themselves. Ids of no passage are counted, `counts.unknownIds`. */
export type PassageFilter = readonly string[] | ((id: string) => boolean)

/** `ncells`, `centroidScoreThreshold`, `ndocs` and `tier` are of the resident pipeline, `lists` and `passages` of the range pipeline. */
export interface SearchOptions extends Partial<PlaidParameters>, Partial<RangeParameters> {
  /** Results wanted, in [1, K_MAX]. Default 10. */
  readonly k?: number
  /**
   * A measured setting of the index; single parameters given beside it override it. Default: `balanced` when the index has
   * tiers, else Stanford's defaults for k.
   */
  readonly tier?: TierName
  /**
   * Only these passages. As many are found as are wanted and allowed; what is left out where many are allowed follows from their scores,
   * not from `ncells` and `centroidScoreThreshold` (docs/PLAID.md). The same function or array given again is looked up once for each generation of the
   * index, so it must not change.
   */
  readonly filter?: PassageFilter
  /** What may be read from storage for the query, at most. Only an index that is read by range reads for a query. */
  readonly budget?: Partial<Budget>
  /** After so many milliseconds the best that was found is answered. */
  readonly deadlineMs?: number
}

export interface QueryVectors {
  /** f32[rows][dim]. */
  readonly vectors: Float32Array
  readonly rows: number
  readonly dim: number
}

/** Where a passage stands in one generation of an index. */
export interface Place {
  /** Index of its segment in the manifest. */
  readonly segment: number
  /** Its position in the segment. */
  readonly pid: number
  /** Which generation that a searcher opened it belongs to: 0 for the first. Not the manifest's number, which a rebuilt index begins again. */
  readonly opening: number
}

export interface SearchHit {
  readonly id: string
  /** For `passages` and `matchTokens` of the searcher that gave it. */
  readonly place: Place
  /** 1-based. */
  readonly rank: number
  /** MaxSim of the compressed passage, about [-rows, rows]. */
  readonly score: number
}

/** What a search ran with. */
export type UsedParameters =
  | ({ readonly pipeline: 'resident'; readonly k: number; readonly tier?: TierName } & PlaidParameters)
  | ({ readonly pipeline: 'range'; readonly k: number } & RangeParameters)

/** Passages that reached each stage. */
export interface StageCounts {
  readonly candidates: number
  /** After PLAID's pruning; absent for the range pipeline, which has no such stage. */
  readonly approximated?: number
  readonly rescored: number
}

export interface AnswerCounts extends StageCounts {
  /** Different ids of the filter that no passage has. Absent without a filter, and for one that is a function. */
  readonly unknownIds?: number
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[]
  readonly parameters: UsedParameters
  readonly counts: AnswerCounts
  readonly generation: number
  /** What was read for the query; absent when everything is in memory. Texts of hits are read apart. */
  readonly storage?: StorageUse
  /** What a limit or the deadline left out; absent when nothing was. Such an answer may differ the next time. */
  readonly skipped?: Skipped
}

export interface StorageUse extends Budget {
  /** Reads of one round are made side by side; the next round waits for them. */
  readonly rounds: number
}

export interface Skipped {
  /** Posting lists of probed cells that were not read. */
  readonly lists: number
  /** Candidates that were to be rescored and were not. */
  readonly passages: number
  readonly reasons: readonly SkipReason[]
}

/** `bytes` and `reads`: the budget of a query; `deadline`: deadlineMs. */
export type SkipReason = 'bytes' | 'reads' | 'deadline'

export type MetadataValue =
  | string
  | number
  | boolean
  | null
  | readonly MetadataValue[]
  | { readonly [key: string]: MetadataValue }

export interface StoredPassage {
  readonly id: string
  readonly place: Place
  /** Absent when the index was built without texts. */
  readonly title?: string
  readonly text?: string
  readonly metadata?: Readonly<Record<string, MetadataValue>>
}

/** Which passage token answers each query row, for marking words. */
export interface TokenMatch {
  /** u32[rows]: index of the passage token with the largest score for the query row. */
  readonly tokens: Uint32Array
  /** f32[rows]: that score; their sum is the passage's MaxSim. */
  readonly scores: Float32Array
}

export interface IndexInfo {
  readonly name: string
  readonly generation: number
  /** Differs between indexes of different content, also of one name and generation: made of the manifest's bytes. */
  readonly revision: string
  /** Passages that can be found. */
  readonly passages: number
  /** Passages of each segment, deleted ones counted: what places count in. */
  readonly segments: readonly number[]
  readonly tokens: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  /** Bytes of all files. */
  readonly bytes: number
  readonly hasTexts: boolean
  /** How it is searched, which decides what parameters it takes. Absent where a searcher of one's own does not say. */
  readonly pipeline?: UsedParameters['pipeline']
  /** Absent for an index built from ready vectors without a model. */
  readonly encoder?: EncoderFingerprint
  /** Measured settings that searches may use; absent when the index was not tuned, or is read by range. */
  readonly tiers?: IndexTiers
}

/** Something that fails, and since when. */
export interface Trouble {
  readonly since: Date
  readonly error: unknown
}

/** What stands in the way of answers, or of newer ones. */
export interface SearcherHealth {
  /** Storage that queries read from does not give what it should: they fail. */
  readonly storage?: Trouble
  /** Whether the index was replaced cannot be told, or the new generation cannot be opened: the old one answers. */
  readonly refresh?: Trouble
}

/** One generation of an index, to be asked. */
export interface Snapshot {
  readonly info: IndexInfo
  /** @throws InputError on a wrong dim, non-finite values, or options out of range */
  search(query: QueryVectors, options?: SearchOptions): Promise<SearchAnswer>
  /**
   * Many queries with the same options: the answers of `search`, in their order. A pool works on as many at a time as it has workers.
   * @throws as `search`; the first failure ends the call
   */
  searchMany(queries: readonly QueryVectors[], options?: SearchOptions): Promise<readonly SearchAnswer[]>
  /** @throws NotFoundError when no passage has this id */
  passage(id: string): Promise<StoredPassage>
  /**
   * Texts of hits, in their order; one call reads each block of texts once.
   * @throws StorageError for a place of a generation that was replaced, NotFoundError for one that never was
   */
  passages(places: readonly Place[]): Promise<readonly StoredPassage[]>
  /** One match a place, in their order; cheaper in one call than in many. Throws as `passages`. */
  matchTokens(query: QueryVectors, places: readonly Place[]): Promise<readonly TokenMatch[]>
}

/** Answers from the newest generation it knows; each call from one generation, whatever replaces the index meanwhile. */
export interface Searcher extends Snapshot {
  /** Several calls over one generation: a search, and the texts of what it found. */
  withSnapshot<T>(work: (snapshot: Snapshot) => Promise<T>): Promise<T>
  /**
   * Looks whether the index was replaced, and opens the new generation beside the old one, which goes when its last query is done.
   * @returns whether there was a new one
   * @throws what opening it throws; the old one then stays
   */
  refresh(): Promise<boolean>
  /** Looks whether storage answers, if queries read from it; a look holds for two seconds. Absent where there is nothing to say. Throws nothing. */
  health?(): Promise<SearcherHealth>
}
