/**
 * Files of an index behind a network, whatever its protocol: retries, time-outs, sizes, and one content of a file from its first
 * byte to its last. http.ts and r2.ts say how one range is asked for; nothing here is shared between requests but values.
 */
import { OtherFileError, RangeReadError, StorageError, TartanError } from '../../format/errors.ts'
import { PART_NAME } from '../../format/manifest/manifest.ts'
import { checkRange, type IndexFiles, type RangeReader } from '../../format/rangeReader.ts'
import { RetryableError, type RetryOptions, withRetry } from '../waiting/retry.ts'
import { unreachable } from './unreachable.ts'
import { type FetchedRange, WholeFiles } from './wholeFiles.ts'

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
  /**
   * Bytes of whole files in memory, of a storage that knows no ranges: those on their way, and those kept to answer further ranges
   * from. One file is always taken. Default 32 MiB.
   */
  readonly wholeFilesMax?: number
}

/** The slowest line that is waited for, in bytes a millisecond: 2 Mbit/s. A model of 23 MB takes longer than any range of an index. */
const LINE_MIN = 250
/** What opening a file of unknown size reads along: a manifest is then read in one request. */
export const FIRST_BYTES = 64 * 1024
export const WHOLE_FILES_MAX_DEFAULT = 32 * 1024 * 1024

type Fetch = (offset: number, length: number, signal?: AbortSignal) => Promise<FetchedRange>

export function remoteFiles(key: string, fetchRange: FetchRange, options: RemoteOptions = {}): IndexFiles {
  const { retries = 3, backoffMs = 100, pauseMaxMs = 5000, timeoutMs = 10_000 } = options
  const retry: RetryOptions = { retries, backoffMs, pauseMaxMs }
  const whole = new WholeFiles(options.wholeFilesMax ?? WHOLE_FILES_MAX_DEFAULT)
  const fetch = (name: string, offset: number, length: number, signal?: AbortSignal) =>
    withRetry(() => tryOnce(`${key}/${name}`, fetchRange, { name, offset, length, timeoutMs, signal }), retry)
  return {
    key,
    async open(name, size) {
      const path = `${key}/${name}`
      // A size that the manifest gives needs no request; the first answer will tell whether it is true.
      if (size !== undefined) {
        const versions = PART_NAME.test(name) ? undefined : new Versions()
        return remoteReader(path, { size, versions }, (...range) => whole.read(name, size, () => fetch(name, ...range)))
      }
      const fetchOwn: Fetch = (...range) => fetch(name, ...range)
      const head = await fetchOwn(0, FIRST_BYTES)
      whole.learn(head)
      const { offset, bytes, version } = head
      const found = head.size ?? (bytes.length < FIRST_BYTES ? offset + bytes.length : undefined)
      if (found === undefined) throw new StorageError(`"${path}": the storage does not tell how large the file is.`)
      const headBytes = offset === 0 ? bytes : bytes.slice(0, 0)
      return remoteReader(path, { size: found, head: headBytes, versions: new Versions(version, headBytes) }, fetchOwn)
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
    const held = fetched.offset + fetched.bytes.length - offset
    const wanted = fetched.size === undefined ? 0 : Math.min(length, Math.max(0, fetched.size - offset))
    if (fetched.offset > offset || held < wanted) {
      throw new RetryableError(
        new StorageError(`"${path}": the storage sent ${Math.max(0, held)} of ${wanted} bytes at ${offset}.`, facts),
      )
    }
    return fetched
  } catch (error) {
    if (error instanceof RetryableError || error instanceof TartanError) throw error
    if (signal?.aborted) throw error
    const why = timeout.aborted ? { waitedMs: timeoutMs } : { error }
    throw new RetryableError(new StorageError(`"${path}" cannot be read: ${unreachable(why)}`, facts, { cause: error }))
  }
}

/**
 * The versions that storage gave one content of a file. A new one need not be a new content: the same bytes were deployed again, or
 * another node answers. So the beginning of the file is compared, which for manifests and packs tells all of the content.
 */
class Versions {
  readonly #known = new Set<string>()
  readonly #head: Uint8Array | undefined

  constructor(version?: string, head?: Uint8Array) {
    this.#head = head
    if (version !== undefined) this.#known.add(bare(version))
  }

  /** Whether an answer is of the content that is known. */
  async holds({ version }: FetchedRange, fetch: Fetch): Promise<boolean> {
    if (version === undefined) return true
    if (this.#known.size > 0 && !this.#known.has(bare(version))) {
      const head = this.#head
      if (!head || head.length === 0) return false
      const again = await fetch(0, head.length)
      const same = again.bytes.subarray(0, head.length)
      if (again.offset !== 0 || same.length !== head.length || same.some((byte, i) => byte !== head[i])) return false
    }
    if (this.#known.size > VERSIONS_MAX) this.#known.clear()
    this.#known.add(bare(version))
    return true
  }
}

/** Of a host whose every answer has another version none is worth being kept. */
const VERSIONS_MAX = 64

/** A weak ETag is the strong one of the same file, as a proxy that compresses hands it on. */
function bare(version: string): string {
  return version.replace(/^W\//, '')
}

interface RemoteFile {
  readonly size: number
  /** Its first bytes, when they were read along. */
  readonly head?: Uint8Array
  /** Absent for a file that is named by its content: whatever version it has, under this name are the same bytes. */
  readonly versions: Versions | undefined
}

function remoteReader(key: string, { size, head, versions }: RemoteFile, fetch: Fetch): RangeReader {
  const changed = (fetched: string) =>
    new OtherFileError(
      `"${key}" changed while it was read: it has ${fetched}, expected the ${size} bytes of before. Open the index again.`,
      { key, expected: size },
    )
  return {
    key,
    size,
    async read(offset, length, signal) {
      checkRange(key, offset, length, size)
      if (length === 0) return new Uint8Array()
      if (head && offset + length <= head.length) return head.slice(offset, offset + length)
      const fetched = await fetch(offset, length, signal).catch((error: unknown) => {
        // The range is inside the file that was meant.
        throw error instanceof RangeReadError ? changed(`${error.detail.size ?? 'fewer'} bytes`) : error
      })
      if ((fetched.size ?? size) !== size) throw changed(`${fetched.size} bytes`)
      const start = offset - fetched.offset
      const { bytes } = fetched
      if (bytes.length < start + length) throw changed(`${fetched.offset + bytes.length} bytes`)
      // All of it from one answer is of one content.
      const isAll = offset === 0 && length === size
      if (versions && !isAll && !(await versions.holds(fetched, fetch))) {
        throw changed(`other bytes and the version ${fetched.version}`)
      }
      // What is kept for further ranges is nobody else's to change.
      return bytes.length === length && !fetched.isWhole ? bytes : bytes.slice(start, start + length)
    },
  }
}
