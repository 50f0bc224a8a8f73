/** A walk through the shown elements of a page that gathers headings and blocks of text, and says what it left out. */
import type { Block } from '../page.ts'
import { AnchorFinder } from './anchors.ts'
import { areApart } from './apart.ts'
import { LEFT_OUT, LeaveOut, type LeftOut } from './leftOut.ts'
import { CHIP, namesOf } from './signs.ts'
import type { Element, Event, Tree } from './tree.ts'
import { oneLine } from './words.ts'

/** A block, and the element whose text it is. */
export interface FoundBlock {
  readonly block: Block
  readonly box: Element
  readonly words: number
}

export interface FoundBlocks {
  readonly blocks: readonly FoundBlock[]
  /** Words by why they are left out. */
  readonly leftOut: Readonly<Record<LeftOut, number>>
}

/** Says why an element is left out; undefined when it is not. */
export type Rules = Pick<LeaveOut, 'reason'>

/** Elements that begin and end a block of text. */
const BLOCKS = new Set(
  `address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure footer form h1 h2
  h3 h4 h5 h6 header hgroup hr html iframe legend li listing main menu nav ol optgroup p plaintext pre search section slot summary table tbody
  tfoot thead tr ul xmp svg text foreignObject math-block`.split(/\s+/),
)
/** Blocks that no heading holds: one that meets them was not closed. */
const PROSE = new Set('p ul ol dl pre table blockquote section article figure form h1 h2 h3 h4 h5 h6'.split(' '))
/** Shown beside each other with room between, so their words are apart. */
const SPACED = new Set(
  'td th label option select button textarea kbd rt video audio canvas meter progress img legend output input'.split(
    ' ',
  ),
)
const CODE = new Set(['pre', 'listing', 'xmp', 'plaintext', 'textarea'])
const ASCII_ONLY = /^[\0-\x7f]*$/
/** Signs of icon fonts, and characters that are not seen. */
const UNSEEN = /[\p{Co}\u200b\ufeff\u2060]+/gu

interface OpenHeading {
  readonly element: Element
  readonly depth: number
  text: string
  /** Id that its permalink names. */
  link: string | undefined
}

/** @throws nothing: every tree has blocks, maybe none */
export function findBlocks(tree: Tree, rules: Rules = new LeaveOut(tree)): FoundBlocks {
  const collector = new BlockCollector(tree, rules)
  for (let i = 0; i < tree.events.length; i++) {
    const event = tree.events[i]
    if (event && collector.take(event)) i = event.kind === 'open' ? event.element.end : i
  }
  return collector.finish()
}

class BlockCollector {
  readonly #tree: Tree
  readonly #rules: Rules
  readonly #anchors: AnchorFinder
  readonly #blocks: FoundBlock[] = []
  readonly #leftOut = Object.fromEntries(LEFT_OUT.map((reason) => [reason, 0])) as Record<LeftOut, number>
  readonly #body: Element
  #heading: OpenHeading | undefined
  #codeDepth = 0
  #text = ''
  #words = 0
  #line = 1

  constructor(tree: Tree, rules: Rules) {
    this.#tree = tree
    this.#rules = rules
    this.#anchors = new AnchorFinder(tree.ids)
    this.#body = tree.body
  }

  /** @returns whether the element that opens is to be passed over */
  take(event: Event): boolean {
    if (event.kind === 'text') this.#append(event.text, event.words)
    else if (event.kind === 'close') this.#close(event.element)
    else return this.#openElement(event.element)
    return false
  }

