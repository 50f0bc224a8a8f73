/** Time against overlap@10: each setting a dot, the best of each series joined, the default parameters marked. */
import { type Axis, linearAxis, logAxis } from './axis.ts'
import { COLOURS, element, FAINT, figure, INK, line, round, text } from './svg.ts'

export interface CurvePoint {
  /** Milliseconds. */
  readonly x: number
  /** Share, 0 to 1. */
  readonly y: number
  /** "default" is marked and labelled with `k`. */
  readonly name: string
  readonly k: number
}

export interface CurveSeries {
  readonly name: string
  readonly points: readonly CurvePoint[]
}

export interface CurveOptions {
  readonly title: string
  readonly subtitle: string
  readonly series: readonly CurveSeries[]
  /** What a dot is. */
  readonly settings: string
}

const WIDTH = 760
const HEIGHT = 480
/** Pixels of a character in the legend, and of its square with margins. */
const LEGEND_CHARACTER = 6.4
const LEGEND_MARGIN = 40
const PLOT = { left: 72, right: 730, top: 116, bottom: 410 }

export function curveFigure({ title, subtitle, series, settings }: CurveOptions): string {
  const points = series.flatMap((one) => one.points)
  const x = logAxis(
    points.map((point) => point.x),
    { first: PLOT.left, last: PLOT.right },
  )
  const y = linearAxis(
    points.map((point) => point.y),
    { first: PLOT.bottom, last: PLOT.top },
  )
  return figure({ width: WIDTH, height: HEIGHT }, [
    text(PLOT.left, 30, title, { size: 18, weight: 'bold' }),
    text(PLOT.left, 51, subtitle, { size: 12 }),
    ...gridOf(x, y),
    text((PLOT.left + PLOT.right) / 2, PLOT.bottom + 42, 'median time of a query, ms (logarithmic)', {
      anchor: 'middle',
    }),
    text(20, (PLOT.top + PLOT.bottom) / 2, 'overlap@10 with exact search', { anchor: 'middle', rotate: -90 }),
    ...series.flatMap((one, i) => seriesOf(one, COLOURS[i % COLOURS.length]!, x, y)),
    ...legendOf(series, settings),
  ])
}

function gridOf(x: Axis, y: Axis): readonly string[] {
  return [
    ...x.ticks.flatMap((tick) => [
      line([x.at(tick), PLOT.top], [x.at(tick), PLOT.bottom]),
      text(x.at(tick), PLOT.bottom + 19, String(tick), { anchor: 'middle', size: 12 }),
    ]),
    ...y.ticks.flatMap((tick) => [
      line([PLOT.left, y.at(tick)], [PLOT.right, y.at(tick)]),
      text(PLOT.left - 8, y.at(tick) + 4, tick.toFixed(2), { anchor: 'end', size: 12 }),
    ]),
  ]
}

function seriesOf({ points }: CurveSeries, colour: string, x: Axis, y: Axis): readonly string[] {
  const path = frontier(points.filter(({ name }) => name !== 'default'))
    .map((point) => `${round(x.at(point.x))},${round(y.at(point.y))}`)
    .join(' ')
  const marks = points.map((point) => {
    const [cx, cy] = [round(x.at(point.x)), round(y.at(point.y))]
    if (point.name !== 'default') return element('circle', { cx, cy, r: 3.5, fill: colour, 'fill-opacity': 0.55 })
    const diamond = element('path', {
      d: `M${cx} ${cy - 8}l8 8l-8 8l-8 -8z`,
      fill: colour,
      stroke: '#ffffff',
      'stroke-width': 1.5,
    })
    return diamond + text(cx, cy + 23, `k=${point.k}`, { anchor: 'middle', size: 11, fill: colour })
  })
  return [element('polyline', { points: path, fill: 'none', stroke: colour, 'stroke-width': 2 }), ...marks]
}

/** Points that no other beats in both time and overlap, by time. */
function frontier(points: readonly CurvePoint[]): readonly CurvePoint[] {
  let best = Number.NEGATIVE_INFINITY
  return points
    .toSorted((a, b) => a.x - b.x || b.y - a.y)
    .filter(({ y }) => {
      if (y <= best) return false
      best = y
      return true
    })
}

/** A line of the series, and one of the marks. */
function legendOf(series: readonly CurveSeries[], settings: string): readonly string[] {
  const [row, below] = [76, 97]
  let x = PLOT.left
  const entries = series.flatMap(({ name }, i) => {
    const at = x
    x += name.length * LEGEND_CHARACTER + LEGEND_MARGIN
    return [
      element('rect', { x: round(at), y: row - 10, width: 12, height: 12, fill: COLOURS[i % COLOURS.length]! }),
      text(at + 18, row, name, { size: 12 }),
    ]
  })
  const left = PLOT.left
  return [
    ...entries,
    element('path', { d: `M${left + 6} ${below - 12}l8 8l-8 8l-8 -8z`, fill: 'none', stroke: INK }),
    text(left + 22, below, 'default parameters', { size: 12 }),
    element('circle', { cx: left + 154, cy: below - 4, r: 3.5, fill: INK, 'fill-opacity': 0.55 }),
    text(left + 164, below, settings, { size: 12 }),
    line([PLOT.left, PLOT.bottom], [PLOT.right, PLOT.bottom], FAINT),
  ]
}
