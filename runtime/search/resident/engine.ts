/** Who searches an index in memory: this thread, or the workers of a pool (runtime/pool/). */
import type { QueryVectors, TokenMatch } from '../../searcher.ts'
import type { ResidentAnswer, ResidentIndex, ResidentQuery, SegmentPid } from './residentIndex.ts'

export interface ResidentEngine {
  /** Queries worth giving it at a time. */
  readonly concurrency: number
  search(query: ResidentQuery): Promise<ResidentAnswer>
  /** @returns one match a place, in their order */
  matchTokens(query: QueryVectors, places: readonly SegmentPid[]): Promise<readonly TokenMatch[]>
  /** Queries under way are answered first. */
  close(): Promise<void>
}

/** One query after another in this thread. */
export function localEngine(index: ResidentIndex): ResidentEngine {
  return {
    concurrency: 1,
    search: async (query) => index.search(query),
    matchTokens: async (query, places) => index.matchTokens(query, places),
    close: async () => undefined,
  }
}
