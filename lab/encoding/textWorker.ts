/** A Worker that searches texts on its own, as its author would write it: index and model from one storage, the encoder opened by the first text. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import kernels from '../../assembly/build/kernels.wasm'
import { createLazyEncoder } from '../../runtime/encoders/lazyEncoder.ts'
import { openWebEncoder } from '../../runtime/encoders/webEncoder.ts'
import { createWorker } from '../../runtime/platform/cloudflare.ts'
import { httpFiles } from '../../runtime/readers/http.ts'

interface Env {
  readonly STORAGE: string
}

export default createWorker<Env>({
  kernels,
  files: ({ STORAGE }) => httpFiles(`${STORAGE}/index/`),
  encoder: async ({ STORAGE }, index) =>
    createLazyEncoder({
      index,
      open: () => openWebEncoder({ files: httpFiles(`${STORAGE}/model/`), ort: { wasm: ortWasm }, index }),
    }),
})
