/** Reads the manifest and whole sections of an index and checks them (SPEC.md §6). What it returns is as the writer wrote it. */
import { decodeHead, headLength, PRELUDE_BYTES_MIN, sectionTable } from './container/container.ts'
import { crc32c as crc32cOf } from './container/crc32c.ts'
import { ChecksumError, FormatError } from './errors.ts'
import { FILE_BYTES_MAX } from './limits.ts'
import {
  decodeManifest,
  MANIFEST_NAME,
  type Manifest,
  type SectionChunk,
  type SectionName,
  type SegmentEntry,
} from './manifest/manifest.ts'
import { type ByteLoader, type IndexFiles, type RangeReader, subReader } from './rangeReader.ts'

export interface IndexReaderOptions {
  /** CRC-32C of bytes; default is the TypeScript one. The runtime hands in its WASM kernel. */
  readonly crc32c?: (bytes: Uint8Array, previous?: number) => number
  /** Tells the manifest from any other: its length and checksum. */
  readonly revision?: string
}

/** A chunk is read in pieces of so many bytes: small enough to stay in a cache between reading and checking. */
export const PIECE_BYTES = 1 << 20
/** Pieces under way at a time. */
export const READ_AHEAD = 3

type ByteView = Parameters<ByteLoader['load']>[0]

/** A manifest and the parts behind it. Opens each part once. */
export class IndexReader {
  readonly files: IndexFiles
  readonly manifest: Manifest
  readonly revision: string
  /** CRC-32C of bytes, continued from `previous`. */
  readonly crc32c: (bytes: Uint8Array, previous?: number) => number
  readonly #parts = new Map<number, RangeReader>()

  constructor(files: IndexFiles, manifest: Manifest, options: IndexReaderOptions = {}) {
    this.files = files
    this.manifest = manifest
    this.revision = options.revision ?? ''
    this.crc32c = options.crc32c ?? crc32cOf
  }

  /** Bytes of the manifest's parts. */
  get bytes(): number {
    return this.manifest.parts.reduce((sum, part) => sum + part.bytes, 0)
  }

  /** Length of a section, 0 when the segment has none of this name. */
  sectionLength(segment: SegmentEntry, name: SectionName): number {
    return chunksOf(segment, name).reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /**
   * The chunks of a section, one at a time, each checked against its CRC32C.
   * @throws ChecksumError, FormatError, NotFoundError (a part is missing), StorageError
   */
  async *sectionChunks(segment: SegmentEntry, name: SectionName, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const chunk of chunksOf(segment, name)) {
      const part = await this.#part(chunk.part)
      const bytes = await part.read(chunk.offset, chunk.length, signal)
      const crc = this.crc32c(bytes)
      if (crc !== chunk.crc32c) throw new ChecksumError(name, chunk.crc32c, crc)
      yield bytes
    }
  }

  /**
   * Brings a section to where the caller wants it, piece by piece: the next pieces are read while one is checked, and no second
   * copy of a large section is in memory. A chunk is checked when its last piece is there, so nothing may be trusted before the
   * end. `load` throws as `sectionChunks`.
   */
  sectionLoader(segment: SegmentEntry, name: SectionName, signal?: AbortSignal): ByteLoader {
    return {
      length: this.sectionLength(segment, name),
      load: async (view) => {
        let start = 0
        for (const chunk of chunksOf(segment, name)) {
          const part = await this.#part(chunk.part)
          const first = start
          const crc = await this.#loadChunk(part, chunk, (at, length) => view(first + at, length), signal)
          if (crc !== chunk.crc32c) throw new ChecksumError(name, chunk.crc32c, crc)
          start += chunk.length
        }
      },
    }
  }

