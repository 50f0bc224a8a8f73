/**
 * ColBERT's way of writing a query and a passage for the network (Khattab & Zaharia, SIGIR 2020; colbert-ai 0.2.22): markers,
 * lengths, [MASK] filling, and which rows of the result stay.
 */
import { ModelError } from '../format/errors.ts'
import type { EncoderFingerprint, TextSpan } from './encoder.ts'
import type { TokenizedText, Tokenizer } from './tokenizer.ts'

/** The part of a fingerprint that says how texts are written for the network. */
export type Conventions = Pick<
  EncoderFingerprint,
  'queryMarker' | 'passageMarker' | 'queryLength' | 'passageLength' | 'attendToMask' | 'skipList'
>

/** One text as the network reads it, and what is kept of the answer. All lists have one entry a token. */
export interface EncoderInput {
  readonly ids: readonly number[]
  /** 1 where the network attends, else 0. */
  readonly attention: readonly number[]
  /** False where the row is dropped after the network. */
  readonly keep: readonly boolean[]
  /** Place in the text; `undefined` for [CLS], markers, [SEP] and the [MASK] filling. */
  readonly spans: readonly (TextSpan | undefined)[]
}

/** Rows of one network call, padded to the longest text. */
export interface EncoderBatch {
  /** i64[batch][tokens] */
  readonly inputIds: BigInt64Array
  /** i64[batch][tokens] */
  readonly attentionMask: BigInt64Array
  readonly batch: number
  readonly tokens: number
}

/** A query as the network reads it. */
export interface QueryWindows {
  /** In the order of the text. */
  readonly windows: readonly EncoderInput[]
  /** Whether the text has tokens behind the last window. */
  readonly truncated: boolean
}

/** Turns texts into inputs; made once a model. */
export interface InputWriter {
  /** `[CLS] marker tokens [SEP] [MASK]...`, exactly `queryLength` tokens; every row stays. A text may be empty. */
  query(text: string): EncoderInput
  /**
   * The query as `query` writes it, or one with more tokens than it reads as a longer one: as long as a passage, and beyond that as several windows
   * of whole words. One long window finds more than many of `queryLength`, whose words do not know of each other: of 50 SciFact claims behind a preamble of 44 tokens nDCG@10 was 0.81
   * against 0.74 to 0.77, and 0.02 where the text was cut (exact MaxSim over 600 passages).
   *
   * @param rowsMax - of all windows together, at least queryLength
   */
  queryWindows(text: string, rowsMax: number): QueryWindows
  /** `[CLS] marker tokens [SEP]`, at most `passageLength` tokens; rows of the skip list go. */
  passage(text: string): EncoderInput
  /** Tokens that `passage(text)` has. */
  countPassageTokens(text: string): number
  /** Whether a passage has more tokens than are read. */
  cutsPassage(text: string): boolean
  /**
   * Whether the model reads a word of the passage: a letter or digit in a row that stays and that is not [UNK]. Rows of a passage without one are
   * those of [CLS] and [SEP], or of signs: they are near to every query and answer none.
   */
  hasWord(text: string, passage: EncoderInput): boolean
}

/** Tokens that every text gets: [CLS], marker and [SEP]. */
export const ADDED_TOKENS = 3

const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u

/**
 * The characters of Python's `string.punctuation`, which is Stanford ColBERT's skip list.
 */
export const PUNCTUATION_SKIP_LIST: readonly string[] = [...'!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~']

