/**
 * Whether a page shows two neighbours with room between, though nothing stands between them in its source: links, pieces
 * of code and spans of a row, as minified pages have them. Parts of one word (drop caps, highlighted code) stay together.
 */
import type { Element, Event } from './tree.ts'

/** Elements that hold a thing each: two beside each other are two things. */
const ITEMS = new Set(['a', 'code', 'tt', 'samp', 'time'])
const CODE = new Set(['pre', 'code', 'tt', 'samp', 'kbd', 'listing', 'xmp', 'textarea'])
/** Boxes of code and of formulas that are none by their tag. */
const CODE_CLASS =
  /(?:^|[\s_-])(?:highlight|hljs|shiki|prism|code|fragment|line|sig|signature|math|katex|mjx)(?=$|[\s_-])/i
/** As highlighters and word processors call their spans: `nt`, `c12`, `hljs-string`, `token plain`. */
const TOKEN_CLASS = /^(?:[a-z]{1,2}\d*|pre)$|(?:^|\s)(?:hljs|token|pl-|cm-|mtk)/i
/** How far up code is looked for: highlighters nest little. */
const LEVELS = 6

/** @param events - of the page: the element's neighbour ends right before it */
export function areApart(element: Element, events: readonly Event[]): boolean {
  if (element.name !== 'span' && !ITEMS.has(element.name)) return false
  const before = events[element.start - 1]
  if (before?.kind !== 'close' || before.element.parent !== element.parent || element.words === 0) return false
  const left = before.element
  if (left.words === 0 || !(left.name === 'span' || ITEMS.has(left.name))) return false
  const [end, start] = [lastText(left, events), firstText(element, events)]
  // One letter is rather part of a word; two in a row are an index.
  if (isLetter(left, end) !== isLetter(element, start)) return false
  if (!/[\p{L}\p{M}\p{N},;:!?.)\]»”’]$/u.test(end) || !/^[\p{L}\p{N}([«“]/u.test(start)) return false
  if (isInCode(element)) return false
  return isRow(left, element, end, start)
}

function isRow(left: Element, right: Element, end: string, start: string): boolean {
  const isWhole = /[\p{L}\p{M}\p{N}]$/u.test(end)
  if (left.name === 'time' || right.name === 'time') return true
  if (left.name === right.name && left.name !== 'span') {
    if (!isWhole) return /[,;!?)\]]$|[^:]:$/.test(end)
    const href = left.attributes.get('href')
    // An editor may cut one link into two.
    return href === undefined || href.startsWith('#') || href !== right.attributes.get('href')
  }
  if (!(isSpanOrLink(left) && isSpanOrLink(right)) || isToken(left) || isToken(right)) return false
  if (isLetter(left, end)) return false
  if (isMarked(end, start)) return true
  if (!isWhole || left.name !== right.name || hasUnspaced(end, start)) return false
  // Words are cut where their look changes: two of the same look are two words.
  return look(left) === look(right) && left.parent !== undefined && left.parent.ownWords === 0
}

/** Signs that a word ends here: "Author:Jane", "JaneDate", "2024Jane", "Stars128". */
function isMarked(end: string, start: string): boolean {
  if (/[\p{L}\p{N})][,;!?]$/u.test(end) || /\p{L}:$/u.test(end)) return true
  if (/[\p{L}\p{N})]\.$/u.test(end)) return /^\p{Lu}/u.test(start)
  if (/[\p{Ll}\p{N})\]]$/u.test(end) && /^\p{Lu}/u.test(start)) return true
  return /\p{L}{2}$/u.test(end) && /^\p{N}{2}/u.test(start)
}

function isSpanOrLink({ name }: Element): boolean {
  return name === 'span' || name === 'a'
}

function look({ attributes }: Element): string {
  return `${attributes.get('class') ?? ''}|${attributes.get('style') ?? ''}`
}

function isToken({ attributes }: Element): boolean {
  return TOKEN_CLASS.test(attributes.get('class') ?? '')
}

function isLetter({ words }: Element, text: string): boolean {
  return words === 1 && [...text.trim()].length === 1
}

function hasUnspaced(end: string, start: string): boolean {
  const unspaced =
    /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u
  return unspaced.test(end.slice(-1)) || unspaced.test(start.slice(0, 1))
}

function isInCode({ parent }: Element): boolean {
  let around = parent
  for (let level = 0; around && level < LEVELS; level++, around = around.parent) {
    if (CODE.has(around.name) || around.name === 'math' || CODE_CLASS.test(around.attributes.get('class') ?? ''))
      return true
  }
  return false
}

function lastText({ start, end }: Element, events: readonly Event[]): string {
  for (let i = end - 1; i > start; i--) {
    const event = events[i]
    if (event?.kind === 'text') return event.text
  }
  return ''
}

function firstText({ start, end }: Element, events: readonly Event[]): string {
  for (let i = start + 1; i < end; i++) {
    const event = events[i]
    if (event?.kind === 'text') return event.text
  }
  return ''
}
