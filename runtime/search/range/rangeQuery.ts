/**
 * A query over an index that is read by range, in two rounds of storage: probe → posting lists → candidates → row blocks → rescore.
 * Between the rounds it holds what it read and nothing in WebAssembly memory, so queries may interleave.
 */
import { requirePostingList } from '../../../format/items/postingList.ts'
import { requireRowBlock } from '../../../format/items/rowBlock.ts'
import type { QueryVectors, SearchAnswer, SearchParameters, SkipReason, StorageUse } from '../../searcher.ts'
import { rescoredMax } from '../parameters.ts'
import { fetchReads } from './fetch.ts'
import { isInside, type PlanLimits, planReads, type ReadPlan, type WantedBytes } from './plan.ts'
import { type ProbedCells, probeSegment } from './probeCells.ts'
import type { RangeIndex } from './rangeIndex.ts'
import { type RangeSegment, rowShape, wantedList, wantedRows } from './rangeSegment.ts'
import { rescoreBlocks } from './rescoreBlocks.ts'
import { bestByLists, type Candidate } from './scoreLists.ts'

export interface QueryLimits {
  /** Of both rounds together. */
  readonly bytesMax: number
  readonly readsMax: number
  /** Of the first round, so that rows are not left without. */
  readonly listBytesMax: number
  readonly listReadsMax: number
  readonly listGapBytes: number
  readonly rowGapBytes: number
  readonly concurrency: number
  readonly aims: QueryAims
  /** On the clock of `performance.now`. */
  readonly deadline?: number
}

/** How much is wanted where the caller does not say: what would pass an aim is not wanted, what would pass a limit is skipped. */
export interface QueryAims {
  readonly lists?: PlanLimits
  /** Bytes and reads of both rounds together. At least so many passages are wanted whatever that takes. */
  readonly passages?: PlanLimits & { readonly least: number }
}

export interface RangeQuery {
  readonly query: QueryVectors
  readonly parameters: SearchParameters
  readonly k: number
  /** Of each segment, the pids that may be answered. */
  readonly filters?: readonly Uint32Array[]
}

/** A passage with its MaxSim. */
export interface FoundPassage {
  /** Index of the segment. */
  readonly segment: number
  readonly pid: number
  readonly score: number
}

export interface RangeAnswer {
  /** Every passage that was rescored, in no order. */
  readonly found: readonly FoundPassage[]
  readonly counts: SearchAnswer['counts']
  readonly skipped: { readonly lists: number; readonly passages: number; readonly reasons: readonly SkipReason[] }
  readonly storage: StorageUse
}

/** Something in storage, wanted whole. */
interface Wanted {
  readonly key: string
  readonly place: WantedBytes
  /** @throws when the bytes are not what was written */
  readonly check: (bytes: Uint8Array) => void
}

/** @throws InputError, FormatError and its kin, StorageError, NotFoundError (a part is gone) */
export async function searchRange(index: RangeIndex, asked: RangeQuery, limits: QueryLimits): Promise<RangeAnswer> {
  const account = new Account(limits)
  const { best, wanted, candidates, lists } = await chooseCandidates(index, asked, account)
  const rows = best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const { count, bytesMax } = aimedPassages(rows, wanted, lists, limits.aims)
  const { blocks } = await readAll(index, rows, count, account, {
    gapBytes: limits.rowGapBytes,
    readsMax: limits.readsMax - account.reads,
    bytesMax: Math.min(limits.bytesMax - account.bytes, bytesMax),
  })
  account.skippedPassages = blocks.slice(0, count).filter((bytes) => bytes === undefined).length
  const found: FoundPassage[] = []
  for (const [number, segment] of index.segments.entries()) {
    const own = best.flatMap(({ segment: of, pid }, i) => {
      const bytes = of === number ? blocks[i] : undefined
      return bytes ? [{ pid, bytes }] : []
    })
    if (own.length === 0) continue
    const scores = rescoreBlocks(index.kernels, segment, asked.query, own, asked.k)
    own.forEach(({ pid }, i) => {
      found.push({ segment: number, pid, score: scores[i] ?? 0 })
    })
  }
  return {
    found,
    counts: { candidates, approximated: candidates, rescored: found.length },
    skipped: account.skipped(),
    storage: { bytes: account.bytes, reads: account.reads, rounds: account.rounds },
  }
}

/**
 * Row blocks of passages, for what is asked about passages that are known.
 * @throws as searchRange
 */
