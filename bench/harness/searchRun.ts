/** All queries through a searcher: time of each, and the quality of the answers beside exact search. */
import { evaluate } from '../../builder/eval/evaluate.ts'
import type { Run } from '../../builder/eval/ranking.ts'
import type { Searcher, SearchHit, SearchOptions } from '../../runtime/searcher.ts'
import { EXACT_DEPTH, type ExactRankings } from './exactSearch.ts'
import type { BenchQuery, JudgedVectors } from './judgedVectors.ts'
import { significant } from './samples.ts'

export interface SearchPass {
  /** Of each query, best first. */
  readonly hits: readonly (readonly SearchHit[])[]
  /** Wall time of each query, vectors given, ms. */
  readonly ms: readonly number[]
}

/** Means over all queries, each in [0, 1]. */
export interface Quality {
  readonly 'ndcg@10': number
  /** Of what was asked for: with k < 100 it is the recall of k results. */
  readonly 'recall@100': number
  /** Share of exact search's first 10 among the first 10. */
  readonly 'overlap@10': number
}

/** One query after another, as a single user would see it. */
export async function searchAll(
  searcher: Searcher,
  queries: readonly BenchQuery[],
  options: SearchOptions,
): Promise<SearchPass> {
  const hits: (readonly SearchHit[])[] = []
  const ms: number[] = []
  for (const query of queries) {
    const started = performance.now()
    const answer = await searcher.search(query, options)
    ms.push(performance.now() - started)
    hits.push(answer.hits)
  }
  return { hits, ms }
}

/** What judging needs of a hit, of whatever engine. */
export type JudgedHit = Pick<SearchHit, 'id' | 'score'>

export function qualityOf(
  vectors: JudgedVectors,
  hits: readonly (readonly JudgedHit[])[],
  exact: ExactRankings,
): Quality {
  const run: Run = new Map(vectors.queries.map(({ id }, i) => [id, hits[i]!]))
  const overlaps = hits.map((found, i) =>
    overlap(
      found.slice(0, 10).map(({ id }) => id),
      exact.ids[i]!.slice(0, 10),
    ),
  )
  return rounded(run, vectors, overlaps.reduce((sum, share) => sum + share, 0) / overlaps.length)
}

/** Exact search measured by the same measures; its overlap with itself is 1. */
export function exactQuality(vectors: JudgedVectors, exact: ExactRankings): Quality {
  const run: Run = new Map(
    vectors.queries.map((query, i) => [
      query.id,
      exact.ids[i]!.map((id, rank) => ({ id, score: exact.scores[i]![rank]! })),
    ]),
  )
  return rounded(run, vectors, 1)
}

function rounded(run: Run, { qrels }: JudgedVectors, overlapAt10: number): Quality {
  const metrics = evaluate(run, qrels, EXACT_DEPTH)
  return {
    'ndcg@10': significant(metrics['ndcg@10']!, 5),
    'recall@100': significant(metrics['recall@100']!, 5),
    'overlap@10': significant(overlapAt10, 5),
  }
}

function overlap(found: readonly string[], exact: readonly string[]): number {
  const wanted = new Set(exact)
  return exact.length === 0 ? 1 : found.filter((id) => wanted.has(id)).length / exact.length
}
