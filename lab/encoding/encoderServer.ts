/** A static server for the encoder tests: the bundled model, onnxruntime-web's files, and the test's page, isolated or not. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { build } from 'esbuild'
import { ROOT } from '../root.ts'

/** URL prefix → folder. */
const FOLDERS: Readonly<Record<string, string>> = {
  '/model/': join(ROOT, 'models/tartan-small'),
  '/ort/': join(ROOT, 'node_modules/onnxruntime-web/dist'),
}
const TYPES: Readonly<Record<string, string>> = { wasm: 'application/wasm', mjs: 'text/javascript' }
const PAGE =
  '<!doctype html><title>encoder</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>'

export interface EncoderServer {
  /** Without a slash at the end. */
  readonly url: string
  /** Paths asked for, in order. */
  readonly requested: string[]
  stop(): Promise<void>
}

/**
 * `/isolated` is the page with the headers that let it share memory, `/page` without.
 * @param more - other folders, by the start of their paths, e.g. "/index/"
 */
export async function startEncoderServer(more: Readonly<Record<string, string>> = {}): Promise<EncoderServer> {
  const folders = { ...FOLDERS, ...more }
  const script = await bundlePage()
  const requested: string[] = []
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname)
    requested.push(path)
    // The model and ONNX Runtime may be asked for by any page; a page that is isolated takes nothing else.
    response.setHeader('Access-Control-Allow-Origin', '*')
    response.setHeader('Access-Control-Expose-Headers', 'Content-Range')
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    if (path === '/page' || path === '/isolated') {
      if (path === '/isolated') response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
      response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE)
      return
    }
    if (path === '/page.js') {
      response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script)
      return
    }
    const [prefix, folder] = Object.entries(folders).find(([start]) => path.startsWith(start)) ?? []
    const file = prefix && folder && join(folder, path.slice(prefix.length))
    const found = file && (await stat(file).catch(() => undefined))
    if (!file || !found) {
      response.writeHead(404).end()
      return
    }
    const type = TYPES[file.slice(file.lastIndexOf('.') + 1)] ?? 'application/octet-stream'
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const [start, end] = first ? [Number(first), Math.min(Number(last), found.size - 1)] : [0, found.size - 1]
    if (first) response.setHeader('Content-Range', `bytes ${start}-${end}/${found.size}`)
    response.writeHead(first ? 206 : 200, { 'Content-Type': type, 'Content-Length': end - start + 1 })
    createReadStream(file, { start, end }).pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requested,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['lab/encoding/encoderPage.ts'],
    bundle: true,
    format: 'esm',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
