/** The indexes an app serves, by name: a Map, so that a name such as "__proto__" is a name like any other. */
import { NotFoundError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { createTextSearch, type QuestionEncoder, type TextSearch } from '../ask/textSearch.ts'
import { requireTiers } from '../search/tiers.ts'
import type { Searcher, SearcherHealth } from '../searcher.ts'

const NAMES_SHOWN_MAX = 10

export interface NamedSearch {
  readonly name: string
  readonly search: TextSearch
  readonly searcher: Searcher
}

export interface Catalog {
  /** In the order given; the first is the default. */
  readonly all: readonly NamedSearch[]
  /** @throws NotFoundError when there is no such index; without a name, when there is none at all */
  choose(name: string | undefined): NamedSearch
  /** What fails, index by index, those that fail in nothing left out. */
  health(): Promise<readonly NamedHealth[]>
}

export interface NamedHealth extends SearcherHealth {
  readonly name: string
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
    return { name, search: createTextSearch(searcher, encoder, { tier }), searcher }
  })
  const byName = new Map(all.map((entry) => [entry.name, entry]))
  return {
    all,
    async health() {
      const looked = await Promise.all(
        all.map(async ({ name, searcher }) => ({ name, ...(await searcher.health?.()) })),
      )
      return looked.filter(({ storage, refresh }: SearcherHealth) => storage ?? refresh)
    },
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

/** Storage may take long to answer beside a thousand searches: those who ask are then told what was seen last. */
const LOOK_MS = 50

/** `health`, in a moment but for the first time. Shares a promise between requests: not for Workers. */
export function recentHealth({ health }: Pick<Catalog, 'health'>): Catalog['health'] {
  let seen: readonly NamedHealth[] | undefined
  let looking: Promise<readonly NamedHealth[]> | undefined
  return async () => {
    looking ??= health()
      .then((found) => {
        seen = found
        return found
      })
      .finally(() => {
        looking = undefined
      })
    const last = seen
    if (!last) return looking
    return Promise.race([
      looking,
      new Promise<readonly NamedHealth[]>((resolve) => setTimeout(() => resolve(last), LOOK_MS)),
    ])
  }
}

export interface Readiness {
  /** Why no search can be answered: to be told to balancers, without what is the log's. */
  readonly unready?: string
  readonly problems: readonly { readonly index: string; readonly since: string; readonly detail: string }[]
  /** What tells one trouble from any other, and its error, for the log. */
  readonly errors: readonly (readonly [string, unknown])[]
}

/** An app whose every index fails is not ready; one that answers from some of them is, and says what fails. */
export function readiness({ all }: Catalog, health: readonly NamedHealth[]): Readiness {
  const broken = health.filter(({ storage }) => storage)
  const problems = health.flatMap(({ name, storage, refresh }) =>
    [
      storage && { trouble: storage, detail: 'Its storage does not give what searches read.' },
      refresh && {
        trouble: refresh,
        detail:
          'It cannot be told whether the index was replaced, or the new one cannot be opened: the one from before answers.',
      },
    ].flatMap((found) =>
      found
        ? [{ index: name, since: found.trouble.since.toISOString(), detail: `${found.detail} The log has the reason.` }]
        : [],
    ),
  )
  const errors = health.flatMap(({ name, storage, refresh }) =>
    [storage, refresh].flatMap((trouble) =>
      trouble ? [[`${name} ${trouble.since.getTime()}`, trouble.error] as const] : [],
    ),
  )
  if (broken.length < all.length) return { problems, errors }
  const since = broken.map(({ name, storage }) => `"${name}" since ${storage?.since.toISOString()}`)
  return {
    problems,
    errors,
    unready: `The storage of this server's indexes does not give what searches read: ${since.join(', ')}. The log has the reason.`,
  }
}
