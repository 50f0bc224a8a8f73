/** A static HTTP server for tests, on a free port: ranges and ETags as RFC 9110 has them, and misbehaviour on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

/** What the next requests meet, one each; then the server behaves. */
export type Fault =
  | 'whole' // 200 and everything, whatever was asked for
  | 'endless' // 200 and no end
  | 'short' // 206, fewer bytes than its headers say
  | 'shifted' // 206 of another range
  | 'gzip' // 206 of the compressed file
  | 'cut' // the connection ends inside the body
  | 'hang' // no answer
  | 'trickle' // headers and a byte, then nothing
  | 'changed' // another ETag
  | 'grown' // another size
  | number // that status

export interface StorageServer {
  readonly url: string
  readonly files: Map<string, Uint8Array>
  /** Method, path and range of every request. */
  readonly requests: string[]
  readonly faults: Fault[]
  /** Headers of answers with a status as fault. */
  faultHeaders: Record<string, string>
  /** Every answer waits so long, in ms: a line with a round trip. 0 at first. */
  delayMs: number
  close(): Promise<void>
}

export async function startStorageServer(): Promise<StorageServer> {
  const server = createServer((request, response) => {
    if (storage.delayMs === 0) answer(storage, request, response)
    else setTimeout(() => answer(storage, request, response), storage.delayMs)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const storage: StorageServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files: new Map(),
    requests: [],
    faults: [],
    faultHeaders: {},
    delayMs: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return storage
}

function answer(storage: StorageServer, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url ?? '/', 'http://storage')
  storage.requests.push(`${request.method} ${pathname} ${request.headers.range ?? ''}`.trim())
  const fault = storage.faults.shift()
  if (fault === 'hang') return
  if (typeof fault === 'number') {
    response.writeHead(fault, storage.faultHeaders).end('secret details')
    return
  }
  const file = storage.files.get(decodeURIComponent(pathname.slice(1)))
  if (!file) {
    response.writeHead(404).end()
    return
  }
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const start = Number(first)
  const end = Math.min(last === '' ? file.length : Number(last) + 1, file.length)
  // The same for all files, as of the weakest storage: that a replaced index is found must not rest on it.
  const etag = fault === 'changed' ? '"2"' : '"1"'
  if (fault === 'endless') {
    response.writeHead(200, { etag })
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', more)
    more()
    return
  }
  if (fault === 'whole' || request.headers.range === undefined) {
    response.writeHead(200, { etag, 'content-length': file.length, 'content-type': typeOf(pathname) }).end(file)
    return
  }
  if (start >= file.length) {
    response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end()
    return
  }
  partly(fault, response, { file, start, end, etag })
}

/** What browsers insist on. */
function typeOf(path: string): string {
  const types: Readonly<Record<string, string>> = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' }
  return types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
}

interface Part {
  readonly file: Uint8Array
  readonly start: number
  readonly end: number
  readonly etag: string
}

function partly(fault: Fault | undefined, response: ServerResponse, { file, start, end, etag }: Part): void {
  const shift = fault === 'shifted' ? 1 : 0
  const size = fault === 'grown' ? file.length + 1 : file.length
  const headers = { etag, 'content-range': `bytes ${start + shift}-${end - 1 + shift}/${size}` }
  const body = file.subarray(start, end)
  if (fault === 'gzip') {
    response.writeHead(206, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(body))
  } else if (fault === 'short') {
    response.writeHead(206, { ...headers, 'content-length': body.length - 1 }).end(body.subarray(0, -1))
  } else if (fault === 'cut' || fault === 'trickle') {
    response.writeHead(206, { ...headers, 'content-length': body.length })
    response.write(body.subarray(0, 1), () => fault === 'cut' && response.destroy())
  } else {
    response.writeHead(206, { ...headers, 'content-length': body.length }).end(body)
  }
}
