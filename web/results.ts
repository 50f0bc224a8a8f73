/** Draws hits. Everything from the server becomes text nodes, so markup in a passage stays text. */
import type { SearchAnswerBody } from './client.ts'

type Hit = SearchAnswerBody['hits'][number]
type Mark = NonNullable<Hit['marks']>['text'][number]

/** Three lines hold about so many characters for each pixel that the list is wide; beside the text there are rank and score on a wide screen. */
const EXCERPT_CHARACTERS_PER_PIXEL = 0.25
const EXCERPT_CHARACTERS_MIN = 80
/** Share of an excerpt before its first mark, so that it reads as a sentence. */
const EXCERPT_BEFORE_SHARE = 0.25
/** Marks are cosines of at least a half; their strength on screen uses the whole range. */
const WEIGHT_MIN = 0.5
const STRENGTH_MIN = 0.25

/**
 * `fit` on the bar (docs/API.md): unrelated words have a cosine of about 0.45 for most models, a passage that says what is asked one of 0.9 and more.
 * A fixed scale, so that bars of two questions can be compared.
 */
const FIT_EMPTY = 0.45
const FIT_FULL = 0.95
/** Below, the words of the question are not answered. */
export const FIT_CLOSE = 0.55

/**
 * Shows the hits of an answer instead of others.
 *
 * @param extend - leaves those alone that are shown already, opened or not, where the answer begins with them
 */
export function drawHits(list: HTMLElement, hits: readonly Hit[], extend = false): void {
  const shown = [...list.querySelectorAll<HTMLElement>('.hit')]
  const isSame = extend && shown.length <= hits.length && shown.every((hit, i) => hit.dataset.id === hits[i]?.id)
  const from = isSame ? shown.length : 0
  const characters = Math.max(EXCERPT_CHARACTERS_MIN, Math.round(EXCERPT_CHARACTERS_PER_PIXEL * list.clientWidth))
  const items = hits.slice(from).map((hit) => {
    const item = element('li')
    item.append(drawHit(hit, characters))
    return item
  })
  const focused = document.activeElement?.closest<HTMLElement>('.hit')?.dataset.id
  if (from === 0) list.replaceChildren(...items)
  else list.append(...items)
  for (const item of items) {
    const text = item.querySelector<HTMLElement>('.text')
    const more = item.querySelector<HTMLElement>('.more')
    if (text && more) more.hidden = text.scrollHeight <= text.clientHeight + 1 && !text.dataset.excerpt
  }
  // Who reads a hit while a newer answer comes stays with it, or at the first.
  if (focused === undefined || from > 0) return
  const drawn = [...list.querySelectorAll<HTMLElement>('.hit')]
  ;(drawn.find((hit) => hit.dataset.id === focused) ?? drawn[0])?.focus({ preventScroll: true })
}

/** Shows the whole passage, or the excerpt again. Does nothing where the excerpt is the whole. */
export function toggleHit(article: HTMLElement): void {
  const more = article.querySelector<HTMLElement>('.more')
  if (more && !more.hidden) more.click()
}

function drawHit(hit: Hit, characters: number): HTMLElement {
  const article = element('article', 'hit')
  article.tabIndex = 0
  article.dataset.id = hit.id
  const content = element('div', 'content')
  const heading = drawHeading(hit)
  if (heading) {
    heading.id = `hit-${hit.rank}`
    article.setAttribute('aria-labelledby', heading.id)
    content.append(heading)
  }
  const below = element('div', 'below')
  if (hit.text !== undefined) {
    const { text, more } = drawText(hit.text, hit.marks?.text ?? [], characters)
    content.append(text)
    below.append(more)
  }
  below.append(element('span', 'id', placeOf(hit)))
  content.append(below)
  article.append(element('span', 'rank', String(hit.rank)), content, drawScore(hit))
  return article
}

function drawHeading(hit: Hit): HTMLElement | undefined {
  const title = hit.title || (hit.text === undefined ? hit.id : '')
  if (!title) return undefined
  const heading = element('h2')
  const url = hit.metadata?.url
  // Only web addresses: a "javascript:" link from a corpus must not become clickable.
  const target = typeof url === 'string' && /^https?:\/\//i.test(url) ? element('a') : undefined
  if (target) {
    target.setAttribute('href', String(url))
    target.setAttribute('rel', 'noopener noreferrer')
    heading.append(target)
  }
  ;(target ?? heading).append(...markedText(title, hit.title ? (hit.marks?.title ?? []) : []))
  return heading
}

