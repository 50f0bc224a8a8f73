/**
 * A request handler that opens its index with the first request, once, whoever waits: what Workers, Deno Deploy, Lambda and
 * Service Workers call. A failure to open is a problem answer, and the next request tries again.
 */
import { createOpenOnce } from '../openOnce.ts'
import type { App } from './app.ts'
import { openingProblem } from './problem.ts'

export type Handler = (request: Request) => Promise<Response>

export interface HandlerOptions {
  /** Opens index and encoder and makes the app. */
  readonly open: () => Promise<App>
  /** Called when opening failed, with the whole error that the client is not told. */
  readonly log?: (error: unknown) => void
}

export function createHandler({ open, log }: HandlerOptions): Handler {
  const once = createOpenOnce({ open })
  return async (request) => {
    let app: App
    try {
      app = once.value ?? (await once.get())
    } catch (error) {
      log?.(error)
      return openingProblem(error)
    }
    return app.fetch(request)
  }
}
