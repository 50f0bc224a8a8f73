/** Where the segments of an index are searched: here, or by the workers of a pool (runtime/pool/). */
import type { QueryVectors, SearchParameters } from '../../searcher.ts'
import type { ResidentSegment, SegmentAnswer } from './residentSegment.ts'

/** One query with everything resolved. */
export interface SegmentsQuery {
  readonly query: QueryVectors
  readonly parameters: SearchParameters
  readonly k: number
  /** For each segment the ascending pids that may be answered; absent: all. */
  readonly filters?: readonly Uint32Array[] | undefined
  /** On the clock of `Date.now`, which all threads share. */
  readonly deadline?: number | undefined
}

export interface SegmentsEngine {
  /** Queries worth giving it at a time. */
  readonly concurrency: number
  /** @returns one answer a segment, in their order */
  search(query: SegmentsQuery): Promise<readonly SegmentAnswer[]>
  /** Queries under way are answered first. */
  close(): Promise<void>
}

/** One query after another in this thread. */
export function localEngine(segments: readonly ResidentSegment[]): SegmentsEngine {
  return {
    concurrency: 1,
    search: async (query) => searchSegments(segments, query),
    close: async () => undefined,
  }
}

export function searchSegments(
  segments: readonly ResidentSegment[],
  { query, parameters, k, filters, deadline }: SegmentsQuery,
): readonly SegmentAnswer[] {
  return segments.map((segment, index) => segment.search(query, parameters, k, filters?.[index], deadline))
}
