/** The app on a port of Node: what Workers and the like do for an app at their edge, and an orderly end. */
import { createServer, type Server } from 'node:http'
import { Server as TcpServer } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { type Context, Hono, type Next } from 'hono'
import { compress } from 'hono/compress'
import { BusyError, InputError } from '../../../format/errors.ts'
import type { App } from '../../http/app.ts'
import { problemHeaders, problemOf, problemResponse } from '../../http/problem.ts'
import { BODY_BYTES_MAX } from '../../http/schemas.ts'
import type { Admission } from '../../waiting/admission.ts'
import { createIntake } from './intake.ts'
import { answerRefused, failedResponse, HEADER_BYTES_MAX, withHost } from './refusedRequests.ts'

const PORT_MAX = 65_535
/** Of request bodies that are read or wait for their answer, all together. */
const BODIES_BYTES_MAX = 64 * 1024 * 1024

/** A closing server goes on taking what arrives until nothing has in so many turns: what was sent before is still on its way. */
const QUIET_TURNS = 5
const QUIET_TURN_MS = 20
const QUIET_WITHIN_MS = 2_000
/** Requests under way get this long to finish when the server closes; those that wait for their turn are then refused. */
const CLOSE_TIMEOUT_MS = 5_000
/** To send what is refused. */
const LAST_WORDS_MS = 500

export interface ServeOptions {
  readonly app: App
  /** 0 picks a free one. */
  readonly port: number
  /** Default '127.0.0.1': only this machine. '0.0.0.0' or '::' for all interfaces. */
  readonly host?: string | undefined
  /** The app's. Closing the server refuses what still waits in it after five seconds. */
  readonly admission?: Admission | undefined
}

export interface RunningServer {
  /** Base URL without a slash at the end, e.g. "http://127.0.0.1:8080". */
  readonly url: string
  /**
   * Answers what has arrived, takes no more connections, and lets requests under way finish for five seconds. Who then still waits is
   * refused with 503, and what is left is cut off.
   */
  close(): Promise<void>
}

/** @throws InputError when the port is taken, not allowed, or no port; or the host is not of this machine */
export async function serve({ app, port, host = '127.0.0.1', admission }: ServeOptions): Promise<RunningServer> {
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new InputError(
      `cannot serve on port ${port}: expected an integer from 0 to ${PORT_MAX}. Choose one with --port.`,
    )
  }
  const state = { isClosing: false }
  const listener = getRequestListener(edgeOf(app, state).fetch, { hostname: host, errorHandler: failedResponse })
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, requireHostHeader: false }, withHost(listener))
  answerRefused(server)
  await listen(server, port, host)
  const address = server.address()
  const boundPort = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    async close() {
      state.isClosing = true
      await nothingArrives(server)
      // No connection any more; `server.close()` would also cut off those whose requests have arrived and are not read yet.
      TcpServer.prototype.close.call(server)
      await nothingArrives(server)
      await closeServer(server, admission)
    },
  }
}

/** They wait for nobody. */
const ASKED_BY_BALANCERS: ReadonlySet<string> = new Set(['/health', '/ready'])

type Edge = Hono<{ Bindings: HttpBindings }>

/** What stands before the app. Hosts such as Workers compress and bound bodies at their edge; plain Node does not. */
function edgeOf(app: App, state: { readonly isClosing: boolean }): Edge {
  const edge: Edge = new Hono()
  const intake = createIntake()
  edge.use(async (c, next) => {
    if (!ASKED_BY_BALANCERS.has(c.req.path)) await intake()
    await next()
    // Otherwise a kept-alive connection would hold up close() after its last answer.
    if (state.isClosing) c.header('Connection', 'close')
  })
  edge.use(compress())
  edge.get('/ready', async (c, next) => {
    if (state.isClosing) return refuse(c, new BusyError('The server is about to stop. Ask another one.', 1))
    await next()
  })
  edge.use(boundedBodies())
  edge.all('*', (c) => app.fetch(c.req.raw, c.env))
  return edge
}

function refuse(c: Context, error: BusyError): Response {
  return problemResponse(c, problemOf(error), problemHeaders(error))
}

/** A thousand bodies of a megabyte would be a gigabyte: beyond a sum of them, requests with one are refused. */
function boundedBodies(): (c: Context, next: Next) => Promise<Response | undefined> {
  let held = 0
  return async (c, next) => {
    const hasBody = c.req.method === 'POST'
    // One whose length is not told may be as long as the app reads; a longer one is refused by the app, unread.
    const length = Number(c.req.header('content-length') ?? BODY_BYTES_MAX)
    const bytes = hasBody ? Math.min(Number.isFinite(length) ? length : 0, BODY_BYTES_MAX) : 0
    if (bytes > 0 && held + bytes > BODIES_BYTES_MAX) {
      return refuse(
        c,
        new BusyError('The server is reading too many large requests at once. Try again in a second.', 1),
      )
    }
    held += bytes
    try {
      await next()
    } finally {
      held -= bytes
    }
    return undefined
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const cures: Readonly<Record<string, string>> = {
        EADDRINUSE: 'the port is in use. Choose another with --port, or --port 0 for any free one.',
        EACCES: 'this user may not open the port. Choose one above 1023 with --port.',
        EADDRNOTAVAIL: 'the host is no address of this machine. Choose another with --host.',
        ENOTFOUND: 'the host is not known. Choose another with --host.',
      }
      const cure = cures[error.code ?? '']
      const facts = { port, host }
      reject(cure ? new InputError(`cannot serve on ${host}, port ${port}: ${cure}`, facts, { cause: error }) : error)
    })
    server.listen(port, host, resolve)
  })
}

/** Waits until no connection and no request has come for a moment. */
function nothingArrives(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const since = performance.now()
    let quietTurns = 0
    const onArrival = () => {
      quietTurns = 0
    }
    server.on('connection', onArrival).on('request', onArrival)
    // By turns of the event loop and not by the clock: after a moment without a core, timers come before what arrived meanwhile.
    const timer = setInterval(() => {
      quietTurns++
      if (quietTurns < QUIET_TURNS && performance.now() - since < QUIET_WITHIN_MS) return
      clearInterval(timer)
      server.off('connection', onArrival).off('request', onArrival)
      resolve()
    }, QUIET_TURN_MS)
  })
}

function closeServer(server: Server, admission: Admission | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuseWaiting = setTimeout(() => admission?.close(), CLOSE_TIMEOUT_MS)
    const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS + LAST_WORDS_MS)
    server.close((error) => {
      clearTimeout(refuseWaiting)
      clearTimeout(cutOff)
      if (error && (error as NodeJS.ErrnoException).code !== 'ERR_SERVER_NOT_RUNNING') reject(error)
      else resolve()
    })
    server.closeIdleConnections()
  })
}
