/** What requests may hold and what answers look like: one zod schema each gives the check and the OpenAPI document. */
import { z } from '@hono/zod-openapi'
import { isLongerThan, QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { DIM_MAX, DIM_MIN, FILE_BYTES_MAX, ID_BYTES_MAX, K_MAX, QUERY_ROWS_MAX } from '../../format/limits.ts'
import { TIER_NAMES } from '../../format/manifest/tiers.ts'

/** Bytes of a request body. The largest that fields allow: 100 passages of 32,768 characters, or 512 rows of 256 dims with 17 digits a value. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024
/** Results of one `/api/search`: ColBERT's own server and DSPy's client stop there. */
export const COLBERT_K_MAX = 100
export const K_DEFAULT = 10
/**
 * Bounds of what a stranger may ask for: searching is synchronous, so that no timeout ends it. The library's own limits are
 * higher (format/limits.ts).
 */
export const HTTP_NCELLS_MAX = 64
export const HTTP_NDOCS_MAX = 16_384
const HTTP_READS_MAX = 4096
/** Ten minutes: longer than any host lets a request live. */
const DEADLINE_MS_MAX = 600_000
/** Ids of one filter. */
export const FILTER_IDS_MAX = 10_000

/**
 * A text of which an encoder can read something: a letter, digit or sign, other than the sign for what could not be decoded, which
 * tokenizers leave out. Part of the OpenAPI document, so it is what is checked as well.
 */
export const WORD_PATTERN = '(?!\\ufffd)[\\p{L}\\p{N}\\p{P}\\p{S}]'
const word = new RegExp(WORD_PATTERN, 'u')
export const hasWord = (text: string): boolean => word.test(text)

/** A text of at most so many characters. */
export function boundedText(maximum: number, expected = 'expected a text') {
  return z
    .string({ error: expected })
    .superRefine((text, context) => {
      if (!isLongerThan(text, maximum)) return
      const message = `expected at most ${maximum} characters`
      context.addIssue({ code: 'too_big', origin: 'string', maximum, inclusive: true, message })
    })
    .openapi({ maxLength: maximum })
}

export const queryText = boundedText(QUERY_CHARACTERS_MAX)
  .refine(hasWord, { error: 'expected a text with at least one word' })
  .openapi({ minLength: 1, pattern: WORD_PATTERN, example: 'how are plaid fabrics woven' })

export const searchedIndex = boundedText(ID_BYTES_MAX, 'expected the name of an index')
  .optional()
  .openapi({ description: 'Name of the index; the default is the first that /v1/indexes lists.' })

/** An integer in a query string: digits only, so "1.5", "", "1e3" and "0x10" are refused. */
function integerText(min: number, max: number, byDefault: number) {
  return z
    .string({ error: `expected one integer from ${min} to ${max}` })
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `expected an integer from ${min} to ${max}`,
    })
    .transform(Number)
    .optional()
    .openapi({ type: 'integer', minimum: min, maximum: max, default: byDefault })
}

