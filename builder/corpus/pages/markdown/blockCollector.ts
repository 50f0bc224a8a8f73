/** Puts the pieces of a Markdown page together to headings and blocks of text: those of Markdown, of HTML and of components alike. */
import type { Block } from '../page.ts'
import {
  attributeLineId,
  cleanProse,
  cutHeadingAttributes,
  guardCode,
  type HeadingText,
  withoutGuards,
} from './markers.ts'

const HEADING = /^h([1-6])$/
/** Elements that stand within a line. All others, unknown ones too, begin and end a block. */
const INLINE = new Set(
  'a abbr acronym b bdi bdo big br cite code data del dfn em font i img input ins kbd label mark nobr picture q rp rt ruby s samp small source span strike strong sub sup time tt u var wbr'.split(
    ' ',
  ),
)
/** Elements whose text is for machines. All else in Markdown was written to be read. */
const SKIPPED = new Set(['script', 'style', 'svg', 'iframe', 'head'])
/** Attributes of components that readers see: the name of a tab, the title of a card. */
const SHOWN_ATTRIBUTES = new Set(
  'title label header heading subtitle summary caption description question answer items alt'.split(' '),
)
/** Readers see these too where they hold words in a row; one word is rather the name of an icon or a colour. */
const PROSE_ATTRIBUTES = new Set('text content name body message'.split(' '))

/** Whether readers of a component see what such an attribute holds. */
export function isShownAttribute(name: string, value: string): boolean {
  const key = name.toLowerCase()
  return SHOWN_ATTRIBUTES.has(key) || (PROSE_ATTRIBUTES.has(key) && /\p{L}\S*\s+\S*\p{L}/u.test(value.slice(0, 300)))
}
/** A heading that is never closed must not swallow the page. */
const HEADING_CHARACTERS_MAX = 300

export interface Tag {
  /** In lower case. */
  readonly name: string
  readonly attributes: Readonly<Record<string, string | undefined>>
  /** Whether its name is that of a component (`<TabItem>`), not of HTML. */
  readonly isComponent: boolean
  /** Whether it stands within a paragraph. */
  readonly isInline: boolean
}

interface Part {
  text: string
  /** Code, whose white space and signs stay. */
  readonly isVerbatim: boolean
}

interface OpenHeading {
  readonly depth: number
  readonly line: number
  readonly tag: boolean
  anchor: string | undefined
  text: string
}

export class BlockCollector {
  readonly #blocks: Block[] = []
  #parts: Part[] = []
  /** Line of the block under way. */
  #line = 1
  /** How many lists, quotes or rows the text is in: together they are one block, and hold no headings. */
  #nested = 0
  #skipped = 0
  #verbatim = 0
  #heading: OpenHeading | undefined
  /** Id of an element on a line of its own: an anchor for the heading that follows. */
  #anchor: string | undefined

