/**
 * Which words of a passage answer the query, from token-level MaxSim (Khattab & Zaharia, SIGIR 2020: each query token is
 * answered by its most similar passage token). Pure; the HTTP app and the search page show the result.
 */
import type { TextSpan } from '../../encoder/encoder.ts'
import { encodedTextOf, fieldSpanOf, type TitledText } from '../../encoder/passageText.ts'
import type { TokenMatch } from '../searcher.ts'

/** A marked word: half-open range of UTF-16 code units in the title or the text, and how strongly it answers. */
export interface Mark {
  readonly start: number
  readonly end: number
  /** Largest similarity of one of the word's tokens to a query token, in (0, 1]. */
  readonly weight: number
}

/** Marks sorted by `start`, without overlaps. */
export interface PassageMarks {
  readonly title: readonly Mark[]
  readonly text: readonly Mark[]
}

/** A query token always has a best passage token, also where nothing answers it; below this cosine it is chance. */
export const MARK_SCORE_MIN = 0.5
/** Beside a strong match a middling one is noise: a word must reach this share of the passage's strongest match. */
export const MARK_SCORE_SHARE = 0.6

export interface MarkSources {
  readonly passage: TitledText
  /** Spans of the passage's stored rows in `encodedTextOf(passage)`, see `Encoder.passageSpans`. */
  readonly passageSpans: readonly (TextSpan | undefined)[]
  /** Spans of the query's rows; rows without one ([CLS], marker, [MASK]) mark nothing. */
  readonly querySpans: readonly (TextSpan | undefined)[]
  readonly match: TokenMatch
}

/** The words that answer the query: whole words, though tokens may be pieces of them. */
export function passageMarks({ passage, passageSpans, querySpans, match }: MarkSources): PassageMarks {
  const answers: { span: TextSpan; score: number }[] = []
  for (const [row, querySpan] of querySpans.entries()) {
    const token = match.tokens[row]
    const score = match.scores[row]
    if (!querySpan || token === undefined || score === undefined) continue
    const span = passageSpans[token]
    if (span && span.end > span.start) answers.push({ span, score })
  }
  const strongest = answers.reduce((most, { score }) => Math.max(most, score), 0)
  const least = Math.max(MARK_SCORE_MIN, MARK_SCORE_SHARE * strongest)
  const encoded = encodedTextOf(passage)
  const marks: { title: Mark[]; text: Mark[] } = { title: [], text: [] }
  for (const { span, score } of answers) {
    if (!(score >= least)) continue
    const found = fieldSpanOf(passage, wordAround(encoded, span))
    if (found) addMark(marks[found.field], { ...found.span, weight: Math.min(1, score) })
  }
  for (const field of [marks.title, marks.text]) field.sort((a, b) => a.start - b.start)
  return marks
}

const WORD_CHARACTER = /[\p{L}\p{N}\p{M}]/u

/** Grows a span that is part of a word to the whole word; a span of punctuation stays as it is. */
function wordAround(text: string, span: TextSpan): TextSpan {
  let { start, end } = span
  if (!WORD_CHARACTER.test(text.slice(start, end))) return span
  for (let before = characterBefore(text, start); WORD_CHARACTER.test(before); before = characterBefore(text, start)) {
    start -= before.length
  }
  for (let after = characterAt(text, end); WORD_CHARACTER.test(after); after = characterAt(text, end)) {
    end += after.length
  }
  return { start, end }
}

function characterAt(text: string, index: number): string {
  const point = text.codePointAt(index)
  return point === undefined ? '' : String.fromCodePoint(point)
}

/** The character that ends at `index`, a surrogate pair as one. */
function characterBefore(text: string, index: number): string {
  const pair = text.slice(Math.max(0, index - 2), index)
  return pair.length === 2 && (pair.codePointAt(0) ?? 0) > 0xffff ? pair : pair.slice(-1)
}

/** Adds a mark, or raises the weight where the word (or a part of it) is marked already. */
function addMark(marks: Mark[], mark: Mark): void {
  const at = marks.findIndex((other) => other.start < mark.end && mark.start < other.end)
  const other = marks[at]
  if (!other) {
    marks.push(mark)
    return
  }
  marks[at] = {
    start: Math.min(other.start, mark.start),
    end: Math.max(other.end, mark.end),
    weight: Math.max(other.weight, mark.weight),
  }
}
