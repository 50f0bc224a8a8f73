/**
 * The passages that a filter allows in the order in which they are worth reading: by what lists say, those that are in no list that was
 * read among them. A filter may allow only passages that share no cell with the query.
 */
import type { PassageBitmap } from '../../../passages/bitmap.ts'
import type { ScoreTable } from '../scoreTable.ts'

/** U of a cosine of 1 above that of 0 (units.ts): sums of U over it are in the unit of scores. */
const BYTE_ONE = 127
/** Passages whose rows a query with a filter may come to read: the others are behind so many. */
export const ALLOWED_MAX = 8192
/** Bytes of the order that a query holds while it waits for storage. */
export const ORDER_BYTES = 128 * ALLOWED_MAX

/** A passage with its score from lists, which differs from MaxSim by about the same for all passages, and by an error. */
export interface EstimatedPassage {
  readonly segment: number
  readonly pid: number
  /** Its number when the passages of all segments are counted through. */
  readonly passage: number
  readonly estimate: number
}

/** One segment. */
export interface AllowedSegment {
  readonly allowed: PassageBitmap
  /** Passages in the segments before. */
  readonly firstPassage: number
  /** Score of a passage that no list has, in the unit of those of lists. */
  readonly unlistedScore: number
}

/** Holds nothing of the table: the next query's scores come into it. */
export class AllowedOrder {
  readonly #listed: readonly EstimatedPassage[]
  /** By segment, ascending. */
  readonly #unlisted: readonly (readonly EstimatedPassage[])[]

  /** @param scores - of allowed passages that some list has */
  constructor(segments: readonly AllowedSegment[], scores: ScoreTable) {
    this.#listed = scores.best(ALLOWED_MAX).map(({ passage, score }) => {
      const segment = segments.findLastIndex(({ firstPassage }) => firstPassage <= passage)
      const pid = passage - (segments[segment]?.firstPassage ?? 0)
      return { segment, pid, passage, estimate: score / BYTE_ONE }
    })
    this.#unlisted = segments.map(({ allowed, firstPassage, unlistedScore }, segment) =>
      firstPids(allowed, ALLOWED_MAX, (pid) => !scores.has(firstPassage + pid)).map((pid) => {
        return { segment, pid, passage: firstPassage + pid, estimate: unlistedScore / BYTE_ONE }
      }),
    )
  }

  best(count: number): readonly EstimatedPassage[] {
    const first = [this.#listed, ...this.#unlisted].flatMap((places) => places.slice(0, count))
    return first.sort(byEstimate).slice(0, count)
  }

  /** Those with at least this estimate, but for those that are known. */
  reaching(least: number, known: ReadonlySet<number>): readonly EstimatedPassage[] {
    return [this.#listed, ...this.#unlisted]
      .flatMap((places) => places.filter(({ passage, estimate }) => estimate >= least && !known.has(passage)))
      .sort(byEstimate)
      .slice(0, ALLOWED_MAX)
  }
}

/** Equal estimates: the earlier segment, then the lower pid. */
function byEstimate(a: EstimatedPassage, b: EstimatedPassage): number {
  return b.estimate - a.estimate || a.passage - b.passage
}

/** The first so many for which it is true, ascending. */
function firstPids({ words }: PassageBitmap, count: number, isIn: (pid: number) => boolean): number[] {
  const pids: number[] = []
  for (let index = 0; index < words.length && pids.length < count; index++) {
    for (let bits = words[index] ?? 0; bits !== 0 && pids.length < count; bits &= bits - 1) {
      const pid = index * 32 + (31 - Math.clz32(bits & -bits))
      if (isIn(pid)) pids.push(pid)
    }
  }
  return pids
}
