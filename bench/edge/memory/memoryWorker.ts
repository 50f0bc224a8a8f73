/** A Worker with an encoder, and an index in the resident pipeline where one is named; for measuring what they hold. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import kernels from '../../../assembly/build/kernels.wasm'
import { openWebEncoder, type WebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { httpFiles } from '../../../runtime/readers/http.ts'
import type { OpenedIndex } from '../../../runtime/searchers/indexSearcher.ts'
import { openSearcher } from '../../../runtime/searchers/openIndexFiles.ts'

export interface MemoryTask {
  readonly modelUrl: string
  readonly indexUrl?: string
  readonly query: string
}

export interface MemoryReport {
  /** Bytes of WebAssembly memory. */
  readonly encoderBytes: number
  readonly searcherBytes: number
  /** Ids of the best passages. */
  readonly found: readonly string[]
}

/** What stays open until the Worker ends. */
const open: { encoder?: WebEncoder; searcher?: OpenedIndex } = {}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') {
      // With V8's --expose-gc: what is held, not what has not been thrown away yet. Buffers go in the second round.
      const { gc } = globalThis as { gc?: () => void }
      gc?.()
      gc?.()
      return new Response('ready')
    }
    const { modelUrl, indexUrl, query } = (await request.json()) as MemoryTask
    open.encoder = await openWebEncoder({ files: httpFiles(modelUrl), ort: { wasm: ortWasm } })
    if (indexUrl) open.searcher = await openSearcher(httpFiles(indexUrl), { kernels })
    const encoded = await open.encoder.encodeQuery(query)
    const hits = (await open.searcher?.search(encoded))?.hits ?? []
    const report: MemoryReport = {
      encoderBytes: open.encoder.memoryBytes,
      searcherBytes: open.searcher?.memoryBytes ?? 0,
      found: hits.map(({ id }) => id),
    }
    return Response.json(report)
  },
}
