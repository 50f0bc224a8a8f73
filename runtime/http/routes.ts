/** The routes as data: method, path, what they take and what they answer. OpenAPI and the checks come from here. */
import { createRoute, type OpenAPIHono, type RouteConfig, type z } from '@hono/zod-openapi'
import { canHighlight, type QuestionEncoder } from '../ask/textSearch.ts'
import type { IndexInfo } from '../searcher.ts'
import { VERSION } from '../version.ts'
import { encodeAnswer, encodeBody, encoderAnswer, rerankAnswer, rerankBody } from './encodeSchemas.ts'
import {
  BODY_BYTES_MAX,
  colbertAnswer,
  colbertBody,
  colbertQuery,
  healthAnswer,
  indexAnswer,
  indexesAnswer,
  passageAnswer,
  passageByIdQuery,
  passageQuery,
  problemAnswer,
  readyAnswer,
  searchAnswer,
  searchBody,
  searchQuery,
} from './schemas.ts'

type ResponseConfig = Exclude<NonNullable<RouteConfig['responses'][string]>, { $ref: string }>
type HeadersObject = NonNullable<ResponseConfig['headers']>

/** Headers of every answer; those of an answer that may be kept. */
const everyHeaders = {
  'X-Request-Id': { schema: { type: 'string' }, description: "Names the request in the server's log." },
  'Server-Timing': { schema: { type: 'string' }, description: 'Milliseconds of each step.' },
} as const
const cacheHeaders = {
  ETag: { schema: { type: 'string' }, description: 'Strong; the same for the same answer.' },
  'Cache-Control': { schema: { type: 'string' } },
} as const

function json<T extends z.ZodType>(schema: T, description: string, headers: object = {}) {
  return {
    description,
    headers: { ...everyHeaders, ...headers } as HeadersObject,
    content: { 'application/json': { schema } },
  } as const
}

function problem(description: string, headers: object = {}) {
  return {
    description,
    headers: { ...everyHeaders, ...headers } as HeadersObject,
    content: { 'application/problem+json': { schema: problemAnswer } },
  } as const
}

const retryAfter = {
  'Retry-After': {
    schema: { type: 'integer', minimum: 1 },
    description: 'Seconds; there when asking again then is worth while.',
  },
} as const

/** Errors are thrown, never returned, so they are documented once: those of any route, of one that searches, of one with a body. */
const problems = { default: problem('RFC 9457 problem; `code` says which') } as const
const searchProblems = {
  400: problem('INPUT: the request; the detail says where'),
  404: problem('NOT_FOUND: no such index or passage, or the server has none, or no encoder'),
  409: problem("MODEL: the server's encoder is not the one of the index; vectors still work"),
  500: problem("INTERNAL: a bug; `requestId` is in the server's log"),
  502: problem('FORMAT, VERSION, CHECKSUM, RANGE: the index is damaged or newer than the server'),
  503: problem('BUSY, STORAGE, DEVICE, ABORTED: try again', retryAfter),
  504: problem('TIMEOUT: not done in time'),
  ...problems,
} as const
const bodyProblems = {
  413: problem(`PAYLOAD_TOO_LARGE: the body has more than ${BODY_BYTES_MAX} bytes`),
  415: problem('UNSUPPORTED_MEDIA_TYPE: the body is not JSON'),
  ...searchProblems,
} as const
const notModified = {
  304: { description: 'As `If-None-Match` has it', headers: cacheHeaders as HeadersObject },
} as const

export const colbertGet = createRoute({
  method: 'get',
  path: '/api/search',
  summary: "Search as ColBERT's own server",
  description: "For clients of ColBERT's server, such as DSPy's ColBERTv2.",
  request: { query: colbertQuery },
  responses: { 200: json(colbertAnswer, 'Best passages first', cacheHeaders), ...notModified, ...searchProblems },
})

export const colbertPost = createRoute({
  method: 'post',
  path: '/api/search',
  summary: "Search as DSPy's ColBERTv2 with post_requests",
  request: { body: { required: true, content: { 'application/json': { schema: colbertBody } } } },
  responses: { 200: json(colbertAnswer, 'Best passages first'), ...bodyProblems },
})

