/**
 * The one translation of errors to HTTP: RFC 9457 problem details. A client's mistake is told in full; what goes wrong on
 * the server is told by kind only, and in full to the log, so that no path or key leaks.
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { BusyError, TartanError, type TartanErrorCode } from '../../format/errors.ts'

/** Codes of problems that only HTTP has. */
export type HttpProblemCode =
  | 'METHOD_NOT_ALLOWED'
  | 'REQUEST_TIMEOUT'
  | 'HEADERS_TOO_LARGE'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'TIMEOUT'
  | 'INTERNAL'

export interface Problem {
  /** Always 'about:blank': `title` is the status phrase, `code` tells problems apart. */
  readonly type: 'about:blank'
  readonly title: string
  readonly status: ContentfulStatusCode
  readonly detail: string
  readonly code: TartanErrorCode | HttpProblemCode
  /** To find the failure in the server's log; the same as the X-Request-Id header. */
  readonly requestId?: string
}

/** One status a code: the compiler demands one for each new code. */
export const statusOfCode: Readonly<Record<TartanErrorCode | HttpProblemCode, ContentfulStatusCode>> = {
  INPUT: 400,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  MODEL: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  FORMAT: 502,
  VERSION: 502,
  CHECKSUM: 502,
  RANGE: 502,
  STORAGE: 503,
  DEVICE: 503,
  ABORTED: 503,
  BUSY: 503,
  TIMEOUT: 504,
}

const DAMAGED = 'The files of this index could not be read as they should be. The operator has to upload or rebuild it.'

/** What a client is told instead of the error's own message, which may hold paths and keys. */
const publicDetails: Readonly<Partial<Record<TartanErrorCode | HttpProblemCode, string>>> = {
  MODEL:
    "The server's query encoder cannot be used for this index: it is missing, damaged, or not the model that built the index. Send ready vectors, or tell the operator, whose log has the reason.",
  INTERNAL: 'The server made a mistake. Its log has the details under the request id.',
  FORMAT: DAMAGED,
  VERSION: 'This index was written by a newer version than the server knows. The operator has to update the server.',
  CHECKSUM: DAMAGED,
  RANGE: DAMAGED,
  STORAGE: 'The storage of this index did not answer. Try again later.',
  DEVICE: 'The query encoder cannot be reached or does not start. Send ready vectors, or try again later.',
  ABORTED: 'The server stopped this request, perhaps to shut down. Try again.',
  TIMEOUT:
    'The server did not finish in time. Try again, or ask for fewer results. If it goes on, its storage may not answer: /ready tells the operator.',
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** The problem of an error, without anything a client should not see. */
export function problemOf(error: unknown, requestId?: string): Problem {
  if (error instanceof TartanError)
    return makeProblem(error.code, publicDetails[error.code] ?? error.message, requestId)
  if (error instanceof HTTPException) {
    if (error.status === 400) {
      return makeProblem(
        'INPUT',
        'The request body is not JSON: it could not be parsed. Send one JSON object.',
        requestId,
      )
    }
    if (error.status === 415) {
      const cure = 'Send it with "Content-Type: application/json".'
      return makeProblem('UNSUPPORTED_MEDIA_TYPE', `The request body must be JSON. ${cure}`, requestId)
    }
    if (error.status === 504) return makeProblem('TIMEOUT', publicDetails.TIMEOUT ?? '', requestId)
  }
  return makeProblem('INTERNAL', publicDetails.INTERNAL ?? '', requestId)
}

/** A problem with the status and title of its code. */
export function makeProblem(code: Problem['code'], detail: string, requestId?: string): Problem {
  const status = statusOfCode[code]
  const problem = { type: 'about:blank', title: titles[status] ?? 'Error', status, detail, code } as const
  return requestId && status >= 500 ? { ...problem, requestId } : problem
}

/** The answer of a host whose index cannot be opened: never the client's mistake, whatever went wrong. */
export function openingProblem(error: unknown, requestId?: string): Response {
  const known = problemOf(error, requestId)
  const problem =
    known.status >= 500
      ? known
      : makeProblem('STORAGE', 'The index of this server cannot be opened. Its log has the reason.', requestId)
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...(requestId ? { 'X-Request-Id': requestId } : {}),
    },
  })
}

/** What a problem says in headers: when it is worth while to ask again. */
export function problemHeaders(error: unknown): Record<string, string> {
  return error instanceof BusyError ? { 'Retry-After': String(error.retryAfterSeconds) } : {}
}

/** Answers with the problem as `application/problem+json`. */
export function problemResponse(c: Context, problem: Problem, headers: Record<string, string> = {}): Response {
  return c.body(JSON.stringify(problem), problem.status, {
    ...headers,
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  })
}
