/** Ids and stored texts of one segment: ids resident, texts read block by block when results are shown (SPEC.md §5.3). */
import { FormatError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import {
  decodeTextBlock,
  decodeTextBlockEntries,
  type TextBlockEntry,
  type TextRecord,
} from '../../format/items/textBlocks.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import type { SectionArrays } from '../../format/sectionArrays.ts'
import type { SegmentPassages } from './segmentPassages.ts'

export class PassageStore implements SegmentPassages {
  readonly #ids: IdTable
  readonly #reader: IndexReader
  readonly #segment: SegmentEntry
  readonly #blocks: readonly TextBlockEntry[]
  /** First pid of each block, and one past the last. */
  readonly #firstPids: readonly number[]
  /** Offset of each block in the section `texts`. */
  readonly #offsets: readonly number[]

  private constructor(reader: IndexReader, segment: SegmentEntry, ids: IdTable, blocks: readonly TextBlockEntry[]) {
    this.#reader = reader
    this.#segment = segment
    this.#ids = ids
    this.#blocks = blocks
    this.#firstPids = runningSum(blocks.map((block) => block.passages))
    this.#offsets = runningSum(blocks.map((block) => block.compressedBytes))
  }

  /** @returns checks what was loaded; it throws FormatError */
  static reserve(reader: IndexReader, segment: SegmentEntry, arrays: SectionArrays): () => PassageStore {
    const offsets = arrays.want(segment, 'idOffsets')
    const bytes = arrays.want(segment, 'ids')
    const order = arrays.want(segment, 'idOrder')
    const directory = arrays.want(segment, 'textBlocks')
    return () => {
      const ids = new IdTable(new Uint32Array(offsets.buffer), bytes, new Uint32Array(order.buffer))
      const textBytes = reader.sectionLength(segment, 'texts')
      const hasTexts = directory.length > 0 || textBytes > 0
      const blocks = hasTexts ? decodeTextBlockEntries(directory, segment.passages, textBytes) : []
      return new PassageStore(reader, segment, ids, blocks)
    }
  }

  get size(): number {
    return this.#ids.size
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

  get hasTexts(): boolean {
    return this.#blocks.length > 0
  }

  /**
   * Records of passages, in the order asked for; each block is read and inflated once a call.
   * @param pids - in this segment; empty result when the index stores no texts
   */
  async records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]> {
    if (!this.hasTexts) return pids.map(() => undefined)
    const wanted = pids.map((pid) => this.#blockOf(pid))
    const distinct = [...new Set(wanted)]
    const read = await Promise.all(distinct.map((block) => this.#readBlock(block)))
    const records = new Map(distinct.map((block, i) => [block, read[i]]))
    return pids.map((pid, i) => records.get(wanted[i] ?? 0)?.[pid - (this.#firstPids[wanted[i] ?? 0] ?? 0)])
  }

  #blockOf(pid: number): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#firstPids[middle] ?? 0) <= pid) low = middle
      else high = middle - 1
    }
    return low
  }

  async #readBlock(index: number): Promise<readonly TextRecord[]> {
    const entry = this.#blocks[index]
    if (!entry) throw new FormatError('textBlocks', `a block ${index}`, `${this.#blocks.length} blocks`)
    const bytes = await this.#reader.sectionRange(
      this.#segment,
      'texts',
      this.#offsets[index] ?? 0,
      entry.compressedBytes,
    )
    return decodeTextBlock(bytes, entry)
  }
}

function runningSum(values: readonly number[]): readonly number[] {
  const sums = [0]
  for (const value of values) sums.push((sums.at(-1) ?? 0) + value)
  return sums
}