  /** @param line - 1-based, of what comes next */
  at(line: number): void {
    if (this.#parts.every((part) => part.text.trim() === '')) this.#line = line
  }

  get isInHeading(): boolean {
    return this.#heading !== undefined
  }

  text(text: string): void {
    if (this.#skipped > 0 || text === '') return
    if (this.#heading) {
      this.#heading.text += text
      return
    }
    this.#part(this.#verbatim > 0).text += text
    if (text.trim() !== '') this.#anchor = undefined
  }

  code(text: string): void {
    this.text(guardCode(text))
  }

  /** A block of code, its white space kept. */
  codeBlock(text: string): void {
    this.boundary()
    this.#part(true).text += text
    this.boundary()
  }

  /** White space of HTML is one blank. */
  htmlText(text: string): void {
    this.text(this.#verbatim > 0 ? text : text.replace(/\s+/g, ' '))
  }

  /** Ends a paragraph. */
  boundary(): void {
    if (this.#heading) {
      this.#heading.text += ' '
      if (this.#heading.text.length > HEADING_CHARACTERS_MAX) this.#giveUpHeading()
    } else if (this.#nested > 0) {
      this.#parts.push({ text: '', isVerbatim: false })
    } else {
      this.#flush()
    }
  }

  /** What `collect` gives is one block. */
  block(line: number, collect: () => void): void {
    if (this.#nested === 0) {
      if (this.#heading) this.#giveUpHeading()
      this.#flush()
      this.at(line)
    } else {
      this.boundary()
    }
    this.#nested++
    collect()
    this.#nested--
    this.boundary()
  }

  /** A heading of Markdown's own; inside a block it is a line of text. */
  heading(depth: number, line: number, collect: () => void): void {
    if (this.#heading) this.#giveUpHeading()
    this.boundary()
    if (this.#nested > 0) {
      collect()
    } else {
      this.#heading = { depth, line, tag: false, anchor: undefined, text: '' }
      collect()
      this.#closeHeading()
    }
    this.boundary()
  }

  open({ name, attributes, isComponent, isInline }: Tag, line: number): void {
    if (SKIPPED.has(name)) this.#skipped++
    if (this.#skipped > 0) return
    const id = attributes.id || (name === 'a' ? attributes.name : undefined) || undefined
    const depth = Number(HEADING.exec(name)?.[1] ?? 0)
    if (depth > 0 && this.#nested === 0 && !isComponent) {
      if (this.#heading) this.#closeHeading()
      this.#flush()
      this.#heading = { depth, line, tag: true, anchor: id, text: '' }
      return
    }
    if (name === 'br') this.text(this.#heading ? ' ' : '\n')
    else if (name === 'img') this.text(` ${attributes.alt ?? ''} `)
    else if (name === 'td' || name === 'th') this.text(' ')
    else this.#edge(name, isComponent, isInline)
    this.at(line)
    if (name === 'pre') this.#verbatim++
    this.#takeAnchor(id)
    if (!isComponent) return
    for (const [attribute, value = ''] of Object.entries(attributes)) {
      if (isShownAttribute(attribute, value)) this.#shownAttribute(value, isInline)
    }
  }

  close({ name, isComponent, isInline }: Omit<Tag, 'attributes'>): void {
    if (SKIPPED.has(name)) {
      this.#skipped = Math.max(0, this.#skipped - 1)
    } else if (this.#skipped === 0) {
      if (HEADING.test(name) && this.#heading?.tag && !isComponent) this.#closeHeading()
      else if (!/^(?:br|img|td|th)$/.test(name)) this.#edge(name, isComponent, isInline)
      if (name === 'pre') this.#verbatim = Math.max(0, this.#verbatim - 1)
    }
  }

  /** Ends what only counts within one block of HTML or one paragraph. */
  endHtml(): void {
    this.#skipped = 0
    this.#verbatim = 0
  }

  finish(): readonly Block[] {
    if (this.#heading) this.#closeHeading()
    this.#flush()
    return this.#blocks
  }

  #edge(name: string, isComponent: boolean, isInline: boolean): void {
    if (isInline && isComponent) this.text(' ')
    else if (isComponent || !INLINE.has(name)) this.boundary()
  }

  #shownAttribute(value: string | undefined, isInline: boolean): void {
    if (!value) return
    this.text(value)
    if (isInline) this.text(' ')
    else this.boundary()
  }

  #takeAnchor(id: string | undefined): void {
    if (id === undefined) return
    if (this.#heading) this.#heading.anchor ??= id
    else if (this.#nested === 0 && /(?:^|\n)\s*$/.test(this.#parts.at(-1)?.text ?? '')) this.#anchor = id
  }

  #part(isVerbatim: boolean): Part {
    const last = this.#parts.at(-1)
    if (last && last.isVerbatim === isVerbatim) return last
    const part = { text: '', isVerbatim }
    this.#parts.push(part)
    return part
  }

  #flush(): void {
    const parts = this.#parts
    this.#parts = []
    const [first] = parts
    if (first && !first.isVerbatim) this.#takeAttributeLine(first.text.trim())
    const text = parts
      .map((part) => (part.isVerbatim ? part.text.replace(/^\n+/, '').trimEnd() : proseOf(part.text)))
      .filter((part) => part.trim() !== '')
      .join('\n')
      .trim()
    if (text === '') return
    this.#blocks.push({ kind: 'text', text, line: this.#line })
  }

  /** kramdown's attributes belong to the heading in the line before; where none is, to the heading that comes next. */
  #takeAttributeLine(text: string): void {
    const [line = ''] = text.split('\n', 1)
    const id = attributeLineId(line)
    if (id === undefined) return
    const last = this.#blocks.at(-1)
    if (last?.kind === 'heading' && this.#line <= last.line + 2) {
      this.#blocks[this.#blocks.length - 1] = { ...last, anchor: id }
    } else if (line === text) {
      this.#anchor = id
    }
  }

  #closeHeading(): void {
    const heading = this.#heading
    this.#heading = undefined
    if (!heading) return
    const line = heading.text.replace(/[\s\u200b]+/g, ' ').trim()
    const cut: HeadingText = heading.tag ? { text: line } : cutHeadingAttributes(line)
    const text = withoutGuards(cut.text).trim()
    if (text === '') return
    const anchor = cut.id ?? heading.anchor ?? this.#anchor
    this.#anchor = undefined
    this.#blocks.push({ kind: 'heading', depth: heading.depth, text, anchor, line: heading.line })
  }

  /** A tag whose end did not come in time: its text is text. */
  #giveUpHeading(): void {
    const heading = this.#heading
    this.#heading = undefined
    if (!heading) return
    if (heading.text.length <= HEADING_CHARACTERS_MAX) {
      this.#heading = heading
      this.#closeHeading()
      return
    }
    this.#line = heading.line
    this.#part(false).text += heading.text
    this.#flush()
  }
}

function proseOf(text: string): string {
  const lines = text.replace(/[^\S\n]+/g, ' ').replace(/ ?\n ?/g, '\n')
  return cleanProse(lines.trim()).trim()
}
