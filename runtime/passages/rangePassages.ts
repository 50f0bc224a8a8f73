/**
 * Ids and stored texts of one segment for the range pipeline: ids compact in memory, without the order that look-up by id
 * would want; the directory of texts when the first text is asked for, and texts block by block (SPEC.md §5.3).
 */
import { FormatError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import {
  decodeTextBlock,
  decodeTextBlockEntries,
  type TextBlockEntry,
  type TextRecord,
} from '../../format/items/textBlocks.ts'
import { ID_BYTES_MAX } from '../../format/limits.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import type { SectionArrays } from '../../format/sectionArrays.ts'
import { SampledOffsets } from './sampledOffsets.ts'
import type { SegmentPassages } from './segmentPassages.ts'

export class RangePassages implements SegmentPassages {
  readonly #reader: IndexReader
  readonly #segment: SegmentEntry
  readonly #ids: Uint8Array
  readonly #offsets: SampledOffsets
  #directory: TextDirectory | undefined

  private constructor(reader: IndexReader, segment: SegmentEntry, ids: Uint8Array, offsets: SampledOffsets) {
    this.#reader = reader
    this.#segment = segment
    this.#ids = ids
    this.#offsets = offsets
  }

  /** @returns checks what was loaded; it throws FormatError */
  static reserve(reader: IndexReader, segment: SegmentEntry, arrays: SectionArrays): () => RangePassages {
    const offsetBytes = arrays.want(segment, 'idOffsets')
    const ids = arrays.want(segment, 'ids')
    return () => {
      const offsets = new SampledOffsets(idLengths(new Uint32Array(offsetBytes.buffer), segment.passages))
      if (offsets.total !== ids.length) throw new FormatError('idOffsets', `an end at ${ids.length}`, offsets.total)
      return new RangePassages(reader, segment, ids, offsets)
    }
  }

  /** Passages. */
  get size(): number {
    return this.#offsets.lengths.length
  }

  get hasTexts(): boolean {
    return this.#reader.sectionLength(this.#segment, 'textBlocks') > 0
  }

  /** UTF-8 of the id of a passage, for ordering. @param pid - in [0, size) */
  idBytes(pid: number): Uint8Array {
    const start = this.#offsets.before(pid)
    return this.#ids.subarray(start, start + (this.#offsets.lengths[pid] ?? 0))
  }

  idOf(pid: number): string {
    return new TextDecoder().decode(this.idBytes(pid))
  }

  /** Pids of ids, unknown ones left out, ascending. One pass over all ids: 10 MB of them take some 20 ms. */
  pidsOf(ids: readonly string[]): Uint32Array {
    const encoder = new TextEncoder()
    const wanted = new Map<number, Uint8Array[]>()
    for (const id of ids) {
      const bytes = encoder.encode(id)
      const hash = hashOf(bytes, 0, bytes.length)
      wanted.set(hash, [...(wanted.get(hash) ?? []), bytes])
    }
    const pids: number[] = []
    let start = 0
    for (const [pid, length] of this.#offsets.lengths.entries()) {
      const same = wanted.get(hashOf(this.#ids, start, start + length))
      const isWanted = same?.some((id) => id.length === length && id.every((byte, i) => byte === this.#ids[start + i]))
      if (isWanted) pids.push(pid)
      start += length
    }
    return Uint32Array.from(pids)
  }

  /**
   * Records of passages, in the order asked for; each block is read and inflated once a call.
   * @param pids - in this segment; undefined records when the index stores no texts
   */
  async records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    if (!this.hasTexts || pids.length === 0) return pids.map(() => undefined)
    this.#directory ??= await openDirectory(this.#reader, this.#segment)
    const directory = this.#directory
    const blocks = pids.map((pid) => directory.blockOf(pid))
    const distinct = [...new Set(blocks)]
    const read = await Promise.all(distinct.map((block) => this.#readBlock(directory, block)))
    const records = new Map(distinct.map((block, i) => [block, read[i]]))
    return pids.map((pid, i) => records.get(blocks[i] ?? 0)?.[pid - directory.firstPid(blocks[i] ?? 0)])
  }

  async #readBlock(directory: TextDirectory, block: number): Promise<readonly TextRecord[]> {
    const entry = directory.entry(block)
    const bytes = await this.#reader.sectionRange(
      this.#segment,
      'texts',
      directory.offset(block),
      entry.compressedBytes,
    )
    return decodeTextBlock(bytes, entry)
  }
}

/** Bytes of memory that ids take. */
export function idBytesKept(passages: number, idBytes: number): number {
  return idBytes + SampledOffsets.bytes(passages)
}

function idLengths(offsets: Uint32Array, passages: number): Uint16Array {
  if (offsets[0] !== 0) throw new FormatError('idOffsets', 'a start at 0', offsets[0] ?? 'nothing')
  return Uint16Array.from({ length: passages }, (_, pid) => {
    const length = (offsets[pid + 1] ?? 0) - (offsets[pid] ?? 0)
    if (length < 1 || length > ID_BYTES_MAX)
      throw new FormatError('idOffsets', `ids of 1 to ${ID_BYTES_MAX} bytes`, length)
    return length
  })
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193)
  return hash >>> 0
}

/** Where text blocks start, by passage and by byte. */
class TextDirectory {
  readonly #entries: readonly TextBlockEntry[]
  readonly #firstPids: Float64Array
  readonly #offsets: Float64Array

  constructor(entries: readonly TextBlockEntry[]) {
    this.#entries = entries
    this.#firstPids = new Float64Array(entries.length + 1)
    this.#offsets = new Float64Array(entries.length + 1)
    for (const [block, entry] of entries.entries()) {
      this.#firstPids[block + 1] = this.firstPid(block) + entry.passages
      this.#offsets[block + 1] = this.offset(block) + entry.compressedBytes
    }
  }

  firstPid(block: number): number {
    return this.#firstPids[block] ?? 0
  }

  offset(block: number): number {
    return this.#offsets[block] ?? 0
  }

  entry(block: number): TextBlockEntry {
    const entry = this.#entries[block]
    if (!entry) throw new FormatError('textBlocks', `a block ${block}`, `${this.#entries.length} blocks`)
    return entry
  }

  /** The last block that starts at or before a passage. */
  blockOf(pid: number): number {
    let low = 0
    let high = this.#entries.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.firstPid(middle) <= pid) low = middle
      else high = middle - 1
    }
    return low
  }
}

async function openDirectory(reader: IndexReader, segment: SegmentEntry): Promise<TextDirectory> {
  const directory = await reader.section(segment, 'textBlocks')
  return new TextDirectory(decodeTextBlockEntries(directory, segment.passages, reader.sectionLength(segment, 'texts')))
}
