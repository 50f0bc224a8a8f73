/** Files of an index in a Cloudflare R2 bucket, through a Worker's binding. */
import { NotFoundError } from '../../format/errors.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { type RemoteOptions, remoteFiles } from './remote.ts'

/** What is needed of R2Bucket, so that no types of Workers are. */
export interface R2BucketLike {
  get(key: string, options: { range: { offset: number; length: number } }): Promise<R2ObjectLike | null>
}

export interface R2ObjectLike {
  readonly size: number
  readonly etag: string
  readonly range?: object | undefined
  arrayBuffer?(): Promise<ArrayBuffer>
}

/** @param prefix - of the keys, without a slash at the end; '' for the whole bucket */
export function r2Files(bucket: R2BucketLike, prefix: string, options: RemoteOptions = {}): IndexFiles {
  const path = prefix.replace(/\/+$/, '')
  const keyOf = (name: string) => [path, name].filter((part) => part !== '').join('/')
  return remoteFiles(
    `r2:${path}`,
    async (name, offset, length) => {
      const key = keyOf(name)
      const object = await bucket.get(key, { range: { offset, length } })
      if (!object) throw new NotFoundError(`the bucket has no object "${key}".`, { key })
      const bytes = new Uint8Array((await object.arrayBuffer?.()) ?? new ArrayBuffer(0))
      return { bytes, offset, size: object.size, version: object.etag }
    },
    options,
  )
}
