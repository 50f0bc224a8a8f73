/** Passages of all segments counted through, as the rows that tuning compares with are; and which of them are deleted. */
import type { IndexReader } from '../../format/indexReader.ts'
import { lastStartAtOrBefore } from '../../format/items/bisection.ts'
import { decodeTombstones } from '../../format/items/tombstones.ts'
import type { Place } from '../../runtime/searcher.ts'

export class PassageNumbers {
  /** Passages, deleted ones counted. */
  readonly count: number
  /** Numbers of deleted passages. */
  readonly deleted: ReadonlySet<number>
  /** First number of each segment, and one past the last. */
  readonly #firsts: readonly number[]

  private constructor(firsts: readonly number[], deleted: ReadonlySet<number>) {
    this.count = firsts.at(-1) ?? 0
    this.deleted = deleted
    this.#firsts = firsts
  }

  /** @throws FormatError, ChecksumError, StorageError */
  static async of(reader: IndexReader): Promise<PassageNumbers> {
    const firsts = [0]
    const deleted = new Set<number>()
    for (const segment of reader.manifest.segments) {
      const first = firsts.at(-1) ?? 0
      firsts.push(first + segment.passages)
      if (segment.deleted === 0) continue
      const bytes = await reader.section(segment, 'tombstones')
      for (const pid of decodeTombstones(bytes, segment.passages, segment.deleted)) deleted.add(first + pid)
    }
    return new PassageNumbers(firsts, deleted)
  }

  numberOf({ segment, pid }: Pick<Place, 'segment' | 'pid'>): number {
    return (this.#firsts[segment] ?? 0) + pid
  }

  /** @param number - in [0, count) */
  placeOf(number: number): Place {
    const segment = lastStartAtOrBefore(this.#firsts, this.#firsts.length - 1, number)
    return { segment, pid: number - (this.#firsts[segment] ?? 0), opening: 0 }
  }
}