/** @throws ModelError when the vocabulary lacks a marker or a character of the skip list */
export function createInputWriter(tokenizer: Tokenizer, conventions: Conventions): InputWriter {
  const { special } = tokenizer
  const queryMarker = markerOf(tokenizer, conventions.queryMarker)
  const passageMarker = markerOf(tokenizer, conventions.passageMarker)
  const queryTokensMax = conventions.queryLength - ADDED_TOKENS
  const passageTokensMax = conventions.passageLength - ADDED_TOKENS
  const skipped = skippedIds(tokenizer, conventions.skipList)
  // A literal [PAD] in a passage is dropped too, as ColBERT's mask does.
  skipped.add(special.pad)
  // A literal "[MASK]" is no word either.
  const wordless = new Set(Object.values(special))

  function framed(tokens: TokenizedText, marker: number) {
    const ids = [special.cls, marker, ...tokens.ids, special.sep]
    const spans: (TextSpan | undefined)[] = [undefined, undefined]
    tokens.starts.forEach((start, token) => {
      spans.push({ start, end: tokens.ends[token] as number })
    })
    spans.push(undefined)
    return { ids, spans }
  }

  function queryOf(tokens: TokenizedText): EncoderInput {
    const { ids, spans } = framed(tokens, queryMarker)
    // ColBERT turns padding into [MASK] after tokenizing, a literal [PAD] with it.
    const filled = ids.map((id) => (id === special.pad ? special.mask : id))
    const attention = filled.map(() => 1)
    while (filled.length < conventions.queryLength) {
      filled.push(special.mask)
      attention.push(conventions.attendToMask ? 1 : 0)
      spans.push(undefined)
    }
    return { ids: filled, attention, keep: filled.map(() => true), spans }
  }

  return {
    query: (text) => queryOf(tokenizer.tokenize(text, queryTokensMax)),
    queryWindows(text, rowsMax) {
      const windowMax = Math.min(Math.max(queryTokensMax, passageTokensMax), rowsMax - ADDED_TOKENS)
      const windowsMax = Math.ceil(rowsMax / (windowMax + ADDED_TOKENS))
      const tokensMax = rowsMax - windowsMax * ADDED_TOKENS
      const all = tokenizer.tokenize(text, tokensMax + 1)
      const tokens = slicedTokens(all, 0, tokensMax)
      const windows: EncoderInput[] = []
      let start = 0
      do {
        const end = windowEnd(tokens, start, windowMax)
        windows.push(queryOf(slicedTokens(tokens, start, end)))
        start = end
      } while (start < tokens.ids.length && windows.length < windowsMax)
      return { windows, truncated: start < all.ids.length }
    },
    passage(text) {
      const { ids, spans } = framed(tokenizer.tokenize(text, passageTokensMax), passageMarker)
      return { ids, attention: ids.map(() => 1), keep: ids.map((id) => !skipped.has(id)), spans }
    },
    countPassageTokens: (text) => tokenizer.tokenize(text, passageTokensMax).ids.length + ADDED_TOKENS,
    cutsPassage: (text) => tokenizer.tokenize(text, passageTokensMax + 1).ids.length > passageTokensMax,
    hasWord: (text, { ids, keep, spans }) =>
      spans.some((span, token) => {
        if (span === undefined || !keep[token] || wordless.has(ids[token] as number)) return false
        return LETTER_OR_DIGIT.test(text.slice(span.start, span.end))
      }),
  }
}

/** Where the window that begins at token `start` ends: windows of about one length, of at most `tokensMax` tokens, cut between words. */
function windowEnd({ ids, starts, ends }: TokenizedText, start: number, tokensMax: number): number {
  const left = ids.length - start
  if (left <= tokensMax) return ids.length
  const even = Math.ceil(left / Math.ceil(left / tokensMax))
  const touches = (token: number) => starts[token] === ends[token - 1]
  const least = start + Math.ceil(even / 2)
  let end = start + even
  while (end > least && touches(end)) end--
  // A word that fills half a window, or a script without blanks, is cut where it happens.
  return touches(end) ? start + even : end
}

function slicedTokens({ ids, starts, ends }: TokenizedText, from: number, to: number): TokenizedText {
  return { ids: ids.slice(from, to), starts: starts.slice(from, to), ends: ends.slice(from, to) }
}

/** Lays inputs out as one batch, filled up with `padId` that the network does not attend to. */
export function padBatch(inputs: readonly EncoderInput[], padId: number): EncoderBatch {
  const batch = inputs.length
  const tokens = inputs.reduce((longest, input) => Math.max(longest, input.ids.length), 0)
  const inputIds = new BigInt64Array(batch * tokens).fill(BigInt(padId))
  const attentionMask = new BigInt64Array(batch * tokens)
  inputs.forEach((input, row) => {
    for (let token = 0; token < input.ids.length; token++) {
      inputIds[row * tokens + token] = BigInt(input.ids[token] as number)
      attentionMask[row * tokens + token] = BigInt(input.attention[token] as number)
    }
  })
  return { inputIds, attentionMask, batch, tokens }
}

/** The spans of the rows that stay. */
export function keptSpans(input: EncoderInput): readonly (TextSpan | undefined)[] {
  return input.spans.filter((_, token) => input.keep[token])
}

function markerOf(tokenizer: Tokenizer, marker: string): number {
  const id = tokenizer.idOf(marker)
  if (id !== undefined) return id
  throw new ModelError(
    `preparing the encoder: expected the marker "${marker}" in the tokenizer's vocabulary, got none. The manifest and tokenizer.json are of different models: copy the model folder again.`,
    { marker },
  )
}

function skippedIds(tokenizer: Tokenizer, skipList: readonly string[]): Set<number> {
  const ids = new Set<number>()
  for (const symbol of skipList) {
    const tokens = tokenizer.tokenize(symbol).ids
    const id = tokens[0]
    // Skipping [UNK] would drop every unknown word.
    if (id === undefined || tokens.length > 1 || id === tokenizer.special.unk) {
      throw new ModelError(
        `preparing the encoder: expected "${symbol}" of the skip list to be one token of the vocabulary, got ${tokens.length === 1 ? 'an unknown one' : tokens.length}. Correct skipList in the model's manifest.`,
        { symbol },
      )
    }
    ids.add(id)
  }
  return ids
}
