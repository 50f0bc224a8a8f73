/** A whole Worker as one deploys it, and its opening in steps that can be timed from outside: a Worker's own clock stands still. */
import kernels from '../../../assembly/build/kernels.wasm'
import { readIndex } from '../../../format/indexReader.ts'
import { createChecksum } from '../../../runtime/kernels/checksum.ts'
import { instantiateKernels } from '../../../runtime/kernels/kernels.ts'
import { createWorker } from '../../../runtime/platform/cloudflare.ts'
import { httpFiles } from '../../../runtime/readers/http.ts'

export interface ColdEnv {
  readonly STORAGE: string
  readonly PIPELINE: 'resident' | 'range'
}

const files = ({ STORAGE }: ColdEnv) => httpFiles(`${STORAGE}/index/`)
const workers = {
  resident: createWorker<ColdEnv>({ kernels, files, pipeline: 'resident' }),
  range: createWorker<ColdEnv>({ kernels, files, pipeline: 'range' }),
}

export default {
  async fetch(request: Request, env: ColdEnv): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/step/ready') return new Response('ready')
    if (pathname === '/step/kernels') {
      createChecksum(await instantiateKernels(kernels))
      return new Response('kernels')
    }
    if (pathname === '/step/manifest') {
      const reader = await readIndex(files(env))
      await reader.close()
      return new Response('manifest')
    }
    return workers[env.PIPELINE].fetch(request, env)
  },
}
