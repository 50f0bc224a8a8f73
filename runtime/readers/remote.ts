/**
 * Files of an index behind a network, whatever its protocol: retries, time-outs, sizes, and one version of a file from its first
 * byte to its last. http.ts and r2.ts say how one range is asked for; nothing here is shared between requests but values.
 */
import { StorageError, TartanError } from '../../format/errors.ts'
import { checkRange, type IndexFiles, type RangeReader } from '../../format/rangeReader.ts'
import { RetryableError, type RetryOptions, withRetry } from '../waiting/retry.ts'

/** Bytes as the storage gave them: at least those asked for where the file has them. */
export interface FetchedRange {
  readonly bytes: Uint8Array
  /** Where `bytes` start in the file. */
  readonly offset: number
  /** Bytes of the whole file. */
  readonly size: number
  /** Changes when the file does: an ETag. */
  readonly version?: string | undefined
}

/**
 * Asks for `[offset, offset + length)` of a file once.
 * @throws NotFoundError, StorageError; RetryableError around what may work the next time
 */
export type FetchRange = (name: string, offset: number, length: number, signal: AbortSignal) => Promise<FetchedRange>

export interface RemoteOptions {
  /** Tries after the first. Default 3. */
  readonly retries?: number
  /** First pause between tries, in ms; see retry.ts. Default 100. */
  readonly backoffMs?: number
  /** No pause is longer, whatever a server asks for. Default 5,000. */
  readonly pauseMaxMs?: number
  /** One try, from the request to the last byte; a megabyte more gets four seconds more. Default 10,000. */
  readonly timeoutMs?: number
}

/** The slowest line that is waited for, in bytes a millisecond: 2 Mbit/s. A model of 23 MB takes longer than any range of an index. */
const LINE_MIN = 250
/** What opening a file of unknown size reads along: a manifest is then read in one request. */
export const FIRST_BYTES = 64 * 1024

export function remoteFiles(key: string, fetchRange: FetchRange, options: RemoteOptions = {}): IndexFiles {
  const { retries = 3, backoffMs = 100, pauseMaxMs = 5000, timeoutMs = 10_000 } = options
  const retry: RetryOptions = { retries, backoffMs, pauseMaxMs }
  const fetch = (name: string, offset: number, length: number, signal?: AbortSignal) =>
    withRetry(() => tryOnce(`${key}/${name}`, fetchRange, { name, offset, length, timeoutMs, signal }), retry)
  return {
    key,
    async open(name, size) {
      // A size that the manifest gives needs no request; the first answer will tell whether it is true.
      if (size !== undefined) return remoteReader(`${key}/${name}`, { size }, (...range) => fetch(name, ...range))
      const first = await fetch(name, 0, FIRST_BYTES)
      return remoteReader(`${key}/${name}`, first, (...range) => fetch(name, ...range))
    },
    version: async (name) => (await fetch(name, 0, 1)).version,
  }
}

interface Try {
  readonly name: string
  readonly offset: number
  readonly length: number
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

async function tryOnce(path: string, fetchRange: FetchRange, { name, offset, length, signal, ...asked }: Try) {
  const timeoutMs = asked.timeoutMs + Math.floor(length / LINE_MIN)
  const timeout = AbortSignal.timeout(timeoutMs)
  const facts = { key: path, offset, length }
  try {
    const fetched = await fetchRange(name, offset, length, signal ? AbortSignal.any([signal, timeout]) : timeout)
    const wanted = Math.min(length, Math.max(0, fetched.size - offset))
    const held = fetched.offset + fetched.bytes.length - offset
    if (fetched.offset > offset || held < wanted) {
      throw new RetryableError(
        new StorageError(`"${path}": the storage sent ${Math.max(0, held)} of ${wanted} bytes at ${offset}.`, facts),
      )
    }
    return fetched
  } catch (error) {
    if (error instanceof RetryableError || error instanceof TartanError) throw error
    if (signal?.aborted) throw error
    const why = timeout.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error)
    throw new RetryableError(new StorageError(`"${path}" cannot be read: ${why}.`, facts, { cause: error }))
  }
}

function remoteReader(
  key: string,
  first: Partial<FetchedRange> & Pick<FetchedRange, 'size'>,
  fetch: (offset: number, length: number, signal?: AbortSignal) => Promise<FetchedRange>,
): RangeReader {
  const { size } = first
  let { version } = first
  const head = first.offset === 0 ? first.bytes : undefined
  return {
    key,
    size,
    async read(offset, length, signal) {
      checkRange(key, offset, length, size)
      if (length === 0) return new Uint8Array()
      if (head && offset + length <= head.length) return head.slice(offset, offset + length)
      const fetched = await fetch(offset, length, signal)
      if (fetched.size !== size || (version !== undefined && fetched.version !== version)) {
        throw new StorageError(
          `"${key}" changed while it was read: it has ${fetched.size} bytes and version ${fetched.version ?? 'unknown'}, expected ${size} and ${version ?? 'any'}. Open the index again.`,
          { key, expected: size, got: fetched.size },
        )
      }
      version ??= fetched.version
      const start = offset - fetched.offset
      const { bytes } = fetched
      return bytes.length === length ? bytes : bytes.slice(start, start + length)
    },
  }
}

/** With its cause: that of Node's fetch says only "fetch failed". */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error && cause.message ? `${error.message} (${cause.message})` : error.message
}
