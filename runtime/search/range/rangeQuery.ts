/**
 * A query over an index that is read by range, in two rounds of storage: probe → posting lists → candidates → row blocks → rescore.
 * Between the rounds it holds what it read and nothing in WebAssembly memory, so queries may interleave.
 */
import { requirePostingList } from '../../../format/items/postingList.ts'
import { requireRowBlock } from '../../../format/items/rowBlock.ts'
import { type PassageBitmap, pidsOf } from '../../passages/bitmap.ts'
import type { Budget, RangeParameters, Skipped, StageCounts, StorageUse } from '../../searcher.ts'
import type { PreparedQuery } from '../preparedQuery.ts'
import type { WantedBytes } from './plan.ts'
import { type ProbedCell, type ProbedCells, probeQuantiser } from './probeCells.ts'
import type { RangeIndex } from './rangeIndex.ts'
import { minus, type QueryLimits } from './rangeParameters.ts'
import { isListEmpty, postingsRead, type RangeSegment, wantedList, wantedRows } from './rangeSegment.ts'
import {
  Account,
  costOf,
  planRound,
  type RoundLimits,
  type RoundPlan,
  readRound,
  type Wanted,
} from './reading/readRound.ts'
import { rescoreBlocks } from './rescoreBlocks.ts'
import { scoreLists } from './scoreLists.ts'

export interface RangeQuery {
  readonly query: PreparedQuery
  readonly parameters: RangeParameters
  readonly k: number
  /** Of each segment the passages that may be answered, all of them searchable. */
  readonly filters?: readonly PassageBitmap[] | undefined
}

/** A passage of a segment with its MaxSim. */
export interface FoundPassage {
  readonly segment: number
  readonly pid: number
  readonly score: number
}

export interface RangeAnswer {
  /** Every passage that was rescored, in no order. */
  readonly found: readonly FoundPassage[]
  readonly counts: StageCounts
  readonly skipped: Skipped
  readonly storage: StorageUse
}

/** @throws InputError, FormatError and its kin, StorageError, NotFoundError (a part is gone) */
export async function searchRange(index: RangeIndex, asked: RangeQuery, limits: QueryLimits): Promise<RangeAnswer> {
  const account = new Account(limits)
  const chosen = chooseAllowed(index, asked, limits) ?? (await chooseByLists(index, asked, account))
  const rows = chosen.best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const plan = planRows(rows.slice(0, chosen.wanted), chosen.used, limits)
  const blocks = await readRound(index, rows, plan, account, limits.gaps.rows)
  account.miss('passages', blocks.slice(0, plan.wanted).filter((bytes) => bytes === undefined).length)
  const found = index.quantisers.flatMap((quantiser, number) => {
    const own = chosen.best.flatMap(({ segment, pid }, i) => {
      const [bytes, of] = [blocks[i], index.segments[segment]]
      if (!bytes || of?.entry.quantiser !== number) return []
      return [{ segment, pid, bytes, tokens: of.tokens.lengths[pid] ?? 0 }]
    })
    if (own.length === 0) return []
    const scores = rescoreBlocks(index.kernels, quantiser, asked.query, own, asked.k)
    return own.map(({ segment, pid }, i) => ({ segment, pid, score: scores[i] ?? 0 }))
  })
  const counts = { candidates: chosen.candidates, rescored: found.length }
  return { found, counts, skipped: account.skipped, storage: account.storage }
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
  const places = wanted.map(({ place }) => place)
  const gapBytes = limits.gaps.rows
  const plan = planRound(places, { hard: NO_LIMIT, gapBytes })
  return readRound(index, wanted, plan, new Account(limits), gapBytes)
}

const NO_LIMIT: Budget = { bytes: Number.POSITIVE_INFINITY, reads: Number.POSITIVE_INFINITY }
const NOTHING: Budget = { bytes: 0, reads: 0 }

interface Chosen {
  /** Those that are wanted, then the next best. */
  readonly best: readonly { readonly segment: number; readonly pid: number }[]
  readonly wanted: number
  readonly candidates: number
  /** What the first round costs when nothing is cached. */
  readonly used: Budget
}

/** Candidates kept beyond the wanted ones, times this: rescored only when their rows lie inside reads that are made anyway. */
const NEXT_BEST = 4

/** The rows of the best passages, within what the first round left of the budgets. */
function planRows(rows: readonly Wanted[], used: Budget, { all, passagesLeast, gaps }: QueryLimits): RoundPlan {
  const places = rows.map(({ place }) => place)
  const hard = minus(all.hard, used)
  const limits: RoundLimits = { hard, gapBytes: gaps.rows, isStrict: true }
  const plan = planRound(places, all.soft ? { ...limits, soft: minus(all.soft, used) } : limits)
  const least = Math.min(passagesLeast, places.length)
  return plan.wanted < least ? planRound(places.slice(0, least), { hard, gapBytes: gaps.rows }) : plan
}

/** All passages that a filter allows, when there is room to read them all: lists could only lose some of them. */
function chooseAllowed(
  index: RangeIndex,
  { parameters, filters }: RangeQuery,
  limits: QueryLimits,
): Chosen | undefined {
  const count = filters?.reduce((sum, own) => sum + own.count, 0)
  if (!filters || count === undefined || count > parameters.passages) return undefined
  const best = filters.flatMap((own, segment) => Array.from(pidsOf(own), (pid) => ({ segment, pid })))
  const rows = best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  if (planRows(rows, NOTHING, limits).wanted < best.length) return undefined
  return { best, wanted: best.length, candidates: best.length, used: NOTHING }
}

