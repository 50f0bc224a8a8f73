/**
 * A request handler that opens its index with the first request, once, whoever waits: what Workers, Deno Deploy, Lambda and
 * Service Workers call. A failure to open is a problem answer, and the next request tries again.
 */
import type { ExecutionContext } from 'hono'
import { createOpenOnce } from '../waiting/openOnce.ts'
import type { App } from './app.ts'
import { openingProblem } from './problem.ts'

/**
 * @param env - bindings of the host, for the app's own handlers
 * @param context - lets work go on after the answer, where the host has such a thing
 */
export type Handler = (request: Request, env?: unknown, context?: ExecutionContext) => Promise<Response>

export interface HandlerOptions {
  /** Opens index and encoder and makes the app. */
  readonly open: () => Promise<App>
  /** Called when opening failed, with the whole error that the client is not told, and the id that the client is. */
  readonly log?: (error: unknown, requestId: string) => void
}

export function createHandler({ open, log }: HandlerOptions): Handler {
  const once = createOpenOnce({ open })
  return async (request, env, context) => {
    let app: App
    try {
      app = once.value ?? (await once.get())
    } catch (error) {
      const requestId = crypto.randomUUID()
      log?.(error, requestId)
      return openingProblem(error, requestId)
    }
    return app.fetch(request, env as object, context)
  }
}
