/** Which id of the page a heading can be reached by: its own, one inside it, around it, just before it, or of its section. */
import { CONSENT_BANNER, namesOf } from './signs.ts'
import type { Element } from './tree.ts'

/** Ids of what lies around the whole site: they lead to the top of the page, which the page's path does as well. */
const SITE_FRAMES = new Set(
  'main-content maincontent page-content root app layout site top-content primary docs-content doc-content bodycontent bodycol __next __nuxt __docusaurus gatsby-focus-wrapper vpcontent starlight__main'.split(
    ' ',
  ),
)
/** Ids of what lies around the whole content: a heading has one when it is the first text inside. */
const WRAPPERS = new Set('content main wrapper wrap container page body document article post'.split(' '))
/** Elements whose ids are for scripts and labels, not for links. */
const NO_PLACES = new Set(['input', 'textarea', 'select', 'option', 'button', 'label', 'form', 'img', 'meta', 'canvas'])
/** Boxes: what is in one that has ended marks nothing behind it. */
const BOXES = new Set(
  'div aside section nav header footer dialog ul ol table form center article main details'.split(' '),
)
/** Boxes around a heading that are no section of it. */
const HEADING_BOXES = new Set(['header', 'hgroup', 'summary', 'a', 'span', 'button'])
/** Words that may stand in a card before its heading: a date, a category, the alternative text of a picture. */
const KICKER_WORDS = 12

interface Place {
  readonly id: string
  readonly element: Element
  readonly wordsBefore: number
  readonly headingsBefore: number
}

/** Follows a walk through the page. */
export class AnchorFinder {
  readonly #ids: ReadonlySet<string>
  /** Ids met since the last text. */
  #waiting: Place[] = []
  /** Elements with ids that have not ended. */
  readonly #around: Place[] = []
  /** Anchors of headings before, each with the element that ends its section: the last of each. */
  #sections: { readonly anchor: string; readonly scope: Element }[] = []
  #inside: string | undefined
  #words = 0
  #headings = 0

  constructor(ids: ReadonlySet<string>) {
    this.#ids = ids
  }

  open(element: Element, isInHeading: boolean): void {
    const id = idOf(element)
    if (id === undefined) return
    if (isInHeading) {
      this.#inside ??= id
      return
    }
    if (NO_PLACES.has(element.name) || isFrame(id)) return
    const place = { id, element, wordsBefore: this.#words, headingsBefore: this.#headings }
    this.#waiting.push(place)
    this.#around.push(place)
  }

  close(element: Element): void {
    if (this.#around.at(-1)?.element === element) this.#around.pop()
    if (this.#sections.some(({ scope }) => scope === element))
      this.#sections = this.#sections.filter(({ scope }) => scope !== element)
    // Its words, if it has any, were left out, or they would have ended the wait.
    if (this.#waiting.length === 0 || !BOXES.has(element.name)) return
    if (element.words > 0 || CONSENT_BANNER.test(namesOf(element)))
      this.#waiting = this.#waiting.filter((place) => place.element.start < element.start)
  }

  /** Text was met: what came before it leads to that text. */
  text(words: number): void {
    this.#words += words
    if (this.#waiting.length > 0) this.#waiting = []
  }

  /** A heading without text is a mark of what follows. */
  emptyHeading(heading: Element): void {
    const id = idOf(heading) ?? this.#inside
    if (id !== undefined)
      this.#waiting.push({ id, element: heading, wordsBefore: this.#words, headingsBefore: this.#headings })
    this.#inside = undefined
  }

  /**
   * The anchor of a heading that ends here: its own; or that of what wraps it or marks its place; or that of the section
   * that it stands in. None where all of those before it have ended: their ids lead to another text.
   *
   * @param link - id that the heading's own permalink names
   */
  heading(heading: Element, link: string | undefined): string | undefined {
    const own = idOf(heading) ?? this.#inside ?? (link !== undefined && this.#ids.has(link) ? link : undefined)
    const place = own === undefined ? this.#placeOf(heading) : undefined
    this.#waiting = []
    this.#inside = undefined
    this.#headings++
    this.#words += heading.words
    const anchor = own ?? place?.id
    if (anchor === undefined) return this.#sections.at(-1)?.anchor
    const isAround = place !== undefined && isInside(heading, place.element)
    const scope = isAround ? place.element : sectionOf(heading)
    if (this.#sections.at(-1)?.scope === scope) this.#sections.pop()
    this.#sections.push({ anchor, scope })
    return anchor
  }

  #placeOf(heading: Element): Place | undefined {
    const before = this.#waiting.findLast(({ element }) => element !== heading)
    if (before) return before
    return this.#around.findLast(
      ({ id, wordsBefore, headingsBefore }) =>
        headingsBefore === this.#headings &&
        this.#words - wordsBefore <= (WRAPPERS.has(id.toLowerCase()) ? 0 : KICKER_WORDS),
    )
  }
}

/** The nearest element around a heading that holds more text than it. */
function sectionOf(heading: Element): Element {
  let scope = heading.parent ?? heading
  while (scope.parent && (HEADING_BOXES.has(scope.name) || prose(scope) <= prose(heading))) scope = scope.parent
  return scope
}

/** Without permalinks beside the heading. */
function prose({ words, linkWords, ownLinkWords }: Element): number {
  return words - linkWords - ownLinkWords
}

function isInside(element: Element, box: Element): boolean {
  for (let around = element.parent; around; around = around.parent) if (around === box) return true
  return false
}

function isFrame(id: string): boolean {
  return SITE_FRAMES.has(id.toLowerCase()) || /skip/i.test(id)
}

export function idOf(element: Element): string | undefined {
  return (
    element.attributes.get('id') || (element.name === 'a' ? element.attributes.get('name') : undefined) || undefined
  )
}