/** First round: the best passages by the posting lists of the best cells. */
async function chooseByLists(
  index: RangeIndex,
  { query, parameters, filters }: RangeQuery,
  account: Account,
): Promise<Chosen> {
  const probed = index.quantisers.map((quantiser) => probeQuantiser(index.kernels, quantiser, query, parameters.lists))
  const { lists, used } = await readLists(index, probed, account)
  const { scores } = index
  // Nothing waits until the best are known: one table does for all queries.
  scores.start(query.rows)
  const firsts: number[] = []
  let firstPassage = 0
  for (const [number, { entry, searchable }] of index.segments.entries()) {
    scoreLists(scores, {
      probed: probedOf(probed, entry.quantiser),
      lists: lists[number] ?? [],
      firstPassage,
      passageCount: entry.passages,
      allowed: filters?.[number] ?? (entry.deleted > 0 ? searchable : undefined),
    })
    firsts.push(firstPassage)
    firstPassage += entry.passages
  }
  const best = scores.best(parameters.passages * NEXT_BEST).map(({ passage }) => {
    const segment = firsts.findLastIndex((first) => first <= passage)
    return { segment, pid: passage - (firsts[segment] ?? 0) }
  })
  return { best, wanted: parameters.passages, candidates: scores.count, used }
}

const NOTHING_PROBED: ProbedCells = { cells: [], wanted: 0, cellsOfRows: [] }
const probedOf = (probed: readonly ProbedCells[], quantiser: number) => probed[quantiser] ?? NOTHING_PROBED

/** The list of a cell in a segment. Of thousands a query most are looked at once and dropped: so they hold no closures. */
class WantedList implements Wanted {
  readonly place: WantedBytes
  /** Index of the segment. */
  readonly segment: number
  /** Place of the cell among the probed cells. */
  readonly at: number
  readonly #probed: ProbedCell
  readonly #crc32c: (bytes: Uint8Array) => number

  constructor(
    place: WantedBytes,
    {
      segment,
      at,
      probed,
      crc32c,
    }: Pick<WantedList, 'segment' | 'at'> & {
      readonly probed: ProbedCell
      readonly crc32c: (bytes: Uint8Array) => number
    },
  ) {
    this.place = place
    this.segment = segment
    this.at = at
    this.#probed = probed
    this.#crc32c = crc32c
  }

  get gain(): number {
    return this.#probed.gain
  }

  get key(): string {
    return `${this.segment}/list/${this.#probed.cell}`
  }

  check(bytes: Uint8Array): void {
    requirePostingList(bytes, this.#probed.cell, this.#crc32c)
  }
}

/** @returns lists by segment, by place among the probed cells of its quantiser; undefined where one was not read */
async function readLists(
  index: RangeIndex,
  probed: readonly ProbedCells[],
  account: Account,
): Promise<{ readonly lists: readonly (readonly (Uint8Array | undefined)[])[]; readonly used: Budget }> {
  const { lists: budgets, gaps } = account.limits
  const wanted = index.segments.flatMap((segment, number) => {
    const own = probedOf(probed, segment.entry.quantiser)
    return listsOf(index, segment, { number, cells: own.cells.slice(0, own.wanted), firstAt: 0 })
  })
  // Stable: within a segment the order of probing stays.
  wanted.sort((a, b) => b.gain - a.gain)
  const plan = planRound(
    wanted.map(({ place }) => place),
    { ...budgets, gapBytes: gaps.lists },
  )
  const others = index.segments.flatMap((segment, number) => {
    const own = probedOf(probed, segment.entry.quantiser)
    return listsOf(index, segment, { number, cells: own.cells.slice(own.wanted), firstAt: own.wanted, plan })
  })
  const items = [...wanted, ...others]
  const blocks = await readRound(index, items, plan, account, gaps.lists)
  account.miss('lists', blocks.slice(0, plan.wanted).filter((bytes) => bytes === undefined).length)
  const lists = index.segments.map((segment): (Uint8Array | undefined)[] =>
    probedOf(probed, segment.entry.quantiser).cells.map(({ cell }) => (isListEmpty(segment, cell) ? EMPTY : undefined)),
  )
  for (const [i, { segment, at }] of items.entries()) {
    const own = lists[segment]
    if (own && blocks[i]) own[at] = blocks[i]
  }
  return { lists, used: costOf(plan) }
}

const EMPTY = new Uint8Array()

/** Lists of cells that have one, and with a plan only those that come with its reads. */
function listsOf(
  { reader: { crc32c } }: RangeIndex,
  segment: RangeSegment,
  from: {
    readonly number: number
    readonly cells: ProbedCells['cells']
    /** Place of the first of them among the probed cells. */
    readonly firstAt: number
    readonly plan?: RoundPlan
  },
): WantedList[] {
  const { number, cells, firstAt, plan } = from
  const isRead = plan && postingsRead(segment, plan.reads)
  const lists: WantedList[] = []
  for (let i = 0; i < cells.length; i++) {
    const probed = cells[i]
    if (!probed || (isRead && !isRead(probed.cell))) continue
    const place = wantedList(segment, probed.cell)
    if (place) lists.push(new WantedList(place, { segment: number, at: firstAt + i, probed, crc32c }))
  }
  return lists
}

function wantedBlock(index: RangeIndex, segment: number, pid: number): Wanted {
  const of = index.segments[segment]
  if (!of) throw new RangeError(`there is no segment ${segment}`)
  const tokens = of.tokens.lengths[pid] ?? 0
  return {
    key: `${segment}/rows/${pid}`,
    place: wantedRows(of, pid),
    check: (bytes) => requireRowBlock(bytes, { pid, tokens }, of.rowShape, index.reader.crc32c),
  }
}
