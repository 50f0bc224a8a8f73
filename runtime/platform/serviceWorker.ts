/**
 * Service Workers, `tartan-search/service-worker`: the HTTP app inside the browser. Pages of a static site ask `/search/v1/search` as they
 * would ask a server, and their own Service Worker answers from the index files, also without a network once they are cached.
 */
import { createHandler, type Handler, type HandlerOptions } from '../http/handler.ts'
import { openingProblem } from '../http/problem.ts'

export { openBrowserIndex } from './browser.ts'

export interface ServiceWorkerOptions extends HandlerOptions {
  /** Path below which the app answers, e.g. '/search'. Other requests go to the network, as if there were no Service Worker. */
  readonly base: string
}

/** The part of ServiceWorkerGlobalScope that is used; the DOM library has no place for it beside pages and workers. */
interface ServiceWorkerScope {
  readonly location: Location
  readonly clients: { claim(): Promise<void> }
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: LifeEvent) => void): void
  addEventListener(type: 'fetch', listener: (event: RequestEvent) => void): void
}
interface LifeEvent {
  waitUntil(work: Promise<unknown>): void
}
interface RequestEvent {
  readonly request: Request
  respondWith(response: Promise<Response>): void
}

/**
 * Call it once, at the top of the Service Worker's script: browsers want listeners there from the start. It takes over open pages at
 * once, so that the first visit can search. Browsers end a Service Worker when it has nothing to do; the next request opens the index anew.
 *
 * @throws RangeError when `base` does not begin with a slash
 */
export function serveFromServiceWorker({ base, ...options }: ServiceWorkerOptions): void {
  if (!base.startsWith('/')) throw new RangeError(`the base of the app must begin with "/", got "${base}"`)
  const scope = globalThis as unknown as ServiceWorkerScope
  const prefix = base.replace(/\/+$/, '')
  const handler = createHandler(options)
  scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()))
  scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()))
  scope.addEventListener('fetch', (event) => {
    const url = new URL(event.request.url)
    const isOurs = url.pathname === prefix || url.pathname.startsWith(`${prefix}/`)
    if (url.origin !== scope.location.origin || !isOurs) return
    event.respondWith(answer(handler, event.request, url, prefix))
  })
}

async function answer(handler: Handler, request: Request, url: URL, prefix: string): Promise<Response> {
  if (prefix === '') return handler(request)
  url.pathname = url.pathname.slice(prefix.length) || '/'
  const { method, headers } = request
  const hasBody = method !== 'GET' && method !== 'HEAD'
  try {
    // Piece by piece: no Request can be made of one that is a navigation.
    return await handler(
      new Request(url, { method, headers, ...(hasBody ? { body: await request.arrayBuffer() } : {}) }),
    )
  } catch (error) {
    // What is thrown here would be a network error to the page, with no word of why.
    return openingProblem(error)
  }
}
