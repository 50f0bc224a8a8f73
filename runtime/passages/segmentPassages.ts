/** Ids and stored texts of one segment, whatever is kept of them in memory. */
import type { TextRecord } from '../../format/items/textBlocks.ts'

export interface SegmentPassages {
  /** Passages, deleted ones counted. */
  readonly size: number
  readonly hasTexts: boolean
  /** @param pid - in [0, size) */
  idOf(pid: number): string
  /** UTF-8 of the id, for ordering. */
  idBytes(pid: number): Uint8Array
  /** Ascending pids of ids; unknown ids are left out, deleted passages are not. */
  pidsOf(ids: readonly string[]): Uint32Array
  /**
   * Records of passages, in the order asked for; each block of texts is read and inflated once a call.
   * @returns undefined for each when the index stores no texts
   */
  records(pids: readonly number[]): Promise<readonly (TextRecord | undefined)[]>
}
