/** Stored titles, texts and metadata in compressed blocks, with their directory (SPEC.md §5.3). */
import { unpackValue } from '../container/container.ts'
import { crc32c } from '../container/crc32c.ts'
import { packValue } from '../container/packing.ts'
import { ChecksumError, FormatError, InputError } from '../errors.ts'
import { PASSAGE_TEXT_BYTES_MAX, TEXT_BLOCK_BYTES } from '../limits.ts'
import { lastStartAtOrBefore } from './bisection.ts'

/** One passage's stored text. */
export interface TextRecord {
  readonly title: string
  readonly text: string
  /** Any MessagePack map; `undefined` when the passage has none. */
  readonly metadata?: Readonly<Record<string, unknown>>
}

/** One entry of `textBlocks`. */
export interface TextBlockEntry {
  readonly passages: number
  readonly rawBytes: number
  readonly compressedBytes: number
  readonly crc32c: number
}

export interface TextBlock {
  readonly entry: TextBlockEntry
  readonly bytes: Uint8Array
}

export const ENTRY_BYTES = 16

/** Groups records into blocks as they come; `end` gives the last one. */
export class TextBlockEncoder {
  #records: Uint8Array[] = []
  #rawBytes = 0

  /**
   * @returns a finished block when this record starts a new one
   * @throws InputError when the record is longer than the limit
   */
  async add(record: TextRecord): Promise<TextBlock | undefined> {
    const packed = packValue([record.title, record.text, record.metadata ?? null])
    if (packed.length > PASSAGE_TEXT_BYTES_MAX) {
      throw new InputError(
        `a passage's stored text has ${packed.length} bytes, at most ${PASSAGE_TEXT_BYTES_MAX} are allowed. Split it into passages.`,
        { bytes: packed.length },
      )
    }
    const full = this.#records.length > 0 && this.#rawBytes + packed.length > TEXT_BLOCK_BYTES
    const block = full ? await this.end() : undefined
    this.#records.push(packed)
    this.#rawBytes += packed.length
    return block
  }

  /** The block of the records since the last one; `undefined` when there are none. */
  async end(): Promise<TextBlock | undefined> {
    if (this.#records.length === 0) return undefined
    const passages = this.#records.length
    // MessagePack array 32 by hand: the records are packed already.
    const head = new Uint8Array(5)
    head[0] = 0xdd
    new DataView(head.buffer).setUint32(1, passages)
    const raw = await new Blob([head, ...this.#records] as BlobPart[]).arrayBuffer()
    this.#records = []
    this.#rawBytes = 0
    const stream = new Blob([raw]).stream().pipeThrough(new CompressionStream('deflate-raw'))
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer())
    return {
      bytes,
      entry: { passages, rawBytes: raw.byteLength, compressedBytes: bytes.length, crc32c: crc32c(bytes) },
    }
  }
}

/** @throws ChecksumError, FormatError when the block is not what its entry says */
export async function decodeTextBlock(bytes: Uint8Array, entry: TextBlockEntry): Promise<readonly TextRecord[]> {
  const crc = crc32c(bytes)
  if (crc !== entry.crc32c) throw new ChecksumError('texts', entry.crc32c, crc)
  const records = unpackValue(await inflate(bytes, entry.rawBytes), 'texts')
  if (!Array.isArray(records) || records.length !== entry.passages) {
    throw new FormatError(
      'texts',
      `a block of ${entry.passages} records`,
      Array.isArray(records) ? records.length : typeof records,
    )
  }
  return records.map((record: unknown) => {
    const [title, text, metadata] = Array.isArray(record) ? record : []
    if (typeof title !== 'string' || typeof text !== 'string') {
      throw new FormatError('texts', 'records of title, text and metadata', 'something else')
    }
    const isMap = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)
    return isMap ? { title, text, metadata: metadata as Record<string, unknown> } : { title, text }
  })
}

/** Inflates to exactly `rawBytes` bytes; stops at the first byte more, so that a small block cannot fill the memory. */
async function inflate(bytes: Uint8Array, rawBytes: number): Promise<Uint8Array> {
  const raw = new Uint8Array(rawBytes)
  let at = 0
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      if (at + value.length > rawBytes)
        throw new FormatError('texts', `${rawBytes} raw bytes`, `at least ${at + value.length}`)
      raw.set(value, at)
      at += value.length
    }
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError('texts', 'a raw DEFLATE stream', (error as Error).message)
  } finally {
    await reader.cancel().catch(() => undefined)
  }
  if (at !== rawBytes) throw new FormatError('texts', `${rawBytes} raw bytes`, at)
  return raw
}

