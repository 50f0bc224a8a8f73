/** Bytes to checked lines of UTF-8, or of UTF-16 where a byte-order mark tells it. Memory is one line plus one chunk, whatever the length of the file. */
import { Buffer } from 'node:buffer'
import { InputError } from '../../format/errors.ts'
import type { EntryProblem } from './entry.ts'

/** Longest line read by default. A longer one is rather a binary file or one without line ends. */
export const LINE_BYTES_MAX_DEFAULT = 64 * 1024 * 1024

/** One line without its line end ("\n" or "\r\n"), or why it is not text. `number` is 1-based. */
export type Line =
  | { readonly number: number; readonly text: string; readonly problem?: undefined }
  | { readonly number: number; readonly problem: EntryProblem; readonly text?: undefined }

export interface LineOptions {
  /** Name of the source in messages. */
  readonly file: string
  /** Default LINE_BYTES_MAX_DEFAULT. */
  readonly lineBytesMax?: number
}

/** A text that has had no "\n" in so many bytes, but "\r", is of the old kind that ends its lines with "\r" alone. */
const HEAD_BYTES = 1 << 16

/**
 * Splits at "\n" before decoding: that byte is part of no longer UTF-8 sequence, so every line can be decoded by itself
 * and chunk borders do not matter. A byte-order mark at the start is dropped. Lines end with "\r" where the text begins so.
 *
 * @throws InputError at a line longer than `lineBytesMax`, before it is held in memory
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>, options: LineOptions): AsyncGenerator<Line> {
  const { file, lineBytesMax = LINE_BYTES_MAX_DEFAULT } = options
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let number = 1
  let offsetBytes = 0
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const take = (tail: Uint8Array): Line => {
    const bytes = pending.length === 0 ? tail : Buffer.concat([...pending, tail])
    const line = decodeLine(decoder, bytes, number, offsetBytes)
    offsetBytes += bytes.length + 1
    number++
    pending = []
    pendingBytes = 0
    return line
  }
  const checkLength = (length: number) => {
    if (length <= lineBytesMax) return
    throw new InputError(
      `reading "${file}", line ${number}: expected a line of at most ${lineBytesMax} bytes, got a longer one. Is this a text file with line ends?`,
      { file, line: number, lineBytesMax },
    )
  }
  const { newline, rest } = await findNewline(inUtf8(chunks, file), Math.min(HEAD_BYTES, lineBytesMax))
  for await (const chunk of rest) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      checkLength(pendingBytes + end - start)
      yield take(chunk.subarray(start, end))
      start = end + 1
    }
    if (start === chunk.length) continue
    checkLength(pendingBytes + chunk.length - start)
    pending.push(chunk.subarray(start))
    pendingBytes += chunk.length - start
  }
  if (pendingBytes > 0) yield take(new Uint8Array(0))
}

/** The bytes as they are, but UTF-16 with its byte-order mark (Excel's "Unicode text", PowerShell's `>`) as UTF-8. */
async function* inUtf8(chunks: AsyncIterable<Uint8Array>, file: string): AsyncGenerator<Uint8Array> {
  let head = new Uint8Array(0)
  let decoder: TextDecoder | undefined
  let isKnown = false
  const decode = (chunk: Uint8Array, stream: boolean) => {
    try {
      return Buffer.from(decoder?.decode(chunk, { stream }) ?? '')
    } catch {
      throw new InputError(
        `reading "${file}": expected UTF-16, as its byte-order mark says, got something else. Convert the file to UTF-8: iconv -f UTF-16 -t UTF-8 FILE.`,
        { file },
      )
    }
  }
  for await (const chunk of chunks) {
    let bytes = chunk
    if (!isKnown) {
      head = new Uint8Array(Buffer.concat([head, chunk]))
      if (head.length < 2) continue
      isKnown = true
      bytes = head
      const name = utf16Name(head)
      if (name) decoder = new TextDecoder(name, { fatal: true })
    }
    if (!decoder) yield bytes
    else if (bytes.length > 0) yield decode(bytes, true)
  }
  if (!isKnown && head.length > 0) yield head
  if (decoder) yield decode(new Uint8Array(0), false)
}

function utf16Name([first, second]: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : undefined
}

/** The byte that ends lines, told by the first ones, and all of the chunks. */
async function findNewline(
  chunks: AsyncIterable<Uint8Array>,
  headBytes: number,
): Promise<{ readonly newline: number; readonly rest: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]()
  const head: Uint8Array[] = []
  let length = 0
  let hasReturn = false
  let hasNewline = false
  while (!hasNewline && length <= headBytes) {
    const { done, value } = await iterator.next()
    if (done) break
    head.push(value)
    length += value.length
    hasNewline = value.includes(0x0a)
    hasReturn ||= value.includes(0x0d)
  }
  return { newline: hasReturn && !hasNewline ? 0x0d : 0x0a, rest: joined(head, iterator) }
}

async function* joined(head: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* head
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

function decodeLine(decoder: TextDecoder, bytes: Uint8Array, number: number, offsetBytes: number): Line {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    const badByte = offsetBytes + findBadByte(bytes)
    return {
      number,
      problem: {
        reason: `expected UTF-8, got an invalid byte at offset ${badByte} of the (unpacked) file`,
        cure: 'Convert the file to UTF-8.',
      },
    }
  }
  if (number === 1 && text.startsWith('\ufeff')) text = text.slice(1)
  if (text.endsWith('\r')) text = text.slice(0, -1)
  const nul = text.indexOf('\0')
  if (nul < 0) return { number, text }
  return {
    number,
    problem: {
      reason: `expected text, got a NUL byte at character ${nul + 1} of the line`,
      cure: 'Is this a binary or a UTF-16 file? Convert it to UTF-8: iconv -f UTF-16LE -t UTF-8 FILE.',
    },
  }
}

/** Offset of the first byte that no continuation can make valid; the length when only the end of a character is missing. */
function findBadByte(bytes: Uint8Array): number {
  const isPrefixValid = (length: number) => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true })
      return true
    } catch {
      return false
    }
  }
  let valid = 0
  let invalid = bytes.length + 1
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >>> 1
    if (isPrefixValid(middle)) valid = middle
    else invalid = middle
  }
  return invalid - 1
}
