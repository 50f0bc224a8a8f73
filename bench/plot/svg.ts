/** A figure as SVG text: elements, escaping, colours. No dependencies. */

export type Attributes = Readonly<Record<string, string | number>>

/** Okabe and Ito's palette, told apart by colour-blind readers too; black and the pale yellow left out. */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#666666'] as const
export const INK = '#222222'
export const FAINT = '#dddddd'

export function element(name: string, attributes: Attributes, content = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`)
  return `<${name}${written.join('')}>${content}</${name}>`
}

export interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly size?: number
  readonly fill?: string
  readonly weight?: 'normal' | 'bold'
  /** Degrees around the text's own position. */
  readonly rotate?: number
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = 'start', size = 13, fill = INK, weight = 'normal', rotate } = style
  return element(
    'text',
    {
      x: round(x),
      y: round(y),
      'text-anchor': anchor,
      'font-size': size,
      'font-weight': weight,
      fill,
      ...(rotate === undefined ? {} : { transform: `rotate(${rotate} ${round(x)} ${round(y)})` }),
    },
    escapeXml(content),
  )
}

export function line(from: readonly [number, number], to: readonly [number, number], stroke = FAINT): string {
  const [x1, y1, x2, y2] = [...from, ...to].map(round)
  return element('line', { x1: x1!, y1: y1!, x2: x2!, y2: y2!, stroke })
}

/** A whole document on white, so that it is readable on dark pages too. */
export function figure(size: { readonly width: number; readonly height: number }, parts: readonly string[]): string {
  const { width, height } = size
  const background = element('rect', { width, height, fill: '#ffffff' })
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    'font-family': 'system-ui, sans-serif',
  }
  return `${element('svg', attributes, `\n${[background, ...parts].join('\n')}\n`)}\n`
}

/** Two decimals are below what a screen shows, and keep files small and equal between runs. */
export function round(value: number): number {
  return Math.round(value * 100) / 100
}

function escapeXml(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
