/** Stacked bars: bytes a token by section, one bar for each width of residuals. */
import { linearAxis } from './axis.ts'
import { COLOURS, element, figure, line, round, text } from './svg.ts'

export interface BarPart {
  readonly name: string
  readonly value: number
}

export interface Bar {
  readonly name: string
  readonly parts: readonly BarPart[]
  readonly total: number
}

export interface BarsOptions {
  readonly title: string
  readonly subtitle: string
  readonly unit: string
  /** All with the same parts in the same order. */
  readonly bars: readonly Bar[]
  /** Drawn as a mark on the bar of this name. */
  readonly target?: { readonly bar: string; readonly value: number }
}

const WIDTH = 760
const LEFT = 72
const RIGHT = 690
const TOP = 76
const BAR = 34
const GAP = 30
/** Pixels of a total and its margin. */
const TOTAL_WIDTH = 56
/** Parts below this share of the longest bar are drawn together as "others". */
const SMALL_SHARE = 0.006

export function barsFigure({ title, subtitle, unit, bars: given, target }: BarsOptions): string {
  const bars = mergeSmall(given)
  const bottom = TOP + bars.length * (BAR + GAP)
  const x = linearAxis(
    [0, ...bars.map(({ total }) => total), target?.value ?? 0],
    { first: LEFT, last: RIGHT },
    { min: 0 },
  )
  const names = bars[0]?.parts.map(({ name }) => name) ?? []
  return figure({ width: WIDTH, height: bottom + 52 + Math.ceil(names.length / 4) * 22 }, [
    text(LEFT, 30, title, { size: 18, weight: 'bold' }),
    text(LEFT, 51, subtitle, { size: 12 }),
    ...x.ticks.flatMap((tick) => [
      line([x.at(tick), TOP - 8], [x.at(tick), bottom - 12]),
      text(x.at(tick), bottom + 4, String(tick), { anchor: 'middle', size: 12 }),
    ]),
    text((LEFT + RIGHT) / 2, bottom + 24, unit, { anchor: 'middle' }),
    ...bars.flatMap((bar, i) => barOf(bar, TOP + i * (BAR + GAP), (value) => x.at(value), target)),
    ...legendOf(names, bottom + 50),
  ])
}

function barOf(
  { name, parts, total }: Bar,
  top: number,
  at: (value: number) => number,
  target: BarsOptions['target'],
): readonly string[] {
  const drawn: string[] = [text(LEFT - 10, top + BAR / 2 + 5, name, { anchor: 'end' })]
  let start = 0
  for (const [i, { value }] of parts.entries()) {
    const width = at(start + value) - at(start)
    const fill = COLOURS[i % COLOURS.length]!
    drawn.push(element('rect', { x: round(at(start)), y: top, width: round(width), height: BAR, fill }))
    if (width > 38) {
      const middle = at(start) + width / 2
      drawn.push(text(middle, top + BAR / 2 + 4, value.toFixed(2), { anchor: 'middle', size: 12, fill: '#ffffff' }))
    }
    start += value
  }
  const isAimed = target?.bar === name
  // The total stands after the target's mark where the two would meet.
  const isNear = isAimed && at(target.value) > at(start) - 4 && at(target.value) < at(start) + TOTAL_WIDTH
  drawn.push(text((isNear ? at(target.value) : at(start)) + 8, top + BAR / 2 + 5, total.toFixed(2), { weight: 'bold' }))
  if (isAimed) {
    drawn.push(
      line([at(target.value), top - 5], [at(target.value), top + BAR + 5], '#000000'),
      text(at(target.value), top + BAR + 17, `target ${target.value}`, { anchor: 'middle', size: 11 }),
    )
  }
  return drawn
}

/** Slivers nobody could see or tell apart become one part. */
function mergeSmall(bars: readonly Bar[]): readonly Bar[] {
  const longest = Math.max(...bars.map(({ total }) => total))
  const isLarge = (part: number) => bars.some(({ parts }) => (parts[part]?.value ?? 0) >= longest * SMALL_SHARE)
  return bars.map((bar) => {
    const small = bar.parts.filter((_, i) => !isLarge(i))
    const others = { name: 'others', value: small.reduce((sum, { value }) => sum + value, 0) }
    return { ...bar, parts: [...bar.parts.filter((_, i) => isLarge(i)), ...(small.length > 0 ? [others] : [])] }
  })
}

function legendOf(names: readonly string[], top: number): readonly string[] {
  return names.flatMap((name, i) => {
    const [x, y] = [LEFT + (i % 4) * 160, top + Math.floor(i / 4) * 22]
    return [
      element('rect', { x, y: y - 10, width: 12, height: 12, fill: COLOURS[i % COLOURS.length]! }),
      text(x + 18, y, name, { size: 12 }),
    ]
  })
}
