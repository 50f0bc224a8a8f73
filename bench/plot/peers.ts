/** Time against overlap@10 of Tartan and its peers: a series for each engine and number of bits. */
import type { BenchRecord } from '../harness/record.ts'
import { curveFigure } from './curve.ts'
import { subtitleOf } from './subtitle.ts'

/** The keys of speed/peers.ts that are drawn. */
interface PeersMetrics {
  readonly search: readonly {
    readonly engine: string
    readonly setting: string
    readonly k: number
    readonly queries: number
    readonly ms_median: number
    readonly 'overlap@10': number
  }[]
}

export function peersFigure(record: BenchRecord): string {
  const all = (record.metrics as PeersMetrics).search
  // Other points judge other queries or results: they stay in the table.
  const points = all.filter(({ k, queries }) => k === all[0]?.k && queries === all[0].queries)
  const engines = [...Map.groupBy(points, ({ engine }) => engine)].filter(([, own]) => own.length > 1)
  const { queries, rounds } = record.samples
  return curveFigure({
    title: `Search time and agreement with exact search: ${record.parameters.label}`,
    subtitle: subtitleOf(record, `${queries} queries × ${rounds} rounds, k=${all[0]?.k}, one core`),
    settings: "other settings, each engine's best joined",
    series: engines.map(([name, own]) => ({
      name,
      points: own.map((point) => ({
        x: point.ms_median,
        y: point['overlap@10'],
        name: point.setting === '' ? 'default' : point.setting,
        k: point.k,
      })),
    })),
  })
}
