/** Node entry, `tartan-search/node`: opens indexes from disk, serves the app on a port, reads the built search page. */
import { readFile } from 'node:fs/promises'
import { InputError } from '../../format/errors.ts'
import { cachedEncoder } from '../encoders/cachedEncoder.ts'
import { type AppOptions, createApp } from '../http/app.ts'
import { Admission, type AdmissionOptions } from '../waiting/admission.ts'
import { type RunningServer, type ServeOptions, serve } from './node/server.ts'

export type { LogEntry } from '../http/app.ts'
export { allowedOrigins } from '../http/cors/origins.ts'
export { type ModelOptions, openModel } from './node/encoderNode.ts'
export { filesAtPath, folderFiles } from './node/nodeFiles.ts'
export { type OpenIndexOptions, openIndex } from './node/nodeIndex.ts'
export { compileKernels } from './node/nodeKernels.ts'
export { compileOnnxWeb } from './node/nodeOnnxWeb.ts'
export { type NodeTextSearchOptions, openTextSearch } from './node/nodeTextSearch.ts'
export { openQueryEncoder } from './node/queryEncoder.ts'
export { type RunningServer, type ServeOptions, serve } from './node/server.ts'
export { openPool, type PoolOpenOptions } from './node/threads/nodePool.ts'

/** Work under way at a time, for each thread that encodes: one is encoded, one searched; and one more, so that none of them waits. */
const LANES_PER_WORKER = 2

export interface ServeIndexesOptions
  extends Omit<AppOptions, 'page' | 'admission'>,
    Omit<ServeOptions, 'app' | 'admission'> {
  /** Threads that the encoder and each index were opened with. Default 1. */
  readonly workers?: number
  /** How many may wait, and for how long. `lanes` default to two for each worker and one more. */
  readonly queue?: Partial<AdmissionOptions>
}

export interface ServedIndexes extends RunningServer {
  /** Who waits, and how many were refused. */
  readonly admission: Admission
}

/**
 * The app with the search page over ready searchers, on a port. Requests are computed in turn, first come, first answered; what
 * cannot be answered in time is refused with 503 and Retry-After. Options are those of `createApp` and of `serve`.
 */
export async function serveIndexes(options: ServeIndexesOptions): Promise<ServedIndexes> {
  const { port, host, workers = 1, queue, encoder, ...app } = options
  const admission = new Admission({ lanes: workers * LANES_PER_WORKER + 1, ...queue })
  const page = await readPage()
  const kept = encoder && cachedEncoder(encoder)
  const server = await serve({ app: createApp({ ...app, encoder: kept, page, admission }), port, host, admission })
  return { ...server, admission }
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
