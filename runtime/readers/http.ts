/**
 * Files of an index over HTTP by range requests (RFC 9110 §14): any static host, an object store behind a public address, an
 * assets binding. Only `Range` is asked for, which browsers send across origins without asking first.
 */
import { InputError, RangeReadError, StorageError } from '../../format/errors.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { isPage, pageInstead, refusal } from './refusals.ts'
import { type RemoteOptions, remoteFiles } from './remote.ts'
import type { FetchedRange } from './wholeFiles.ts'

/** What is needed of `fetch`: a global one, that of a binding, or one that signs. */
export type FetchLike = (
  url: string,
  init: { headers: Record<string, string>; signal: AbortSignal },
) => Promise<Response>

export interface HttpFilesOptions extends RemoteOptions {
  /** Default: the global one. */
  readonly fetch?: FetchLike
  /** Sent with every request, e.g. `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * A server that knows no ranges sends whole files: files up to this size are taken all the same, larger ones refused.
   * Default 32 MiB, a part and some.
   */
  readonly wholeFileMax?: number
}

const WHOLE_FILE_MAX_DEFAULT = 32 * 1024 * 1024

/**
 * @param baseUrl - the folder that holds `index.msgpack`; a query string is kept for every file (signatures of some stores)
 */
export function httpFiles(baseUrl: string | URL, options: HttpFilesOptions = {}): IndexFiles {
  const base = addressOf(baseUrl)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return httpFilesAt((name) => {
    const url = new URL(base)
    url.pathname += encodeURIComponent(name)
    return url
  }, options)
}

/** @throws InputError when it is no address, or holds a password, which fetch does not send */
function addressOf(url: string | URL): URL {
  // In a page relative addresses are those of the page.
  const { location } = globalThis as { readonly location?: { readonly href: string } }
  const address = URL.parse(url, location?.href)
  if (!address || !/^https?:$/.test(address.protocol)) {
    throw new InputError(`"${url}" is no address of a web server: expected https://host/path.`)
  }
  if (address.username || address.password) {
    throw new InputError(
      `the address of ${address.host} holds a user or password, which are not sent from there: give them as an Authorization in the headers of httpFiles.`,
    )
  }
  return address
}

/** One file, such as a pack, under the name ''. @param url - of the file */
export function httpFile(url: string | URL, options: HttpFilesOptions = {}): IndexFiles {
  const address = addressOf(url)
  return httpFilesAt(() => address, options)
}

function httpFilesAt(urlOf: (name: string) => URL, options: HttpFilesOptions): IndexFiles {
  const { fetch = (url, init) => globalThis.fetch(url, init), headers = {} } = options
  const wholeFileMax = options.wholeFileMax ?? WHOLE_FILE_MAX_DEFAULT
  const fetchRange = async (name: string, offset: number, length: number, signal: AbortSignal) => {
    const url = urlOf(name)
    const range = `bytes=${offset}-${offset + length - 1}`
    const response = await fetch(url.href, { headers: { ...headers, range }, signal })
    return rangeOf(response, { shown: shown(url), offset, length, wholeFileMax })
  }
  return remoteFiles(shown(urlOf('')).replace(/\/$/, ''), fetchRange, options)
}

interface Asked {
  /** For messages: no user, no query, which may hold secrets. */
  readonly shown: string
  readonly offset: number
  readonly length: number
  readonly wholeFileMax: number
}

async function rangeOf(response: Response, asked: Asked): Promise<FetchedRange> {
  const { shown: url, offset, length } = asked
  const version = response.headers.get('etag') ?? response.headers.get('last-modified') ?? undefined
  if (response.status === 206) {
    const [first, size] = contentRange(response, asked)
    // Some servers send more than was asked for, around it.
    const bytes = await bytesOf(response, Math.max(length, asked.wholeFileMax), asked)
    if (first === 0 && isPage(bytes)) throw pageInstead(url, response.status)
    return { bytes, offset: first, size, version }
  }
  if (response.status === 200) {
    const bytes = await bytesOf(response, asked.wholeFileMax, asked)
    if (isPage(bytes)) throw pageInstead(url, response.status)
    return { bytes, offset: 0, size: bytes.length, version, isWhole: true }
  }
  if (response.status === 416) {
    await response.body?.cancel()
    throw new RangeReadError(url, offset, length, sizeOfUnsatisfied(response) ?? 0)
  }
  throw await refusal(response, url)
}

/** `bytes first-last/size`. @returns first and size, which servers that do not know it call "*" */
function contentRange(
  response: Response,
  { shown: url, offset, length }: Asked,
): readonly [number, number | undefined] {
  const header = response.headers.get('content-range') ?? ''
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header) ?? []
  const size = total === '*' ? undefined : Number(total)
  const encoding = response.headers.get('content-encoding')
  const isRight = Number(first) <= offset && Number(last) + 1 >= Math.min(offset + length, size ?? 0)
  if (isRight && (encoding === null || encoding === 'identity')) return [Number(first), size]
  // Not worth another try: a proxy that counts in compressed bytes, or a server of its own mind.
  const cure =
    header === '' && encoding === null
      ? 'Asked by a page of another site, the storage has to send "Access-Control-Expose-Headers: Content-Range"; else a proxy leaves the header out.'
      : 'Ranges must be of the plain file: switch compression off for .msgpack and .tartan.'
  throw new StorageError(
    `${url} answered a request for ${length} bytes at ${offset} with ${header === '' ? 'no Content-Range that can be read' : `the range "${header}"`}${encoding ? ` of a body encoded as ${encoding}` : ''}. ${cure}`,
    { url, offset, length },
  )
}

/** The body, refused as soon as it is longer than `max`: an endless answer must not fill the memory. */
async function bytesOf(response: Response, max: number, { shown: url }: Asked): Promise<Uint8Array> {
  const tooLong = () =>
    new StorageError(
      `${url} sent more than the ${max} bytes that may come at once${response.status === 200 ? ': the server ignores range requests. Put the files where ranges are served, or build with a smaller --part-size' : ''}.`,
      { url, bytes: max },
    )
  const declared = Number(response.headers.get('content-length'))
  if (declared > max) {
    await response.body?.cancel()
    throw tooLong()
  }
  const reader = response.body?.getReader()
  if (!reader) return new Uint8Array(await response.arrayBuffer())
  // Pieces go where they belong as they come: kept and joined, a model of 23 MB would take 46.
  let bytes = new Uint8Array(declared > 0 ? declared : 0)
  let length = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const end = length + read.value.length
    if (end > max) {
      await reader.cancel()
      throw tooLong()
    }
    if (end > bytes.length) bytes = enlarged(bytes, Math.min(max, Math.max(end, 2 * bytes.length)))
    bytes.set(read.value, length)
    length = end
  }
  return length === bytes.length ? bytes : bytes.slice(0, length)
}

function enlarged(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length)
  larger.set(bytes)
  return larger
}

/** `bytes *\/size` of a 416. */
function sizeOfUnsatisfied(response: Response): number | undefined {
  const size = /^bytes \*\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1]
  return size === undefined ? undefined : Number(size)
}

function shown(url: URL): string {
  return `${url.origin}${url.pathname}`
}
