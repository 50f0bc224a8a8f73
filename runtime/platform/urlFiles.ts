/** Index files behind an address, for Node, Deno and Bun: `https://…` and `s3://bucket/prefix`, a folder or a pack. */
import { InputError, NotFoundError } from '../../format/errors.ts'
import { openPack } from '../../format/indexReader.ts'
import { MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { httpFiles } from '../readers/http.ts'

/** Whether it is an address rather than a path; of any kind, so that one that is not read here is told from a file that is not there. */
export const isIndexUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path)

/**
 * The files of an index at an address. S3 is asked as the AWS command line would be: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL; without keys as anyone.
 *
 * @throws InputError when the address is none, or has no index; StorageError
 */
export async function filesAtUrl(address: string): Promise<IndexFiles> {
  const url = parsed(address)
  const shown = `${url.protocol}//${url.host}${url.pathname}`
  const files = await filesAt(url)
  try {
    const manifest = await files.open(MANIFEST_NAME)
    await manifest.close?.()
    return files
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error
  }
  const [, folder = '', name = ''] = /^(.*\/)([^/]+)$/.exec(url.pathname) ?? []
  try {
    if (name === '') throw new NotFoundError(`"${shown}" names no file.`)
    const parent = new URL(url)
    parent.pathname = folder
    return await openPack(await (await filesAt(parent)).open(decodeURIComponent(name)))
  } catch (cause) {
    if (!(cause instanceof NotFoundError)) throw cause
    const message = `there is no index at "${shown}": neither a folder with ${MANIFEST_NAME} nor a pack. Upload the whole folder that tartan build wrote.`
    throw new InputError(message, { url: shown }, { cause })
  }
}

function parsed(address: string): URL {
  const url = URL.parse(address)
  if (url?.host && /^(https?|s3):$/.test(url.protocol)) return url
  throw new InputError(`"${address}" is no address: expected https://host/path or s3://bucket/prefix.`)
}

async function filesAt(url: URL): Promise<IndexFiles> {
  if (url.protocol !== 's3:') return httpFiles(url)
  const { s3Files } = await import('../readers/s3.ts')
  const { env } = process
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env
  const region = env.AWS_REGION ?? env.AWS_DEFAULT_REGION
  const endpoint = env.AWS_ENDPOINT_URL_S3 ?? env.AWS_ENDPOINT_URL
  return s3Files({
    bucket: url.host,
    prefix: decodeURIComponent(url.pathname),
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, sessionToken: env.AWS_SESSION_TOKEN } }
      : {}),
  })
}
