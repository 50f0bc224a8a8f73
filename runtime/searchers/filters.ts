/** From a filter as users give it to the passages that it allows, segment by segment. */
import { InputError } from '../../format/errors.ts'
import { bitmapHas, bitmapOf, bitmapWhere, type PassageBitmap } from '../passages/bitmap.ts'
import type { PassageFilter } from '../searcher.ts'
import type { SegmentView } from './pipeline.ts'

/** Filters of one generation. What was looked up for a function or an array is kept for as long as that is. */
export class Filters {
  readonly #segments: readonly SegmentView[]
  readonly #known = new WeakMap<object, readonly PassageBitmap[]>()

  constructor(segments: readonly SegmentView[]) {
    this.#segments = segments
  }

  /**
   * Of each segment the passages that a search may answer and the filter allows. Looks at every id for a function, once.
   * @throws InputError when it is no filter
   */
  of(filter: PassageFilter): readonly PassageBitmap[] {
    if (typeof filter !== 'function' && !Array.isArray(filter)) {
      throw new InputError('search option filter: expected an array of ids, or a function of an id.')
    }
    const known = this.#known.get(filter)
    if (known) return known
    const bitmaps = this.#segments.map(({ passages, searchable }) =>
      typeof filter === 'function'
        ? bitmapWhere(passages.size, (pid) => bitmapHas(searchable, pid) && filter(passages.idOf(pid)))
        : bitmapOf(
            passages.size,
            passages.pidsOf(filter).filter((pid) => bitmapHas(searchable, pid)),
          ),
    )
    this.#known.set(filter, bitmaps)
    return bitmaps
  }
}
