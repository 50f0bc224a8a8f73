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
