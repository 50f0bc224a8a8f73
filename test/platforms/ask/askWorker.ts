/** Run by workerd: asks an index and a model of the storage that `STORAGE` names, opened by the first request. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import kernels from '../../../assembly/build/kernels.wasm'
import type { TextSearch } from '../../../runtime/ask/textSearch.ts'
import { openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { createOpenOnce, type OpenOnce, openTextSearch } from '../../../runtime/platform/cloudflare.ts'
import { httpFiles } from '../../../runtime/readers/http.ts'
import { askAll } from './askRun.ts'

let search: OpenOnce<TextSearch> | undefined

export default {
  async fetch(_: Request, { STORAGE }: { readonly STORAGE: string }): Promise<Response> {
    search ??= createOpenOnce({
      open: () =>
        openTextSearch(httpFiles(`${STORAGE}/index/`), {
          kernels,
          encoder: (index) => openWebEncoder({ files: httpFiles(`${STORAGE}/model/`), ort: { wasm: ortWasm }, index }),
        }),
    })
    return Response.json(await askAll(await search.get()))
  },
}
