/**
 * Cloudflare Workers, `tartan-search/cloudflare`: an index in R2, in static assets, or anywhere files are, searched in the Worker.
 * Kernels are imported as a module by whoever writes the Worker: Workers compile no WebAssembly from bytes.
 */
import type { ExecutionContext } from 'hono'
import type { IndexFiles } from '../../format/rangeReader.ts'
import type { QuestionEncoder } from '../ask/textSearch.ts'
import { type AppOptions, createApp } from '../http/app.ts'
import { allowedOrigins } from '../http/cors/origins.ts'
import { createHandler, type Handler } from '../http/handler.ts'
import type { Searcher } from '../searcher.ts'
import { type OpenIndexFilesOptions, openIndexFiles } from '../searchers/openIndexFiles.ts'

export { type OpenTextSearchOptions, openTextSearch } from '../ask/openTextSearch.ts'
export { createOpenOnce, type OpenOnce } from '../waiting/openOnce.ts'

export interface WorkerOptions<Env> extends Omit<OpenIndexFilesOptions, 'kernels'> {
  /** `import kernels from 'tartan-search/kernels.wasm'`. */
  readonly kernels: WebAssembly.Module
  /** E.g. `(env) => r2Files(env.INDEX, 'corpus.tartan')`. */
  readonly files: (env: Env) => IndexFiles
  /** Without it, or where it gives none, only ready vectors can be searched with. */
  readonly encoder?: (env: Env, info: Searcher['info']) => Promise<QuestionEncoder | undefined>
  /** Origins whose pages may ask. */
  readonly origins?: readonly string[]
  readonly page?: string
  /** `caches.default`: an answer that was given once is given again without a search, to anyone, in the same data centre. */
  readonly answerCache?: AppOptions['answerCache']
  readonly log?: AppOptions['log']
}

export interface Worker<Env> {
  fetch(request: Request, env: Env, context?: ExecutionContext): Promise<Response>
}

/** What an isolate holds is opened by its first request and kept: values, never promises of another request. */
export function createWorker<Env>(options: WorkerOptions<Env>): Worker<Env> {
  let handler: Handler | undefined
  // What is wrong with them is told when the Worker is started, not by each of its answers.
  if (options.origins) allowedOrigins(options.origins)
  return {
    fetch(request, env, context) {
      handler ??= createHandler({
        open: () => openApp(options, env),
        log: (error, requestId) => {
          const { method, url } = request
          const entry = {
            level: 'error',
            requestId,
            method,
            path: new URL(url).pathname,
            status: 503,
            error,
          } as const
          ;(options.log ?? console.error)(entry)
        },
      })
      return handler(request, env, context)
    },
  }
}

async function openApp<Env>(options: WorkerOptions<Env>, env: Env) {
  const { files, encoder, origins, page, answerCache, log = console.error, ...opening } = options
  const searcher = await openIndexFiles(files(env), opening)
  const opened = await encoder?.(env, searcher.info)
  return createApp({
    indexes: searcher,
    log,
    ...(opened ? { encoder: opened } : {}),
    ...(origins ? { origins } : {}),
    ...(page === undefined ? {} : { page }),
    ...(answerCache ? { answerCache } : {}),
  })
}
