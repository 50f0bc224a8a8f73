/** The indexes an app serves, by name: a Map, so that a name such as "__proto__" is a name like any other. */
import { NotFoundError } from '../../format/errors.ts'
import type { Searcher } from '../searcher.ts'

const NAMES_SHOWN_MAX = 10

export interface NamedSearcher {
  readonly name: string
  readonly searcher: Searcher
}

export interface Catalog {
  /** In the order given; the first is the default. */
  readonly all: readonly NamedSearcher[]
  /** @throws NotFoundError when there is no such index; without a name, when there is none at all */
  choose(name: string | undefined): NamedSearcher
}

/** One index, or several by name; in a Map also names such as "2024" keep their order. */
export type ServedIndexes = Searcher | ReadonlyMap<string, Searcher> | Readonly<Record<string, Searcher>>

/** @param indexes - one searcher under its own name, or searchers by the names they are asked by */
export function createCatalog(indexes: ServedIndexes): Catalog {
  const all = isSearcher(indexes)
    ? [{ name: indexes.info.name, searcher: indexes }]
    : [...(isMap(indexes) ? indexes : Object.entries(indexes))].map(([name, searcher]) => ({ name, searcher }))
  const byName = new Map(all.map((entry) => [entry.name, entry]))
  return {
    all,
    choose(name) {
      const found = name === undefined ? all[0] : byName.get(name)
      if (found) return found
      const names = all.slice(0, NAMES_SHOWN_MAX).map((entry) => `"${entry.name}"`)
      const rest = all.length > names.length ? ' and more, see /v1/indexes' : ''
      throw new NotFoundError(
        all.length === 0
          ? 'This server has no index. The operator has to build one and name it when starting the server.'
          : `There is no index "${name}". There is: ${names.join(', ')}${rest}.`,
      )
    },
  }
}

function isSearcher(indexes: ServedIndexes): indexes is Searcher {
  return 'search' in indexes && typeof indexes.search === 'function'
}

function isMap(indexes: object): indexes is ReadonlyMap<string, Searcher> {
  return indexes instanceof Map
}
