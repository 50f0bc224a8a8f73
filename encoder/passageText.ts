/** The text of a passage that the encoder reads, and how positions in it map back to the title and the text. */
import { ADDED_TOKENS } from './conventions.ts'
import type { Encoder, TextSpan } from './encoder.ts'

export interface TitledText {
  readonly title?: string
  readonly text?: string
}

/** BEIR's convention: title and text joined by one blank, trimmed. Of a passage as `readablePassage` leaves it, what is encoded. */
export function encodedTextOf(passage: TitledText): string {
  return joined(passage).trim()
}

/**
 * The passage with its title cut where it would push the text out of the encoder's reach: a long text gets at least half of what is read,
 * a short one all it needs. What is left of the title is its beginning, whole words of it, so places in it stay what they are.
 */
export function readablePassage<T extends TitledText>(
  passage: T,
  encoder: Pick<Encoder, 'fingerprint' | 'countTokens'>,
): T {
  const { title = '', text = '' } = passage
  const readable = encoder.fingerprint.passageLength - ADDED_TOKENS
  const half = Math.floor(readable / 2)
  // Tokens are characters or longer, but for a few scripts: most titles need no counting.
  if (title.length * 3 <= half || text.trim() === '') return passage
  if (encoder.countTokens(title, half + 1) <= half) return passage
  const titleMax = readable - encoder.countTokens(text, readable - half)
  if (encoder.countTokens(title, titleMax + 1) <= titleMax) return passage
  return { ...passage, title: longestBeginning(title, (beginning) => encoder.countTokens(beginning) <= titleMax) }
}

/** The longest beginning that fits and ends with a word; of a script without blanks, with an ideograph. */
function longestBeginning(title: string, fits: (beginning: string) => boolean): string {
  const ends = [...title.matchAll(/\p{Ideographic}|[^\s\p{Ideographic}]+/gu)].map((word) => word.index + word[0].length)
  let fitting = 0
  let beyond = ends.length
  while (fitting < beyond) {
    const middle = (fitting + beyond + 1) >>> 1
    if (fits(title.slice(0, ends[middle - 1]))) fitting = middle
    else beyond = middle - 1
  }
  return title.slice(0, ends[fitting - 1] ?? 0)
}

/**
 * Translates a span of `encodedTextOf(passage)` to the field it stands in.
 *
 * @returns `undefined` when the span touches both fields or the blank between them
 */
export function fieldSpanOf(
  passage: TitledText,
  span: TextSpan,
): { readonly field: 'title' | 'text'; readonly span: TextSpan } | undefined {
  const whole = joined(passage)
  const trimmed = whole.length - whole.trimStart().length
  const start = span.start + trimmed
  const end = span.end + trimmed
  const titleEnd = passage.title?.length ?? 0
  if (end <= titleEnd) return { field: 'title', span: { start, end } }
  const textStart = titleEnd + 1
  if (start < textStart || end > whole.length) return undefined
  return { field: 'text', span: { start: start - textStart, end: end - textStart } }
}

function joined(passage: TitledText): string {
  return `${passage.title ?? ''} ${passage.text ?? ''}`
}