export const searchGet = createRoute({
  method: 'get',
  path: '/v1/search',
  summary: 'Search with a text',
  request: { query: searchQuery },
  responses: { 200: json(searchAnswer, 'Best passages first', cacheHeaders), ...notModified, ...searchProblems },
})

export const searchPost = createRoute({
  method: 'post',
  path: '/v1/search',
  summary: 'Search with a text or with ready vectors, and all parameters',
  request: { body: { required: true, content: { 'application/json': { schema: searchBody } } } },
  responses: { 200: json(searchAnswer, 'Best passages first'), ...bodyProblems },
})

export const encodeGet = createRoute({
  method: 'get',
  path: '/v1/encode',
  summary: 'Which encoder this server has',
  responses: {
    200: json(encoderAnswer, 'Its fingerprint'),
    404: problem('NOT_FOUND: the server has no encoder'),
    ...problems,
  },
})

export const encodePost = createRoute({
  method: 'post',
  path: '/v1/encode',
  summary: 'Texts to token vectors',
  description: 'For clients without a model of their own: what comes back is what "vectors" of /v1/search takes.',
  request: { body: { required: true, content: { 'application/json': { schema: encodeBody } } } },
  responses: { 200: json(encodeAnswer, 'Vectors in the order of the texts'), ...bodyProblems },
})

export const rerankPost = createRoute({
  method: 'post',
  path: '/v1/rerank',
  summary: 'Scores of given passages for a query',
  description: 'Passages by id, from the index, or by text, encoded here.',
  request: { body: { required: true, content: { 'application/json': { schema: rerankBody } } } },
  responses: { 200: json(rerankAnswer, 'Best passages first'), ...bodyProblems },
})

export const passageGet = createRoute({
  method: 'get',
  path: '/v1/passages/{id}',
  summary: 'One passage by its id',
  description: 'Ids may hold any character, URL-encoded: a slash is %2F, a hash %23.',
  request: { query: passageQuery },
  responses: { 200: json(passageAnswer, 'The passage'), ...searchProblems },
})

export const passageByIdGet = createRoute({
  method: 'get',
  path: '/v1/passages',
  summary: 'One passage by its id, as a parameter',
  description: 'For ids that no path can hold, such as "." and "..", and behind proxies that decode paths.',
  request: { query: passageByIdQuery },
  responses: { 200: json(passageAnswer, 'The passage'), ...problems },
})

export const indexesGet = createRoute({
  method: 'get',
  path: '/v1/indexes',
  summary: 'The indexes served here',
  responses: { 200: json(indexesAnswer, 'The first is the default'), ...problems },
})

export const indexGet = createRoute({
  method: 'get',
  path: '/v1/indexes/{name}',
  summary: 'One index',
  responses: { 200: json(indexAnswer, 'What it holds'), 404: problem('NOT_FOUND: no such index'), ...problems },
})

export const healthGet = createRoute({
  method: 'get',
  path: '/health',
  summary: 'Whether the process lives',
  responses: { 200: json(healthAnswer, 'It does') },
})

export const readyGet = createRoute({
  method: 'get',
  path: '/ready',
  summary: 'Whether searches can be answered',
  responses: { 200: json(readyAnswer, 'They can'), 503: problem('STORAGE: no index is open', retryAfter), ...problems },
})

export interface DocumentFacts {
  /** Base under which the app is mounted, so that clients made from the document find it. */
  readonly url: string
  /** Of all indexes that are served. */
  readonly infos: readonly IndexInfo[]
  readonly encoder: QuestionEncoder | undefined
}

/**
 * What this app accepts and answers, as OpenAPI 3.1. As far as a schema can say, a body is refused with 400 if and only if it does not fit: so
 * it knows the dim of the vectors, and leaves out what no index here takes.
 *
 * @returns an object only, or the package's declarations would need those of a package that it does not declare
 */
