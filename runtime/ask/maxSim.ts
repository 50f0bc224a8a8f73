/** Exact MaxSim of float vectors (Khattab & Zaharia, SIGIR 2020), for passages that are in no index. */
import type { QueryVectors } from '../searcher.ts'

/**
 * Sum over the query's rows of the largest dot product with a passage's row. O(rows · tokens · dim).
 * @param passage - f32[rows][dim], of the query's dim
 * @returns 0 for a passage without rows
 */
export function maxSim(query: QueryVectors, passage: QueryVectors): number {
  const { dim } = query
  if (passage.rows === 0) return 0
  let sum = 0
  for (let row = 0; row < query.rows; row++) {
    let best = Number.NEGATIVE_INFINITY
    for (let token = 0; token < passage.rows; token++) {
      let dot = 0
      for (let d = 0; d < dim; d++) {
        dot += (query.vectors[row * dim + d] ?? 0) * (passage.vectors[token * dim + d] ?? 0)
      }
      if (dot > best) best = dot
    }
    sum += best
  }
  return sum
}
