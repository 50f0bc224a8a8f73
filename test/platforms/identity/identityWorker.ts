/** Run by workerd: answers on the pack that is the body of the request, as JSON. */
import kernels from '../../../assembly/build/kernels.wasm'
import { openPack } from '../../../format/indexReader.ts'
import { memoryReader } from '../../../runtime/readers/memory.ts'
import { openSearcher } from '../../../runtime/searchers/openIndexFiles.ts'
import { identityAnswers } from './identityRun.ts'

export default {
  async fetch(request: Request): Promise<Response> {
    const pack = await openPack(memoryReader('pack', new Uint8Array(await request.arrayBuffer())))
    const searcher = await openSearcher(pack, { kernels })
    return Response.json(await identityAnswers(searcher))
  },
}
