/** Statistics of repeated measurements. */

export interface SampleSummary {
  readonly samples: number
  readonly p50: number
  readonly p95: number
  readonly mean: number
  readonly min: number
  readonly max: number
}

/** Median: mean of the middle two where the count is even. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Nearest-rank percentile: the smallest value that `share` in (0, 1] of the values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!
}

/** Numbers rounded to 4 significant digits, which is more than any of these clocks can tell. */
export function summarise(values: readonly number[]): SampleSummary {
  return {
    samples: values.length,
    p50: significant(median(values)),
    p95: significant(percentile(values, 0.95)),
    mean: significant(values.reduce((sum, value) => sum + value, 0) / values.length),
    min: significant(Math.min(...values)),
    max: significant(Math.max(...values)),
  }
}

export function significant(value: number, digits = 4): number {
  return Number(value.toPrecision(digits))
}
