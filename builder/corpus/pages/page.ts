/** A page as headings and blocks of text, and its cut into passages: one section, one passage or more. */
import type { RawPassage } from '../entry.ts'
import { splitText } from '../split.ts'
import { FolderIds } from './passageIds.ts'
import { AnchorSet, headingAnchor } from './slug.ts'
import { shortTrail } from './trail.ts'

/** `line` is 1-based. */
export type Block =
  | { readonly kind: 'text'; readonly text: string; readonly line: number }
  | {
      readonly kind: 'heading'
      /** 1 to 6. */
      readonly depth: number
      readonly text: string
      /** The id the page itself gives the heading, or what stands around it or just before, or its section. */
      readonly anchor?: string
      readonly line: number
    }

export interface Page {
  /** Empty when the page names none. */
  readonly title: string
  readonly blocks: readonly Block[]
  /**
   * What anchor a heading without one gets. 'slug' (default): GitHub's, as Markdown is rendered. 'own': none, since the
   * page is all there is.
   */
  readonly anchors?: 'slug' | 'own'
  readonly words?: PageWords
  /** What of the page could not be read as what it is: told to the user, and no reason to stop. */
  readonly notes?: readonly PageNote[]
}

/** How many words a reader sees, and how many of them are in no block, by why. */
export interface PageWords {
  readonly visible: number
  readonly leftOut: Readonly<Record<string, number>>
}

export interface PageNote {
  /** 1-based. */
  readonly line: number
  readonly reason: string
}

export interface SplitOptions {
  /** Bound of a passage's tokens, its title included. A title takes at most half of it: the trail of headings is shortened. */
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
  /** Undefined where the page has none that leads to the heading or its section. */
  readonly anchor: string | undefined
  readonly line: number
}

/** What stands under one heading (none: the text before the first). */
interface Section {
  readonly path: readonly Heading[]
  /** Headings that have no text of their own and that no section before had in its path. */
  readonly waiting: readonly Heading[]
  readonly texts: readonly string[]
  readonly line: number
}

/**
 * @param path - the file, relative to the corpus folder, with "/" as separator
 * @param folder - the ids of the pages before, so that none is given twice
 * @returns passages `path#anchor`, further parts of a long section `path#anchor~2`; ids are distinct and always valid. The
 * title is the trail of headings, shortened where it would take more than half of the bound. Whatever is shortened away and
 * in no other passage is the first line of the text.
 */
export function* pagePassages(
  page: Page,
  path: string,
  options: SplitOptions,
  folder = new FolderIds(),
): Generator<PagePassage> {
  const sections = [...sectionsOf(page)]
  const ids = folder.forPage(
    path,
    sections.map((section) => section.path.at(-1)?.anchor),
  )
  for (const [i, section] of sections.entries()) {
    const heading = section.path.at(-1)
    const trail = trailOf(page.title, section.path)
    const { title, cut } = shortTrail(trail, Math.ceil(options.tokensMax / 2), options.countTokens)
    const lead = leadOf(section, cut, i === 0 ? page.title : '')
    const room = title === '' ? options.tokensMax : Math.max(1, options.tokensMax - options.countTokens(title))
    const parts = splitText([...lead, ...section.texts].join('\n\n'), room, options.countTokens)
    const anchor = heading?.anchor
    const metadata = {
      path: path.toWellFormed(),
      ...(anchor === undefined ? {} : { anchor }),
      ...(heading ? { heading: heading.text } : {}),
    }
    for (const text of parts) yield { line: section.line, passage: { id: ids.next(anchor), title, text, metadata } }
  }
}

/** Sections that have text. A heading without any joins the next section: as part of its path, or as its first line. */
function* sectionsOf(page: Page): Generator<Section> {
  const slugs = page.anchors === 'own' ? undefined : new AnchorSet()
  let path: Heading[] = []
  let texts: string[] = []
  let line = page.blocks[0]?.line ?? 1
  let waiting: Heading[] = []
  for (const block of page.blocks) {
    if (block.kind === 'text') {
      texts.push(block.text)
      continue
    }
    if (texts.length > 0) {
      yield { path, waiting, texts, line }
      texts = []
      waiting = []
    }
    const anchor = slugs ? slugs.add(block.anchor || headingAnchor(block.text) || 'section') : block.anchor
    const heading: Heading = { depth: block.depth, text: block.text, anchor, line: block.line }
    path = [...path.filter((above) => above.depth < block.depth), heading]
    waiting.push(heading)
    line = block.line
  }
  if (texts.length > 0) {
    yield { path, waiting, texts, line }
  } else if (waiting[0]) {
    // Headings at the end of the page with nothing below: they are text themselves.
    yield { path: [waiting[0]], waiting: [], texts: waiting.map((heading) => heading.text), line: waiting[0].line }
  }
}

/** First lines of a section's text: what its title does not say, or not in full, and no other passage does. */
function leadOf(section: Section, cut: ReadonlySet<string>, pageTitle: string): readonly string[] {
  const headings = section.waiting.filter((heading) => !section.path.includes(heading) || cut.has(heading.text))
  const lead = headings.map((heading) => heading.text)
  return pageTitle !== '' && cut.has(pageTitle) && ![...lead, ...section.texts].includes(pageTitle)
    ? [pageTitle, ...lead]
    : lead
}

/** Page title and headings. A first heading that the page title begins with ("Install | Handbook") is not said twice. */
function trailOf(pageTitle: string, path: readonly Heading[]): readonly string[] {
  const headings = path.map((heading) => heading.text).filter((text) => text !== '')
  if (pageTitle === '') return headings
  const rest = headings[0] !== undefined && pageTitle.startsWith(headings[0]) ? headings.slice(1) : headings
  return [pageTitle, ...rest]
}
