/**
 * BERT's text normalisation (clean, space CJK, lower case, strip accents) that remembers where each character came from.
 * The text it gives equals that of the BertNormalizer of @huggingface/tokenizers; that library keeps no positions.
 *
 * Differs from ColBERT, whose Python runs the tokenizers library in Rust, as @huggingface/tokenizers does: a capital sigma at
 * the end of a word becomes ς (there σ), and CJK ideographs beyond the basic plane get no blanks (there each becomes an
 * [UNK] of its own). Both touch texts that an English vocabulary has little to say about.
 */

/** What a `BertNormalizer` of a tokenizer.json switches on. */
export interface NormalizationRules {
  /** Drop control characters, turn every white space into a blank. */
  readonly cleanText: boolean
  /** Put blanks around CJK ideographs of the basic plane. */
  readonly spaceCjk: boolean
  readonly lowercase: boolean
  readonly stripAccents: boolean
}

/** A text and, for each of its UTF-16 units, the half-open range of the original it was made from. */
export interface MappedText {
  readonly text: string
  /** One entry a unit; never falling. `undefined`: unit i came from [i, i + 1). */
  readonly starts?: readonly number[]
  readonly ends?: readonly number[]
}

/** CJK ideographs that BERT treats as words of their own, as the inside of a character class (basic plane only). */
export const CJK_CLASS = '\\u3400-\\u4DBF\\u4E00-\\u9FFF\\uF900-\\uFAFF'

const PLAIN = /^[\t\n\r\x20-\x7e]*$/
const CJK = new RegExp(`[${CJK_CLASS}]`)
const DROPPED = /[\0\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u
const SPACE = /\s/
const NONSPACING_MARK = /\p{Mn}/u

/** Normalises `text`. Printable ASCII keeps its positions and costs one regular expression. */
export function normalizeText(text: string, rules: NormalizationRules): MappedText {
  if (PLAIN.test(text)) return { text: rules.lowercase ? text.toLowerCase() : text }
  let mapped: MappedText = { text }
  if (rules.cleanText && (DROPPED.test(text) || SPACE.test(text))) mapped = rewritten(mapped, cleanedCharacter)
  if (rules.spaceCjk && CJK.test(text)) mapped = rewritten(mapped, spacedCharacter)
  if (rules.lowercase) mapped = changed(mapped, (part) => part.toLowerCase())
  if (rules.stripAccents) mapped = withoutMarks(changed(mapped, (part) => part.normalize('NFD')))
  return mapped
}

function cleanedCharacter(character: string): string {
  // Tab and line ends are control characters too, but count as white space.
  if (character === '\t' || character === '\n' || character === '\r') return ' '
  if (DROPPED.test(character)) return ''
  return SPACE.test(character) ? ' ' : character
}

function spacedCharacter(character: string): string {
  return CJK.test(character) ? ` ${character} ` : character
}

/** Replaces every code point of `source` on its own. */
function rewritten(source: MappedText, rewrite: (character: string) => string): MappedText {
  let text = ''
  for (const character of source.text) text += rewrite(character)
  return withPositions(source, text, rewrite)
}

/**
 * Applies `change` to the whole text, because a Greek capital sigma looks at its neighbours and NFD sorts marks. Each code
 * point still becomes as many units as it does alone, so the positions follow from the lengths of the parts. (Where NFD
 * swaps two marks on one letter, each gets the other's position: inside what a reader sees as one character.)
 */
function changed(source: MappedText, change: (part: string) => string): MappedText {
  const text = change(source.text)
  return text === source.text ? source : withPositions(source, text, change)
}

/** @param change - gives, for each code point of `source`, as many units as it has in `text` */
function withPositions(source: MappedText, text: string, change: (character: string) => string): MappedText {
  const starts: number[] = []
  const ends: number[] = []
  let unit = 0
  for (const character of source.text) {
    const start = source.starts?.[unit] ?? unit
    const end = source.ends?.[unit] ?? unit + character.length
    for (let left = change(character).length; left > 0; left--) {
      starts.push(start)
      ends.push(end)
    }
    unit += character.length
  }
  return { text, starts, ends }
}

/** Drops nonspacing marks; the character before one takes over its range, so that a span holds its accents. */
function withoutMarks(source: MappedText): MappedText {
  if (!NONSPACING_MARK.test(source.text)) return source
  let text = ''
  const starts: number[] = []
  const ends: number[] = []
  let unit = 0
  for (const character of source.text) {
    const start = source.starts?.[unit] ?? unit
    const end = source.ends?.[unit] ?? unit + character.length
    if (!NONSPACING_MARK.test(character)) {
      text += character
      for (let left = character.length; left > 0; left--) {
        starts.push(start)
        ends.push(end)
      }
    } else if (ends.length > 0) {
      ends[ends.length - 1] = end
    }
    unit += character.length
  }
  return { text, starts, ends }
}
