/**
 * Queries that are passages of the corpus themselves, under the same id (ArguAna, Quora). Such a query finds itself first, and
 * nobody judged that. BEIR leaves the passage out (`ignore_identical_ids`), so published figures are without it.
 */
import { K_MAX } from '../../format/limits.ts'
import type { QueryVectors, SearchAnswer, SearchOptions } from '../../runtime/searcher.ts'
import type { DocumentSearcher } from './documents.ts'
import type { RankedPassage } from './ranking.ts'

export interface AnsweredQuery {
  readonly id: string
  readonly vectors: QueryVectors
  /** What the query was searched with, and k of it. */
  readonly options: SearchOptions & { readonly k: number }
  readonly answer: SearchAnswer
}

/** Whether the query found the passage that has its own id. */
export function findsItself({ id, answer }: AnsweredQuery): boolean {
  return answer.hits.some((hit) => hit.id === id)
}

/**
 * The k best passages without the one that has the query's own id. Where that one was found, one more is asked for, by the very
 * parameters that the answer was found with: those that go by k would otherwise look further for k + 1.
 */
export async function hitsWithoutItself(
  searcher: Pick<DocumentSearcher, 'search'>,
  query: AnsweredQuery,
): Promise<readonly RankedPassage[]> {
  const { id, vectors, options, answer } = query
  if (!findsItself(query)) return answer.hits
  const { k, pipeline: _pipeline, ...parameters } = answer.parameters
  const more =
    k < K_MAX
      ? { ...options, ...parameters, k: k + 1 }
      : { ...options, ...parameters, filter: (other: string) => other !== id }
  const { hits } = await searcher.search(vectors, more)
  return hits.filter((hit) => hit.id !== id).slice(0, options.k)
}
