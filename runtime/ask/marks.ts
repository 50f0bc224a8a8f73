/**
 * Which words of a passage answer the query, from token-level MaxSim (Khattab & Zaharia, SIGIR 2020: each query token is
 * answered by its most similar passage token), and how well. Pure; the HTTP app and the search page show the result.
 */
import type { TextSpan } from '../../encoder/encoder.ts'
import { encodedTextOf, fieldSpanOf, type TitledText } from '../../encoder/passageText.ts'
import type { TokenMatch } from '../searcher.ts'
import { type Word, wordsAt, wordsOf } from './words.ts'

/** Marked words that stand side by side: half-open range of UTF-16 code units in the title or the text, and how strongly they answer. */
export interface Mark {
  readonly start: number
  readonly end: number
  /** Largest similarity of one of the words' tokens to a query token, in (0, 1]. */
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
/** Of a word that is marked whole, though only its beginning was read. */
const WORD_UNITS_MAX = 100
/** Function words between two marked words that are marked with them, at most. */
const FILLED_WORDS_MAX = 2

export interface QueryMatch {
  /** The text that was asked. */
  readonly query: string
  /** Spans of the query's rows; rows without one ([CLS], marker, [MASK]) mark nothing. */
  readonly querySpans: readonly (TextSpan | undefined)[]
  readonly match: TokenMatch
}

export interface MarkSources extends QueryMatch {
  readonly passage: TitledText
  /** Spans of the passage's stored rows in `encodedTextOf(passage)`, see `Encoder.passageSpans`. */
  readonly passageSpans: readonly (TextSpan | undefined)[]
}

/**
 * How well the query's words are answered: the mean similarity of each to the passage word that answers it, function words left out. In
 * [-1, 1], and unlike a score comparable between queries: with tartan-small chance is mostly below 0.55, answers are mostly above it (docs/API.md).
 */
export function passageFit({ query, querySpans, match }: QueryMatch): number {
  const scores = contentRows(wordsOf(query), query, querySpans).map((row) => match.scores[row] ?? 0)
  return scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length
}

/**
 * The words that answer the query: whole words, though tokens may be pieces of them, wherever they stand; words of a phrase together.
 * Function words are marked inside phrases of the query only, unless the query has no others.
 */
export function passageMarks(sources: MarkSources): PassageMarks {
  const { passage, passageSpans, query, querySpans, match } = sources
  const queryWords = wordsOf(query)
  const answers = contentRows(queryWords, query, querySpans).flatMap((row) => {
    const span = passageSpans[match.tokens[row] ?? -1]
    const score = match.scores[row] ?? 0
    const asked = querySpans[row]
    return span && asked && span.end > span.start ? [{ span, score, asked }] : []
  })
  const strongest = answers.reduce((most, { score }) => Math.max(most, score), 0)
  const least = Math.max(MARK_SCORE_MIN, MARK_SCORE_SHARE * strongest)
  const strong = answers.filter(({ score }) => score >= least)
  // What the network did not read is not marked either.
  const readEnd = passageSpans.reduce((end, span) => Math.max(end, span?.end ?? 0), 0)
  const encoded = encodedTextOf(passage).slice(0, readEnd + WORD_UNITS_MAX)
  const words = wordsOf(encoded).filter(({ start }) => start < readEnd)
  const wordWeights = markWords({ encoded, words, queryWords, strong })
  const signs = strong.filter(({ span }) => wordsAt(words, span).length === 0)
  const found = [...wordWeights].map(([at, weight]) => ({ span: words[at] as Word, weight }))
  return inFields(passage, [...found, ...signs.map(({ span, score }) => ({ span, weight: score }))])
}

/** Rows of words that say what the query is about; of all words, or of signs, where there are no such. */
function contentRows(
  words: readonly Word[],
  query: string,
  spans: readonly (TextSpan | undefined)[],
): readonly number[] {
  const rows = [...spans.keys()].filter((row) => spans[row] !== undefined)
  const wordOf = (row: number) => words[wordsAt(words, spans[row] as TextSpan)[0] ?? -1]
  const isPicture = (row: number) => /^\p{So}/u.test(query.slice(spans[row]?.start, spans[row]?.end))
  const content = rows.filter((row) => wordOf(row)?.isFunctionWord === false || isPicture(row))
  if (content.length > 0) return content
  const worded = rows.filter((row) => wordOf(row) !== undefined)
  return worded.length > 0 ? worded : rows
}

interface Answer {
  readonly span: TextSpan
  readonly asked: TextSpan
  readonly score: number
}

interface MarkedText {
  readonly encoded: string
  readonly words: readonly Word[]
  readonly queryWords: readonly Word[]
  readonly strong: readonly Answer[]
}

/** Index of each marked word of the passage → its weight. */
function markWords({ encoded, words, queryWords, strong }: MarkedText): ReadonlyMap<number, number> {
  const hasContent = queryWords.some(({ isFunctionWord }) => !isFunctionWord)
  const marked = new Map<number, number>()
  /** Words that answer, and words of the query that are answered, wherever they stand in the passage. */
  const answering = new Map<string, number>()
  const raise = <Key>(weights: Map<Key, number>, key: Key, weight: number) =>
    weights.set(key, Math.min(1, Math.max(weights.get(key) ?? 0, weight)))
  for (const { span, asked, score } of strong) {
    for (const at of wordsAt(words, span)) {
      const word = words[at] as Word
      if (hasContent && word.isFunctionWord) continue
      raise(marked, at, score)
      raise(answering, word.folded, score)
    }
    for (const at of wordsAt(queryWords, asked)) raise(answering, (queryWords[at] as Word).folded, score)
  }
  for (const [at, word] of words.entries()) {
    const weight = isWeak(word) ? undefined : answering.get(word.folded)
    if (weight !== undefined) raise(marked, at, weight)
  }
  continuePhrases({ encoded, words, queryWords, marked })
  return marked
}

interface Phrases extends Omit<MarkedText, 'strong'> {
  readonly marked: Map<number, number>
}

/** Marks what belongs to a phrase of the query but says too little alone: the "d" of "vitamin d", the "of" of "loss of hearing". */
function continuePhrases({ encoded, words, queryWords, marked }: Phrases): void {
  const asked = new Set(queryWords.map(({ folded }) => folded))
  const pairOf = (first: Word | undefined, second: Word | undefined) => `${first?.folded} ${second?.folded}`
  const pairs = new Set(queryWords.slice(1).map((word, i) => pairOf(queryWords[i], word)))
  const last = queryWords.at(-1)?.folded
  const follow = (at: number, beside: number) => {
    const word = words[at] as Word
    const weight = marked.get(beside)
    const first = words[Math.min(at, beside)]
    const second = words[Math.max(at, beside)]
    if (weight === undefined || marked.has(at) || !isWeak(word) || !pairs.has(pairOf(first, second))) return
    if (word.isFunctionWord && !(beside < at && word.folded === last)) return
    if (first && second && isJoined(encoded.slice(first.end, second.start))) marked.set(at, weight)
  }
  for (let at = 1; at < words.length; at++) follow(at, at - 1)
  for (let at = words.length - 2; at >= 0; at--) follow(at, at + 1)
  const ends = [...marked.keys()].sort((a, b) => a - b)
  for (const [i, to] of ends.entries()) {
    const from = ends[i - 1]
    if (from === undefined || to - from - 1 > FILLED_WORDS_MAX) continue
    const between = words.slice(from + 1, to)
    if (!between.every((word) => word.isFunctionWord && asked.has(word.folded))) continue
    if (!/^[\s\p{L}\p{N}\p{M}'’-]*$/u.test(encoded.slice(words[from]?.end, words[to]?.start))) continue
    const weight = Math.min(marked.get(from) ?? 0, marked.get(to) ?? 0)
    for (let at = from + 1; at < to; at++) marked.set(at, weight)
  }
}

/** Too short, or too common, to be marked wherever it stands. */
function isWeak({ folded, isFunctionWord }: Word): boolean {
  return isFunctionWord || [...folded].length < 2
}

/** Whether what stands between two words lets them be read as one phrase: a blank, a hyphen, an apostrophe, nothing. */
function isJoined(gap: string): boolean {
  return /^[^\S\n\r]{0,2}[-‐‑–'’/·]?[^\S\n\r]{0,2}$/u.test(gap)
}

/** Into the fields they stand in; neighbours become one mark. */
function inFields(
  passage: TitledText,
  marked: readonly { readonly span: TextSpan; readonly weight: number }[],
): PassageMarks {
  const marks: { title: Mark[]; text: Mark[] } = { title: [], text: [] }
  for (const { span, weight } of [...marked].sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end)) {
    const found = fieldSpanOf(passage, span)
    if (!found) continue
    const field = marks[found.field]
    const mark = { start: found.span.start, end: found.span.end, weight: Math.min(1, weight) }
    const before = field.at(-1)
    if (!before || !isJoined((passage[found.field] ?? '').slice(before.end, mark.start))) {
      field.push(mark)
      continue
    }
    field[field.length - 1] = {
      start: before.start,
      end: Math.max(before.end, mark.end),
      weight: Math.max(before.weight, mark.weight),
    }
  }
  return marks
}
