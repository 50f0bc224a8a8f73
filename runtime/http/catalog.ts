/** The indexes an app serves, by name: a Map, so that a name such as "__proto__" is a name like any other. */
import { NotFoundError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { createTextSearch, type QuestionEncoder, type TextSearch } from '../ask/textSearch.ts'
import { requireTiers } from '../search/tiers.ts'
import type { Searcher } from '../searcher.ts'

const NAMES_SHOWN_MAX = 10

export interface NamedSearch {
  readonly name: string
  readonly search: TextSearch
}

export interface Catalog {
  /** In the order given; the first is the default. */
  readonly all: readonly NamedSearch[]
  /** @throws NotFoundError when there is no such index; without a name, when there is none at all */
  choose(name: string | undefined): NamedSearch
}

/** One index, or several by name; in a Map also names such as "2024" keep their order. */
export type ServedIndexes = Searcher | ReadonlyMap<string, Searcher> | Readonly<Record<string, Searcher>>

export interface CatalogOptions {
  /** One searcher under its own name, or searchers by the names they are asked by. */
  readonly indexes: ServedIndexes
  /** Without it only ready vectors can be searched with. */
  readonly encoder?: QuestionEncoder | undefined
  /** Tier of searches that name none; every index must have tiers. */
  readonly tier?: TierName | undefined
}

/** @throws InputError when a tier is named that an index lacks */
export function createCatalog({ indexes, encoder, tier }: CatalogOptions): Catalog {
  const searchers = isSearcher(indexes)
    ? [[indexes.info.name, indexes] as const]
    : [...(isMap(indexes) ? indexes : Object.entries(indexes))]
  const all = searchers.map(([name, searcher]): NamedSearch => {
    if (tier) requireTiers(tier, searcher.info)
    return { name, search: createTextSearch(searcher, encoder, { tier }) }
  })
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
