/** A Worker that searches an index in an R2 bucket. */
import { createWorker } from 'tartan-search/cloudflare'
import kernels from 'tartan-search/kernels.wasm'
import { type R2BucketLike, r2Files } from 'tartan-search/readers'

interface Env {
  readonly INDEX: R2BucketLike
}

export default createWorker<Env>({ kernels, files: ({ INDEX }) => r2Files(INDEX, 'corpus.tartan') })
