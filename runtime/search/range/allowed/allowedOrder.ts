/**
 * The passages that a filter allows in the order in which they are worth reading: by what lists say, those that are in no list that was
 * read among them. A filter may allow only passages that share no cell with the query.
 */
import { type PassageBitmap, pidsOf } from '../../../passages/bitmap.ts'
import type { Candidate } from '../scoreTable.ts'

/** U of a cosine of 1 above that of 0 (units.ts): sums of U over it are in the unit of scores. */
const BYTE_ONE = 127
/** Passages whose rows a filtered query looks at, at most: more are never read. */
export const ALLOWED_MAX = 16_384

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

export class AllowedOrder {
  readonly #segments: readonly AllowedSegment[]
  readonly #listed: readonly EstimatedPassage[]
  readonly #isListed: ReadonlySet<number>

  /** @param listed - allowed passages that some list has, in any order */
  constructor(segments: readonly AllowedSegment[], listed: readonly Candidate[]) {
    this.#segments = segments
    this.#isListed = new Set(listed.map(({ passage }) => passage))
    this.#listed = listed
      .map(({ passage, score }) => {
        const segment = segments.findLastIndex(({ firstPassage }) => firstPassage <= passage)
        const pid = passage - (segments[segment]?.firstPassage ?? 0)
        return { segment, pid, passage, estimate: score / BYTE_ONE }
      })
      .sort(byEstimate)
  }

  best(count: number): readonly EstimatedPassage[] {
    const unlisted = this.#segments.flatMap((_, segment) => this.#unlisted(segment, count))
    return [...this.#listed.slice(0, count), ...unlisted].sort(byEstimate).slice(0, count)
  }

  /** Those with at least this estimate, but for those that are known. */
  reaching(least: number, known: ReadonlySet<number>): readonly EstimatedPassage[] {
    const unlisted = this.#segments.flatMap(({ unlistedScore }, segment) =>
      unlistedScore / BYTE_ONE >= least ? this.#unlisted(segment, ALLOWED_MAX) : [],
    )
    return [...this.#listed.filter(({ estimate }) => estimate >= least), ...unlisted]
      .filter(({ passage }) => !known.has(passage))
      .sort(byEstimate)
      .slice(0, ALLOWED_MAX)
  }

  /** The first so many that no list has, ascending. */
  #unlisted(number: number, count: number): EstimatedPassage[] {
    const segment = this.#segments[number]
    const found: EstimatedPassage[] = []
    if (!segment) return found
    const { allowed, firstPassage, unlistedScore } = segment
    for (const pid of pidsOf(allowed)) {
      const passage = firstPassage + pid
      if (found.length === count) break
      if (this.#isListed.has(passage)) continue
      found.push({ segment: number, pid, passage, estimate: unlistedScore / BYTE_ONE })
    }
    return found
  }
}

/** Equal estimates: the earlier segment, then the lower pid. */
function byEstimate(a: EstimatedPassage, b: EstimatedPassage): number {
  return b.estimate - a.estimate || a.passage - b.passage
}