export function integer(min: number, max: number) {
  const error = `expected an integer from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

function flagText(byDefault: boolean) {
  return z
    .enum(['true', 'false'], { error: 'expected true or false' })
    .transform((text) => text === 'true')
    .optional()
    .openapi({ type: 'boolean', default: byDefault })
}

/** Rows have unit length; values far beyond are no encoder's, and would make scores that no JSON can hold. */
export const VECTOR_VALUE_MAX = 1e6
/** A row whose values are all smaller is a row of zeros: it has no direction, so nothing is near to it. */
export const VECTOR_VALUE_MIN = 1e-6

// What a schema can say of a row is said in the document; answers.ts checks it, against the dim of the index asked. See apiDocument.
const vectorRow = z
  .array(
    z.number({ error: 'expected a finite number' }).openapi({ minimum: -VECTOR_VALUE_MAX, maximum: VECTOR_VALUE_MAX }),
    { error: 'expected a row of numbers' },
  )
  .openapi({
    minItems: DIM_MIN,
    maxItems: DIM_MAX,
    contains: { anyOf: [{ minimum: VECTOR_VALUE_MIN }, { maximum: -VECTOR_VALUE_MIN }] },
  } as object)

export const queryVectors = z
  .array(vectorRow, { error: 'expected rows of numbers' })
  .min(1, { error: 'expected at least one row' })
  .max(QUERY_ROWS_MAX, { error: `expected at most ${QUERY_ROWS_MAX} rows` })
  .openapi('QueryVectors', {
    description: 'f32[rows][dim], each row of unit length, from the model that built the index.',
  })

export function passageIds(max: number) {
  return z
    .array(z.string({ error: 'expected a passage id' }), { error: 'expected a list of passage ids' })
    .max(max, { error: `expected at most ${max} ids` })
}
const tierName = z
  .enum(TIER_NAMES, { error: `expected ${TIER_NAMES.join(', ')}` })
  .optional()
  .openapi({
    description: 'A measured setting of the index. Default: balanced when the index has tiers, else by k.',
  })

/** One field in all answers to a text. */
export const truncated = z.literal(true).optional().openapi({
  description: 'The text has more words than the encoder reads, and its end was left out. Absent when all was read.',
})

export const colbertQuery = z.object({
  query: queryText,
  k: integerText(1, COLBERT_K_MAX, K_DEFAULT),
  index: searchedIndex,
})

export const colbertBody = z
  .strictObject({ query: queryText, k: integer(1, COLBERT_K_MAX).optional(), index: searchedIndex })
  .openapi('ColbertRequest')

export const colbertAnswer = z
  .object({
    query: z.string(),
    topk: z.array(
      z.object({
        text: z.string().openapi({ description: '"title | text", or the text where there is no title.' }),
        long_text: z
          .string()
          .optional()
          .openapi({ description: 'The same text; POST only, where DSPy does not add it itself.' }),
        pid: z.int(),
        rank: z.int(),
        score: z.number(),
        prob: z.number().openapi({ description: 'Softmax of the scores of this answer.' }),
      }),
    ),
    truncated,
  })
  .openapi('ColbertAnswer')

export const searchQuery = z
  .strictObject({
    q: queryText.optional().openapi({ description: 'The query. May be called "query" as well.' }),
    query: queryText.optional(),
    k: integerText(1, K_MAX, K_DEFAULT),
    index: searchedIndex,
    tier: tierName,
    texts: flagText(true),
    highlight: flagText(false),
  })
  .refine(({ q, query }) => (q === undefined) !== (query === undefined), {
    error: 'expected a query text in "q" (or "query", not both)',
  })

export const searchBody = z
  .strictObject({
    query: queryText.optional(),
    vectors: queryVectors.optional(),
    index: searchedIndex,
    k: integer(1, K_MAX).optional().openapi({ default: K_DEFAULT }),
    filter: passageIds(FILTER_IDS_MAX).optional().openapi({
      description: 'Only passages with these ids; counts.unknownIds says how many of them no passage has.',
    }),
    tier: tierName,
    ncells: integer(1, HTTP_NCELLS_MAX).optional(),
    centroidScoreThreshold: z
      .number({ error: 'expected a number from -1 to 1' })
      .min(-1, { error: 'expected a number from -1 to 1' })
      .max(1, { error: 'expected a number from -1 to 1' })
      .optional(),
    ndocs: integer(1, HTTP_NDOCS_MAX).optional(),
    lists: integer(1, HTTP_NCELLS_MAX)
      .optional()
      .openapi({ description: 'Posting lists that are read for each query row, where the index is read by range.' }),
    passages: integer(1, HTTP_NDOCS_MAX)
      .optional()
      .openapi({ description: 'Passages that are rescored, where the index is read by range.' }),
    budget: z
      .strictObject({
        bytes: integer(1, FILE_BYTES_MAX).optional(),
        reads: integer(1, HTTP_READS_MAX).optional(),
      })
      .optional()
      .openapi({ description: 'What may be read of the index for the query, where it is read by range.' }),
    deadlineMs: integer(1, DEADLINE_MS_MAX)
      .optional()
      .openapi({ description: 'After so long the best so far is answered; "skipped" then says what is missing.' }),
    texts: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .openapi({ default: true, description: 'Whether hits carry title, text and metadata.' }),
    highlight: z
      .boolean({ error: 'expected true or false' })
      .optional()
      .openapi({ default: false, description: 'Whether hits say which words answer the query, and how well.' }),
  })
  .refine(({ query, vectors }) => (query === undefined) !== (vectors === undefined), {
    error: 'expected exactly one of "query" (a text) and "vectors" (rows of numbers)',
  })
  .refine(({ vectors, highlight }) => !(vectors && highlight), {
    error: '"highlight" needs a query text: rows of "vectors" do not say which word they stand for',
  })
  .openapi('SearchRequest', {
    oneOf: [{ required: ['query'] }, { required: ['vectors'], properties: { highlight: { const: false } } }],
  } as object)

const mark = z
  .object({ start: z.int(), end: z.int(), weight: z.number().openapi({ description: 'In (0, 1].' }) })
  .openapi('Mark', { description: 'Half-open range of UTF-16 code units: words side by side that answer the query.' })

const metadata = z.record(z.string(), z.unknown())

const hit = z
  .object({
    id: z.string(),
    rank: z.int(),
    score: z.number().openapi({ description: 'MaxSim of the compressed passage.' }),
    title: z.string().optional(),
    text: z.string().optional(),
    metadata: metadata.optional(),
    marks: z.object({ title: z.array(mark), text: z.array(mark) }).optional(),
    fit: z.number().optional().openapi({
      description:
        "With highlight: the mean similarity of the query's words to the words that answer them. Comparable between queries: good answers are above 0.6, below 0.55 nothing fits.",
    }),
  })
  .openapi('Hit')

export const searchAnswer = z
  .object({
    index: z.string(),
    generation: z.int(),
    k: z.int(),
    parameters: z
      .discriminatedUnion('pipeline', [
        z.object({
          pipeline: z.literal('resident'),
          ncells: z.int(),
          centroidScoreThreshold: z.number(),
          ndocs: z.int(),
          tier: tierName,
        }),
        z.object({ pipeline: z.literal('range'), lists: z.int(), passages: z.int() }),
      ])
      .openapi({ description: 'What was searched with: an index in memory, or one that is read by range.' }),
    counts: z
      .object({
        candidates: z.int(),
        approximated: z.int().optional(),
        rescored: z.int(),
        unknownIds: z
          .int()
          .optional()
          .openapi({ description: 'Different ids of the filter that no passage has; absent without a filter.' }),
      })
      .openapi({ description: 'Passages that reached each stage.' }),
    skipped: z
      .object({
        lists: z.int().openapi({ description: 'Posting lists that were not read.' }),
        passages: z.int().openapi({ description: 'Candidates that were not rescored.' }),
        reasons: z.array(z.enum(['bytes', 'reads', 'deadline'])),
      })
      .optional()
      .openapi({ description: 'What a limit left out; absent when nothing was.' }),
    truncated,
    tookMs: z.number().optional().openapi({ description: 'Answers to POST only; see Server-Timing.' }),
    hits: z.array(hit),
  })
  .openapi('SearchAnswer')

export const passageQuery = z.strictObject({ index: searchedIndex })

export const passageByIdQuery = passageQuery.extend({ id: z.string().min(1) })

export const passageAnswer = z
  .object({ id: z.string(), title: z.string().optional(), text: z.string().optional(), metadata: metadata.optional() })
  .openapi('Passage')

const tier = z
  .object({
    ncells: z.int(),
    centroidScoreThreshold: z.number(),
    ndocs: z.int(),
    recall: z.number().openapi({ description: "Share of exact MaxSim's first k among the first k." }),
    costMs: z.number().openapi({ description: 'Work of a query by the cost model, not a wall time.' }),
    bytes: z.int().openapi({ description: 'Bytes of the index a query touches.' }),
    ms: z.number().optional().openapi({ description: 'Median wall time where it was tuned.' }),
  })
  .openapi('Tier')

const tiers = z
  .object({
    queries: z.int(),
    querySource: z.string(),
    reference: z.string(),
    compared: z.string(),
    machine: z.string().optional(),
    sets: z.array(z.object({ k: z.int(), fast: tier, balanced: tier, exact: tier })),
  })
  .openapi('Tiers', { description: 'Measured settings, for up to k results each; see docs/TUNING.md.' })

export const indexAnswer = z
  .object({
    name: z.string(),
    generation: z.int(),
    revision: z.string(),
    passages: z.int(),
    tokens: z.int(),
    dim: z.int(),
    nbits: z.int(),
    centroids: z.int(),
    bytes: z.int(),
    hasTexts: z.boolean(),
    highlight: z.boolean().openapi({ description: 'Whether texts can be asked of it here, and answers marked.' }),
    pipeline: z.enum(['resident', 'range']).optional().openapi({ description: 'In memory, or read by range.' }),
    model: z.string().optional().openapi({ description: 'Name of the model that built it.' }),
    tiers: tiers.optional(),
  })
  .openapi('Index')

export const indexesAnswer = z
  .object({ indexes: z.array(indexAnswer).openapi({ description: 'The first is the default.' }) })
  .openapi('Indexes')

export const healthAnswer = z.object({ status: z.literal('ok'), version: z.string() }).openapi('Health')

export const readyAnswer = z
  .object({
    status: z.literal('ready'),
    indexes: z.array(z.string()),
    encoder: z.boolean(),
    problems: z
      .array(z.object({ index: z.string(), since: z.string(), detail: z.string() }))
      .optional()
      .openapi({ description: 'What fails while searches are answered, such as a look for a newer index.' }),
  })
  .openapi('Ready')

export const problemAnswer = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string().optional(),
  })
  .openapi('Problem', { description: 'RFC 9457 problem details.' })

export type ColbertAnswer = z.infer<typeof colbertAnswer>
export type SearchRequest = z.infer<typeof searchBody>
export type SearchAnswerBody = z.infer<typeof searchAnswer>
export type SearchHitBody = z.infer<typeof hit>
export type IndexAnswer = z.infer<typeof indexAnswer>
export type IndexesAnswer = z.infer<typeof indexesAnswer>