  /** @returns the CRC32C of the chunk as it was read */
  async #loadChunk(part: RangeReader, chunk: SectionChunk, view: ByteView, signal?: AbortSignal): Promise<number> {
    const pieces = Math.ceil(chunk.length / PIECE_BYTES)
    const lengthOf = (piece: number) => Math.min(PIECE_BYTES, chunk.length - piece * PIECE_BYTES)
    const read = (piece: number) => {
      const at = piece * PIECE_BYTES
      const reading = loadPiece(part, chunk.offset + at, () => view(at, lengthOf(piece)), signal)
      // After a failure nobody awaits the later ones: their failure is then nobody's.
      reading.catch(() => undefined)
      return reading
    }
    const reading = Array.from({ length: Math.min(READ_AHEAD, pieces) }, (_, piece) => read(piece))
    let crc = 0
    try {
      for (let piece = 0; piece < pieces; piece++) {
        await reading[piece]
        if (reading.length < pieces) reading.push(read(reading.length))
        crc = this.crc32c(view(piece * PIECE_BYTES, lengthOf(piece)), crc)
      }
    } finally {
      // Nothing may be written to the caller's memory once this has ended.
      await Promise.allSettled(reading)
    }
    return crc
  }

  /** A whole section in an array of its own, so that any typed array may view it. */
  async section(segment: SegmentEntry, name: SectionName, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    // Parts are opened, and so their sizes checked, before memory is reserved for what a manifest claims to be in them.
    for (const chunk of chunksOf(segment, name)) await this.#part(chunk.part)
    const all = new Uint8Array(this.sectionLength(segment, name))
    await this.sectionLoader(segment, name, signal).load((offset, length) => all.subarray(offset, offset + length))
    return all
  }

  /**
   * `length` bytes at `offset` of a section, both inside one chunk: for items, which are never split.
   * The caller checks the item's own CRC.
   */
  async sectionRange(
    segment: SegmentEntry,
    name: SectionName,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const place = this.locate(segment, name, offset, length)
    return this.readPart(place.part, place.offset, length, signal)
  }

  /**
   * In which part, and where in it, an item of a section stands.
   * @throws FormatError when the bytes are not inside one chunk
   */
  locate(
    segment: SegmentEntry,
    name: SectionName,
    offset: number,
    length: number,
  ): { readonly part: number; readonly offset: number; readonly length: number } {
    let start = 0
    for (const chunk of chunksOf(segment, name)) {
      if (offset >= start && offset + length <= start + chunk.length) {
        return { part: chunk.part, offset: chunk.offset + offset - start, length }
      }
      start += chunk.length
    }
    throw new FormatError(name, `[${offset}, ${offset + length}) inside one chunk`, `${start} bytes in all`)
  }

  /** Opens all parts of some sections, so that no later read waits for that. @throws as `sectionChunks` */
  async openParts(segment: SegmentEntry, names: readonly SectionName[]): Promise<void> {
    const parts = new Set(names.flatMap((name) => chunksOf(segment, name).map((chunk) => chunk.part)))
    await Promise.all([...parts].map((part) => this.#part(part)))
  }

  /** Bytes of a part, unchecked. */
  async readPart(part: number, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    return (await this.#part(part)).read(offset, length, signal)
  }

  /** Closes the parts and the files they came from. */
  async close(): Promise<void> {
    await this.closeParts()
    await this.files.close?.()
  }

  /** Closes the parts; the files stay open, for another generation of the index. */
  async closeParts(): Promise<void> {
    const parts = [...this.#parts.values()]
    this.#parts.clear()
    await Promise.all(parts.map((part) => part.close?.()))
  }

  async #part(index: number): Promise<RangeReader> {
    const open = this.#parts.get(index)
    if (open) return open
    const entry = this.manifest.parts[index]
    if (!entry) throw new FormatError('manifest.parts', `a part ${index}`, `${this.manifest.parts.length} parts`)
    const part = await this.files.open(entry.name, entry.bytes)
    const opened = this.#parts.get(index)
    if (opened || part.size !== entry.bytes) await part.close?.()
    // Another read opened it meanwhile. Values are kept, never promises: Workers must not share those between requests.
    if (opened) return opened
    if (part.size !== entry.bytes) throw new FormatError(entry.name, `${entry.bytes} bytes`, part.size)
    this.#parts.set(index, part)
    return part
  }
}

/** Straight into the view where the reader can do that and the view is still there afterwards, else by a copy. */
async function loadPiece(
  part: RangeReader,
  offset: number,
  view: () => Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const target = view()
  const { length } = target
  // Shared memory is not for readers: few APIs write to it.
  if (part.readInto && target.buffer instanceof ArrayBuffer) {
    // A view that is gone means that memory grew meanwhile; then it depends on the host where the bytes went, or what failed.
    try {
      await part.readInto(offset, target as Uint8Array<ArrayBuffer>, signal)
      if (target.length === length) return
    } catch (error) {
      if (target.length === length) throw error
    }
  }
  const bytes = await part.read(offset, length, signal)
  view().set(bytes)
}

/** @throws NotFoundError when there is no manifest, FormatError and its kin when it is not sound; `files` is then closed */
export async function readIndex(files: IndexFiles, options: IndexReaderOptions = {}): Promise<IndexReader> {
  const reader = await files.open(MANIFEST_NAME)
  try {
    const bytes = await reader.read(0, Math.min(reader.size, FILE_BYTES_MAX))
    const { crc32c = crc32cOf } = options
    const revision = `${bytes.length.toString(16)}-${crc32c(bytes).toString(16).padStart(8, '0')}`
    return new IndexReader(files, decodeManifest(bytes), { ...options, revision })
  } catch (error) {
    await files.close?.()
    throw error
  } finally {
    await reader.close?.()
  }
}

/**
 * The files inside a pack (SPEC.md §7), read by range.
 * @throws FormatError and its kin when the file is not a sound pack
 */
export async function openPack(pack: RangeReader): Promise<IndexFiles> {
  try {
    return await readPack(pack)
  } catch (error) {
    await pack.close?.()
    throw error
  }
}

async function readPack(pack: RangeReader): Promise<IndexFiles> {
  const prelude = await pack.read(0, Math.min(pack.size, PRELUDE_BYTES_MIN))
  const headBytes = headLength(prelude, 'pack', pack.key)
  if (headBytes > pack.size) throw new FormatError(pack.key, `a head of ${headBytes} bytes`, pack.size)
  const head = decodeHead(await pack.read(0, headBytes), 'pack', pack.key)
  const entries = new Map(sectionTable(head, pack.key, pack.size).map((entry) => [entry.name, entry]))
  return {
    key: pack.key,
    async open(name) {
      const entry = entries.get(name)
      if (!entry) throw new FormatError(pack.key, `a file "${name}" in the pack`, 'none')
      return subReader(`${pack.key}#${name}`, pack, entry.offset, entry.length)
    },
    async close() {
      await pack.close?.()
    },
  }
}

/** Where a section's bytes stand; nothing when the segment has none of this name. */
export function chunksOf(segment: SegmentEntry, name: SectionName): readonly SectionChunk[] {
  return segment.sections.find((section) => section.name === name)?.chunks ?? []
}
