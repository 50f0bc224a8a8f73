/** What a searchable index offers, whatever it is read from. The HTTP app, the CLI and applications see only this. */
import type { EncoderFingerprint } from '../encoder/encoder.ts'
import type { Nbits } from '../format/manifest/segment.ts'
import type { IndexTiers, TierName } from '../format/manifest/tiers.ts'

/** PLAID's parameters, with Stanford ColBERT's names and defaults (Santhanam et al., CIKM 2022, and its code). */
export interface SearchParameters {
  /** Cells probed for each query row. */
  readonly ncells: number
  /** Centroids whose best score over the query rows is below it are skipped when candidates are pruned. In [-1, 1]. */
  readonly centroidScoreThreshold: number
  /** Candidates kept after pruning; `ndocs / 4` of them are rescored on residuals. */
  readonly ndocs: number
}

export interface SearchOptions extends Partial<SearchParameters> {
  /** Results wanted, in [1, K_MAX]. Default 10. */
  readonly k?: number
  /**
   * A measured setting of the index; single parameters given beside it override it. Default: `balanced` when the index has
   * tiers, else Stanford's defaults for k.
   */
  readonly tier?: TierName
  /** Only passages with these ids. Unknown ids are ignored. */
  readonly filter?: readonly string[]
  /** Bytes that may be read from storage for the query. Only an index that is read by range reads for a query. */
  readonly maxBytes?: number
  /** After so many milliseconds the best that was found is answered. */
  readonly deadlineMs?: number
}

export interface QueryVectors {
  /** f32[rows][dim]. */
  readonly vectors: Float32Array
  readonly rows: number
  readonly dim: number
}

export interface SearchHit {
  readonly id: string
  /** Position over all segments: segment start plus pid in the segment. Not stable across generations; `id` is. */
  readonly pid: number
  /** 1-based. */
  readonly rank: number
  /** MaxSim of the compressed passage, about [-rows, rows]. */
  readonly score: number
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[]
  /** What was used; `tier` when they started from one. */
  readonly parameters: SearchParameters & { readonly k: number; readonly tier?: TierName }
  /** Passages that reached each stage. */
  readonly counts: { readonly candidates: number; readonly approximated: number; readonly rescored: number }
  readonly generation: number
  /** What was read for the query; absent when everything is in memory. Texts of hits are read apart. */
  readonly storage?: StorageUse
  /** What a limit or the deadline left out; absent when nothing was. */
  readonly skipped?: Skipped
}

export interface StorageUse {
  readonly bytes: number
  /** Byte ranges asked for. */
  readonly reads: number
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

/** `bytes`: maxBytes; `reads`: the limit of reads a query; `deadline`: deadlineMs. */
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
  readonly pid: number
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
  readonly passages: number
  readonly tokens: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  /** Bytes of all files. */
  readonly bytes: number
  readonly hasTexts: boolean
  /** Absent for an index built from ready vectors without a model. */
  readonly encoder?: EncoderFingerprint
  /** Measured settings that searches may use; absent when the index was not tuned, or is read by range. */
  readonly tiers?: IndexTiers
}

export interface Searcher {
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
  /** Texts of hits, in their order; one call reads each block of texts once. */
  passages(pids: readonly number[]): Promise<readonly StoredPassage[]>
  /** One match a pid, in their order; pids are those of hits of this searcher, and cheaper in one call than in many. */
  matchTokens(query: QueryVectors, pids: readonly number[]): Promise<readonly TokenMatch[]>
}

/** Stanford ColBERT's defaults by k (colbert-ai 0.2.22, searcher.py). */
export function defaultParameters(k: number): SearchParameters {
  if (k <= 10) return { ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256 }
  if (k <= 100) return { ncells: 2, centroidScoreThreshold: 0.45, ndocs: 1024 }
  return { ncells: 4, centroidScoreThreshold: 0.4, ndocs: Math.max(k * 4, 4096) }
}
