/** What Node's HTTP parser refuses before any app sees it, answered with a problem as all else is: Node itself sends an empty body. */
import type { RequestListener, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { RequestError } from '@hono/node-server'
import { makeProblem, type Problem, problemOf } from '../../http/problem.ts'

/**
 * Bytes of a request's line and headers: a query of 8,192 characters takes up to 98,304 in a URL, 12 for each. What is longer is
 * refused with 431.
 */
export const HEADER_BYTES_MAX = 128 * 1024
const LINGER_MS = 1_000
const CURE = 'Send it with a library or with curl.'
const headers = { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store' } as const

/** What is thrown before the app gets a request: mostly one that is no HTTP, or without a usable host. */
export function failedResponse(error: unknown): Response {
  const problem =
    error instanceof RequestError
      ? makeProblem('INPUT', `The request is not valid HTTP: ${error.message}. ${CURE}`)
      : problemOf(error)
  return new Response(JSON.stringify(problem), { status: problem.status, headers })
}

/** Requests of HTTP/1.1 must name a host (RFC 9112 §3.2); Node would refuse those that do not with an empty body. */
export function withHost(listener: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    if (incoming.httpVersion === '1.0' || incoming.headers.host !== undefined) return void listener(incoming, outgoing)
    const problem = makeProblem('INPUT', `The request is not valid HTTP: it names no Host. ${CURE}`)
    const body = JSON.stringify(problem)
    const length = { 'Content-Length': Buffer.byteLength(body) }
    outgoing.writeHead(problem.status, { ...headers, ...length, Connection: 'close' }).end(body)
  }
}

/** Answers connections on which Node gave up reading a request, then closes them. */
export function answerRefused(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const problem = refusalOf(error)
    const body = JSON.stringify(problem)
    const all = { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
    socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
    // What the client goes on sending is read and dropped for a moment: a reset would overtake the answer.
    socket.resume()
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  })
}

function refusalOf({ code, message }: NodeJS.ErrnoException): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    const cure = 'Shorten the URL: a long query goes into the body of POST /v1/search.'
    return makeProblem('HEADERS_TOO_LARGE', `The URL and headers have more than ${HEADER_BYTES_MAX} bytes. ${cure}`)
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return makeProblem('REQUEST_TIMEOUT', 'The request did not arrive in time. Send it again.')
  }
  return makeProblem('INPUT', `The request is not valid HTTP (${message}). ${CURE}`)
}