export function apiDocument(app: OpenAPIHono, { url, infos, encoder }: DocumentFacts): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Tartan', version: VERSION, description: 'ColBERT search from static files.' },
    servers: [{ url }],
  })
  const useless = uselessFields(infos, encoder)
  const schemas = { ...document.components?.schemas } as Record<string, SchemaParts>
  for (const [name, schema] of Object.entries(schemas)) {
    if (name.endsWith('Request')) schemas[name] = withVariants(schema, useless)
  }
  const dims = [...infos, ...(encoder ? [encoder.fingerprint] : [])].map(({ dim }) => dim)
  const { items, ...vectors } = schemas.QueryVectors ?? {}
  if (dims.length > 0) {
    schemas.QueryVectors = { ...vectors, items: { ...items, minItems: Math.min(...dims), maxItems: Math.max(...dims) } }
  }
  // OpenAPI has no "one of two parameters": the other name of q is told of in words, so that clients made from the document send one.
  const { parameters = [], ...search } = document.paths?.['/v1/search']?.get ?? {}
  const shown = parameters
    .filter((parameter) => 'name' in parameter && parameter.name !== 'query' && !useless.has(parameter.name))
    .map((parameter) => ('name' in parameter && parameter.name === 'q' ? { ...parameter, required: true } : parameter))
  const paths = {
    ...document.paths,
    '/v1/search': { ...document.paths?.['/v1/search'], get: { ...search, parameters: shown } },
  }
  return { ...document, paths, components: { ...document.components, schemas } }
}

/** An object of a body. Where fields exclude each other, schemas.ts says in `oneOf` which are required, or in `allOf` several such choices. */
interface SchemaParts {
  readonly properties?: Readonly<Record<string, object>>
  readonly required?: readonly string[]
  readonly oneOf?: readonly SchemaParts[]
  readonly allOf?: readonly SchemaParts[]
  readonly items?: object
}

/** Each choice written out as an object of its own: clients made from the document get a type for each, and generators of requests mix none. */
function withVariants(schema: SchemaParts, useless: ReadonlySet<string>): SchemaParts {
  const { properties = {}, required = [], oneOf, allOf = [], ...rest } = schema
  let variants: readonly SchemaParts[] = [{ properties, required }]
  for (const branches of [oneOf, ...allOf.map((part) => part.oneOf)]) {
    if (branches) variants = variants.flatMap((variant) => branches.map((branch) => chosen(variant, branch, branches)))
  }
  const shown = variants.map(({ properties: fields = {}, required: needed = [] }): SchemaParts => {
    const kept = Object.entries(fields).filter(([field]) => !useless.has(field))
    return { ...rest, properties: Object.fromEntries(kept), ...(needed.length > 0 ? { required: needed } : {}) }
  })
  return shown.length > 1 ? { oneOf: shown } : { ...rest, ...shown[0] }
}

/** The fields of one branch: what it says of them, without those that only others require. */
function chosen(variant: SchemaParts, branch: SchemaParts, branches: readonly SchemaParts[]): SchemaParts {
  const own: Readonly<Record<string, object>> = branch.properties ?? {}
  const required = [...(variant.required ?? []), ...(branch.required ?? [])]
  const others = new Set(branches.flatMap((other) => other.required ?? []))
  const fields = Object.entries(variant.properties ?? {})
    .filter(([field]) => !others.has(field) || required.includes(field) || Object.hasOwn(own, field))
    .map(([field, schema]) => [field, { ...schema, ...own[field] }])
  return { properties: Object.fromEntries(fields), required }
}

/** Fields that every index here would refuse. */
function uselessFields(infos: readonly IndexInfo[], encoder: QuestionEncoder | undefined): ReadonlySet<string> {
  const has = (pipeline: IndexInfo['pipeline']) => infos.some((info) => (info.pipeline ?? pipeline) === pipeline)
  return new Set([
    ...(has('resident') ? [] : ['ncells', 'centroidScoreThreshold', 'ndocs']),
    ...(has('range') ? [] : ['lists', 'passages']),
    ...(infos.some(({ tiers }) => tiers) ? [] : ['tier']),
    ...(infos.some((info) => canHighlight(info, encoder)) ? [] : ['highlight']),
  ])
}
