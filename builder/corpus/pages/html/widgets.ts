/** Boxes that ask a reader for something: was this helpful, subscribe, chat with us. Known by what they hold. */
import { CHAT, CHAT_TEXT, FEEDBACK, SUBSCRIBE } from './signs.ts'
import type { Element, Tree } from './tree.ts'

const WIDGET_WORDS = 60
const FEEDBACK_WORDS = 30
/** A text run of so many words is a sentence, no name of a page. */
const SENTENCE_WORDS = 8
const BOXES = new Set('div aside section form footer fieldset dialog center'.split(' '))

export function isWidget(element: Element, names: string, tree: Tree): boolean {
  const { name, words, inputs, buttons, links } = element
  if (!(BOXES.has(name) || name.includes('-')) || words > WIDGET_WORDS || inputs + buttons + links === 0) return false
  if (words <= FEEDBACK_WORDS && inputs + buttons > 0 && FEEDBACK.test(textOf(element, tree))) return true
  if (inputs > 0 && SUBSCRIBE.test(textOf(element, tree))) return holds(element, tree, isEmailField)
  return CHAT.test(names) && inputs + buttons > 0 && element.headings <= 1 && CHAT_TEXT.test(textOf(element, tree))
}

function isEmailField({ name, attributes }: Element): boolean {
  if (name !== 'input') return false
  if (attributes.get('type') === 'email') return true
  return /e-?mail/i.test(`${attributes.get('name') ?? ''} ${attributes.get('placeholder') ?? ''}`)
}

/** Whether a text that is no link's and no control's runs on as sentences do. */
export function hasSentence(element: Element, { events }: Tree): boolean {
  let inside: Element | undefined = element
  for (let i = element.start; i < element.end; i++) {
    const event = events[i]
    if (event?.kind === 'open') inside = event.element
    else if (event?.kind === 'close') inside = event.element.parent
    else if (event?.kind === 'text' && event.words >= SENTENCE_WORDS && !(inside?.isLink || inside?.isControl))
      return true
  }
  return false
}

export function holds(element: Element, { events }: Tree, is: (inner: Element) => boolean): boolean {
  for (let i = element.start; i < element.end; i++) {
    const event = events[i]
    if (event?.kind === 'open' && is(event.element)) return true
  }
  return false
}

/** All text of an element, with blanks between what its elements say. */
export function textOf(element: Element, { events }: Tree): string {
  let text = ''
  for (let i = element.start; i < element.end; i++) {
    const event = events[i]
    text += event?.kind === 'text' ? event.text : ' '
  }
  return text
}
