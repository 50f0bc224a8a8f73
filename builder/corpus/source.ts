/** Bytes of a corpus file or of standard input, unpacked when they are gzip: the bottom of every corpus reader. */
import type { Buffer } from 'node:buffer'
import { constants, createReadStream, open } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { AbortedError, InputError, StorageError, TartanError } from '../../format/errors.ts'

/** The source that means standard input. */
export const STDIN = '-'

export interface SourceOptions {
  readonly signal?: AbortSignal
  /** What source `-` reads. Default: the standard input of the process. */
  readonly stdin?: Readable
  /** Where the source is, when its name is not what its file is called: a name of bytes that are no text. */
  readonly location?: Buffer
}

/** The source's name in messages. */
export function sourceName(source: string): string {
  return source === STDIN ? 'standard input' : source
}

/**
 * Streams the source. Gzip is known by its first two bytes, which begin no UTF-8 text, so it also works on standard input.
 *
 * @returns non-empty chunks of the unpacked bytes; leaving the loop early closes the file
 * @throws InputError when there is no such file, it may not be read, or its gzip is cut short or damaged
 * @throws AbortedError when `signal` fires, also while it waits for input
 * @throws StorageError when the disk fails
 */
export async function* readBytes(source: string, options: SourceOptions = {}): AsyncGenerator<Uint8Array> {
  const { signal } = options
  if (signal?.aborted) throw new AbortedError()
  const stream =
    source === STDIN
      ? (options.stdin ?? process.stdin)
      : await openFile(options.location ?? source).catch((cause) => {
          throw sourceError(source, cause, signal)
        })
  if (signal) addAbortSignal(signal, stream)
  try {
    const chunks: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
    const head = await readHead(chunks)
    const rest = prepend(head, chunks)
    if (head[0] === 0x1f && head[1] === 0x8b) {
      yield* gunzip(rest)
    } else if (source.toLowerCase().endsWith('.gz')) {
      throw new InputError(
        `reading "${source}": expected gzip by its name, got ${head.length === 0 ? 'an empty file' : 'something else'}. Compress it again, or remove ".gz" from its name.`,
        { file: source },
      )
    } else {
      yield* rest
    }
  } catch (cause) {
    throw sourceError(source, cause, signal)
  } finally {
    stream.destroy()
  }
}

/**
 * A named pipe waits for whoever writes into it. Opened as a file it would wait in a thread that nothing can stop, so it is
 * opened at once, and the event loop waits for what comes.
 */
async function openFile(path: string | Buffer): Promise<Readable> {
  const status = await stat(path)
  if (!status.isFIFO()) return createReadStream(path, { highWaterMark: 1 << 18 })
  const fd = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

/** The first chunk, made of several when the first are shorter than the two bytes that tell gzip. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Uint8Array> {
  let head = new Uint8Array(0)
  while (head.length < 2) {
    const next = await chunks.next()
    if (next.done) break
    const joined = new Uint8Array(head.length + next.value.length)
    joined.set(head)
    joined.set(next.value, head.length)
    head = joined
  }
  return head
}

async function* prepend(head: Uint8Array, chunks: AsyncIterator<Buffer>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
}

async function* gunzip(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // The callback is what keeps an error of either stream from being thrown outside this loop; the loop sees it too.
  yield* pipeline(Readable.from(packed, { objectMode: true }), createGunzip(), () => {})
}

function sourceError(source: string, cause: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return new AbortedError()
  if (cause instanceof TartanError || !(cause instanceof Error)) return cause
  const file = sourceName(source)
  const code = 'code' in cause ? String(cause.code) : ''
  const input = (what: string) => new InputError(`reading "${file}": ${what}`, { file }, { cause })
  if (code === 'ENOENT') return input('expected a file or a folder, got nothing by that name. Check the path.')
  if (code === 'EACCES' || code === 'EPERM')
    return input('expected a readable file, got no permission. Change its rights.')
  if (code === 'EISDIR') return input('expected a file, got a folder.')
  if (code === 'Z_BUF_ERROR')
    return input('expected a whole gzip file, got one that is cut short. Copy or download it again.')
  if (code.startsWith('Z_'))
    return input(`expected gzip, got damaged data (${cause.message}). Copy or download it again.`)
  return new StorageError(`reading "${file}" failed: ${cause.message}`, { file }, { cause })
}
