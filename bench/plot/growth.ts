/** Time of a query against the size of the collection, both logarithmic, with a line of what linear growth would be. */
import type { BenchRecord } from '../harness/record.ts'
import { logAxis } from './axis.ts'
import { subtitleOf } from './subtitle.ts'
import { COLOURS, element, figure, INK, line, round, text } from './svg.ts'

/** The keys of speed/growth.ts that are drawn. */
interface GrowthMetrics {
  readonly points: readonly { readonly setting: string; readonly passages: number; readonly ms_median: number }[]
}

const WIDTH = 760
const HEIGHT = 480
const PLOT = { left: 72, right: 640, top: 96, bottom: 410 }

export function growthFigure(record: BenchRecord): string {
  const { points } = record.metrics as GrowthMetrics
  const series = [...Map.groupBy(points, ({ setting }) => setting)]
  const smallest = Math.min(...points.map(({ passages }) => passages))
  const largest = Math.max(...points.map(({ passages }) => passages))
  const linear = series.map(([, own]) => own[0]!.ms_median * (largest / smallest))
  const x = logAxis([smallest, largest], { first: PLOT.left, last: PLOT.right })
  const y = logAxis([...points.map((point) => point.ms_median), ...linear], { first: PLOT.bottom, last: PLOT.top })
  return figure({ width: WIDTH, height: HEIGHT }, [
    text(PLOT.left, 30, `Time of a query as a collection grows: ${record.parameters.label}`, {
      size: 18,
      weight: 'bold',
    }),
    text(PLOT.left, 51, subtitleOf(record, `${record.samples.queries} queries, one core`), { size: 12 }),
    ...x.ticks.flatMap((tick) => [
      line([x.at(tick), PLOT.top], [x.at(tick), PLOT.bottom]),
      text(x.at(tick), PLOT.bottom + 19, tick.toLocaleString('en'), { anchor: 'middle', size: 12 }),
    ]),
    ...y.ticks.flatMap((tick) => [
      line([PLOT.left, y.at(tick)], [PLOT.right, y.at(tick)]),
      text(PLOT.left - 8, y.at(tick) + 4, String(tick), { anchor: 'end', size: 12 }),
    ]),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 42, 'passages (logarithmic)', { anchor: 'middle' }),
    text(20, (PLOT.top + PLOT.bottom) / 2, 'median ms (logarithmic)', { anchor: 'middle', rotate: -90 }),
    ...series.flatMap(([setting, own], i) => {
      const fill = COLOURS[i % COLOURS.length]!
      const [first, last] = [own[0]!, own.at(-1)!]
      const path = own.map(({ passages, ms_median: ms }) => `${round(x.at(passages))},${round(y.at(ms))}`).join(' ')
      const growth = last.ms_median / first.ms_median
      return [
        element('path', {
          d: `M${round(x.at(smallest))} ${round(y.at(first.ms_median))}L${round(x.at(largest))} ${round(y.at(linear[i]!))}`,
          stroke: fill,
          'stroke-width': 1,
          'stroke-dasharray': '4 4',
          fill: 'none',
        }),
        element('polyline', { points: path, fill: 'none', stroke: fill, 'stroke-width': 2 }),
        ...own.map((point) =>
          element('circle', { cx: round(x.at(point.passages)), cy: round(y.at(point.ms_median)), r: 4, fill }),
        ),
        text(x.at(largest) + 10, y.at(last.ms_median) + 4, `× ${growth.toFixed(1)}`, { size: 12, fill }),
        element('rect', { x: PLOT.left + i * 290, y: 66, width: 12, height: 12, fill }),
        text(PLOT.left + i * 290 + 18, 76, setting || 'default parameters', { size: 12 }),
      ]
    }),
    text(x.at(largest) + 10, y.at(Math.max(...linear)) + 4, 'linear', { size: 12, fill: INK }),
  ])
}
