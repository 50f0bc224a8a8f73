/**
 * The encoder as the rest of Tartan sees it: texts in, token vectors out. Implementations share ColBERT's conventions
 * and differ only in the session that runs the network (onnxruntime-node in runtime/platform/node/, onnxruntime-web in runtime/encoders/).
 */
import type { EncoderFingerprint } from '../format/manifest/encoderFingerprint.ts'

export type { EncoderFingerprint }

/** Half-open range of UTF-16 code units in the text that was encoded. */
export interface TextSpan {
  readonly start: number
  readonly end: number
}

/** Token vectors of one text. */
export interface EncodedText {
  /** f32[rows][dim], each row of unit length. */
  readonly vectors: Float32Array
  readonly rows: number
  readonly dim: number
  /** Where each row's token stands in the text; `undefined` for [CLS], markers, [SEP] and [MASK]. One entry a row. */
  readonly spans: readonly (TextSpan | undefined)[]
  /** The text goes on behind what was read. Absent when all of it was read. */
  readonly truncated?: true
}

/** Runs the network on one padded batch. The port that hides onnxruntime-node and onnxruntime-web. */
export interface EncoderSession {
  /**
   * @param inputIds - i64[batch][tokens]
   * @param attentionMask - i64[batch][tokens], 1 where the network attends
   * @returns f32[batch][tokens][dim], rows L2-normalised, padding rows meaningless
   */
  run(inputIds: BigInt64Array, attentionMask: BigInt64Array, batch: number, tokens: number): Promise<Float32Array>
  close(): Promise<void>
}

/** Encodes queries: all that searching with texts needs. */
export interface QueryEncoder {
  readonly fingerprint: EncoderFingerprint
  /**
   * Exactly `queryLength` rows, as ColBERT makes them. A text with more tokens gives more rows, up to QUERY_ROWS_MAX: it is read as one text up to
   * `passageLength`, then in windows of that length. One that is longer still is cut, and `truncated` says so.
   * @throws InputError for a blank text, or one of more than QUERY_CHARACTERS_MAX characters
   */
  encodeQuery(text: string): Promise<EncodedText>
  close(): Promise<void>
}

export interface QueryEncodeOptions {
  /** At least `queryLength`, which gives exactly ColBERT's rows and cuts what is longer. Default QUERY_ROWS_MAX. */
  readonly rowsMax?: number
}

export interface Encoder extends QueryEncoder {
  encodeQuery(text: string, options?: QueryEncodeOptions): Promise<EncodedText>
  /**
   * One batch; results in the order of `texts`. The caller chooses batches (similar lengths waste less padding). A text without a word that the
   * model knows (blank, signs only, unknown glyphs only) has no rows: no query should find it.
   */
  encodePassages(texts: readonly string[]): Promise<readonly EncodedText[]>
  /** Tokens a passage will be encoded with ([CLS], marker, [SEP] included, cut at `passageLength`). For sorting batches. */
  countPassageTokens(text: string): number
  /** Tokens of a text itself, to its end or up to `tokensMax`; nothing is added. 0 when nothing of it can be encoded. */
  countTokens(text: string, tokensMax?: number): number
  /** The spans of the rows `encodePassages` would keep, without running the network. For marking words in results. */
  passageSpans(text: string): readonly (TextSpan | undefined)[]
}