export async function readBlocks(
  index: RangeIndex,
  passages: readonly { readonly segment: number; readonly pid: number }[],
  limits: QueryLimits,
): Promise<readonly (Uint8Array | undefined)[]> {
  const wanted = passages.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const account = new Account(limits)
  return (await readAll(index, wanted, wanted.length, account, { ...limits, gapBytes: limits.rowGapBytes })).blocks
}

interface SegmentCandidate extends Candidate {
  readonly segment: number
}

interface ChosenCandidates {
  /** Those that are wanted, then the next best. */
  readonly best: readonly SegmentCandidate[]
  readonly wanted: number
  readonly candidates: number
  /** The first round on its own, as if nothing were cached. */
  readonly lists: Pick<ReadPlan, 'reads' | 'bytes'>
}

/** For each passage that is wanted, so many are rescored if they come with the others. */
const NEXT_BEST = 4

/** @returns how many of the first `wanted` passages the aim has room for, beside the lists, and that room */
function aimedPassages(
  rows: readonly Wanted[],
  wanted: number,
  lists: ChosenCandidates['lists'],
  { passages: aim }: QueryAims,
): { readonly count: number; readonly bytesMax: number } {
  const places = rows.slice(0, wanted).map(({ place }) => place)
  if (!aim) return { count: places.length, bytesMax: Number.POSITIVE_INFINITY }
  const left = { readsMax: aim.readsMax - lists.reads.length, bytesMax: aim.bytesMax - lists.bytes }
  const { taken } = planReads(places, { ...aim, ...left })
  const least = Math.min(aim.least, places.length)
  return taken < least
    ? { count: least, bytesMax: Number.POSITIVE_INFINITY }
    : { count: taken, bytesMax: left.bytesMax }
}

async function chooseCandidates(
  index: RangeIndex,
  { query, parameters, k, filters }: RangeQuery,
  account: Account,
): Promise<ChosenCandidates> {
  const wanted = rescoredMax(parameters, k)
  const allowed = filters?.map((pids, segment) => pids.filter((pid) => hasTokens(index.segments[segment], pid)))
  const allowedCount = allowed?.reduce((sum, pids) => sum + pids.length, 0)
  const probed = index.segments.map((segment) => probeSegment(index.kernels, segment, query, parameters.ncells))
  if (allowed && allowedCount !== undefined && allowedCount <= wanted) {
    // All of them would be read whatever the lists say, if there is room for all.
    const best = allowed.flatMap((pids, segment) => Array.from(pids, (pid) => ({ segment, pid, score: 0 })))
    const rows = best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
    const all = { best, wanted: best.length, candidates: best.length, lists: { reads: [], bytes: 0 } }
    if (aimedPassages(rows, best.length, all.lists, account.limits.aims).count === best.length) return all
  }
  const { lists, plan } = await readLists(index, probed, account)
  const best: SegmentCandidate[] = []
  let candidates = 0
  for (const [number, segment] of index.segments.entries()) {
    const own = bestByLists(probed[number] ?? { cells: [], wanted: 0, cellsOfRows: [] }, lists[number] ?? [], {
      wanted: wanted * NEXT_BEST,
      passageCount: segment.entry.passages,
      table: index.scores,
      ...(allowed ? { allowed: new Set(allowed[number]) } : {}),
    })
    candidates += own.candidates
    best.push(...own.best.map((candidate) => ({ ...candidate, segment: number })))
  }
  best.sort((a, b) => b.score - a.score || a.segment - b.segment || a.pid - b.pid)
  return { best: best.slice(0, wanted * NEXT_BEST), wanted, candidates, lists: plan }
}

/** First round. @returns by segment, by place among its probed cells */
async function readLists(
  index: RangeIndex,
  probed: readonly ProbedCells[],
  account: Account,
): Promise<{ readonly lists: readonly (readonly (Uint8Array | undefined)[])[]; readonly plan: ReadPlan }> {
  const { limits } = account
  const lists: (Uint8Array | undefined)[][] = probed.map(({ cells }) => cells.map(() => undefined))
  const wanted: ListWanted[] = []
  const others: ListWanted[] = []
  for (const [number, segment] of index.segments.entries()) {
    const { cells = [], wanted: count = 0 } = probed[number] ?? {}
    for (const [at, { cell, gain }] of cells.entries()) {
      const place = wantedList(index.reader, segment, cell)
      const check = (bytes: Uint8Array) => requirePostingList(bytes, cell, index.reader.crc32c)
      const list = place && { key: `${number}/list/${cell}`, place, check, segment: number, at, gain }
      if (list) (at < count ? wanted : others).push(list)
      else lists[number]?.splice(at, 1, new Uint8Array())
    }
  }
  // Stable: within a segment the order of probing stays.
  wanted.sort((a, b) => b.gain - a.gain)
  const aim = limits.aims.lists
  const places = wanted.map(({ place }) => place)
  const count = aim ? planReads(places, aim).taken : places.length
  const all = [...wanted, ...others]
  const { blocks, plan } = await readAll(index, all, count, account, {
    gapBytes: limits.listGapBytes,
    readsMax: Math.min(limits.readsMax, limits.listReadsMax),
    bytesMax: Math.min(limits.bytesMax, limits.listBytesMax, aim?.bytesMax ?? Number.POSITIVE_INFINITY),
  })
  for (const [i, { segment, at }] of all.entries()) {
    const bytes = blocks[i]
    if (bytes) lists[segment]?.splice(at, 1, bytes)
    else if (i < count) account.skippedLists++
  }
  return { lists, plan }
}

