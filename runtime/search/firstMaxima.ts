/** From the scores of all tokens of a passage to the token that answers each query row. */
import type { TokenMatch } from '../searcher.ts'

/** First token of the largest score, row by row. @param tokenScores - f32[tokens][stride] */
export function firstMaxima(tokenScores: Float32Array, stride: number, rows: number): TokenMatch {
  const tokens = new Uint32Array(rows)
  const scores = new Float32Array(rows).fill(Number.NEGATIVE_INFINITY)
  for (let token = 0; token * stride < tokenScores.length; token++) {
    for (let row = 0; row < rows; row++) {
      const score = tokenScores[token * stride + row] ?? 0
      if (score > (scores[row] ?? 0)) {
        scores[row] = score
        tokens[row] = token
      }
    }
  }
  return { tokens, scores }
}
