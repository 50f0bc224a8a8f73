/** Cuts a long text into passages of a bounded number of tokens, at the widest border that serves. */

/** Borders from wide to narrow. Each match ends a piece; the last level, characters, has none. */
const BORDERS: readonly RegExp[] = [
  /\n[^\S\n]*\n\s*/g, // paragraphs
  /[.!?…][)"'”’\]]{0,3}\s+|[。！？]|\n/gu, // sentences and lines (list items, code)
  /\s+/g, // words
]

/** Scripts that write no blanks between words; BERT-like tokenizers make a token of about each character. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/gu

/**
 * Estimated WordPiece tokens of a text, without a tokenizer: 1.3 a word, more for long ones (URLs, identifiers), one for
 * each character of scripts without blanks.
 */
export function estimateTokens(text: string): number {
  const unspaced = text.match(UNSPACED)?.length ?? 0
  const words = unspaced > 0 ? text.replace(UNSPACED, ' ') : text
  let tokens = unspaced
  for (const [word] of words.matchAll(/\S+/g)) tokens += Math.max(1.3, word.length / 6)
  return Math.ceil(tokens)
}

/**
 * Cuts at paragraphs; a paragraph that is too long at sentences and lines, then at words, then between characters.
 * Neighbouring pieces are packed together while they fit.
 *
 * @param tokensMax - bound of `countTokens` of each piece, at least 1; only a single character may be beyond it
 * @param countTokens - must grow with the text: a count that is cut at the encoder's length would never ask for a split
 * @returns non-blank slices of `text` in order, white space around them removed
 */
export function splitText(text: string, tokensMax: number, countTokens: (text: string) => number): string[] {
  const fits = (piece: string) => countTokens(piece) <= tokensMax
  return splitAt(text.trim(), 0, fits)
}

function splitAt(text: string, level: number, fits: (piece: string) => boolean): string[] {
  if (text === '') return []
  if (fits(text)) return [text]
  const ends = pieceEnds(text, level)
  const startOf = (piece: number) => ends[piece - 1] ?? 0
  const slices: string[] = []
  for (let piece = 0; piece < ends.length; ) {
    const run = longestRun(ends.length - piece, (count) => {
      return fits(text.slice(startOf(piece), startOf(piece + count)).trim())
    })
    // A piece that does not fit by itself goes one level down; below characters there is nothing.
    const count = Math.max(run, 1)
    const slice = text.slice(startOf(piece), startOf(piece + count)).trim()
    if (run > 0 || level === BORDERS.length) slices.push(slice)
    else slices.push(...splitAt(slice, level + 1, fits))
    piece += count
  }
  return slices.filter((slice) => slice !== '')
}

/** Offsets where pieces end, ascending, the last one at the end of the text. */
function pieceEnds(text: string, level: number): number[] {
  const border = BORDERS[level]
  const ends: number[] = []
  if (border) {
    for (const match of text.matchAll(border)) ends.push(match.index + match[0].length)
  } else {
    let end = 0
    for (const character of text) {
      end += character.length
      ends.push(end)
    }
  }
  if (ends.at(-1) !== text.length) ends.push(text.length)
  return ends
}

/** Largest count in [0, countMax] that fits, for a test that fails from some count on. Asks O(log count) times. */
function longestRun(countMax: number, fitsCount: (count: number) => boolean): number {
  let good = 0
  let bad = 1
  while (bad <= countMax && fitsCount(bad)) {
    good = bad
    bad *= 2
  }
  bad = Math.min(bad, countMax + 1)
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1
    if (fitsCount(middle)) good = middle
    else bad = middle
  }
  return good
}
