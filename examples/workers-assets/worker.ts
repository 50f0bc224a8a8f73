/** A whole search site in one Worker: page, index and model are its static assets, and texts are encoded where they are searched. */
import ortWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm'
import { createLazyEncoder } from 'tartan-search'
import { createWorker } from 'tartan-search/cloudflare'
import kernels from 'tartan-search/kernels.wasm'
import { type FetchLike, httpFiles } from 'tartan-search/readers'
import { openWebEncoder } from 'tartan-search/web-encoder'

interface Env {
  readonly ASSETS: { readonly fetch: FetchLike }
}

const assets = ({ ASSETS }: Env, folder: string) =>
  httpFiles(`https://assets/${folder}`, { fetch: (url, init) => ASSETS.fetch(url, init) })

export default createWorker<Env>({
  kernels,
  // An isolate has 128 MB; the encoder takes half of them.
  memoryMax: 64e6,
  files: (env) => assets(env, 'corpus.tartan'),
  encoder: async (env, index) =>
    createLazyEncoder({
      index,
      open: () => openWebEncoder({ files: assets(env, 'models/tartan-small'), ort: { wasm: ortWasm }, index }),
    }),
})
