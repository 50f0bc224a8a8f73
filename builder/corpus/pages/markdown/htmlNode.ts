/** HTML in Markdown, read piece by piece: a tag, and what it holds, may begin in one piece and end in another. */
import { Parser } from 'htmlparser2'
import type { BlockCollector } from './blockCollector.ts'

const HEADING = /^h[1-6]$/

interface OpenElement {
  readonly name: string
  readonly isComponent: boolean
}

/** More open elements than a paragraph has, and few enough to be told again with each of its tags. */
const OPEN_MAX = 32

/** Feeds the pieces of one page to its collector, in order. */
export class HtmlPieces {
  readonly #collector: BlockCollector
  /** What pieces before have opened. */
  #open: readonly OpenElement[] = []

  constructor(collector: BlockCollector) {
    this.#collector = collector
  }

  /**
   * @param line - 1-based, where the piece begins
   * @param isInline - whether it stands within a paragraph, where it is one tag or comment
   */
  read(html: string, line: number, isInline: boolean): void {
    const collector = this.#collector
    const prefix = this.#open.map(({ name }) => `<${name}>`).join('')
    const open: OpenElement[] = []
    let isOwn = false
    const lineAt = lineCounter(html, line)
    const parser = new Parser(
      {
        onopentag: (name, attributes) => {
          const offset = parser.startIndex - prefix.length
          const isComponent = isOwn ? isComponentAt(html, offset + 1) : (this.#open[open.length]?.isComponent ?? false)
          open.push({ name, isComponent })
          if (isOwn) collector.open({ name, attributes, isComponent, isInline }, lineAt(offset))
        },
        ontext: (text) => {
          if (!isOwn) return
          const offset = parser.startIndex - prefix.length
          collector.at(lineAt(offset + text.length - text.trimStart().length))
          collector.htmlText(text)
        },
        onclosetag: (name) => {
          const { isComponent = false } = open.pop() ?? {}
          if (isOwn) collector.close({ name, isComponent, isInline })
        },
      },
      { recognizeSelfClosing: true },
    )
    parser.write(prefix)
    isOwn = true
    // The blank makes the parser hand over text and character references at the end.
    parser.write(isInline ? html : `${html} `)
    isOwn = false
    this.#open = open.slice(0, OPEN_MAX)
    parser.end()
  }

  /** After a block of HTML or a paragraph: what is open then stays so no longer, but for a heading, whose text may be Markdown. */
  endBlock(): void {
    this.#open = this.#open.filter(({ name, isComponent }) => HEADING.test(name) && !isComponent)
    this.#collector.endHtml()
  }
}

/** Line of an offset; offsets only grow, so each line end is counted once. */
function lineCounter(html: string, firstLine: number): (offset: number) => number {
  let line = firstLine
  let countedTo = 0
  return (offset) => {
    for (; countedTo < offset; countedTo++) if (html.charCodeAt(countedTo) === 0x0a) line++
    return line
  }
}

/** `<TabItem>` and `<x-card>`, but not `<DIV>`. */
function isComponentAt(html: string, offset: number): boolean {
  return /^(?:[A-Z][A-Z\d]*[a-z.]|[a-z][\w.]*-)/.test(html.slice(offset, offset + 60))
}
