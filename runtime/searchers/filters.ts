/** From a filter as users give it to the passages that it allows, segment by segment. */
import { InputError } from '../../format/errors.ts'
import { bitmapHas, bitmapOf, bitmapWhere, type PassageBitmap } from '../passages/bitmap.ts'
import type { PassageFilter } from '../searcher.ts'
import type { SegmentView } from './pipeline.ts'

/** What a filter means in one generation. */
export interface AllowedPassages {
  /** Of each segment the passages that a search may answer and the filter allows. */
  readonly bitmaps: readonly PassageBitmap[]
  /** Different ids of the filter that no passage has, or none that is not deleted; absent for a function. */
  readonly unknownIds?: number
}

/** Filters of one generation. What was looked up for a function or an array is kept for as long as that is. */
export class Filters {
  readonly #segments: readonly SegmentView[]
  readonly #known = new WeakMap<object, AllowedPassages>()

  constructor(segments: readonly SegmentView[]) {
    this.#segments = segments
  }

  /**
   * Looks at every id for a function, once.
   * @throws InputError when it is no filter
   */
  of(filter: PassageFilter): AllowedPassages {
    if (typeof filter !== 'function' && !Array.isArray(filter)) {
      throw new InputError('search option filter: expected an array of ids, or a function of an id.')
    }
    const known = this.#known.get(filter)
    if (known) return known
    const allowed = typeof filter === 'function' ? this.#where(filter) : this.#withIds(filter)
    this.#known.set(filter, allowed)
    return allowed
  }

  #where(isAllowed: (id: string) => unknown): AllowedPassages {
    const asked = (id: string) => {
      const answer = isAllowed(id)
      // Any promise would count as true, and the filter would allow everything.
      if (typeof (answer as PromiseLike<unknown> | undefined)?.then !== 'function') return Boolean(answer)
      throw new InputError(
        `search option filter: expected a function that says true or false at once, got a promise for the id "${id}". Look up what is allowed before the search, and give the ids.`,
        { id },
      )
    }
    const bitmaps = this.#segments.map(({ passages, searchable }) =>
      bitmapWhere(passages.size, (pid) => bitmapHas(searchable, pid) && asked(passages.idOf(pid))),
    )
    return { bitmaps }
  }

  #withIds(filter: readonly unknown[]): AllowedPassages {
    const ids = new Set<string>()
    for (const [index, id] of filter.entries()) {
      if (typeof id !== 'string') {
        throw new InputError(`search option filter: expected ids, which are texts, got ${typeof id} at index ${index}.`)
      }
      ids.add(id)
    }
    // Half a surrogate pair is the id of no passage; as UTF-8 it would be the one of a replacement character.
    const wellFormed = [...ids].filter((id) => id.isWellFormed())
    let live = 0
    const bitmaps = this.#segments.map(({ passages, searchable, isLive }) => {
      const pids = passages.pidsOf(wellFormed)
      for (const pid of pids) if (isLive(pid)) live++
      return bitmapOf(
        passages.size,
        pids.filter((pid) => bitmapHas(searchable, pid)),
      )
    })
    return { bitmaps, unknownIds: ids.size - live }
  }
}
