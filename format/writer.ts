/** Puts sections into parts as they come (SPEC.md §2, §4.2): at most one part is in memory. */
import { encodePart } from './container/container.ts'
import { sha256Hex } from './container/sha256.ts'
import { PART_BYTES_DEFAULT } from './limits.ts'
import type { PartEntry, SectionChunk, StoredSection } from './manifest/manifest.ts'
import type { SectionName } from './manifest/sections.ts'

/** Where finished files go: a folder, an object store, memory. */
export interface IndexSink {
  /** Store a whole file under a name; a file of the same name has the same bytes. */
  write(name: string, bytes: Uint8Array): Promise<void>
}

interface OpenChunk {
  readonly owner: SectionsWriter
  readonly name: SectionName
  readonly pieces: Uint8Array[]
  length: number
  items: number
}

/** Bytes of a piece that fixed-size items are cut into; small beside a part, so that parts fill well. */
const PIECE_BYTES = 1 << 20
/** Room for a part's head and for alignment, well above what the largest section table of a part needs. */
const PART_OVERHEAD_BYTES = 64 * 1024

export class PartWriter {
  readonly #sink: IndexSink
  readonly #payloadBytesMax: number
  readonly #parts: PartEntry[] = []
  readonly #taken: Set<string>
  #open: OpenChunk[] = []
  #openBytes = 0

  /**
   * @param partBytes - size that no part exceeds unless a single item does
   * @param taken - parts of the manifest that will be extended: none is written again, since no two owners share a byte
   */
  constructor(sink: IndexSink, partBytes = PART_BYTES_DEFAULT, taken: readonly PartEntry[] = []) {
    this.#sink = sink
    this.#taken = new Set(taken.map(({ name }) => name))
    this.#payloadBytesMax = Math.max(1, partBytes - PART_OVERHEAD_BYTES)
  }

  /** The sections of one quantiser or segment, to be filled. */
  sections(): SectionsWriter {
    return new SectionsWriter(this)
  }

  /** As SectionsWriter.append, which calls it. */
  async append(owner: SectionsWriter, name: SectionName, bytes: Uint8Array, items: number): Promise<void> {
    if (this.#openBytes > 0 && this.#openBytes + bytes.length > this.#payloadBytesMax) await this.#flush()
    let chunk = this.#open.at(-1)
    if (chunk?.name !== name || chunk.owner !== owner) {
      chunk = { owner, name, pieces: [], length: 0, items: 0 }
      this.#open.push(chunk)
    }
    chunk.pieces.push(bytes.slice())
    chunk.length += bytes.length
    chunk.items += items
    this.#openBytes += bytes.length
  }

  /** Write what is left. @returns all parts; after it the sections know where they stand */
  async finish(): Promise<readonly PartEntry[]> {
    await this.#flush()
    return this.#parts
  }

  async #flush(): Promise<void> {
    if (this.#open.length === 0) return
    const open = this.#open
    const sections = open.map(({ name, pieces, length }) => ({ name, payload: concatenate(pieces, length) }))
    let part = encodePart(sections)
    let name = await partName(part.bytes)
    for (let copy = 1; this.#taken.has(name); copy++) {
      part = encodePart(sections, { copy })
      name = await partName(part.bytes)
    }
    this.#taken.add(name)
    await this.#sink.write(name, part.bytes)
    const index = this.#parts.push({ name, bytes: part.bytes.length }) - 1
    part.entries.forEach(({ offset, length, crc32c }, i) => {
      const chunk = open[i]
      chunk?.owner.place(chunk.name, { part: index, offset, length, crc32c, items: chunk.items })
    })
    this.#open = []
    this.#openBytes = 0
  }
}

/** Fills the sections of one quantiser or segment. */
export class SectionsWriter {
  readonly #parts: PartWriter
  readonly #placed = new Map<SectionName, SectionChunk[]>()

  constructor(parts: PartWriter) {
    this.#parts = parts
  }

  /**
   * Append whole items to a section. The bytes may be reused by the caller afterwards.
   * @param bytes - never split over two parts
   */
  append(name: SectionName, bytes: Uint8Array, items: number): Promise<void> {
    return this.#parts.append(this, name, bytes, items)
  }

  /** Append a section of fixed-size items, split over parts where needed. */
  async appendArray(name: SectionName, array: ArrayBufferView, itemBytes: number): Promise<void> {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    const itemsAPiece = Math.max(1, Math.floor(PIECE_BYTES / itemBytes))
    const items = bytes.length / itemBytes
    for (let first = 0; first < items; first += itemsAPiece) {
      const count = Math.min(itemsAPiece, items - first)
      await this.append(name, bytes.subarray(first * itemBytes, (first + count) * itemBytes), count)
    }
  }

  /** Append a section of variable items given by u32 offsets, split over parts where needed. */
  async appendItems(name: SectionName, bytes: Uint8Array, offsets: Uint32Array): Promise<void> {
    const items = offsets.length - 1
    for (let first = 0; first < items; ) {
      const start = offsets[first] ?? 0
      let end = first + 1
      while (end < items && (offsets[end + 1] ?? 0) - start <= PIECE_BYTES) end++
      await this.append(name, bytes.subarray(start, offsets[end]), end - first)
      first = end
    }
  }

  /** Where a chunk was put: PartWriter tells it. */
  place(name: SectionName, chunk: SectionChunk): void {
    this.#placed.set(name, [...(this.#placed.get(name) ?? []), chunk])
  }

  /** Where all sections stand, once PartWriter.finish has returned. */
  get stored(): readonly StoredSection[] {
    return [...this.#placed].map(([name, chunks]) => ({ name, chunks }))
  }
}

/** A part's name: the first 128 bits of its SHA-256. */
export async function partName(bytes: Uint8Array): Promise<string> {
  return `${(await sha256Hex(bytes)).slice(0, 32)}.msgpack`
}

function concatenate(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    all.set(piece, at)
    at += piece.length
  }
  return all
}
