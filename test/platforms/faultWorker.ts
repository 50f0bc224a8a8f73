/** A Worker over HTTP storage, by the pipeline that `PIPELINE` names; it gives up a read after `TIMEOUT_MS`. */
import kernels from '../../assembly/build/kernels.wasm'
import { createWorker } from '../../runtime/platform/cloudflare.ts'
import { httpFiles } from '../../runtime/readers/http.ts'

interface Env {
  readonly STORAGE: string
  readonly PIPELINE: 'resident' | 'range'
  readonly TIMEOUT_MS: string
}

const workerOf = (pipeline: Env['PIPELINE']) =>
  createWorker<Env>({
    kernels,
    pipeline,
    // Every query meets the storage.
    cacheBytes: 0,
    files: ({ STORAGE, TIMEOUT_MS }) => httpFiles(`${STORAGE}/index/`, { timeoutMs: Number(TIMEOUT_MS), retries: 1 }),
    log: () => undefined,
  })
const workers = { resident: workerOf('resident'), range: workerOf('range') }

export default {
  fetch: (request: Request, env: Env): Promise<Response> => workers[env.PIPELINE].fetch(request, env),
}
