/** Words of a text as a reader sees them, and which of them say little: for marking what answers a query. */
import type { TextSpan } from '../../encoder/encoder.ts'

export interface Word extends TextSpan {
  /** Lower case, without accents: equal for what a reader takes for the same word. */
  readonly folded: string
  /** Says how words hang together, not what they are about. */
  readonly isFunctionWord: boolean
}

/** Scripts that are written without blanks between words: each character stands for itself. */
const UNSPACED = '\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}'
const WORDS = new RegExp(`[${UNSPACED}]\\p{M}*|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+`, 'gu')

/** Of English, which the bundled model reads. In other languages short words are marked as others are. */
const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  `a an and any are as at be been being but by can could did do does for from had has have how if in into is it its may might no nor
   not of on onto or s so such than that the their then there these they this those to was were what when where whether which who
   whom whose why will with would you your i we our he she his her them me my us about between during through over under`.split(
    /\s+/,
  ),
)

/** From left to right. */
export function wordsOf(text: string): readonly Word[] {
  return [...text.matchAll(WORDS)].map(({ 0: word, index }) => {
    const folded = word.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
    // "WHO", "IT", "US" are names.
    const isName = word.length > 1 && word === word.toUpperCase() && word !== word.toLowerCase()
    return {
      start: index,
      end: index + word.length,
      folded,
      isFunctionWord: FUNCTION_WORDS.has(folded) && !isName,
    }
  })
}

/** Indexes of the words that a span touches. */
export function wordsAt(words: readonly Word[], span: TextSpan): readonly number[] {
  let low = 0
  let high = words.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((words[middle] as Word).end <= span.start) low = middle + 1
    else high = middle
  }
  const found: number[] = []
  for (let i = low; i < words.length && (words[i] as Word).start < span.end; i++) found.push(i)
  return found
}
