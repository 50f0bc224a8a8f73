/** Index files behind an address, for Node, Deno and Bun: `https://…` and `s3://bucket/prefix`, a folder or a pack. */
import { headLength, PRELUDE_BYTES_MIN } from '../../format/container/container.ts'
import { FormatError, InputError, NotFoundError, OtherFileError } from '../../format/errors.ts'
import { openPack } from '../../format/indexReader.ts'
import { MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { httpFiles } from '../readers/http.ts'

/** Whether it is an address rather than a path; of any kind, so that one that is not read here is told from a file that is not there. */
export const isIndexUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path)

/**
 * The files of an index at an address: of a folder, of its manifest, or of a pack. S3 is asked as the AWS command line would be:
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL; without keys as anyone.
 *
 * @throws InputError when the address is none, or has no index; StorageError, FormatError
 */
export async function filesAtUrl(address: string): Promise<IndexFiles> {
  const url = parsed(address)
  const files = await filesAt(url)
  const failures: Error[] = []
  try {
    await requireManifest(files)
    return files
  } catch (error) {
    // Hosts say in many ways that there is no such file: by 404, by 403 (S3), by a page.
    if (!isAbsence(error)) throw error
    failures.push(error)
  }
  const [, folder = '', name = ''] = /^(.*\/)([^/]+)$/.exec(url.pathname) ?? []
  if (name !== '') {
    try {
      const parent = new URL(url)
      parent.pathname = folder
      return await packFiles(await filesAt(parent), decoded(name, address))
    } catch (error) {
      if (!isAbsence(error)) throw error
      failures.push(error)
    }
  }
  throw noIndex(`${url.protocol}//${url.host}${url.pathname}`, failures)
}

function parsed(address: string): URL {
  const url = URL.parse(address)
  if (!url?.host || !/^(https?|s3):$/.test(url.protocol)) {
    throw new InputError(`"${address}" is no address: expected https://host/path or s3://bucket/prefix.`)
  }
  // Whoever names the manifest means its folder.
  if (url.pathname.endsWith(`/${MANIFEST_NAME}`)) url.pathname = url.pathname.slice(0, -MANIFEST_NAME.length)
  url.pathname = url.pathname.replace(/(?<=.)\/+$/, '')
  return url
}

function decoded(path: string, address: string): string {
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw new InputError(`"${address}" is no address: a "%" in it begins no escape. Write it as %25.`, {}, { cause })
  }
}

function isAbsence(error: unknown): error is NotFoundError | OtherFileError | FormatError {
  return error instanceof NotFoundError || error instanceof OtherFileError || error instanceof FormatError
}

/** @throws FormatError when it is another file, as of a host that answers whatever it is asked */
async function requireManifest(files: IndexFiles): Promise<void> {
  const manifest = await files.open(MANIFEST_NAME)
  headLength(await manifest.read(0, Math.min(manifest.size, PRELUDE_BYTES_MIN)), 'manifest', manifest.key)
  await manifest.close?.()
}

/** What is most likely wrong, when there is neither a folder nor a pack. */
function noIndex(shown: string, failures: readonly Error[]): Error {
  const refused = failures.findLast((error) => error instanceof OtherFileError)
  if (refused) return refused
  const foreign = failures.findLast((error) => error instanceof FormatError)
  if (foreign) return foreign
  const cause = failures.at(-1)
  const isPaged = failures.some((error) => error instanceof NotFoundError && error.detail.page !== undefined)
  const why = isPaged
    ? '; the host answers with a page of HTML, as hosts of apps do for paths that they do not have'
    : ''
  return new InputError(
    `there is no index at "${shown}": neither a folder with ${MANIFEST_NAME} nor a pack${why}. Check the address, and upload the whole folder that tartan build wrote.`,
    { url: shown },
    { cause },
  )
}

/** The files in a pack. Its head is read anew with each look at the manifest: another pack may be there by then. */
async function packFiles(parent: IndexFiles, name: string): Promise<IndexFiles> {
  const openNow = async () => openPack(await parent.open(name))
  let pack = await openNow()
  let isFresh = true
  return {
    key: pack.key,
    async open(file, size) {
      if (file === MANIFEST_NAME && !isFresh) pack = await openNow()
      isFresh = false
      return pack.open(file, size)
    },
    version: async () => parent.version?.(name),
  }
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
    prefix: decoded(url.pathname, url.href),
    ...(region ? { region } : {}),
    ...(endpoint ? { endpoint } : {}),
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, sessionToken: env.AWS_SESSION_TOKEN } }
      : {}),
  })
}
