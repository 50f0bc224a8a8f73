/** What a build says of the HTML pages it read: how much of what a reader sees is in no passage, why, and of which pages most. */
import type { PageWords } from '../builder/corpus/pages/page.ts'
import { formatCount, formatCounted, printable } from './terminal.ts'

const WORST_SHOWN = 5
/** A page of a few words is soon left out by half; that says nothing. */
const WORDS_MIN = 20

interface LeftOutPage {
  readonly file: string
  readonly visible: number
  readonly leftOut: number
}

/** Totals, and the pages of which the largest share is left out. */
export interface PageReport {
  readonly pages: number
  /** Words that a reader sees. */
  readonly visible: number
  /** Words by why they are in no passage. */
  readonly leftOut: Readonly<Record<string, number>>
  readonly worst: readonly LeftOutPage[]
}

/** Adds pages up; memory does not grow with them. */
export class PageWordCount {
  #pages = 0
  #visible = 0
  readonly #leftOut: Record<string, number> = {}
  #worst: readonly LeftOutPage[] = []

  readonly add = (file: string, { visible, leftOut }: PageWords): void => {
    this.#pages++
    this.#visible += visible
    for (const [why, words] of Object.entries(leftOut)) this.#leftOut[why] = (this.#leftOut[why] ?? 0) + words
    const left = Object.values(leftOut).reduce((sum, words) => sum + words, 0)
    if (left === 0 || visible < WORDS_MIN) return
    const share = (page: LeftOutPage) => page.leftOut / page.visible
    const all = [...this.#worst, { file, visible, leftOut: left }]
    this.#worst = all.sort((a, b) => share(b) - share(a)).slice(0, WORST_SHOWN)
  }

  /** Undefined when no HTML page was read. */
  report(): PageReport | undefined {
    if (this.#pages === 0) return undefined
    return { pages: this.#pages, visible: this.#visible, leftOut: this.#leftOut, worst: this.#worst }
  }
}

/** Lines for a report; empty where nothing was left out. */
export function pageLines(report: PageReport | undefined): string {
  const reasons = Object.entries(report?.leftOut ?? {}).filter(([, words]) => words > 0)
  if (!report || reasons.length === 0) return ''
  const left = reasons.reduce((sum, [, words]) => sum + words, 0)
  const why = reasons.sort((a, b) => b[1] - a[1]).map(([name, words]) => `${formatCount(words)} ${name}`)
  const worst = report.worst.map(
    ({ file, visible, leftOut }) => `${printable(file)} (${formatCount(leftOut)} of ${formatCount(visible)})`,
  )
  return (
    `${formatCounted(report.pages, 'HTML page')}: of ${formatCounted(report.visible, 'word')} that a reader sees, ${formatCount(left)} are no text of their page and left out (${why.join(', ')})\n` +
    (worst.length > 0 ? `Most of them from ${worst.slice(0, 3).join(', ')}\n` : '')
  )
}
