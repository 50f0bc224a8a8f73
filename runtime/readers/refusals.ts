/**
 * What an answer means that is no file: of web servers by its status, of S3 and its kin by the code and the headers that come with it.
 * Only what is known is told on: an answer may hold keys and paths.
 */
import { NotFoundError, OtherFileError, StorageError } from '../../format/errors.ts'
import { RetryableError } from '../waiting/retry.ts'

const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 520, 522, 524])
/** Of an error document: S3's are shorter. */
const DOCUMENT_BYTES_MAX = 16 * 1024

/** Codes of S3 → what to do. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const S3_CURES: Readonly<Record<string, string>> = {
  ExpiredToken: 'The credentials have expired: get new ones (aws sso login) and start again',
  TokenRefreshRequired: 'The credentials have expired: get new ones (aws sso login) and start again',
  InvalidToken:
    'The session token does not belong to the key: set AWS_SESSION_TOKEN to the one that came with it, or to nothing',
  InvalidAccessKeyId:
    'Nobody here knows the key: check AWS_ACCESS_KEY_ID, and that temporary keys come with AWS_SESSION_TOKEN',
  SignatureDoesNotMatch: 'The secret does not belong to the key: check AWS_SECRET_ACCESS_KEY, and AWS_REGION',
  RequestTimeTooSkewed: 'The clock of this machine is wrong by more than a quarter of an hour: set it',
  RequestExpired: 'The address was signed for a time that is over, or the clock of this machine is wrong: sign it anew',
  AccessDenied:
    'The credentials may not read it (s3:GetObject), or it is not there, which S3 says only to those who may list the bucket (s3:ListBucket)',
  AllAccessDisabled: 'The bucket is closed to everybody',
  NoSuchBucket: 'There is no such bucket: check its name and the endpoint',
  InvalidObjectState: 'The object is archived: restore it, or store the index in another class',
  AuthorizationHeaderMalformed: 'Set AWS_REGION to the region of the bucket',
  IllegalLocationConstraintException: 'Set AWS_REGION to the region of the bucket',
  PermanentRedirect:
    'Set AWS_REGION to the region of the bucket, or AWS_ENDPOINT_URL to the endpoint that it is asked by',
}

/** @param url - for messages, without what may be secret */
export async function refusal(response: Response, url: string): Promise<Error> {
  const { status, headers } = response
  const { code, region } = s3Error(await documentOf(response))
  const facts = { url, status, ...(code ? { code } : {}) }
  const bucketRegion = regionName(headers.get('x-amz-bucket-region')) ?? region
  const told = `${url} answered with status ${status}${code ? ` (${code})` : ''}.`
  const isElsewhere =
    (status >= 300 && status < 400) ||
    code === 'AuthorizationHeaderMalformed' ||
    code === 'IllegalLocationConstraintException'
  if (isElsewhere && bucketRegion) {
    const cure = `The bucket is in the region ${bucketRegion}: set AWS_REGION=${bucketRegion}, or "region" of s3Files.`
    return new StorageError(`${told} ${cure}`, { ...facts, region: bucketRegion })
  }
  const known = code === undefined ? undefined : S3_CURES[code]
  if (code === 'NoSuchBucket') return new NotFoundError(`${told} ${known}.`, facts)
  if (status === 404 || status === 410)
    return new NotFoundError(`there is nothing at ${url} (status ${status}).`, facts)
  if (status === 401 || status === 403) {
    const cure = known ? `${known}.` : 'It needs other credentials, or the file is not there.'
    return new OtherFileError(`${told} ${cure}`, facts)
  }
  if (status >= 300 && status < 400) {
    const cure = known ?? 'It sends elsewhere, and does not say where to: write the address that the files have'
    return new StorageError(`${told} ${cure}.`, facts)
  }
  const error = new StorageError(known ? `${told} ${known}.` : told, facts)
  return RETRIED_STATUSES.has(status) ? new RetryableError(error, retryAfterMs(headers)) : error
}

/** What hosts of apps answer for every path that is not there, and proxies with a log-in for everything. */
export function pageInstead(url: string, status: number): NotFoundError {
  return new NotFoundError(
    `there is nothing at ${url}: the host answers with a page of HTML (status ${status}), as hosts of apps do for every path they do not have, and some for whoever is not logged in.`,
    { url, status, page: 'html' },
  )
}

/** Whether a file begins like HTML or XML. No file of an index or of a model does. */
export function isPage(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 256)).trimStart()
  return /^<(!doctype|!--|html|head|body|\?xml)/i.test(start)
}

/** The beginning of a body, as a text; the rest is not waited for. */
async function documentOf(response: Response): Promise<string> {
  const isXml = /\bxml\b/i.test(response.headers.get('content-type') ?? '')
  const reader = isXml ? response.body?.getReader() : undefined
  if (!reader) {
    await response.body?.cancel().catch(() => undefined)
    return ''
  }
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (let read = await reader.read(); !read.done && text.length < DOCUMENT_BYTES_MAX; read = await reader.read())
      text += decoder.decode(read.value, { stream: true })
    await reader.cancel()
  } catch {
    // An answer that ends early has its status all the same.
  }
  return text
}

function s3Error(document: string): { readonly code?: string; readonly region?: string } {
  const code = /<Code>([A-Za-z.]{1,64})<\/Code>/.exec(document)?.[1]
  const region =
    regionName(/<Region>([^<]*)<\/Region>/.exec(document)?.[1]) ?? regionName(/expecting '([^']*)'/.exec(document)?.[1])
  return { ...(code ? { code } : {}), ...(region ? { region } : {}) }
}

function regionName(text: string | null | undefined): string | undefined {
  return text && /^[a-z]{2,}(-[a-z0-9]+)+$/.test(text) ? text : undefined
}

/** Seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(headers: Headers): number {
  const header = headers.get('retry-after')
  if (header === null) return 0
  const seconds = Number(header)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}
