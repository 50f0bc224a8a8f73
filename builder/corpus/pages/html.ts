/** HTML (by htmlparser2) to a page: what a reader sees of it, without navigation and scripts. */
import { Parser } from 'htmlparser2'
import type { Block, Page } from './page.ts'

const SKIPPED = new Set([
  'script',
  'style',
  'nav',
  'footer',
  'aside',
  'template',
  'noscript',
  'svg',
  'iframe',
  'button',
])
const HEADING = /^h([1-6])$/
/** Elements that begin and end a block of text. */
const BLOCKS = new Set(
  'address article aside blockquote body caption dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tbody tfoot thead tr ul'.split(
    ' ',
  ),
)
/** Classes of the "link to this heading" signs that documentation generators put into headings. */
const PERMALINK = /(?:^|[\s-])(?:headerlink|hash-link|header-anchor|anchor|anchorjs-link|permalink)(?:$|\s)/i
/** How much an element says "the content is here"; blocks of the highest region found make the page. */
const REGIONS: Readonly<Record<string, number>> = { main: 2, article: 1 }

/** Title: `<title>`, else the first h1. Only what is in `<main>`, else in `<article>`, when the page has one of them. */
export function parseHtml(html: string): Page {
  const collector = new PageCollector(html)
  const parser = new Parser({
    onopentag: (name, attributes) => collector.open(name, attributes, parser.startIndex),
    ontext: (text) => collector.text(text),
    onclosetag: () => collector.close(),
  })
  parser.end(html)
  return collector.finish()
}

type Attributes = Readonly<Record<string, string>>

/** An open element, with what it has from the elements around it. */
interface Element {
  readonly name: string
  readonly id: string | undefined
  readonly region: number
  readonly isTitle: boolean
  readonly isCode: boolean
  /** In `<head>`, or in a header inside the content: only title and headings are read. */
  readonly isBanner: boolean
}

const ROOT: Element = { name: '', id: undefined, region: 0, isTitle: false, isCode: false, isBanner: false }

interface OpenHeading {
  readonly depth: number
  readonly line: number
  anchor: string | undefined
  text: string
}

/** Follows the parser through one page. htmlparser2 closes every element it opens, so a stack is all it takes. */
class PageCollector {
  readonly #html: string
  readonly #elements: Element[] = []
  readonly #blocks: { readonly block: Block; readonly region: number }[] = []
  /** Stack height at which skipping ends; undefined while nothing is skipped. */
  #skipHeight: number | undefined
  #heading: OpenHeading | undefined
  #title = ''
  #text = ''
  #textLine = 1
  #countedTo = 0
  #line = 1

  constructor(html: string) {
    this.#html = html
  }

  open(name: string, attributes: Attributes, offset: number): void {
    const parent = this.#top()
    const id = attributes.id || (name === 'a' ? attributes.name : undefined) || undefined
    const isSkipping = this.#skipHeight !== undefined
    if (!isSkipping && BLOCKS.has(name)) this.#flush()
    this.#elements.push(childOf(parent, name, id))
    if (isSkipping) return
    if (this.#heading && name === 'a') this.#heading.anchor ??= id
    if (this.#isSkipped(name, attributes, parent)) {
      this.#skipHeight = this.#elements.length
    } else if (HEADING.test(name)) {
      // Sphinx and docutils give the id to the section around the heading.
      const anchor = id ?? (parent.name === 'section' ? parent.id : undefined)
      this.#heading = { depth: Number(name[1]), line: this.#lineAt(offset), anchor, text: '' }
    } else if (name === 'img') {
      this.text(` ${attributes.alt ?? ''} `)
    } else if (name === 'br' && !this.#heading) {
      this.#text += '\n'
    } else if (name === 'td' || name === 'th' || name === 'br') {
      this.text(' ')
    } else if (BLOCKS.has(name)) {
      this.#textLine = this.#lineAt(offset)
    }
  }

  text(text: string): void {
    if (this.#skipHeight !== undefined) return
    const { isTitle, isCode, isBanner } = this.#top()
    if (isTitle) this.#title += text
    else if (this.#heading) this.#heading.text += text
    else if (!isBanner) this.#text += isCode ? text : text.replace(/\s+/g, ' ')
  }

  close(): void {
    const { name } = this.#top()
    if (this.#skipHeight === undefined) {
      if (HEADING.test(name)) this.#closeHeading()
      else if (BLOCKS.has(name)) this.#flush()
    }
    if (this.#skipHeight === this.#elements.length) this.#skipHeight = undefined
    this.#elements.pop()
  }

  finish(): Page {
    this.#flush()
    const region = this.#blocks.reduce((highest, entry) => Math.max(highest, entry.region), 0)
    const blocks = this.#blocks.filter((entry) => entry.region === region).map((entry) => entry.block)
    const top = blocks.find((block) => block.kind === 'heading' && block.depth === 1)
    return { title: oneLine(this.#title) || (top?.text ?? ''), blocks }
  }

  /** A page's header is its banner, skipped; inside the content it may hold the page's h1, so its headings are read. */
  #isSkipped(name: string, attributes: Attributes, parent: Element): boolean {
    if (SKIPPED.has(name) || attributes.hidden !== undefined || attributes['aria-hidden'] === 'true') return true
    if (name === 'header') return parent.region === 0
    return this.#heading !== undefined && name === 'a' && PERMALINK.test(attributes.class ?? '')
  }

  #closeHeading(): void {
    const heading = this.#heading
    this.#heading = undefined
    if (!heading) return
    const text = oneLine(heading.text)
    if (text !== '')
      this.#push({ kind: 'heading', depth: heading.depth, text, anchor: heading.anchor, line: heading.line })
  }

  #flush(): void {
    const { isCode } = this.#top()
    const text = isCode
      ? this.#text.replace(/^\n+/, '').trimEnd()
      : this.#text
          .replace(/[^\S\n]+/g, ' ')
          .replace(/ ?\n ?/g, '\n')
          .trim()
    this.#text = ''
    if (text.trim() !== '') this.#push({ kind: 'text', text, line: this.#textLine })
  }

  #push(block: Block): void {
    this.#blocks.push({ block, region: this.#top().region })
  }

  #top(): Element {
    return this.#elements.at(-1) ?? ROOT
  }

  /** Offsets only grow, so each line end is counted once. */
  #lineAt(offset: number): number {
    for (; this.#countedTo < offset; this.#countedTo++) {
      if (this.#html.charCodeAt(this.#countedTo) === 0x0a) this.#line++
    }
    return this.#line
  }
}

function childOf(parent: Element, name: string, id: string | undefined): Element {
  return {
    name,
    id,
    region: Math.max(parent.region, REGIONS[name] ?? 0),
    isTitle: name === 'title',
    isCode: parent.isCode || name === 'pre',
    isBanner: parent.isBanner || name === 'header' || name === 'head',
  }
}

function oneLine(text: string): string {
  return text.replace(/[\s\u200b]+/g, ' ').trim()
}
