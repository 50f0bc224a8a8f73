/** Storages that an index is read from, `tartan-search/readers`. S3 is apart (`tartan-search/readers/s3`), for it brings a signer along. */
export { blobReader } from './blob.ts'
export { type CacheApiOptions, type CachedFilesOptions, cacheApiFiles, cachedFiles } from './cached.ts'
export { type FetchLike, type HttpFilesOptions, httpFile, httpFiles } from './http.ts'
export { memoryFiles, memoryReader } from './memory.ts'
export { type R2BucketLike, r2Files } from './r2.ts'
export { type RemoteOptions, remoteFiles } from './remote.ts'
