/**
 * Ids and stored texts of one segment for the range pipeline: ids compact in memory, without the order that look-up by id
 * would want; the directory of texts when the first text is asked for, and texts block by block (SPEC.md §5.3).
 */
import type { IndexReader } from '../../format/indexReader.ts'
import { requireIdOffsets } from '../../format/items/ids.ts'
import type { TextRecord } from '../../format/items/textBlocks.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import type { SectionArrays } from '../../format/sectionArrays.ts'
import { SampledOffsets } from './sampledOffsets.ts'
import type { SegmentPassages } from './segmentPassages.ts'
import { StoredTexts } from './storedTexts.ts'

export class RangePassages implements SegmentPassages {
  readonly #texts: StoredTexts
  readonly #ids: Uint8Array
  readonly #offsets: SampledOffsets

  private constructor(texts: StoredTexts, ids: Uint8Array, offsets: SampledOffsets) {
    this.#texts = texts
    this.#ids = ids
    this.#offsets = offsets
  }

  /** @returns checks what was loaded; it throws FormatError */
  static reserve(reader: IndexReader, segment: SegmentEntry, arrays: SectionArrays): () => RangePassages {
    const offsetBytes = arrays.want(segment, 'idOffsets')
    const ids = arrays.want(segment, 'ids')
    return () => {
      const offsets = new Uint32Array(offsetBytes.buffer)
      requireIdOffsets(offsets, ids.length)
      const lengths = new SampledOffsets(idLengths(offsets, segment.passages))
      return new RangePassages(new StoredTexts(reader, segment), ids, lengths)
    }
  }

  /** Passages. */
  get size(): number {
    return this.#offsets.lengths.length
  }

  get hasTexts(): boolean {
    return this.#texts.exist
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

  /** @throws as StoredTexts.records */
  records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    return this.#texts.records(pids)
  }
}

/** Bytes of memory that ids take. */
export function idBytesKept(passages: number, idBytes: number): number {
  return idBytes + SampledOffsets.bytes(passages)
}

function idLengths(offsets: Uint32Array, passages: number): Uint16Array {
  return Uint16Array.from({ length: passages }, (_, pid) => (offsets[pid + 1] ?? 0) - (offsets[pid] ?? 0))
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193)
  return hash >>> 0
}
