/** Files of an index in S3 or a store that speaks its protocol, requests signed by aws4fetch. */
import { AwsClient } from 'aws4fetch'
import { InputError } from '../../format/errors.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { type FetchLike, type HttpFilesOptions, httpFiles } from './http.ts'

export interface S3Location {
  readonly bucket: string
  /** Of the keys; '' or absent: the whole bucket. */
  readonly prefix?: string
  /** Default us-east-1. */
  readonly region?: string
  /** Of another store than Amazon's, e.g. "http://127.0.0.1:9000"; the bucket is then the first part of the path. */
  readonly endpoint?: string
  /** None: requests are not signed, for public buckets. */
  readonly credentials?: S3Credentials | undefined
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** @throws InputError when the bucket's name is none */
export function s3Files(location: S3Location, options: Omit<HttpFilesOptions, 'fetch'> = {}): IndexFiles {
  const { bucket, prefix = '', region = 'us-east-1', endpoint, credentials } = location
  if (!BUCKET.test(bucket)) {
    throw new InputError(
      `"${bucket}" is no name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and hyphens.`,
    )
  }
  if (endpoint !== undefined && !/^https?:\/\/[^/]/.test(endpoint)) {
    throw new InputError(`"${endpoint}" is no endpoint of an S3 server: expected https://host or http://host:port.`)
  }
  const path = prefix.split('/').filter(Boolean).map(encodeURIComponent).join('/')
  const base = endpoint
    ? `${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`
    : `https://${bucket}.s3.${region}.amazonaws.com/${path}`
  // Retrying is ours: the signer's own would not see a body that ends early.
  const client = credentials && new AwsClient({ ...credentials, region, service: 's3', retries: 0 })
  // Where a bucket of another region sends to is signed for by nobody: the answer itself names the region.
  const fetch: FetchLike = (url, init) => (client ?? globalThis).fetch(url, { ...init, redirect: 'manual' })
  return httpFiles(base, { ...options, fetch })
}
