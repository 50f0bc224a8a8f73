/**
 * What of a page is no text of it: ways through the site, notices that lie over it, controls. An element is left out by
 * what it holds (the share of links, of controls, of the page), never by its name alone: names lie, and a lost text cannot
 * be found. Whatever no rule speaks of is kept.
 */
import {
  ADVERT,
  ADVERT_PLACE,
  ADVERT_TEXT,
  ADVERT_WORD,
  CONSENT,
  CONSENT_BANNER,
  CONSENT_BUTTON,
  CONSENT_SURE,
  CONSENT_TEXT,
  CONTENTS,
  CONTENTS_TITLE,
  CONTROL_TEXT,
  CRUMBS,
  classesOf,
  EDIT_LINK,
  FOOTER_TEXT,
  FOOTNOTES,
  ICON_NAMES,
  LABEL,
  LINE_NUMBERS,
  NAVIGATION,
  namesOf,
  PANEL,
  PERMALINK,
  PERMALINK_TEXT,
  PICKER,
  POPUP,
  SEARCH,
  SEARCH_TEXT,
  SKIP_LINK,
} from './signs.ts'
import type { Element, Tree } from './tree.ts'
import { hasSentence, holds, isWidget, textOf } from './widgets.ts'
import { countWords, oneLine } from './words.ts'

/** Why words of a page are in no passage. */
export const LEFT_OUT = ['navigation', 'notices', 'controls', 'hidden', 'signs', 'repeated'] as const
export type LeftOut = (typeof LEFT_OUT)[number]

/** Parts of a sentence: a page shows one of several, by system or by version. */
const INLINE = new Set(['span', 'code', 'em', 'strong', 'b', 'i', 'a', 'kbd', 'samp', 'var'])
/** Elements whose ids say what they hold. Ids of others are rather anchors: `path` may be a word that is explained. */
const CONTAINERS = new Set('div aside section ul ol table form header footer center dialog details nav ins'.split(' '))
const NAVIGATION_ROLES = new Set(['navigation', 'menubar', 'menu', 'doc-toc', 'doc-pagelist'])

/** Asks about elements of one page. */
export class LeaveOut {
  readonly #tree: Tree
  readonly #siteNames: ReadonlySet<string>

