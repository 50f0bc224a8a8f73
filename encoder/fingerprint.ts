/** Whether a query encoder fits an index: the check that keeps two models' vectors from being compared. */
import { ModelError } from '../format/errors.ts'
import type { EncoderFingerprint } from './encoder.ts'

/**
 * What must agree, in the order it is reported. Not `model`, a name for people; not `modelSha256`, as the float and the
 * int8 file of the same weights may be mixed.
 */
const COMPARED_FIELDS = [
  'weightsSha256',
  'tokenizerSha256',
  'dim',
  'queryMarker',
  'passageMarker',
  'queryLength',
  'passageLength',
  'attendToMask',
  'skipList',
] as const satisfies readonly (keyof EncoderFingerprint)[]

/** @throws ModelError naming the first field that differs, both values and the cure */
export function assertSameEncoder(index: EncoderFingerprint, query: EncoderFingerprint): void {
  for (const field of COMPARED_FIELDS) {
    const expected = JSON.stringify(index[field])
    const got = JSON.stringify(query[field])
    if (expected === got) continue
    throw new ModelError(
      `matching the query encoder to the index: expected ${field} ${expected} (model "${index.model}"), got ${got} (model "${query.model}"). ` +
        `Open the index with the model it was built with, "${index.model}", or rebuild it with "${query.model}".`,
      { field, expected, got, indexModel: index.model, queryModel: query.model },
    )
  }
}

/** What the check needs of an index; `IndexInfo` of the runtime is one. */
export interface EncodedIndex {
  readonly name: string
  /** Absent for an index built from ready vectors of an unknown encoder. */
  readonly encoder?: EncoderFingerprint
}

/** @throws ModelError when the index was built with another encoder, or with one that is not known */
export function assertEncoderOfIndex(index: EncodedIndex, query: EncoderFingerprint): void {
  assertSameEncoder(encoderOfIndex(index), query)
}

/** @throws ModelError when the index does not say what it was built with */
export function encoderOfIndex(index: EncodedIndex): EncoderFingerprint {
  if (index.encoder) return index.encoder
  throw new ModelError(
    `the index "${index.name}" was built from ready vectors of an unknown encoder, so it cannot be searched by text. Send query vectors, or put the encoder's fingerprint (encoder.json) into the vectors folder and build again.`,
    { index: index.name },
  )
}
