/**
 * Text → token ids with their places in the text, for BERT's WordPiece tokenizers. @huggingface/tokenizers gives the ids of
 * words; cutting the text into words is done here, because the library keeps no positions and reads a text to its end.
 */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import { ModelError } from '../format/errors.ts'
import type { TextSpan } from './encoder.ts'
import { CJK_CLASS, type NormalizationRules, normalizeText } from './normalization.ts'

/** Tokens of one text in order; token t stands at UTF-16 units `[starts[t], ends[t])` of the text. */
export interface TokenizedText {
  readonly ids: readonly number[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

export interface SpecialTokens {
  readonly cls: number
  readonly sep: number
  readonly mask: number
  readonly pad: number
  readonly unk: number
}

export interface Tokenizer {
  readonly special: SpecialTokens
  /** Tokens in the vocabulary: ids are below it. */
  readonly vocabularySize: number
  /** Id of a token by its exact spelling, e.g. "[unused0]"; `undefined` when the vocabulary has none. */
  idOf(token: string): number | undefined
  /**
   * The text's own tokens, no [CLS] or [SEP] added. Spans start in order and lie inside the text; two tokens share a
   * character only where one character makes several tokens (a Hangul syllable).
   *
   * @param tokensMax - stop after this many; the result is the beginning of what the whole text gives
   */
  tokenize(text: string, tokensMax?: number): TokenizedText
}

/** Chunks whose tokens are remembered; at most 64 units each, so some 20 MB when full. English needs a few thousand. */
const CACHE_ENTRIES_MAX = 50_000
const CACHE_CHUNK_UNITS_MAX = 64

/**
 * ASCII punctuation that always is a token of its own and that lower-casing never looks past. The rest (' . : ^ `) is
 * "case ignorable": a capital sigma before it takes its small form from what comes after.
 */
const BREAK_CLASS = '!"#$%&()*+,\\-\\/;<=>?@\\[\\\\\\]_{|}~'

/** Ends a word of BERT's in a normalised text: white space, or punctuation, which is a word of its own. */
const SEPARATOR = /[\s\p{P}\u0021-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u007E]/gu
const SPACE = /\s/

interface MutableTokens {
  readonly ids: number[]
  readonly starts: number[]
  readonly ends: number[]
}

/** What tokenizing needs of a tokenizer.json. */
interface Vocabulary {
  readonly library: LibraryTokenizer
  readonly rules: NormalizationRules
  readonly unk: number
  readonly continuingPrefix: string
  readonly wordCharactersMax: number
}

/**
 * @param tokenizerJson - a Hugging Face tokenizer.json, as text
 * @throws ModelError when it is not JSON, or not a BertNormalizer + BertPreTokenizer + WordPiece tokenizer
 */
export function createTokenizer(tokenizerJson: string): Tokenizer {
  const { library, json } = openLibrary(tokenizerJson)
  const special = specialTokensOf(library)
  const vocabulary: Vocabulary = {
    library,
    rules: normalizationRulesOf(json.normalizer),
    unk: special.unk,
    continuingPrefix: json.model.continuing_subword_prefix ?? '##',
    wordCharactersMax: json.model.max_input_chars_per_word ?? 100,
  }
  const literals = literalPatternOf(library)
  const chunks = chunkPattern(vocabulary.rules)
  const cache = new Map<string, TokenizedText>()

  function tokensOfChunk(chunk: string, tokensMax: number): TokenizedText {
    const known = cache.get(chunk)
    if (known !== undefined) return known
    if (chunk.length > CACHE_CHUNK_UNITS_MAX) return tokenizeChunk(chunk, vocabulary, tokensMax)
    const tokens = tokenizeChunk(chunk, vocabulary, Number.POSITIVE_INFINITY)
    if (cache.size >= CACHE_ENTRIES_MAX) cache.clear()
    cache.set(ownCopy(chunk), tokens)
    return tokens
  }

  function tokenizeSection(text: string, start: number, end: number, tokensMax: number, output: MutableTokens): void {
    const pattern = new RegExp(chunks, 'g')
    pattern.lastIndex = start
    while (output.ids.length < tokensMax) {
      const match = pattern.exec(text)
      if (match === null || match.index >= end) return
      const chunk = match[0].length > end - match.index ? text.slice(match.index, end) : match[0]
      const left = tokensMax - output.ids.length
      append(output, tokensOfChunk(chunk, left), match.index, left)
      pattern.lastIndex = match.index + chunk.length
    }
  }

  return {
    special,
    vocabularySize: library.get_vocab().size,
    idOf: (token) => library.token_to_id(token),
    tokenize(text, tokensMax = Number.POSITIVE_INFINITY) {
      const output: MutableTokens = { ids: [], starts: [], ends: [] }
      const literalAt = new RegExp(literals, 'g')
      let start = 0
      while (start < text.length && output.ids.length < tokensMax) {
        const literal = literalAt.exec(text)
        tokenizeSection(text, start, literal?.index ?? text.length, tokensMax, output)
        if (literal === null) break
        start = literal.index + literal[0].length
        if (output.ids.length < tokensMax) {
          output.ids.push(library.token_to_id(literal[0]) ?? special.unk)
          output.starts.push(literal.index)
          output.ends.push(start)
        }
      }
      return output
    },
  }
}

function append(output: MutableTokens, tokens: TokenizedText, offset: number, tokensMax: number): void {
  const count = Math.min(tokens.ids.length, tokensMax)
  for (let token = 0; token < count; token++) {
    output.ids.push(tokens.ids[token] as number)
    output.starts.push(offset + (tokens.starts[token] as number))
    output.ends.push(offset + (tokens.ends[token] as number))
  }
}

/**
 * Pieces that can be normalised one by one with the result of normalising the whole: nothing that BERT's normalisation
 * does reaches across ASCII white space, across a CJK ideograph (it gets blanks around it), or across BREAK_CLASS.
 */
function chunkPattern(rules: NormalizationRules): string {
  const single = rules.spaceCjk ? CJK_CLASS + BREAK_CLASS : BREAK_CLASS
  return `[${single}]|[^ \\t\\n\\r${single}]+`
}

function tokenizeChunk(chunk: string, vocabulary: Vocabulary, tokensMax: number): TokenizedText {
  const { text, starts, ends } = normalizeText(chunk, vocabulary.rules)
  const output: MutableTokens = { ids: [], starts: [], ends: [] }
  for (const word of wordsOf(text)) {
    if (output.ids.length >= tokensMax) break
    for (const piece of piecesOf(text.slice(word.start, word.end), vocabulary)) {
      const start = word.start + piece.start
      const last = word.start + piece.end - 1
      output.ids.push(piece.id)
      output.starts.push(starts?.[start] ?? start)
      output.ends.push(ends?.[last] ?? last + 1)
    }
  }
  return output
}

/**
 * BERT's words as ranges of units. Looks for what ends a word, one character at a time: a pattern that swallows a whole
 * word of millions of characters overflows the stack of V8's regular expressions.
 */
function* wordsOf(text: string): Generator<TextSpan> {
  let start = 0
  for (const { 0: separator, index } of text.matchAll(SEPARATOR)) {
    if (index > start) yield { start, end: index }
    start = index + separator.length
    if (!SPACE.test(separator)) yield { start: index, end: start }
  }
  if (start < text.length) yield { start, end: text.length }
}

/** A token as a range of units in its word. */
interface Piece extends TextSpan {
  readonly id: number
}

function piecesOf(word: string, vocabulary: Vocabulary): readonly Piece[] {
  const { library, unk, continuingPrefix, wordCharactersMax } = vocabulary
  const whole = [{ id: unk, start: 0, end: word.length }]
  // A code point has at most two units: this word has too many for the library, which would first spread it into an array.
  if (word.length > 2 * wordCharactersMax) return whole
  const spellings = library.model?.encode([word]) ?? []
  const pieces: Piece[] = []
  let start = 0
  for (const spelling of spellings) {
    const id = library.token_to_id(spelling) ?? unk
    if (id === unk) return whole
    const end = start + spelling.length - (start > 0 ? continuingPrefix.length : 0)
    pieces.push({ id, start, end })
    start = end
  }
  return pieces
}

/** The fields of a tokenizer.json that are read here; the library reads the rest. */
interface TokenizerJson {
  readonly normalizer: BertNormalizerJson
  readonly model: { readonly continuing_subword_prefix?: string; readonly max_input_chars_per_word?: number }
}

interface BertNormalizerJson {
  readonly clean_text?: boolean
  readonly handle_chinese_chars?: boolean
  readonly lowercase?: boolean
  readonly strip_accents?: boolean | null
}

function openLibrary(tokenizerJson: string): { library: LibraryTokenizer; json: TokenizerJson } {
  let json: { [part: string]: { readonly type?: string; readonly vocab?: object } | null | undefined }
  try {
    json = JSON.parse(tokenizerJson)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new ModelError(`reading tokenizer.json: expected JSON, got ${reason}. Copy the file again.`, {}, { cause })
  }
  // Older files leave the model's type out; only WordPiece has a continuing prefix.
  const modelType =
    json?.model?.type ?? (json?.model && 'continuing_subword_prefix' in json.model ? 'WordPiece' : 'none')
  const got = [json?.normalizer?.type ?? 'none', json?.pre_tokenizer?.type ?? 'none', modelType].join(' + ')
  const expected = 'BertNormalizer + BertPreTokenizer + WordPiece'
  if (got !== expected) {
    throw new ModelError(
      `reading tokenizer.json: expected ${expected}, got ${got}. Tartan's tokenizer reads BERT's kind only: take a model built on BERT.`,
      { expected, got },
    )
  }
  try {
    return { library: new LibraryTokenizer(json, {}), json: json as unknown as TokenizerJson }
  } catch (cause) {
    const reason = (cause as Error).message
    throw new ModelError(`reading tokenizer.json: ${reason}. Copy the file again.`, {}, { cause })
  }
}

function normalizationRulesOf(normalizer: BertNormalizerJson): NormalizationRules {
  const lowercase = normalizer.lowercase ?? false
  return {
    cleanText: normalizer.clean_text ?? false,
    spaceCjk: normalizer.handle_chinese_chars ?? false,
    lowercase,
    // null means: as lower-casing says.
    stripAccents: normalizer.strip_accents ?? lowercase,
  }
}

function specialTokensOf(library: LibraryTokenizer): SpecialTokens {
  const idOf = (token: string): number => {
    const id = library.token_to_id(token)
    if (id !== undefined) return id
    throw new ModelError(
      `reading tokenizer.json: expected the token ${token}, got a vocabulary without it. Use the checkpoint's own file.`,
      { token },
    )
  }
  return { cls: idOf('[CLS]'), sep: idOf('[SEP]'), mask: idOf('[MASK]'), pad: idOf('[PAD]'), unk: idOf('[UNK]') }
}

/**
 * Tokens that are recognised in the raw text, such as a literal "[SEP]", the longest first.
 *
 * @throws ModelError for one to be looked for in the normalised text: chunks of it would hide a token with a blank
 */
function literalPatternOf(library: LibraryTokenizer): string {
  const tokens = [...library.get_added_tokens_decoder().values()]
  const normalized = tokens.find((token) => token.normalized)
  if (normalized !== undefined) {
    throw new ModelError(
      `reading tokenizer.json: expected added tokens with "normalized": false, got "${normalized.content}" with true. Set it to false in the file if texts never contain it.`,
      { token: normalized.content },
    )
  }
  const longestFirst = tokens.map((token) => token.content).sort((a, b) => b.length - a.length)
  // "$^" matches nowhere in a text that is not empty.
  if (longestFirst.length === 0) return '$^'
  return longestFirst.map((content) => content.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
}

/** The same string in memory of its own: V8 makes a slice that keeps the whole text it was cut from alive. */
function ownCopy(chunk: string): string {
  return String.fromCharCode(...Array.from({ length: chunk.length }, (_, i) => chunk.charCodeAt(i)))
}
