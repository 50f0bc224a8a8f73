/** Which encoder made an index's vectors (SPEC.md §4.3): part of the manifest, and of what an encoder says about itself. */
import { FieldReader } from '../container/fields.ts'
import { FormatError } from '../errors.ts'
import { DIM_MAX, DIM_MIN, PASSAGE_TOKENS_MAX } from '../limits.ts'

/** What must be the same when an index is built and when it is queried. */
export interface EncoderFingerprint {
  /** Name of the model, for people, e.g. "tartan-small". */
  readonly model: string
  /** SHA-256 of the model file, lower-case hex. The float and the int8 file of one model differ, see `weightsSha256`. */
  readonly modelSha256: string
  /**
   * SHA-256 that all precisions of one model share (of its reference weights), lower-case hex. A query encoder is
   * accepted when it, `tokenizerSha256` and every convention below agree: float and int8 may be mixed.
   */
  readonly weightsSha256: string
  readonly tokenizerSha256: string
  readonly dim: number
  readonly queryMarker: string
  readonly passageMarker: string
  /** Rows of a query, [CLS], marker and [SEP] included; filled up with [MASK]. */
  readonly queryLength: number
  /** Most tokens of a passage, [CLS], marker and [SEP] included; the rest is cut. */
  readonly passageLength: number
  /** Whether the network attends to a query's [MASK] tokens. */
  readonly attendToMask: boolean
  /** Characters whose tokens' rows are dropped from passages after the encoder (ColBERT's punctuation mask). */
  readonly skipList: readonly string[]
}

const SKIP_LIST_MAX = 4096

/**
 * A checked encoder fingerprint.
 * @param path - names the value in errors
 * @throws FormatError naming the field that is missing or wrong
 */
export function decodeEncoderFingerprint(value: unknown, path: string): EncoderFingerprint {
  return readEncoderFingerprint(new FieldReader(value, path))
}

/** @throws FormatError naming the field that is missing or wrong */
export function readEncoderFingerprint(fields: FieldReader): EncoderFingerprint {
  return {
    model: fields.text('model', 256),
    modelSha256: fields.text('modelSha256', 64, 64),
    weightsSha256: fields.text('weightsSha256', 64, 64),
    tokenizerSha256: fields.text('tokenizerSha256', 64, 64),
    dim: fields.count('dim', DIM_MIN, DIM_MAX),
    queryMarker: fields.text('queryMarker', 64),
    passageMarker: fields.text('passageMarker', 64),
    queryLength: fields.count('queryLength', 4, PASSAGE_TOKENS_MAX),
    passageLength: fields.count('passageLength', 4, PASSAGE_TOKENS_MAX),
    attendToMask: fields.flag('attendToMask'),
    skipList: fields.list('skipList', SKIP_LIST_MAX).map((value, i) => {
      if (typeof value !== 'string') throw new FormatError(`${fields.path}.skipList[${i}]`, 'a string', typeof value)
      return value
    }),
  }
}
