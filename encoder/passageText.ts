/** The text of a passage that the encoder reads, and how positions in it map back to the title and the text. */
import type { TextSpan } from './encoder.ts'

export interface TitledText {
  readonly title?: string
  readonly text?: string
}

/** BEIR's convention: title and text joined by one blank, trimmed. */
export function encodedTextOf(passage: TitledText): string {
  return joined(passage).trim()
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
