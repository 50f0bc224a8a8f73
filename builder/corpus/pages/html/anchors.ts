/** Which id of the page a heading can be reached by: its own, one inside it, around it, or just before it. */
import type { Element } from './tree.ts'

/** Ids of what lies around the whole content: they lead to the top of the page, which the page's path does as well. */
const WRAPPERS = new Set(
  'content main main-content maincontent page-content root app wrapper wrap container page body document layout site top-content primary docs-content doc-content article post bodycontent bodycol __next __nuxt __docusaurus gatsby-focus-wrapper vpcontent starlight__main'.split(
    ' ',
  ),
)
/** Elements whose ids are for scripts and labels, not for links. */
const NO_PLACES = new Set(['input', 'textarea', 'select', 'option', 'button', 'label', 'form', 'img', 'meta', 'canvas'])

/** Follows a walk through the page. */
export class AnchorFinder {
  readonly #ids: ReadonlySet<string>
  /** Ids met since the last text, with their elements. */
  #waiting: { readonly id: string; readonly element: Element }[] = []
  #inside: string | undefined

  constructor(ids: ReadonlySet<string>) {
    this.#ids = ids
  }

  open(element: Element, isInHeading: boolean): void {
    const id = idOf(element)
    if (id === undefined) return
    if (isInHeading) this.#inside ??= id
    else if (!NO_PLACES.has(element.name) && !isWrapper(id) && element.name !== 'main')
      this.#waiting.push({ id, element })
  }

  /** Text was met: what came before it leads to that text. */
  text(): void {
    if (this.#waiting.length > 0) this.#waiting = []
  }

  /** A heading without text is a mark of what follows. */
  emptyHeading(heading: Element): void {
    const id = idOf(heading) ?? this.#inside
    if (id !== undefined) this.#waiting.push({ id, element: heading })
    this.#inside = undefined
  }

  /**
   * The anchor of a heading that ends here. The nearest id before it is that of what wraps it, or of an empty element that
   * marks the place.
   *
   * @param link - id that the heading's own permalink names
   */
  heading(heading: Element, link: string | undefined): string | undefined {
    const before = this.#waiting.findLast(({ element }) => element !== heading)?.id
    const inside = this.#inside
    this.#waiting = []
    this.#inside = undefined
    return idOf(heading) ?? inside ?? (link !== undefined && this.#ids.has(link) ? link : undefined) ?? before
  }
}

function isWrapper(id: string): boolean {
  return WRAPPERS.has(id.toLowerCase()) || /skip/i.test(id)
}

export function idOf(element: Element): string | undefined {
  return (
    element.attributes.get('id') || (element.name === 'a' ? element.attributes.get('name') : undefined) || undefined
  )
}
