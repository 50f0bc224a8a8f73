/**
 * Which of those that have only an estimate may still be among the best: judged by how far the estimates of others were from their
 * scores. A filter may allow only passages unlike the query, whose estimates lie close together; a fixed number of the best estimates
 * would then lose many of the best scores.
 */

/**
 * Standard deviations of the error that an estimate may be too low. More than normal errors would need: what has the best estimates is
 * rather overestimated, and what has no list or no near centroid errs by more. With four, by range, one in forty was lost (bench/filters.ts).
 */
const DEVIATIONS = 6

/**
 * The least estimate with which something may still reach the k-th best of the known scores; -∞ when fewer than k are known.
 *
 * @param scores - of what is known
 * @param estimates - of the same, in the same order and about the same unit
 */
export function reachBorder(scores: ArrayLike<number>, estimates: ArrayLike<number>, k: number): number {
  const count = scores.length
  if (count < k) return Number.NEGATIVE_INFINITY
  const errors = Float64Array.from(scores, (score, i) => score - (estimates[i] ?? 0))
  const mean = errors.reduce((sum, error) => sum + error, 0) / count
  const variance = errors.reduce((sum, error) => sum + (error - mean) ** 2, 0) / count
  return (Float64Array.from(scores).sort()[count - k] ?? 0) - mean - DEVIATIONS * Math.sqrt(variance)
}
