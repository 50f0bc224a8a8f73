/** What `/v1/encode` and `/v1/rerank` take and answer, as zod schemas: the check and the OpenAPI document. */
import { z } from '@hono/zod-openapi'
import { QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { ENCODE_TEXTS_MAX } from '../encoders/vectorText.ts'
import {
  boundedText,
  integer,
  passageIds,
  queryText,
  queryVectors,
  searchedIndex,
  truncated,
  WORD_PATTERN,
} from './schemas.ts'

/** Passages of one `/v1/rerank`: by id they cost a lookup and a score, by text a run of the network. */
export const RERANK_IDS_MAX = 1000
export const RERANK_TEXTS_MAX = 100

/** Characters of a passage text that is sent to be encoded; ColBERT reads only the first `passageLength` tokens anyway. */
const PASSAGE_CHARACTERS_MAX = 32_768

const passageText = boundedText(PASSAGE_CHARACTERS_MAX)

export const encodeBody = z
  .strictObject({
    texts: z
      .array(passageText, { error: 'expected a list of texts' })
      .min(1, { error: 'expected at least one text' })
      .max(ENCODE_TEXTS_MAX, { error: `expected at most ${ENCODE_TEXTS_MAX} texts` })
      .openapi({ description: `Queries have at most ${QUERY_CHARACTERS_MAX} characters and at least one word.` }),
    kind: z
      .enum(['query', 'passage'], { error: 'expected "query" or "passage"' })
      .optional()
      .openapi({ default: 'query', description: 'ColBERT writes queries and passages differently for the network.' }),
    encodingFormat: z
      .enum(['float', 'base64'], { error: 'expected "float" or "base64"' })
      .optional()
      .openapi({ default: 'float', description: 'Rows of numbers, or the base64 of little-endian f32[rows][dim].' }),
  })
  .openapi('EncodeRequest', {
    oneOf: [
      { required: ['kind'], properties: { kind: { const: 'passage' } } },
      {
        properties: {
          kind: { const: 'query' },
          texts: { items: { type: 'string', minLength: 1, maxLength: QUERY_CHARACTERS_MAX, pattern: WORD_PATTERN } },
        },
      },
    ],
  } as object)

const fingerprint = z
  .object({
    model: z.string(),
    modelSha256: z.string(),
    weightsSha256: z.string(),
    tokenizerSha256: z.string(),
    dim: z.int(),
    queryMarker: z.string(),
    passageMarker: z.string(),
    queryLength: z.int(),
    passageLength: z.int(),
    attendToMask: z.boolean(),
    skipList: z.array(z.string()),
  })
  .openapi('EncoderFingerprint', { description: 'Which encoder it is: vectors of another one may not be compared.' })

export const encodeAnswer = z
  .object({
    fingerprint,
    results: z
      .array(
        z.object({
          rows: z.int(),
          vectors: z
            .union([z.array(z.array(z.number())), z.string()])
            .openapi({ description: 'f32[rows][dim], rows of unit length, as `encodingFormat` says.' }),
          truncated,
        }),
      )
      .openapi({ description: 'One for each text, in their order.' }),
    tookMs: z.number(),
  })
  .openapi('EncodeAnswer')

export const encoderAnswer = z.object({ fingerprint }).openapi('EncoderAnswer')

export const rerankBody = z
  .strictObject({
    query: queryText.optional(),
    vectors: queryVectors.optional(),
    ids: passageIds(RERANK_IDS_MAX).optional().openapi({ description: 'Passages of the index.' }),
    texts: z
      .array(passageText, { error: 'expected a list of texts' })
      .min(1, { error: 'expected at least one text' })
      .max(RERANK_TEXTS_MAX, { error: `expected at most ${RERANK_TEXTS_MAX} texts` })
      .optional()
      .openapi({ description: 'Passages of the request; they are encoded here, and no index is asked.' }),
    index: searchedIndex,
    k: integer(1, RERANK_IDS_MAX).optional().openapi({ description: 'Only the best k; default: all.' }),
  })
  .refine(({ query, vectors }) => (query === undefined) !== (vectors === undefined), {
    error: 'expected exactly one of "query" (a text) and "vectors" (rows of numbers)',
  })
  .refine(({ ids, texts }) => (ids === undefined) !== (texts === undefined), {
    error: 'expected exactly one of "ids" (passages of the index) and "texts"',
  })
  .openapi('RerankRequest', {
    allOf: [
      { oneOf: [{ required: ['query'] }, { required: ['vectors'] }] },
      { oneOf: [{ required: ['ids'] }, { required: ['texts'] }] },
    ],
  } as object)

export const rerankAnswer = z
  .object({
    index: z.string().optional().openapi({ description: 'Of the ids.' }),
    results: z
      .array(
        z.object({
          position: z.int().openapi({ description: 'Place in the list of the request, from 0.' }),
          id: z.string().optional(),
          rank: z.int(),
          score: z.number().openapi({
            description: 'MaxSim: by id of the compressed passage as in a search, by text of its own vectors.',
          }),
        }),
      )
      .openapi({ description: 'Best first.' }),
    missing: z
      .array(z.string())
      .optional()
      .openapi({ description: 'Ids that the index has no passage or no token of.' }),
    truncated,
    tookMs: z.number(),
  })
  .openapi('RerankAnswer')

export type EncodeRequest = z.infer<typeof encodeBody>
export type EncodeAnswerBody = z.infer<typeof encodeAnswer>
export type EncoderAnswerBody = z.infer<typeof encoderAnswer>
export type RerankRequest = z.infer<typeof rerankBody>
export type RerankAnswerBody = z.infer<typeof rerankAnswer>
