/** Cuts a long text into passages of a bounded number of tokens, at the widest border that serves. */

/** Borders from wide to narrow. Each match ends a piece; the last level, characters, has none. */
const BORDERS: readonly RegExp[] = [
  /\n[^\S\n]*\n\s*/g, // paragraphs
  /[.!?…][)"'”’\]]{0,3}\s+|[。！？]|\n/gu, // sentences and lines (list items, code)
  /\s+/g, // words
]

/** A passage of so few UTF-16 units says nothing by itself: a title of one character, the end of a cut word. */
const SCRAP = 8

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
 * Neighbouring pieces are packed together while they fit. A scrap before a piece that is cut is cut with it.
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
  /** Where the last slice began, unless it was cut. */
  let before: number | undefined
  for (let piece = 0; piece < ends.length; ) {
    const run = longestRun(ends.length - piece, (count) => {
      return fits(text.slice(startOf(piece), startOf(piece + count)).trim())
    })
    // A piece that does not fit by itself goes one level down; below characters there is nothing.
    const count = Math.max(run, 1)
    const slice = text.slice(startOf(piece), startOf(piece + count)).trim()
    if (run > 0 || level === BORDERS.length) {
      slices.push(slice)
      before = run > 0 ? startOf(piece) : undefined
    } else {
      const isScrap = before !== undefined && (slices.at(-1)?.length ?? 0) < SCRAP
      if (isScrap) slices.pop()
      const from = (isScrap ? before : undefined) ?? startOf(piece)
      slices.push(...splitAt(text.slice(from, startOf(piece + count)).trim(), level + 1, fits))
      before = undefined
    }
    piece += count
  }
  const found = slices.filter((slice) => slice !== '')
  return level === BORDERS.length ? withoutScrap(found, fits) : found
}

/** What is left of a cut word takes characters of the slice before it. */
function withoutScrap(slices: string[], fits: (piece: string) => boolean): string[] {
  const [before, last] = [slices.at(-2), slices.at(-1)]
  if (before === undefined || last === undefined || last.length >= SCRAP || before.length < 2 * SCRAP) return slices
  const characters = [...before]
  const kept = characters.slice(0, characters.length >> 1).join('')
  const end = `${before.slice(kept.length)}${last}`
  return kept.trim() === kept && end.trim() === end && fits(end) ? [...slices.slice(0, -2), kept, end] : slices
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