  constructor(tree: Tree) {
    this.#tree = tree
    // "Install | Handbook": what follows the page's own name is the site's.
    this.#siteNames = new Set(
      tree.title
        .split(/\s+[-|–—·•»›:]\s+|\s*[|»›]\s*/)
        .slice(1)
        .map(normal),
    )
  }

  /** @param heading - the heading around the element */
  reason(element: Element, heading: Element | undefined): LeftOut | undefined {
    const names = CONTAINERS.has(element.name) ? namesOf(element) : classesOf(element)
    if (this.#isSign(element, names, heading)) return 'signs'
    if (heading) return this.#isHeadingControl(element, heading) ? 'controls' : undefined
    // An empty element leaves nothing out, and its id may be where a heading is.
    if (element.words === 0) return undefined
    if (this.#isNotice(element, names)) return 'notices'
    if (this.#isControl(element, names)) return 'controls'
    if (isHidden(element) && !this.#isReached(element, names)) return 'hidden'
    if (this.#isNavigation(element, names)) return 'navigation'
    return undefined
  }

  /** Permalinks, skip links, numbers of lines: signs beside the text. */
  #isSign(element: Element, names: string, heading: Element | undefined): boolean {
    if (element.name === 'a' && element.isLink && element.words <= 12) return this.#isSignLink(element, names, heading)
    if (names === '') return false
    if (LINE_NUMBERS.test(names)) return /^[\d\s.:]*$/.test(this.text(element))
    // KaTeX writes a formula twice: for the eye, and as MathML, which reads better.
    if (ICON_NAMES.test(names)) return /^\s*[a-z0-9]+(_[a-z0-9]+)*\s*$/.test(this.text(element))
    return /(^|\s)katex-html($|\s)/.test(names)
  }

  #isSignLink(element: Element, names: string, heading: Element | undefined): boolean {
    const text = oneLine(this.text(element))
    if (SKIP_LINK.test(text)) return true
    if (EDIT_LINK.test(text)) return true
    const isOwn = element.ownLinkWords === element.words
    if (element.words === 0) return heading !== undefined || PERMALINK.test(names)
    if (!isOwn) return false
    if (PERMALINK_TEXT.test(text) && (PERMALINK.test(names) || heading !== undefined)) return true
    // VuePress puts the whole heading into its permalink.
    return heading !== undefined && PERMALINK.test(names) && element.words < heading.words
  }

  /** A button is the heading of an accordion, or one that copies the link to it. */
  #isHeadingControl(element: Element, heading: Element): boolean {
    const isButton = element.name === 'button' || element.attributes.get('role') === 'button'
    return isButton && element.words < heading.words
  }

  #isNotice(element: Element, names: string): boolean {
    if (element.regions > 0 || element.titles > 0) return false
    const label = element.attributes.get('aria-label') ?? ''
    if (ADVERT_TEXT.test(label)) return true
    if (this.#isAdvert(element)) return true
    if (element.words <= 2 && (element.name === 'aside' || element.name === 'div'))
      return ADVERT_TEXT.test(this.text(element))
    return this.#isConsent(element, names, label)
  }

  /** A box called so that holds an advert: links, or a few words. A text without links is content, whatever its name. */
  #isAdvert(element: Element): boolean {
    const names = classesOf(element)
    if (!CONTAINERS.has(element.name) || !ADVERT.test(names)) return false
    if (element.headings > 0 || this.#isWholePage(element)) return false
    if (ADVERT_PLACE.test(names) && element.words <= 60) return true
    const text = this.text(element)
    if (element.links > 0) return linkShare(element) >= 0.5 || ADVERT_WORD.test(text)
    return element.words <= 5 && !/\.\s*$/.test(text)
  }

  #isConsent(element: Element, names: string, label: string): boolean {
    if (element.words > 400 || this.#isWholePage(element)) return false
    const isDialog = element.name === 'dialog' || /^(alert)?dialog$/.test(element.attributes.get('role') ?? '')
    const isBanner = CONSENT_BANNER.test(names) || /\b(cookie|consent)s? (banner|bar|notice|dialog)\b/i.test(label)
    const isNamed = isBanner || CONSENT.test(names) || /\b(cookie|consent)\b/i.test(label)
    if (!isNamed && !isDialog && !(element.buttons > 0 && element.words <= 80 && element.headings <= 1)) return false
    const text = this.text(element)
    const isAsking = CONSENT_BUTTON.test(this.#buttonTexts(element, isNamed))
    if (isBanner && isAsking) return true
    if (!CONSENT_TEXT.test(text)) return false
    // A banner has no heading of its own, or something to press; a section of a policy has neither.
    if (isBanner) return element.headings === 0 || element.buttons + element.inputs > 0 || isHidden(element) || isDialog
    return isAsking && (isNamed || CONSENT_SURE.test(text))
  }

  /** @param isAny - links and fields that look as buttons too */
  #buttonTexts(element: Element, isAny: boolean): string {
    const texts: string[] = []
    for (let i = element.start; i < element.end; i++) {
      const event = this.#tree.events[i]
      if (event?.kind !== 'open') continue
      const { name, attributes, words } = event.element
      if (name === 'button' || attributes.get('role') === 'button' || (isAny && name === 'a' && words <= 3))
        texts.push(this.text(event.element))
      else if (isAny && name === 'input') texts.push(attributes.get('value') ?? '')
    }
    return texts.join(' ')
  }

  #isControl(element: Element, names: string): boolean {
    const { name, attributes, words } = element
    const role = attributes.get('role')
    if (name === 'button' || role === 'button') return !isLabel(element, oneLine(this.text(element)), names)
    if (name === 'select')
      return PICKER.test(
        `${names} ${attributes.get('name') ?? ''} ${(attributes.get('aria-label') ?? '').toLowerCase()}`,
      )
    if (name === 'label') return false
    if (words > 80 || element.regions > 0 || element.titles > 0) return false
    if (isWidget(element, names, this.#tree) && !this.#isWholePage(element)) return true
    const isSearch = role === 'search' || name === 'search' || SEARCH.test(names)
    return isSearch && this.#isSearch(element, names)
  }

  /** A box to search with: by its fields and buttons, and little else. */
  #isSearch(element: Element, names: string): boolean {
    const prose = proseWords(element)
    if (element.inputs > 0) return element.headings === 0 ? prose <= 40 : prose <= 12
    if (element.buttons > 0 && prose <= 8) return true
    if (element.name === 'dialog' || isHidden(element)) return prose <= 20
    return element.words <= 8 && element.headings === 0 && SEARCH.test(names) && SEARCH_TEXT.test(this.text(element))
  }

  /** Whether a reader can bring the text to sight: a tab, an accordion, or whatever a control names. */
  #isReached(element: Element, names: string): boolean {
    const { attributes, words } = element
    const isPopup = element.name === 'dialog' || attributes.has('popover') || POPUP.test(names)
    if (attributes.get('hidden') === 'until-found' || attributes.get('role') === 'tabpanel') return true
    const id = attributes.get('id')
    const isNamed = id !== undefined && this.#tree.targets.has(id)
    // What a dialog says is shown some time; notices and search boxes are told before.
    if (element.name === 'dialog' || /^(alert)?dialog$/.test(attributes.get('role') ?? '')) return true
    if (isPopup) return isNamed || words >= 12
    return isNamed || PANEL.test(names) || words >= 3 || INLINE.has(element.name)
  }

  #isNavigation(element: Element, names: string): boolean {
    const { name, attributes, words } = element
    if (element.regions > 0 || isTabs(element)) return false
    const role = attributes.get('role') ?? ''
    if (name === 'nav' || NAVIGATION_ROLES.has(role)) return !this.#isProse(element, names)
    if (name === 'header' || role === 'banner') return this.#isBanner(element)
    if (
      name === 'footer' ||
      role === 'contentinfo' ||
      /(^|[\s-])(footer|page-meta|doc-footer)(?=$|[\s-])/.test(names)
    ) {
      if (this.#isFooter(element, names)) return true
    }
    if (this.#isSiblingLinks(element, names)) return true
    if (element.titles > 0 && !(element.titles < this.#tree.body.titles && proseWords(element) <= 12)) return false
    if (this.#isContents(element, names)) return true
    if (name === 'aside' && this.#isLinkList(element, names)) return true
    if (names === '') return false
    if (CONTENTS.test(names) && element.ownLinkWords / words >= 0.6) return true
    if (/(^|\s)menu($|\s)/.test(names) && this.#hasPrices(element)) return false
    if (!NAVIGATION.test(names) || this.#isWholePage(element)) return false
    // A section of the text may be about navigation, and have that as its anchor.
    if (element.headings > 0 && !NAVIGATION.test(classesOf(element)) && isSection(element)) return false
    return linkShare(element) >= 0.6 || (words <= 12 && (element.titles > 0 || linkShare(element) >= 0.3))
  }

  /** A line of links to the pages before, after and above, as DocBook and Texinfo write them: by `rel` or `accesskey`. */
  #isSiblingLinks(element: Element, names: string): boolean {
    if (element.headings > 0 || this.#isWholePage(element)) return false
    if (/(^|\s)nav(header|footer)($|\s)/.test(names) && element.links > 0) return true
    const { siblingLinks, links, words } = element
    return siblingLinks > 0 && siblingLinks * 2 >= links && words <= 40 && linkShare(element) >= 0.4
  }

  /** "On this page", and links to places on it only. */
  #isContents(element: Element, names: string): boolean {
    const { linkWords, ownLinkWords, controlWords } = element
    if (ownLinkWords === 0 || linkWords + controlWords > 0 || !CONTAINERS.has(element.name)) return false
    if (proseWords(element) > 4 || !(element.name === 'aside' || CONTENTS.test(names))) return false
    const title = CONTENTS_TITLE.exec(this.text(element))?.[0] ?? ''
    return title !== '' && countWords(title) === proseWords(element)
  }

  /** A `<nav>` that holds text: one that was never closed, or that is none. Without links it leads nowhere. */
  #isProse(element: Element, names: string): boolean {
    const prose = proseWords(element)
    if (prose < 4) return false
    if (element.links + element.buttons === 0) {
      const label = `${names} ${element.attributes.get('aria-label') ?? ''}`
      return !CRUMBS.test(label) && !holds(element, this.#tree, isMenuItem) && !this.#isContentsTitle(element)
    }
    if (linkShare(element) >= 0.5) return false
    return prose >= 40 || hasSentence(element, this.#tree)
  }

  #isContentsTitle(element: Element): boolean {
    const title = CONTENTS_TITLE.exec(this.text(element))?.[0] ?? ''
    return countWords(title) === element.words
  }

  /** A card of what there is to eat. */
  #hasPrices(element: Element): boolean {
    const prices = this.text(element).match(/\d[.,]\d\d\b(?![.,]\d)/g)?.length ?? 0
    return prices > 0 && prices * 2 >= element.links
  }

  /** The header of the site, not that of an article: little text, and neither the page's only title nor a lead. */
  #isBanner(element: Element): boolean {
    if (hasContentAround(element)) return false
    if (proseWords(element) > 12) return false
    if (element.titles === 0) return true
    return element.titles < this.#tree.body.titles || this.#siteNames.has(normal(this.#titleText(element)))
  }

  /** Links of the site, or a short line about who made it. Footnotes stand in footers as well. */
  #isFooter(element: Element, names: string): boolean {
    if (element.titles > 0 || element.words > 120 || this.#isFootnotes(element, names)) return false
    return linkShare(element) >= 0.6 || (element.words <= 25 && FOOTER_TEXT.test(this.text(element)))
  }

  #isLinkList(element: Element, names: string): boolean {
    return element.links >= 3 && linkShare(element) >= 0.8 && !this.#isFootnotes(element, names)
  }

  #isFootnotes(element: Element, names: string): boolean {
    return FOOTNOTES.test(names) || holdsFootnotes(element, this.#tree)
  }

  /** Whether nearly nothing to read would be left without it. */
  #isWholePage(element: Element): boolean {
    return proseWords(this.#tree.body) - proseWords(element) < 5
  }

  #titleText(element: Element): string {
    for (let i = element.start; i < element.end; i++) {
      const event = this.#tree.events[i]
      if (event?.kind === 'open' && event.element.name === 'h1') return this.text(event.element)
    }
    return ''
  }

  /** All text of an element, with blanks between what its elements say. */
  text(element: Element): string {
    return textOf(element, this.#tree)
  }
}

export function isHidden({ name, attributes }: Element): boolean {
  if (attributes.has('hidden') || attributes.has('popover')) return true
  if (name === 'dialog') return !attributes.has('open')
  return /(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)/i.test(attributes.get('style') ?? '')
}

/** Links and controls among the words. */
export function linkShare(element: Element): number {
  return element.words === 0 ? 0 : 1 - proseWords(element) / element.words
}

/** Words that are neither of a link nor of a control. */
function proseWords({ words, linkWords, ownLinkWords, controlWords }: Element): number {
  return words - linkWords - ownLinkWords - controlWords
}

/** Labels of panels: they look like navigation, and are what the panels are called. */
function isTabs({ tabs, links, buttons }: Element): boolean {
  return tabs > 0 && tabs * 2 >= links + buttons
}

function isSection({ name, attributes }: Element): boolean {
  return name === 'section' || /\bsection\b/.test(attributes.get('class') ?? '')
}

function isMenuItem({ attributes }: Element): boolean {
  return /^menuitem/.test(attributes.get('role') ?? '')
}

/** Whether the button names a part of the text, as that of an accordion and of a tab do, or is a sentence. */
function isLabel({ attributes, words }: Element, text: string, names: string): boolean {
  if (attributes.get('role') === 'tab') return true
  const toggles = attributes.get('data-bs-toggle') ?? attributes.get('data-toggle') ?? ''
  if (/^(tab|pill|list)$/.test(toggles)) return true
  if (attributes.get('aria-haspopup') || CONTROL_TEXT.test(text)) return false
  return (
    LABEL.test(names) ||
    words >= 4 ||
    toggles === 'collapse' ||
    attributes.has('aria-expanded') ||
    attributes.has('aria-controls')
  )
}

/** Whether the element is inside what a page says is its content. */
function hasContentAround({ parent }: Element): boolean {
  for (let around = parent; around; around = around.parent) {
    const role = around.attributes.get('role')
    if (/^(main|article|section|aside)$/.test(around.name) || role === 'main' || role === 'article') return true
  }
  return false
}

function holdsFootnotes(element: Element, tree: Tree): boolean {
  for (let i = element.start; i < element.end; i++) {
    const event = tree.events[i]
    if (event?.kind !== 'open') continue
    if (/^doc-(end|foot)notes?$/.test(event.element.attributes.get('role') ?? '')) return true
    if (/^fn/.test(event.element.attributes.get('id') ?? '') || FOOTNOTES.test(namesOf(event.element))) return true
  }
  return false
}

function normal(text: string): string {
  return oneLine(text).toLowerCase()
}
