/** A page as headings and blocks of text, and its cut into passages: one section, one passage or more. */
import type { RawPassage } from '../entry.ts'
import { splitText } from '../split.ts'
import { AnchorSet, headingAnchor } from './slug.ts'

/** `line` is 1-based. */
export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'heading'
      /** 1 to 6. */
      readonly depth: number
      readonly text: string
      /** The id the page itself gives the heading; without one it gets GitHub's slug. */
      readonly anchor?: string
      readonly line: number
    }

export interface Page {
  /** Empty when the page names none. */
  readonly title: string
  readonly blocks: readonly Block[]
}

export interface SplitOptions {
  /** Bound of a passage's tokens, its title included; a long title leaves at least half of it to the text. */
  readonly tokensMax: number
  readonly countTokens: (text: string) => number
}

export interface PagePassage {
  readonly line: number
  readonly passage: RawPassage
}

interface Heading {
  readonly depth: number
  readonly text: string
  readonly anchor: string
  readonly line: number
}

/** What stands under one heading (none: the text before the first). */
interface Section {
  readonly path: readonly Heading[]
  readonly texts: readonly string[]
  readonly line: number
}

const TITLE_SEPARATOR = ' › '

/**
 * @param path - the file, relative to the corpus folder, with "/" as separator
 * @returns passages `path#anchor`, further parts of a long section `path#anchor~2`; ids are distinct
 */
export function* pagePassages(page: Page, path: string, options: SplitOptions): Generator<PagePassage> {
  for (const section of sectionsOf(page)) {
    const heading = section.path.at(-1)
    const title = sectionTitle(page.title, section.path)
    const id = heading ? `${path}#${heading.anchor}` : path
    const metadata = { path, ...(heading ? { anchor: heading.anchor, heading: heading.text } : {}) }
    const half = Math.ceil(options.tokensMax / 2)
    const tokensMax = title === '' ? options.tokensMax : Math.max(half, options.tokensMax - options.countTokens(title))
    const parts = splitText(section.texts.join('\n\n'), tokensMax, options.countTokens)
    for (const [i, text] of parts.entries()) {
      yield { line: section.line, passage: { id: i === 0 ? id : `${id}~${i + 1}`, title, text, metadata } }
    }
  }
}

/** Sections that have text. A heading without any joins the next section: as part of its path, or as its first line. */
function* sectionsOf(page: Page): Generator<Section> {
  const anchors = new AnchorSet()
  let path: Heading[] = []
  let texts: string[] = []
  let line = page.blocks[0]?.line ?? 1
  let waiting: Heading[] = []
  const lead = () => waiting.filter((heading) => !path.includes(heading)).map((heading) => heading.text)
  for (const block of page.blocks) {
    if (block.kind === 'text') {
      texts.push(block.text)
      continue
    }
    if (texts.length > 0) {
      yield { path, texts: [...lead(), ...texts], line }
      texts = []
      waiting = []
    }
    const anchor = anchors.add(block.anchor || headingAnchor(block.text) || 'section')
    const heading: Heading = { depth: block.depth, text: block.text, anchor, line: block.line }
    path = [...path.filter((above) => above.depth < block.depth), heading]
    waiting.push(heading)
    line = block.line
  }
  if (texts.length > 0) {
    yield { path, texts: [...lead(), ...texts], line }
  } else if (waiting[0]) {
    // Headings at the end of the page with nothing below: they are text themselves.
    yield { path: [waiting[0]], texts: waiting.map((heading) => heading.text), line: waiting[0].line }
  }
}

/** Page title › headings. A first heading that the page title begins with ("Install | Handbook") is not said twice. */
function sectionTitle(pageTitle: string, path: readonly Heading[]): string {
  const headings = path.map((heading) => heading.text).filter((text) => text !== '')
  if (pageTitle === '') return headings.join(TITLE_SEPARATOR)
  const rest = headings[0] !== undefined && pageTitle.startsWith(headings[0]) ? headings.slice(1) : headings
  return [pageTitle, ...rest].join(TITLE_SEPARATOR)
}
