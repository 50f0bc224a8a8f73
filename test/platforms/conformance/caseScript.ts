/** Serves the case apps on Node, Deno or Bun, whichever runs it, each by its own server; prints the port. */
import { createCaseHandler } from '../../contracts/caseApps.ts'

interface HostGlobals {
  readonly Deno?: {
    serve(options: object, handler: (request: Request) => Promise<Response>): { addr: { port: number } }
  }
  readonly Bun?: { serve(options: object): { port: number } }
}

const handle = createCaseHandler()
const { Deno, Bun } = globalThis as HostGlobals
const hostname = '127.0.0.1'

async function serveOnNode(): Promise<number> {
  const { serve } = await import('../../../runtime/platform/node.ts')
  const { Hono } = await import('hono')
  const app = new Hono().all('*', (c) => handle(c.req.raw))
  const { url } = await serve({ app: app as unknown as Parameters<typeof serve>[0]['app'], port: 0 })
  return Number(new URL(url).port)
}

const port = Bun
  ? Bun.serve({ hostname, port: 0, fetch: handle }).port
  : Deno
    ? Deno.serve({ hostname, port: 0, onListen: () => undefined }, handle).addr.port
    : await serveOnNode()
process.stdout.write(`port ${port}\n`)
