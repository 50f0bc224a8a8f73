/**
 * An encoder that runs elsewhere: `/v1/encode` of another Tartan. For hosts where the model does not fit or would start too
 * slowly. Answers are a stranger's: their size, shape, values and fingerprint are checked.
 */
import type { EncodedText, Encoder, EncoderFingerprint, QueryEncoder } from '../../encoder/encoder.ts'
import {
  assertEncoderOfIndex,
  assertSameEncoder,
  type EncodedIndex,
  encoderOfIndex,
} from '../../encoder/fingerprint.ts'
import { charactersOf, isLongerThan, QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { DeviceError, InputError, ModelError } from '../../format/errors.ts'
import { QUERY_ROWS_MAX } from '../../format/limits.ts'
import { RetryableError, withRetry } from '../waiting/retry.ts'
import { decodeBase64F32, ENCODE_TEXTS_MAX } from './vectorText.ts'

export interface RemoteEncoderOptions {
  /** Where that Tartan is, e.g. "https://encoder.example.org/"; its routes are below it. */
  readonly url: string | URL
  /** The `info` of the index that is searched: vectors of another encoder are refused. */
  readonly index: EncodedIndex
  /** Sent with each request, e.g. an Authorization. */
  readonly headers?: Readonly<Record<string, string>>
  /** Of one try, its answer read to the end. Default 5,000. */
  readonly timeoutMs?: number
  /** Tries after the first, where the network failed or the server answered 429 or 5xx. Default 2. */
  readonly retries?: number
  /** Pause before the second try: random, up to this; the next up to twice as long. Default 100. */
  readonly backoffMs?: number
  /** Default: the host's. A service binding of a Worker is another one. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
}

export type RemoteEncoder = QueryEncoder & Pick<Encoder, 'encodePassages'>

const TIMEOUT_MS_DEFAULT = 5_000
const RETRIES_DEFAULT = 2
const BACKOFF_MS_DEFAULT = 100
/** A query waits for it: a server that wants a longer pause is as good as not there. */
const PAUSE_MAX_MS = 2_000
/** Bytes of an answer: 32 passages of 512 tokens at 256 dims, 4 bytes a value, in base64, are 23 MB. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** Characters of the texts of one request. In JSON one takes at most 6 bytes, and a Tartan reads bodies of at most 1 MiB. */
const REQUEST_CHARACTERS_MAX = 128 * 1024
/** How much of an error's answer is read and shown. */
const DETAIL_CHARACTERS_MAX = 300

/**
 * Asks the server which encoder it has, and refuses one that did not build the index before any query is answered.
 *
 * @throws ModelError when it is another encoder, or there is none; DeviceError when the server cannot be reached
 */
export async function openRemoteEncoder(options: RemoteEncoderOptions): Promise<RemoteEncoder> {
  const encoder = createRemoteEncoder(options)
  const body = await ask(options, undefined)
  assertEncoderOfIndex(options.index, answeredFingerprint(body, options))
  return encoder
}

/**
 * Asks nothing yet; each answer's fingerprint is checked. Calls throw as `openRemoteEncoder`, and InputError for a text that cannot
 * be encoded.
 *
 * @throws ModelError when the index does not say what it was built with
 */
export function createRemoteEncoder(options: RemoteEncoderOptions): RemoteEncoder {
  const fingerprint = encoderOfIndex(options.index)
  const { protocol } = URL.parse(options.url) ?? {}
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new InputError(
      `"${options.url}" is no address of an encoder: expected https://host/, where a Tartan with a model is.`,
    )
  }

  async function encode(texts: readonly string[], kind: 'query' | 'passage'): Promise<readonly EncodedText[]> {
    const body = await ask(options, { texts, kind, encodingFormat: 'base64' })
    assertSameEncoder(fingerprint, answeredFingerprint(body, options))
    const results = isObject(body) && Array.isArray(body.results) ? (body.results as readonly unknown[]) : []
    if (results.length !== texts.length) {
      throw strange(options, `${texts.length} results`, `${results.length}`)
    }
    // Of a query longer than queryLength the other end reads several windows.
    const rows = kind === 'query' ? { min: fingerprint.queryLength, max: QUERY_ROWS_MAX } : undefined
    return results.map((result) => encodedOf(result, fingerprint, options, rows))
  }

  return {
    fingerprint,
    async encodeQuery(text) {
      // Known to be refused: not worth a round trip.
      if (isLongerThan(text, QUERY_CHARACTERS_MAX) || text.trim() === '') {
        throw new InputError(
          `encoding a query: expected at least one word and at most ${QUERY_CHARACTERS_MAX} characters, got ${charactersOf(text)} characters.`,
          { characters: text.length },
        )
      }
      const [encoded] = await encode([text], 'query')
      return encoded as EncodedText
    },
    async encodePassages(texts) {
      const encoded: EncodedText[] = []
      for (const batch of batchesOf(texts)) encoded.push(...(await encode(batch, 'passage')))
      return encoded
    },
    async close() {},
  }
}

/** Texts by as many as one request may hold. */
function* batchesOf(texts: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = []
  let characters = 0
  for (const text of texts) {
    if (batch.length === ENCODE_TEXTS_MAX || (batch.length > 0 && characters + text.length > REQUEST_CHARACTERS_MAX)) {
      yield batch
      batch = []
      characters = 0
    }
    batch.push(text)
    characters += text.length
  }
  if (batch.length > 0) yield batch
}

/** GET without a body, POST with one; tried again where that may help. */
function ask(options: RemoteEncoderOptions, body: object | undefined): Promise<unknown> {
  const { retries = RETRIES_DEFAULT, backoffMs = BACKOFF_MS_DEFAULT } = options
  return withRetry(() => askOnce(options, body), { retries, backoffMs, pauseMaxMs: PAUSE_MAX_MS })
}

async function askOnce(options: RemoteEncoderOptions, body: object | undefined): Promise<unknown> {
  const { headers, timeoutMs = TIMEOUT_MS_DEFAULT, fetch = globalThis.fetch } = options
  const signal = AbortSignal.timeout(timeoutMs)
  let response: Response
  let text: string
  try {
    response = await fetch(endpointOf(options), {
      signal,
      // Following could carry the headers, and what people search for, to another server. Workers know no "error" here.
      redirect: 'manual',
      ...(body
        ? { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
        : { headers: { ...headers } }),
    })
    text = await limitedText(response)
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    const got = signal.aborted ? `no answer in ${timeoutMs} ms` : (cause as Error).message
    throw new RetryableError(unreachable(options, got, cause))
  }
  if (response.ok) return parsed(text, options)
  const failure = refusal(options, response.status, text)
  if (response.status !== 429 && response.status < 500) throw failure
  throw new RetryableError(failure, Number(response.headers.get('Retry-After') ?? 0) * 1000 || 0)
}

function endpointOf({ url }: RemoteEncoderOptions): string {
  const base = new URL(url)
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return new URL('v1/encode', base).href
}

/** @throws ModelError when the answer is longer than any right one */
async function limitedText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  const reader = response.body?.getReader()
  for (;;) {
    const chunk = await reader?.read()
    if (!chunk || chunk.done) return text + decoder.decode()
    bytes += chunk.value.length
    if (bytes > ANSWER_BYTES_MAX) {
      await reader?.cancel()
      throw new ModelError(`encoding elsewhere: expected an answer of at most ${ANSWER_BYTES_MAX} bytes, got more.`)
    }
    text += decoder.decode(chunk.value, { stream: true })
  }
}

function parsed(text: string, options: RemoteEncoderOptions): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw strange(options, 'JSON', JSON.stringify(text.slice(0, 40)))
  }
}