export function encodeTextBlockEntry(entry: TextBlockEntry): Uint8Array {
  const words = [entry.passages, entry.rawBytes, entry.compressedBytes, entry.crc32c]
  return new Uint8Array(Uint32Array.from(words).buffer)
}

/**
 * @param directory - the section `textBlocks`
 * @throws FormatError unless it covers exactly `passages` passages and `compressedBytes` bytes
 */
export function decodeTextBlockEntries(
  directory: Uint8Array,
  passages: number,
  compressedBytes: number,
): readonly TextBlockEntry[] {
  if (directory.length % ENTRY_BYTES !== 0) {
    throw new FormatError('textBlocks', `a multiple of ${ENTRY_BYTES} bytes`, directory.length)
  }
  const view = new DataView(directory.buffer, directory.byteOffset, directory.byteLength)
  const entries = Array.from({ length: directory.length / ENTRY_BYTES }, (_, i): TextBlockEntry => {
    const word = (index: number) => view.getUint32(i * ENTRY_BYTES + index * 4, true)
    return { passages: word(0), rawBytes: word(1), compressedBytes: word(2), crc32c: word(3) }
  })
  const rawBytesMax = PASSAGE_TEXT_BYTES_MAX + TEXT_BLOCK_BYTES
  let passagesSum = 0
  let bytesSum = 0
  for (const entry of entries) {
    if (entry.rawBytes > rawBytesMax)
      throw new FormatError('textBlocks', `at most ${rawBytesMax} raw bytes`, entry.rawBytes)
    if (entry.passages === 0) throw new FormatError('textBlocks', 'at least one passage a block', 0)
    passagesSum += entry.passages
    bytesSum += entry.compressedBytes
  }
  if (passagesSum !== passages) throw new FormatError('textBlocks', `${passages} passages`, passagesSum)
  if (bytesSum !== compressedBytes) throw new FormatError('textBlocks', `${compressedBytes} compressed bytes`, bytesSum)
  return entries
}

/** Where the text blocks of a segment start, by passage and by byte. */
export class TextDirectory {
  readonly #entries: readonly TextBlockEntry[]
  /** First pid of each block, and one past the last. f64 because sums pass 2^32. */
  readonly #firstPids: Float64Array
  /** Offset of each block in the section `texts`, and its end. */
  readonly #offsets: Float64Array

  /** @param entries - as `decodeTextBlockEntries` gives them */
  constructor(entries: readonly TextBlockEntry[]) {
    this.#entries = entries
    this.#firstPids = new Float64Array(entries.length + 1)
    this.#offsets = new Float64Array(entries.length + 1)
    for (const [block, entry] of entries.entries()) {
      this.#firstPids[block + 1] = this.firstPid(block) + entry.passages
      this.#offsets[block + 1] = this.offset(block) + entry.compressedBytes
    }
  }

  /** Bytes of memory, about: an entry as an object of V8's, its place in the list, and its two offsets. */
  static bytes(blocks: number): number {
    return blocks * (64 + 8 + 16)
  }

  /** Blocks. */
  get size(): number {
    return this.#entries.length
  }

  /** @throws FormatError when there is no such block */
  entry(block: number): TextBlockEntry {
    const entry = this.#entries[block]
    if (!entry) throw new FormatError('textBlocks', `a block ${block}`, `${this.size} blocks`)
    return entry
  }

  /** Pid of the first passage of a block. */
  firstPid(block: number): number {
    return this.#firstPids[block] ?? 0
  }

  /** Where a block starts in the section `texts`; it has `entry(block).compressedBytes` bytes. */
  offset(block: number): number {
    return this.#offsets[block] ?? 0
  }

  /** The block that holds a passage. @param pid - in [0, N) */
  blockOf(pid: number): number {
    return lastStartAtOrBefore(this.#firstPids, this.size, pid)
  }
}
