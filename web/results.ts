/** Draws hits. Everything from the server becomes text nodes, so markup in a passage stays text. */
import type { SearchAnswerBody } from './client.ts'

type Hit = SearchAnswerBody['hits'][number]
type Mark = NonNullable<Hit['marks']>['text'][number]

/** About what three lines show. */
const EXCERPT_CHARACTERS = 240
/** What an excerpt shows before its first mark, so that it reads as a sentence. */
const EXCERPT_BEFORE_CHARACTERS = 60
/** Marks are cosines of at least a half; their strength on screen uses the whole range. */
const WEIGHT_MIN = 0.5
const STRENGTH_MIN = 0.25

/** Replaces what `list` shows by the hits of an answer. */
export function drawHits(list: HTMLElement, hits: readonly Hit[]): void {
  const best = hits[0]?.score ?? 1
  list.replaceChildren(
    ...hits.map((hit) => {
      const item = element('li')
      item.append(drawHit(hit, best))
      return item
    }),
  )
  for (const article of list.querySelectorAll<HTMLElement>('.hit')) {
    const text = article.querySelector<HTMLElement>('.text')
    const more = article.querySelector<HTMLElement>('.more')
    if (text && more) more.hidden = text.scrollHeight <= text.clientHeight + 1 && !text.dataset.excerpt
  }
}

/** Shows the whole passage, or the excerpt again. Does nothing where the excerpt is the whole. */
export function toggleHit(article: HTMLElement): void {
  const more = article.querySelector<HTMLElement>('.more')
  if (more && !more.hidden) more.click()
}

function drawHit(hit: Hit, best: number): HTMLElement {
  const article = element('article', 'hit')
  article.tabIndex = -1
  const content = element('div', 'content')
  const heading = drawHeading(hit)
  if (heading) content.append(heading)
  const below = element('div', 'below')
  if (hit.text !== undefined) {
    const { text, more } = drawText(hit.text, hit.marks?.text ?? [])
    content.append(text)
    below.append(more)
  }
  below.append(element('span', 'id', placeOf(hit)))
  content.append(below)
  article.append(element('span', 'rank', String(hit.rank)), content, drawScore(hit, best))
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

function drawText(text: string, marks: readonly Mark[]): { text: HTMLElement; more: HTMLElement } {
  const from = excerptStart(text, marks)
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
function excerptStart(text: string, marks: readonly Mark[]): number {
  const answerOf = (start: number): number =>
    marks.reduce(
      (sum, mark) => sum + (mark.start >= start && mark.end <= start + EXCERPT_CHARACTERS ? mark.weight : 0),
      0,
    )
  let from = 0
  let best = answerOf(0)
  for (const mark of marks) {
    const start = mark.start - EXCERPT_BEFORE_CHARACTERS
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
    if (start < at || end > text.length) continue
    nodes.push(text.slice(at, start))
    const mark = element('mark', '', text.slice(start, end))
    const strength = STRENGTH_MIN + (1 - STRENGTH_MIN) * Math.max(0, (weight - WEIGHT_MIN) / (1 - WEIGHT_MIN))
    mark.style.setProperty('--strength', strength.toFixed(2))
    mark.title = `similarity ${weight.toFixed(2)}`
    nodes.push(mark)
    at = end
  }
  nodes.push(text.slice(at))
  return nodes
}

function drawScore(hit: Hit, best: number): HTMLElement {
  const score = element('div', 'score', hit.score.toFixed(2))
  score.title = 'MaxSim score; the bar compares it with the best result'
  const bar = element('div', 'bar')
  const filled = element('i')
  filled.style.setProperty('--share', best > 0 ? Math.max(0, hit.score / best).toFixed(3) : '0')
  bar.append(filled)
  score.append(bar)
  return score
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
