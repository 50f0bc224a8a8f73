/** Ids and stored texts of one segment: ids and the directory of texts resident, texts read when results are shown (SPEC.md §5.3). */
import type { IndexReader } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import type { TextRecord } from '../../format/items/textBlocks.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import type { SectionArrays } from '../../format/sectionArrays.ts'
import type { SegmentPassages } from './segmentPassages.ts'
import { StoredTexts } from './storedTexts.ts'

export class PassageStore implements SegmentPassages {
  readonly #ids: IdTable
  readonly #texts: StoredTexts

  private constructor(ids: IdTable, texts: StoredTexts) {
    this.#ids = ids
    this.#texts = texts
  }

  /** @returns checks what was loaded; it throws FormatError */
  static reserve(reader: IndexReader, segment: SegmentEntry, arrays: SectionArrays): () => PassageStore {
    const offsets = arrays.want(segment, 'idOffsets')
    const bytes = arrays.want(segment, 'ids')
    const order = arrays.want(segment, 'idOrder')
    const directory = arrays.want(segment, 'textBlocks')
    return () => {
      const ids = new IdTable(new Uint32Array(offsets.buffer), bytes, new Uint32Array(order.buffer))
      return new PassageStore(ids, new StoredTexts(reader, segment, directory))
    }
  }

  get size(): number {
    return this.#ids.size
  }

  get hasTexts(): boolean {
    return this.#texts.exist
  }

  idOf(pid: number): string {
    return this.#ids.idOf(pid)
  }

  idBytes(pid: number): Uint8Array {
    return this.#ids.idBytes(pid)
  }

  /** One look-up an id. */
  pidsOf(ids: readonly string[]): Uint32Array {
    const pids = new Set<number>()
    for (const id of ids) {
      const pid = this.#ids.pidOf(id)
      if (pid !== undefined) pids.add(pid)
    }
    return Uint32Array.from(pids).sort()
  }

  /** @throws as StoredTexts.records */
  records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    return this.#texts.records(pids)
  }
}
