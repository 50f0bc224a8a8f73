/** Stored texts of one segment, read block by block when results are shown (SPEC.md §5.3): of the resident pipeline and of the range one. */
import type { IndexReader } from '../../format/indexReader.ts'
import {
  decodeTextBlock,
  decodeTextBlockEntries,
  TextDirectory,
  type TextRecord,
} from '../../format/items/textBlocks.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'

export class StoredTexts {
  readonly #reader: IndexReader
  readonly #segment: SegmentEntry
  #directory: TextDirectory | undefined

  /**
   * @param directory - the section `textBlocks`, where it was read already
   * @throws FormatError
   */
  constructor(reader: IndexReader, segment: SegmentEntry, directory?: Uint8Array) {
    this.#reader = reader
    this.#segment = segment
    if (directory) this.#directory = this.#decode(directory)
  }

  /** Whether the index stores texts at all. */
  get exist(): boolean {
    return this.#lengthOf('textBlocks') > 0 || this.#lengthOf('texts') > 0
  }

  /**
   * Reads and checks the directory of text blocks, once.
   * @throws FormatError, ChecksumError, StorageError
   */
  async #openDirectory(): Promise<TextDirectory> {
    if (this.#directory) return this.#directory
    this.#directory = this.#decode(await this.#reader.section(this.#segment, 'textBlocks'))
    return this.#directory
  }

  #decode(bytes: Uint8Array): TextDirectory {
    const { passages } = this.#segment
    return new TextDirectory(this.exist ? decodeTextBlockEntries(bytes, passages, this.#lengthOf('texts')) : [])
  }

  /**
   * Records of passages, in the order asked for; each block is read and inflated once a call.
   *
   * @param pids - in this segment
   * @returns undefined for each passage when the index stores no texts
   * @throws FormatError, ChecksumError, StorageError
   */
  async records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    if (!this.exist || pids.length === 0) return pids.map(() => undefined)
    const directory = await this.#openDirectory()
    const blocks = pids.map((pid) => directory.blockOf(pid))
    const distinct = [...new Set(blocks)]
    const read = await Promise.all(distinct.map((block) => this.#readBlock(directory, block)))
    const records = new Map(distinct.map((block, i) => [block, read[i]]))
    return pids.map((pid, i) => records.get(blocks[i] ?? 0)?.[pid - directory.firstPid(blocks[i] ?? 0)])
  }

  #lengthOf(section: 'textBlocks' | 'texts'): number {
    return this.#reader.sectionLength(this.#segment, section)
  }

  async #readBlock(directory: TextDirectory, block: number): Promise<readonly TextRecord[]> {
    const entry = directory.entry(block)
    const offset = directory.offset(block)
    const bytes = await this.#reader.sectionRange(this.#segment, 'texts', offset, entry.compressedBytes)
    return decodeTextBlock(bytes, entry)
  }
}
