/**
 * The Worker of wrangler.toml, as it is: an index below `INDEX_PREFIX` of the R2 bucket `INDEX`, or of the static assets `ASSETS`. Queries
 * come as vectors, or as texts where `ENCODER_URL` names another Tartan that encodes them.
 */
import kernels from '../../assembly/build/kernels.wasm'
import { InputError } from '../../format/errors.ts'
import { createRemoteEncoder } from '../encoders/remoteEncoder.ts'
import { type FetchLike, httpFiles } from '../readers/http.ts'
import { type R2BucketLike, r2Files } from '../readers/r2.ts'
import { createWorker } from './cloudflare.ts'

export interface Env {
  readonly INDEX?: R2BucketLike
  readonly ASSETS?: { readonly fetch: FetchLike }
  readonly INDEX_PREFIX?: string
  readonly ENCODER_URL?: string
}

function filesOf({ INDEX, ASSETS, INDEX_PREFIX = '' }: Env) {
  if (INDEX) return r2Files(INDEX, INDEX_PREFIX)
  if (ASSETS) return httpFiles(`https://assets/${INDEX_PREFIX}`, { fetch: (url, init) => ASSETS.fetch(url, init) })
  throw new InputError(
    'this Worker has no index: bind an R2 bucket as INDEX, or static assets as ASSETS, in wrangler.toml.',
  )
}

/** Not in the types of browsers, whose caches all have names. */
const { default: answerCache } = caches as CacheStorage & { readonly default: Cache }

export default createWorker<Env>({
  kernels,
  files: filesOf,
  answerCache,
  // Asked when there is a text to encode: while it is away, requests with vectors are still answered.
  encoder: async ({ ENCODER_URL: url }, index) => (url ? createRemoteEncoder({ url, index }) : undefined),
})
