/** Bytes of a cold query against nDCG@10 and against overlap@10, side by side: each setting a dot, by the lists it reads. */
import type { BenchRecord } from '../harness/record.ts'
import { type Axis, linearAxis, logAxis } from './axis.ts'
import { subtitleOf } from './subtitle.ts'
import { COLOURS, element, FAINT, figure, INK, line, round, text } from './svg.ts'

/** The keys of edge/range.ts that are drawn. */
interface RangePoint {
  readonly name: string
  /** In results of before format 2.0: `ncells`. */
  readonly lists?: number
  readonly ncells?: number
  readonly bytes_median: number
  readonly 'ndcg@10': number
  readonly 'overlap@10': number
}

interface RangeMetrics {
  readonly points: readonly RangePoint[]
  readonly resident: { readonly 'ndcg@10': number; readonly 'overlap@10': number }
}

type Measure = 'ndcg@10' | 'overlap@10'

const WIDTH = 980
const HEIGHT = 480
const PLOT = { top: 110, bottom: 410 }
const PANELS: Readonly<Record<Measure, { readonly left: number; readonly right: number; readonly title: string }>> = {
  'ndcg@10': { left: 72, right: 470, title: 'nDCG@10' },
  'overlap@10': { left: 562, right: 960, title: 'overlap@10' },
}
/** What a query is meant to stay below. */
const BYTES_AIM = 300_000
const LEGEND_STEP = 100

export function rangeFigure(record: BenchRecord): string {
  const { points, resident } = record.metrics as RangeMetrics
  const { label, nbits } = record.parameters
  const series = [
    ...Map.groupBy(
      points.filter(({ name }) => name === 'grid'),
      ({ lists, ncells = 0 }) => lists ?? ncells,
    ),
  ]
  const x = (panel: { readonly left: number; readonly right: number }) =>
    logAxis([...points.map((point) => point.bytes_median), BYTES_AIM], { first: panel.left, last: panel.right })
  return figure({ width: WIDTH, height: HEIGHT }, [
    text(72, 30, `What a cold query reads, and what it finds: ${label}, ${nbits} bits`, { size: 18, weight: 'bold' }),
    text(72, 51, subtitleOf(record, `${record.samples.queries} queries`), { size: 12 }),
    ...series.flatMap(([lists], i) => [
      element('rect', { x: 72 + i * LEGEND_STEP, y: 66, width: 12, height: 12, fill: COLOURS[i % COLOURS.length]! }),
      text(90 + i * LEGEND_STEP, 76, `${lists} list${lists === 1 ? '' : 's'} a row`, { size: 12 }),
    ]),
    ...(Object.keys(PANELS) as Measure[]).flatMap((measure) => panelOf(measure, { points, series, resident, x })),
  ])
}

interface Drawn extends RangeMetrics {
  readonly series: readonly (readonly [number, readonly RangePoint[]])[]
  readonly x: (panel: { readonly left: number; readonly right: number }) => Axis
}

function panelOf(measure: Measure, { points, series, resident, x: axisOf }: Drawn): readonly string[] {
  const panel = PANELS[measure]
  const x = axisOf(panel)
  const y = linearAxis([...points.map((point) => point[measure]), resident[measure]], {
    first: PLOT.bottom,
    last: PLOT.top,
  })
  const standard = points.find(({ name }) => name === 'default')!
  const [cx, cy] = [round(x.at(standard.bytes_median)), round(y.at(standard[measure]))]
  const reference = y.at(resident[measure])
  return [
    text(panel.left, 98, panel.title, { weight: 'bold' }),
    ...x.ticks.flatMap((tick) => [
      line([x.at(tick), PLOT.top], [x.at(tick), PLOT.bottom]),
      text(x.at(tick), PLOT.bottom + 19, String(tick / 1000), { anchor: 'middle', size: 12 }),
    ]),
    ...y.ticks.flatMap((tick) => [
      line([panel.left, y.at(tick)], [panel.right, y.at(tick)]),
      text(panel.left - 8, y.at(tick) + 4, tick.toFixed(3).replace(/0$/, ''), { anchor: 'end', size: 12 }),
    ]),
    text((panel.left + panel.right) / 2, PLOT.bottom + 42, 'median KB read for a query (logarithmic)', {
      anchor: 'middle',
    }),
    element('line', {
      ...{ x1: panel.left, x2: panel.right, y1: round(reference), y2: round(reference) },
      ...{ stroke: INK, 'stroke-dasharray': '5 4' },
    }),
    text(panel.left + 6, reference - 6, 'everything in memory', { size: 11 }),
    line([x.at(BYTES_AIM), PLOT.top], [x.at(BYTES_AIM), PLOT.bottom], INK),
    text(x.at(BYTES_AIM) + 5, PLOT.bottom - 8, 'aim', { size: 11 }),
    ...series.flatMap(([, own], i) =>
      seriesOf(own, COLOURS[i % COLOURS.length]!, (point) => [
        round(x.at(point.bytes_median)),
        round(y.at(point[measure])),
      ]),
    ),
    element('path', { d: `M${cx} ${cy - 8}l8 8l-8 8l-8 -8z`, fill: 'none', stroke: INK, 'stroke-width': 2 }),
    line([panel.left, PLOT.bottom], [panel.right, PLOT.bottom], FAINT),
  ]
}

function seriesOf(
  points: readonly RangePoint[],
  fill: string,
  at: (point: RangePoint) => readonly [number, number],
): readonly string[] {
  const path = points.map((point) => at(point).join(',')).join(' ')
  return [
    element('polyline', { points: path, fill: 'none', stroke: fill, 'stroke-width': 1.5 }),
    ...points.map((point) => {
      const [cx, cy] = at(point)
      return element('circle', { cx, cy, r: 3.5, fill })
    }),
  ]
}
