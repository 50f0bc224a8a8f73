/**
 * One round of storage: what is wanted is planned, what is cached is taken from the cache, the rest is read. The plan is made as if nothing
 * were cached and only planned items are used, so an answer does not depend on what is in the cache.
 */
import type { Budget, SkipReason, StorageUse } from '../../../searcher.ts'
import { planReads, type ReadPlan, readHolding, type WantedBytes } from '../plan.ts'
import type { RangeIndex } from '../rangeIndex.ts'
import type { Budgets, QueryLimits } from '../rangeParameters.ts'
import { fetchReads } from './fetch.ts'

/** Something in storage, wanted whole. */
export interface Wanted {
  /** Names it in the cache. */
  readonly key: string
  readonly place: WantedBytes
  /** @throws when the bytes are not what was written */
  readonly check: (bytes: Uint8Array) => void
}

export interface RoundPlan extends ReadPlan {
  /** How many are wanted: all, or as many as the soft budget has room for. `taken` of them are read. */
  readonly wanted: number
}

export interface RoundLimits extends Budgets {
  readonly gapBytes: number
  /** Of the soft budget: gaps larger than `gapBytes` are not read even to save a read. Default false. */
  readonly isStrict?: boolean
}

/** @param places - the most important first */
export function planRound(
  places: readonly WantedBytes[],
  { soft, hard, gapBytes, isStrict = false }: RoundLimits,
): RoundPlan {
  const gaps = { gapBytes, ...(isStrict ? { gapBytesMax: gapBytes } : {}) }
  const asked = soft && planReads(places, { ...gaps, budget: soft })
  if (asked && asked.bytes <= hard.bytes && asked.reads.length <= hard.reads) return { ...asked, wanted: asked.taken }
  const wanted = asked?.taken ?? places.length
  return { ...planReads(places.slice(0, wanted), { gapBytes, budget: hard }), wanted }
}

/** What a plan reads when nothing is cached. */
export function costOf({ bytes, reads }: ReadPlan): Budget {
  return { bytes, reads: reads.length }
}

/** What a query has used, and what it had to leave out. */
export class Account {
  readonly limits: QueryLimits
  #bytes = 0
  #reads = 0
  #rounds = 0
  #lists = 0
  #passages = 0
  readonly #reasons = new Set<SkipReason>()

  constructor(limits: QueryLimits) {
    this.limits = limits
  }

  get isOver(): boolean {
    return Date.now() >= (this.limits.deadline ?? Number.POSITIVE_INFINITY)
  }

  use({ bytes, reads }: Budget): void {
    this.#bytes += bytes
    this.#reads += reads
    this.#rounds++
  }

  leaveOut(reason: SkipReason): void {
    this.#reasons.add(reason)
  }

  /** Lists or passages that were wanted and are not there. */
  miss(what: 'lists' | 'passages', count: number): void {
    if (what === 'lists') this.#lists += count
    else this.#passages += count
  }

  get skipped() {
    return { lists: this.#lists, passages: this.#passages, reasons: [...this.#reasons] }
  }

  get storage(): StorageUse {
    return { bytes: this.#bytes, reads: this.#reads, rounds: this.#rounds }
  }
}

/**
 * Carries a plan out.
 *
 * @param items - those that were planned first, then others that are taken where they lie inside reads that are made anyway
 * @returns the bytes of each item, checked; undefined where a limit or the deadline came first
 * @throws StorageError, what `check` throws, NotFoundError (a part is gone)
 */
export async function readRound(
  index: RangeIndex,
  items: readonly Wanted[],
  plan: RoundPlan,
  account: Account,
  gapBytes: number,
): Promise<readonly (Uint8Array | undefined)[]> {
  if (plan.stoppedBy && plan.taken < plan.wanted) account.leaveOut(plan.stoppedBy)
  const results = items.map((): Uint8Array | undefined => undefined)
  const missing: number[] = []
  // Of each planned read the places in `missing` of what lies in it.
  const inReads = plan.reads.map((): number[] => [])
  let isAnyCached = false
  for (const [i, item] of items.entries()) {
    const read = readHolding(plan, item.place)
    if (read === -1) continue
    // The key is made when it is needed.
    results[i] = index.cache.isEmpty ? undefined : index.cache.get(item.key)
    if (results[i]) isAnyCached = true
    else inReads[read]?.push(missing.push(i) - 1)
  }
  if (missing.length === 0) return results
  // A part of what the plan reads: it never needs more reads or bytes. All of it when nothing is cached.
  const needed = isAnyCached
    ? planReads(
        missing.flatMap((i) => items[i]?.place ?? []),
        { gapBytes, budget: costOf(plan) },
      )
    : { ...plan, reads: plan.reads.map((read, at) => ({ ...read, items: inReads[at] ?? [] })) }
  if (account.isOver) {
    account.leaveOut('deadline')
    return results
  }
  account.use(costOf(needed))
  const fetched = await fetchReads(index.reader, needed.reads, account.limits)
  for (const [at, { offset, items: inside }] of needed.reads.entries()) {
    const bytes = fetched[at]
    if (!bytes) {
      account.leaveOut('deadline')
      continue
    }
    for (const number of inside) {
      const i = missing[number] ?? 0
      const item = items[i]
      if (!item) continue
      const own = bytes.subarray(item.place.offset - offset, item.place.offset - offset + item.place.length)
      item.check(own)
      if (index.cache.keeps) index.cache.put(item.key, own)
      results[i] = own
    }
  }
  return results
}