  finish(): FoundBlocks {
    this.#flush(this.#body)
    return { blocks: this.#blocks, leftOut: this.#leftOut }
  }

  #openElement(element: Element): boolean {
    const reason = this.#rules.reason(element, this.#heading?.element)
    const { name } = element
    if (reason) {
      if (BLOCKS.has(name)) this.#flush(element.parent ?? this.#body)
      else if (reason !== 'signs') this.#space()
      if (reason === 'signs') this.#noteSign(element)
      this.#leftOut[reason] += element.words
      return true
    }
    const depth = headingDepth(element)
    if (this.#heading && (depth > 0 || (PROSE.has(name) && this.#heading.text.trim() !== ''))) this.#endHeading()
    if (isBlock(element)) this.#flush(element.parent ?? this.#body)
    else if (isSpaced(element) || isNoteMark(element) || areApart(element, this.#tree.events)) this.#space()
    else if (name === 'br') this.#append(this.#heading ? ' ' : '\n', 0, true)
    if (depth > 0) this.#heading = { element, depth, text: '', link: undefined }
    else this.#anchors.open(element, this.#heading !== undefined)
    if (isBlock(element)) this.#line = element.line
    if (CODE.has(name)) this.#codeDepth++
    return false
  }

  #close(element: Element): void {
    if (this.#heading?.element === element) this.#endHeading()
    else if (isBlock(element)) this.#flush(element)
    if (CODE.has(element.name)) this.#codeDepth--
    if (isSpaced(element)) this.#space()
    this.#anchors.close(element)
  }

  /** Inside a heading a sign says its id, or by its link that of what is around. */
  #noteSign(element: Element): void {
    this.#anchors.open(element, this.#heading !== undefined)
    const href = element.attributes.get('href') ?? ''
    if (this.#heading && href.includes('#')) this.#heading.link ??= decoded(href.slice(href.indexOf('#') + 1))
  }

  #append(text: string, words: number, isBreak = false): void {
    const seen = ASCII_ONLY.test(text) ? text : withoutUnseen(text, words > 0)
    if (seen === '') return
    if (this.#heading) {
      this.#heading.text += seen
      return
    }
    if (isBreak || this.#codeDepth > 0) this.#text += seen
    else this.#text += seen.replace(/\s+/g, ' ')
    this.#words += words
    if (words > 0) this.#anchors.text(words)
  }

  #space(): void {
    if (this.#heading) this.#heading.text += ' '
    else if (this.#text !== '' && this.#codeDepth === 0) this.#text += ' '
  }

  #flush(box: Element): void {
    if (this.#heading) {
      this.#heading.text += ' '
      return
    }
    const text = this.#codeDepth > 0 ? this.#text.replace(/^\n+/, '').trimEnd() : tidy(this.#text)
    const words = this.#words
    this.#text = ''
    this.#words = 0
    if (text.trim() === '') return
    this.#anchors.text(0)
    this.#blocks.push({ block: { kind: 'text', text, line: this.#line }, box, words })
  }

  #endHeading(): void {
    const heading = this.#heading
    this.#heading = undefined
    if (!heading) return
    const { element, depth, link } = heading
    const text = oneLine(heading.text)
    this.#line = element.line
    if (text === '') {
      this.#anchors.emptyHeading(element)
      return
    }
    const anchor = this.#anchors.heading(element, link)
    const block: Block = {
      kind: 'heading',
      depth,
      text,
      line: element.line,
      ...(anchor === undefined ? {} : { anchor }),
    }
    this.#blocks.push({ block, box: element, words: element.words })
  }
}

/** Signs of an icon font stand alone; in a text they may be letters of a script that Unicode does not have. */
function withoutUnseen(text: string, hasWords: boolean): string {
  return text.replace(UNSEEN, (signs) => (hasWords && /\p{Co}/u.test(signs) ? signs : '')).replaceAll('\u00ad', '')
}

function tidy(text: string): string {
  return text
    .replace(/[^\S\n]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .trim()
}

/** 1 to 6 for a heading, by its tag or its role; Doxygen's page titles are neither. 0 for everything else. */
function headingDepth({ name, attributes, parent }: Element): number {
  const depth = /^h([1-6])$/.exec(name)?.[1]
  if (depth !== undefined) return Number(depth)
  if (attributes.get('role') === 'heading') return Math.min(6, Math.max(1, Number(attributes.get('aria-level')) || 2))
  const isTitle = attributes.get('class') === 'title' && parent?.attributes.get('class') === 'headertitle'
  return isTitle ? 1 : 0
}

function isBlock(element: Element): boolean {
  return (
    BLOCKS.has(element.name) ||
    /(?:^|;)\s*display\s*:\s*(?:block|flex|grid|list-item|table)\b/i.test(element.attributes.get('style') ?? '')
  )
}

/** Custom elements are mostly boxes; those that stand inside a sentence have blanks around them anyway. */
function isSpaced(element: Element): boolean {
  const { name } = element
  if (SPACED.has(name) || name.includes('-')) return true
  return (name === 'span' || name === 'a') && element.attributes.has('class') && CHIP.test(namesOf(element))
}

/** The number of a footnote is no part of the word before it; that of a power is. */
function isNoteMark({ name, links }: Element): boolean {
  return name === 'sup' && links > 0
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}
