/** Ids and stored texts of one segment: ids and the directory of texts resident, texts read when results are shown (SPEC.md §5.3). */
import type { IndexReader } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import type { TextRecord } from '../../format/items/textBlocks.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import { StoredTexts } from './storedTexts.ts'

export class PassageStore {
  readonly ids: IdTable
  readonly #texts: StoredTexts

  private constructor(ids: IdTable, texts: StoredTexts) {
    this.ids = ids
    this.#texts = texts
  }

  /** @throws FormatError, ChecksumError, StorageError */
  static async open(reader: IndexReader, segment: SegmentEntry): Promise<PassageStore> {
    const ids = new IdTable(
      new Uint32Array((await reader.section(segment, 'idOffsets')).buffer),
      await reader.section(segment, 'ids'),
      new Uint32Array((await reader.section(segment, 'idOrder')).buffer),
    )
    const texts = new StoredTexts(reader, segment)
    await texts.openDirectory()
    return new PassageStore(ids, texts)
  }

  get hasTexts(): boolean {
    return this.#texts.exist
  }

  /** @throws as StoredTexts.records */
  records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    return this.#texts.records(pids)
  }
}
