/** Reads the manifest and whole sections of an index and checks them (SPEC.md §6). What it returns is as the writer wrote it. */
import { decodeHead, headLength, PRELUDE_BYTES_MIN, sectionTable } from './container/container.ts'
import { crc32c as crc32cOf } from './container/crc32c.ts'
import { ChecksumError, FormatError, MissingPartError, NotFoundError } from './errors.ts'
import { FILE_BYTES_MAX } from './limits.ts'
import {
  chunksOf,
  decodeManifest,
  type HasSections,
  MANIFEST_NAME,
  type Manifest,
  type SectionChunk,
  sectionBytes,
} from './manifest/manifest.ts'
import type { SectionName } from './manifest/sections.ts'
import { type ByteLoader, type IndexFiles, type RangeReader, subReader } from './rangeReader.ts'

export interface IndexReaderOptions {
  /** CRC-32C of bytes; default is the TypeScript one. The runtime hands in its WASM kernel. */
  readonly crc32c?: (bytes: Uint8Array, previous?: number) => number
  /** Tells the manifest from any other: its length and checksum. */
  readonly revision?: string
}

/** A chunk is read in pieces of so many bytes: small enough to stay in a cache between reading and checking. */
export const PIECE_BYTES = 1 << 20
/** Pieces under way at a time, of all sections together: as many connections as a Worker may have. */
export const READS_AT_ONCE = 6

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

  /** Length of a section, 0 when its owner has none of this name. */
  sectionLength(owner: HasSections, name: SectionName): number {
    return sectionBytes(owner, name)
  }

  /**
   * The chunks of a section, one at a time, each checked against its CRC32C.
   * @throws ChecksumError, FormatError, MissingPartError, StorageError
   */
  async *sectionChunks(owner: HasSections, name: SectionName, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    for (const chunk of chunksOf(owner, name)) {
      const part = await this.#part(chunk.part)
      const bytes = await part.read(chunk.offset, chunk.length, signal)
      const crc = this.crc32c(bytes)
      if (crc !== chunk.crc32c) throw new ChecksumError(name, chunk.crc32c, crc)
      yield bytes
    }
  }

  /**
   * Brings whole sections to where the caller wants them, all of them side by side: opening an index then waits for storage once, not
   * once a section. Pieces are checked in their order as they come, and no second copy of a large section is in memory. A chunk is
   * checked when its last piece is there, so nothing may be trusted before the end. Throws as `sectionChunks`.
   */
  async loadSections(sections: readonly SectionTarget[], signal?: AbortSignal): Promise<void> {
    const chunks = sections.flatMap((section) => chunksToLoad(section))
    // Parts are opened, and so their sizes checked, before memory is written to.
    const parts = new Set(chunks.map(({ chunk }) => chunk.part))
    await Promise.all([...parts].map((part) => this.#part(part)))
    const pieces = chunks.flatMap((target) => piecesOf(target))
    let next = 0
    let failed = false
    const lane = async () => {
      for (let piece = pieces[next++]; piece && !failed; piece = pieces[next++]) {
        const { part } = piece.target.chunk
        const reading = loadPiece(await this.#part(part), piece, signal)
        await reading.catch((error: unknown) => this.#throwMissing(part, error))
        this.#check(piece)
      }
    }
    // Every lane is waited for: nothing may be written to the caller's memory once this has ended.
    const ended = await Promise.allSettled(
      Array.from({ length: Math.min(READS_AT_ONCE, pieces.length) }, () =>
        lane().catch((error: unknown) => {
          failed = true
          throw error
        }),
      ),
    )
    const failure = ended.find((result) => result.status === 'rejected')
    if (failure) throw failure.reason
  }

  /** Continues the checksum of a chunk over the pieces that are there without a gap. */
  #check({ target, index }: Piece): void {
    target.arrived.add(index)
    const { chunk, name, view } = target
    while (target.arrived.delete(target.checked)) {
      const at = target.checked * PIECE_BYTES
      target.crc = this.crc32c(view(at, Math.min(PIECE_BYTES, chunk.length - at)), target.crc)
      target.checked++
    }
    const isWhole = target.checked * PIECE_BYTES >= chunk.length
    if (isWhole && target.crc !== chunk.crc32c) throw new ChecksumError(name, chunk.crc32c, target.crc)
  }

  /** As `loadSections` of one section, for who places it later. */
  sectionLoader(owner: HasSections, name: SectionName, signal?: AbortSignal): ByteLoader {
    return {
      length: this.sectionLength(owner, name),
      load: (view) => this.loadSections([{ owner, name, view }], signal),
    }
  }

  /** A whole section in an array of its own, so that any typed array may view it. */
  async section(owner: HasSections, name: SectionName, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    // Parts are opened, and so their sizes checked, before memory is reserved for what a manifest claims to be in them.
    await this.openParts(owner, [name])
    const all = new Uint8Array(this.sectionLength(owner, name))
    await this.loadSections([{ owner, name, view: (offset, length) => all.subarray(offset, offset + length) }], signal)
    return all
  }

  /**
   * `length` bytes at `offset` of a section, both inside one chunk: for items, which are never split.
   * The caller checks the item's own CRC.
   */
  async sectionRange(
    owner: HasSections,
    name: SectionName,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<Uint8Array> {
    const place = this.locate(owner, name, offset, length)
    return this.readPart(place.part, place.offset, length, signal)
  }

  /**
   * In which part, and where in it, an item of a section stands.
   * @throws FormatError when the bytes are not inside one chunk
   */
  locate(
    owner: HasSections,
    name: SectionName,
    offset: number,
    length: number,
  ): { readonly part: number; readonly offset: number; readonly length: number } {
    let start = 0
    for (const chunk of chunksOf(owner, name)) {
      if (offset >= start && offset + length <= start + chunk.length) {
        return { part: chunk.part, offset: chunk.offset + offset - start, length }
      }
      start += chunk.length
    }
    throw new FormatError(name, `[${offset}, ${offset + length}) inside one chunk`, `${start} bytes in all`)
  }

  /** Opens all parts of some sections, so that no later read waits for that. @throws as `sectionChunks` */
  async openParts(owner: HasSections, names: readonly SectionName[]): Promise<void> {
    const parts = new Set(names.flatMap((name) => chunksOf(owner, name).map((chunk) => chunk.part)))
    await Promise.all([...parts].map((part) => this.#part(part)))
  }

  /** Bytes of a part, unchecked. */
  async readPart(part: number, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    const reader = await this.#part(part)
    return reader.read(offset, length, signal).catch((error: unknown) => this.#throwMissing(part, error))
  }

  /** That a part is gone is told from everything else that may be gone: whoever has it read may look for a newer generation. */
  #throwMissing(part: number, error: unknown): never {
    if (!(error instanceof NotFoundError)) throw error
    throw new MissingPartError(this.files.key, this.manifest.parts[part]?.name ?? String(part), error)
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
    const part = await this.files
      .open(entry.name, entry.bytes)
      .catch((error: unknown) => this.#throwMissing(index, error))
    const opened = this.#parts.get(index)
    if (opened || part.size !== entry.bytes) await part.close?.()
    // Another read opened it meanwhile. Values are kept, never promises: Workers must not share those between requests.
    if (opened) return opened
    if (part.size !== entry.bytes) throw new FormatError(entry.name, `${entry.bytes} bytes`, part.size)
    this.#parts.set(index, part)
    return part
  }
}

/** A section and where its bytes go. */
export interface SectionTarget {
  readonly owner: HasSections
  readonly name: SectionName
  readonly view: ByteView
}

/** A chunk on its way, and how far it is checked. */
interface ChunkTarget {
  readonly name: SectionName
  readonly chunk: SectionChunk
  /** Of places in the chunk. */
  readonly view: ByteView
  readonly arrived: Set<number>
  checked: number
  crc: number
}

interface Piece {
  readonly target: ChunkTarget
  readonly index: number
}

function chunksToLoad({ owner, name, view }: SectionTarget): readonly ChunkTarget[] {
  let end = 0
  return chunksOf(owner, name).map((chunk) => {
    const first = end
    end += chunk.length
    const own = (at: number, length: number) => view(first + at, length)
    return { name, chunk, view: own, arrived: new Set(), checked: 0, crc: 0 }
  })
}

function piecesOf(target: ChunkTarget): readonly Piece[] {
  // An empty chunk is one piece, so that its checksum is looked at.
  const count = Math.max(1, Math.ceil(target.chunk.length / PIECE_BYTES))
  return Array.from({ length: count }, (_, index) => ({ target, index }))
}

/** Straight into the view where the reader can do that and the view is still there afterwards, else by a copy. */
async function loadPiece(
  part: RangeReader,
  { target: { chunk, view }, index }: Piece,
  signal?: AbortSignal,
): Promise<void> {
  const at = index * PIECE_BYTES
  const length = Math.min(PIECE_BYTES, chunk.length - at)
  if (length === 0) return
  const target = view(at, length)
  // Shared memory is not for readers: few APIs write to it.
  if (part.readInto && target.buffer instanceof ArrayBuffer) {
    // A view that is gone means that memory grew meanwhile; then it depends on the host where the bytes went, or what failed.
    try {
      await part.readInto(chunk.offset + at, target as Uint8Array<ArrayBuffer>, signal)
      if (target.length === length) return
    } catch (error) {
      if (target.length === length) throw error
    }
  }
  const bytes = await part.read(chunk.offset + at, length, signal)
  view(at, length).set(bytes)
}

/** @throws NotFoundError when there is no manifest, FormatError and its kin when it is not sound; `files` is then closed */
export async function readIndex(files: IndexFiles, options: IndexReaderOptions = {}): Promise<IndexReader> {
  const reader = await files.open(MANIFEST_NAME)
  try {
    const bytes = await reader.read(0, Math.min(reader.size, FILE_BYTES_MAX))
    const revision = revisionOf(bytes, options.crc32c)
    return new IndexReader(files, decodeManifest(bytes), { ...options, revision })
  } catch (error) {
    await files.close?.()
    throw error
  } finally {
    await reader.close?.()
  }
}

/** Tells a manifest from any other: its length and checksum. @param bytes - the whole file */
export function revisionOf(bytes: Uint8Array, crc32c: (bytes: Uint8Array) => number = crc32cOf): string {
  return `${bytes.length.toString(16)}-${crc32c(bytes).toString(16).padStart(8, '0')}`
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