interface ListWanted extends Wanted {
  readonly segment: number
  /** Place among the segment's probed cells. */
  readonly at: number
  readonly gain: number
}

function wantedBlock(index: RangeIndex, segment: number, pid: number): Wanted {
  const of = index.segments[segment]
  if (!of) throw new RangeError(`there is no segment ${segment}`)
  const tokens = of.tokens.lengths[pid] ?? 0
  return {
    key: `${segment}/rows/${pid}`,
    place: wantedRows(index.reader, of, pid),
    check: (bytes) => requireRowBlock(bytes, { pid, tokens }, rowShape(of), index.reader.crc32c),
  }
}

/**
 * One round: what is cached from the cache, the rest planned and read. The first `count` are wanted, others taken where they come with
 * those. Undefined where one does not, or a limit or the deadline came first.
 *
 * @returns with the plan for an empty cache, which decides what comes with what: answers do not depend on what is cached
 */
async function readAll(
  index: RangeIndex,
  items: readonly Wanted[],
  count: number,
  account: Account,
  limits: PlanLimits,
): Promise<{ readonly blocks: readonly (Uint8Array | undefined)[]; readonly plan: ReadPlan }> {
  const whole = planReads(
    items.slice(0, count).map(({ place }) => place),
    limits,
  )
  const isRead = items.map(({ place }) => isInside(whole, place))
  const results = items.map(({ key }, i) => (i < count || isRead[i] ? index.cache.get(key) : undefined))
  if (whole.stoppedBy && items.some((_, i) => i < count && !isRead[i] && !results[i])) account.leaveOut(whole.stoppedBy)
  // A part of what the whole plan reads: it never needs more reads or bytes.
  const missing = items.flatMap(({ place }, i) => (results[i] || !isRead[i] ? [] : [{ place, i }]))
  const plan = planReads(
    missing.map(({ place }) => place),
    limits,
  )
  if (plan.reads.length === 0) return { blocks: results, plan: whole }
  if (account.isOver) {
    account.leaveOut('deadline')
    return { blocks: results, plan: whole }
  }
  const fetched = await account.round(plan.reads.length, plan.bytes, () =>
    fetchReads(index.reader, plan.reads, account.limits),
  )
  for (const [at, { offset, items: inside }] of plan.reads.entries()) {
    const bytes = fetched[at]
    if (!bytes) {
      account.leaveOut('deadline')
      continue
    }
    for (const item of inside) {
      const { place, i } = missing[item] ?? { place: { offset: 0, length: 0 }, i: -1 }
      const own = bytes.subarray(place.offset - offset, place.offset - offset + place.length)
      items[i]?.check(own)
      index.cache.put(items[i]?.key ?? '', own)
      results[i] = own
    }
  }
  return { blocks: results, plan: whole }
}

/** What a query has used, and what it had to leave out. */
class Account {
  readonly limits: QueryLimits
  bytes = 0
  reads = 0
  rounds = 0
  skippedLists = 0
  skippedPassages = 0
  readonly #reasons = new Set<SkipReason>()

  constructor(limits: QueryLimits) {
    this.limits = limits
  }

  async round<T>(reads: number, bytes: number, work: () => Promise<T>): Promise<T> {
    this.reads += reads
    this.bytes += bytes
    this.rounds++
    return work()
  }

  leaveOut(reason: SkipReason): void {
    this.#reasons.add(reason)
  }

  get isOver(): boolean {
    return performance.now() >= (this.limits.deadline ?? Number.POSITIVE_INFINITY)
  }

  skipped(): RangeAnswer['skipped'] {
    return { lists: this.skippedLists, passages: this.skippedPassages, reasons: [...this.#reasons] }
  }
}

function hasTokens(segment: RangeSegment | undefined, pid: number): boolean {
  return (segment?.tokens.lengths[pid] ?? 0) > 0
}
