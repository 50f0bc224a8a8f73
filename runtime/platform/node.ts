/** Node entry, `tartan-search/node`: opens indexes from disk, serves the app on a port, reads the built search page. */
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import { createAdaptorServer, type HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { InputError } from '../../format/errors.ts'
import { type App, type AppOptions, createApp } from '../http/app.ts'

export { type ModelOptions, openModel } from './node/encoderNode.ts'
export { filesAtPath, folderFiles } from './node/nodeFiles.ts'
export { compileKernels, type OpenIndexOptions, openIndex } from './node/nodeIndex.ts'
export { compileOnnxWeb } from './node/nodeOnnxWeb.ts'
export { openPool, type PoolOpenOptions } from './node/nodePool.ts'
export { type NodeTextSearchOptions, openTextSearch } from './node/nodeTextSearch.ts'
export { openQueryEncoder } from './node/queryEncoder.ts'

const PORT_MAX = 65_535
/** Requests under way get this long to finish when the server closes. */
const CLOSE_TIMEOUT_MS = 5_000

export interface ServeOptions {
  readonly app: App
  /** 0 picks a free one. */
  readonly port: number
  /** Default '127.0.0.1': only this machine. '0.0.0.0' or '::' for all interfaces. */
  readonly host?: string
}

export interface RunningServer {
  /** Base URL without a slash at the end, e.g. "http://127.0.0.1:8080". */
  readonly url: string
  /** Stops taking requests, lets those under way finish for five seconds, then cuts them off. */
  close(): Promise<void>
}

/** @throws InputError when the port is taken, not allowed, or no port; or the host is not of this machine */
export async function serve({ app, port, host = '127.0.0.1' }: ServeOptions): Promise<RunningServer> {
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new InputError(
      `cannot serve on port ${port}: expected an integer from 0 to ${PORT_MAX}. Choose one with --port.`,
    )
  }
  let closing = false
  const outer = new Hono<{ Bindings: HttpBindings }>()
  outer.use(async (c, next) => {
    await next()
    // Otherwise a kept-alive connection would hold up close() after its last answer.
    if (closing) c.header('Connection', 'close')
  })
  // Hosts such as Workers compress at their edge; plain Node does not.
  outer.use(compress())
  outer.all('*', (c) => app.fetch(c.req.raw, c.env))
  const server = createAdaptorServer({ fetch: outer.fetch, hostname: host }) as Server
  await listen(server, port, host)
  const address = server.address()
  const boundPort = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${boundPort}`,
    close() {
      closing = true
      return closeServer(server)
    },
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

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS)
    server.close((error) => {
      clearTimeout(cutOff)
      if (error && (error as NodeJS.ErrnoException).code !== 'ERR_SERVER_NOT_RUNNING') reject(error)
      else resolve()
    })
    server.closeIdleConnections()
  })
}

/** The app with the search page over ready searchers, on a port. Options are those of `createApp` and of `serve`. */
export async function serveIndexes(
  options: Omit<AppOptions, 'page'> & Omit<ServeOptions, 'app'>,
): Promise<RunningServer> {
  const app = createApp({ ...options, page: await readPage() })
  return serve({ app, port: options.port, host: options.host })
}

/**
 * The built search page, one self-contained HTML.
 *
 * @throws InputError when it was not built
 */
export async function readPage(): Promise<string> {
  const file = new URL('../../web/build/page.html', import.meta.url)
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const message =
      'the search page web/build/page.html is not built. Run "npm run build:page" in the tartan-search package.'
    throw new InputError(message, {}, { cause })
  }
}
