/** The figure of bench/tiers.ts: tiers chosen on queries of three kinds, on the curve that real queries give. */
import type { BenchRecord } from '../harness/record.ts'
import { curveFigure } from './curve.ts'
import { subtitleOf } from './subtitle.ts'

interface Point {
  readonly name: string
  readonly k: number
  readonly ms: number
  readonly 'overlap@k': number
}

interface TiersMetrics {
  readonly curve: readonly Point[]
  readonly tiers: readonly { readonly name: string; readonly real: readonly Point[] }[]
}

/** Results that the figure is about. */
const K = 10
const NAMES: Readonly<Record<string, string>> = {
  texts: 'tiers by titles, sentences',
  rows: 'by token rows',
  real: 'by real queries',
}

export function tiersFigure(record: BenchRecord): string {
  const { curve, tiers } = record.metrics as TiersMetrics
  const settings = 'a setting; of tiers, from the left: fast, balanced, exact'
  const pointsOf = (points: readonly Point[]) =>
    points
      .filter(({ k }) => k === K)
      .map((point) => ({ x: point.ms, y: point['overlap@k'], name: point.name, k: point.k }))
  return curveFigure({
    title: `Tiers on real queries: ${record.parameters.label}, ${record.parameters.nbits} bits`,
    subtitle: subtitleOf(record, `${record.samples.real_queries} queries, one thread, k = ${K}`),
    settings,
    series: [
      { name: 'all candidates', points: pointsOf(curve) },
      ...tiers.map(({ name, real }) => ({ name: NAMES[name] ?? name, points: pointsOf(real) })),
    ],
  })
}