function drawText(text: string, marks: readonly Mark[], characters: number): { text: HTMLElement; more: HTMLElement } {
  const from = excerptStart(text, marks, characters)
  const paragraph = element('p', 'text clamped')
  const more = element('button', 'more', 'Show all')
  more.setAttribute('type', 'button')
  more.setAttribute('aria-expanded', 'false')
  if (from > 0) paragraph.dataset.excerpt = 'true'
  const draw = (expanded: boolean): void => {
    const start = expanded ? 0 : from
    paragraph.replaceChildren(...(start > 0 ? ['… '] : []), ...markedText(text, marks, start))
    paragraph.classList.toggle('clamped', !expanded)
    more.setAttribute('aria-expanded', String(expanded))
    more.textContent = expanded ? 'Show less' : 'Show all'
  }
  more.addEventListener('click', () => draw(more.getAttribute('aria-expanded') !== 'true'))
  draw(false)
  return { text: paragraph, more }
}

/** Where the excerpt starts: 0, or shortly before the window of marks that together answer better than the first lines do. */
function excerptStart(text: string, marks: readonly Mark[], characters: number): number {
  const answerOf = (start: number): number =>
    marks.reduce((sum, mark) => sum + (mark.start >= start && mark.end <= start + characters ? mark.weight : 0), 0)
  let from = 0
  let best = answerOf(0)
  for (const mark of marks) {
    const start = mark.start - Math.round(EXCERPT_BEFORE_SHARE * characters)
    if (start <= 0 || answerOf(start) <= best) continue
    best = answerOf(start)
    // At a word; a text without blanks starts at the mark itself.
    const blank = text.indexOf(' ', start)
    from = blank >= 0 && blank < mark.start ? blank + 1 : mark.start
  }
  return from
}

/** The text from `from` on as nodes, marked words in `<mark>` with their strength. */
function markedText(text: string, marks: readonly Mark[], from = 0): (Node | string)[] {
  const nodes: (Node | string)[] = []
  let at = from
  for (const { start, end, weight } of marks) {
    // An excerpt may begin inside a phrase.
    if (end <= at || end > text.length) continue
    const first = Math.max(at, start)
    nodes.push(text.slice(at, first))
    const mark = element('mark', '', text.slice(first, end))
    const strength = STRENGTH_MIN + (1 - STRENGTH_MIN) * Math.max(0, (weight - WEIGHT_MIN) / (1 - WEIGHT_MIN))
    mark.style.setProperty('--strength', strength.toFixed(2))
    mark.title = `similarity ${weight.toFixed(2)}`
    nodes.push(mark)
    at = end
  }
  nodes.push(text.slice(at))
  return nodes
}

/** A bar for how well it fits, where the server can say; a score alone is comparable with those beside it only. */
function drawScore({ score, fit }: Hit): HTMLElement {
  const drawn = element('div', 'score', score.toFixed(2))
  drawn.title = 'MaxSim score; compare it within these results only'
  if (fit === undefined) return drawn
  drawn.title += `\nfit ${fit.toFixed(2)}: how well the words of the question are answered`
  const bar = element('div', fit < FIT_CLOSE ? 'bar weak' : 'bar')
  const filled = element('i')
  const share = Math.min(1, Math.max(0, (fit - FIT_EMPTY) / (FIT_FULL - FIT_EMPTY)))
  filled.style.setProperty('--share', share.toFixed(3))
  bar.append(filled)
  drawn.append(bar)
  return drawn
}

/** Where the passage is from: path and anchor of a section where the corpus has them, else its id. */
function placeOf({ id, metadata }: Hit): string {
  if (typeof metadata?.path !== 'string') return id
  return typeof metadata.anchor === 'string' && metadata.anchor ? `${metadata.path}#${metadata.anchor}` : metadata.path
}

function element(name: string, className = '', text = ''): HTMLElement {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text) made.textContent = text
  return made
}
