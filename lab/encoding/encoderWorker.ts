/** Run by workerd: encodes the queries of the task that is posted (JSON), and answers with the report. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import { type EncodeTask, encodeAll } from './encoderRun.ts'

export default {
  async fetch(request: Request): Promise<Response> {
    return Response.json(await encodeAll((await request.json()) as EncodeTask, { ortWasm: async () => ortWasm }))
  },
}
