/** The routes as data: method, path, what they take and what they answer. OpenAPI and the checks come from here. */
import { createRoute, type z } from '@hono/zod-openapi'
import { encodeAnswer, encodeBody, encoderAnswer, rerankAnswer, rerankBody } from './encodeSchemas.ts'
import {
  colbertAnswer,
  colbertBody,
  colbertQuery,
  healthAnswer,
  indexAnswer,
  indexesAnswer,
  passageAnswer,
  passageQuery,
  problemAnswer,
  readyAnswer,
  searchAnswer,
  searchBody,
  searchQuery,
} from './schemas.ts'

function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } } as const
}

/** Errors are thrown, never returned, so they are documented once for all routes. */
const problems = {
  default: { description: 'RFC 9457 problem', content: { 'application/problem+json': { schema: problemAnswer } } },
} as const

export const colbertGet = createRoute({
  method: 'get',
  path: '/api/search',
  summary: "Search as ColBERT's own server",
  description: "For clients of ColBERT's server, such as DSPy's ColBERTv2.",
  request: { query: colbertQuery },
  responses: { 200: json(colbertAnswer, 'Best passages first'), ...problems },
})

export const colbertPost = createRoute({
  method: 'post',
  path: '/api/search',
  summary: "Search as DSPy's ColBERTv2 with post_requests",
  request: { body: { required: true, content: { 'application/json': { schema: colbertBody } } } },
  responses: { 200: json(colbertAnswer, 'Best passages first'), ...problems },
})

export const searchGet = createRoute({
  method: 'get',
  path: '/v1/search',
  summary: 'Search with a text',
  request: { query: searchQuery },
  responses: { 200: json(searchAnswer, 'Best passages first'), ...problems },
})

export const searchPost = createRoute({
  method: 'post',
  path: '/v1/search',
  summary: 'Search with a text or with ready vectors, and all parameters',
  request: { body: { required: true, content: { 'application/json': { schema: searchBody } } } },
  responses: { 200: json(searchAnswer, 'Best passages first'), ...problems },
})

export const encodeGet = createRoute({
  method: 'get',
  path: '/v1/encode',
  summary: 'Which encoder this server has',
  responses: { 200: json(encoderAnswer, 'Its fingerprint'), ...problems },
})

export const encodePost = createRoute({
  method: 'post',
  path: '/v1/encode',
  summary: 'Texts to token vectors',
  description: 'For clients without a model of their own: what comes back is what "vectors" of /v1/search takes.',
  request: { body: { required: true, content: { 'application/json': { schema: encodeBody } } } },
  responses: { 200: json(encodeAnswer, 'Vectors in the order of the texts'), ...problems },
})

export const rerankPost = createRoute({
  method: 'post',
  path: '/v1/rerank',
  summary: 'Scores of given passages for a query',
  description: 'Passages by id, from the index, or by text, encoded here.',
  request: { body: { required: true, content: { 'application/json': { schema: rerankBody } } } },
  responses: { 200: json(rerankAnswer, 'Best passages first'), ...problems },
})

export const passageGet = createRoute({
  method: 'get',
  path: '/v1/passages/{id}',
  summary: 'One passage by its id',
  description: 'Ids may hold any character, URL-encoded: a slash is %2F, a hash %23.',
  request: { query: passageQuery },
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
  responses: { 200: json(indexAnswer, 'What it holds'), ...problems },
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
  responses: { 200: json(readyAnswer, 'They can'), ...problems },
})