/** The error of a status: 400 is about the text, anything else about the server. */
function refusal(options: RemoteEncoderOptions, status: number, text: string): Error {
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch {
    told = undefined
  }
  const detail = isObject(told) && typeof told.detail === 'string' ? told.detail : text
  const shown = detail.slice(0, DETAIL_CHARACTERS_MAX)
  if (status === 400) return new InputError(`encoding a text elsewhere: ${shown}`, { status })
  if (status === 404) {
    return new ModelError(
      `encoding at ${endpointOf(options)}: expected a Tartan with an encoder, got status 404. Correct the URL, or start that server with a model.`,
      { status },
    )
  }
  return unreachable(options, `status ${status}${shown ? `: ${shown}` : ''}`)
}

function unreachable(options: RemoteEncoderOptions, got: string, cause?: unknown): DeviceError {
  return new DeviceError(
    `encoding at ${endpointOf(options)}: expected an answer, got ${got}. Is that server up and reachable from here?`,
    {},
    { cause },
  )
}

function strange(options: RemoteEncoderOptions, expected: string, got: string): ModelError {
  return new ModelError(
    `encoding at ${endpointOf(options)}: expected ${expected}, got ${got}. Is it the /v1/encode of a Tartan of this version?`,
    { expected, got },
  )
}

/** The fingerprint of an answer; its fields are compared with the index's by whoever calls. */
function answeredFingerprint(body: unknown, options: RemoteEncoderOptions): EncoderFingerprint {
  if (isObject(body) && isObject(body.fingerprint)) return body.fingerprint as unknown as EncoderFingerprint
  throw strange(options, 'a fingerprint', 'none')
}

function encodedOf(
  result: unknown,
  { dim, passageLength }: EncoderFingerprint,
  options: RemoteEncoderOptions,
  range = { min: 0, max: passageLength },
): EncodedText {
  const { rows, vectors, truncated } = isObject(result) ? result : {}
  const isCount = typeof rows === 'number' && Number.isInteger(rows) && rows >= range.min && rows <= range.max
  if (!isCount) throw strange(options, `${range.min} to ${range.max} rows`, String(rows))
  const values = typeof vectors === 'string' ? decodeBase64F32(vectors) : undefined
  if (!values)
    throw strange(options, 'vectors in base64', typeof vectors === 'string' ? 'another text' : typeof vectors)
  if (values.length !== rows * dim) throw strange(options, `${rows} rows of ${dim} values`, `${values.length} values`)
  if (!values.every(Number.isFinite)) throw strange(options, 'finite values', 'others')
  const spans = Array.from({ length: rows }, () => undefined)
  return { vectors: values, rows, dim, spans, ...(truncated === true ? { truncated } : {}) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
