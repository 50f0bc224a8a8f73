/** A round of storage that reads posting lists, and what they say of passages. */
import { requirePostingList } from '../../../../format/items/postingList.ts'
import type { Budget } from '../../../searcher.ts'
import type { WantedBytes } from '../plan.ts'
import { type ProbedCell, type ProbedCells, probeQuantiser } from '../probeCells.ts'
import type { RangeIndex } from '../rangeIndex.ts'
import { type Budgets, leastOf } from '../rangeParameters.ts'
import { isListEmpty, postingsRead, type RangeSegment, wantedList } from '../rangeSegment.ts'
import { scoreLists } from '../scoreLists.ts'
import type { ScoreTable } from '../scoreTable.ts'
import { type Account, costOf, planRound, type RoundPlan, readRound, type Wanted } from './readRound.ts'
import type { RangeQuery } from './rescoreRows.ts'

/** What is known of one segment besides the table of scores. */
export interface ListedSegment {
  /** Passages in the segments before. */
  readonly firstPassage: number
  /** Score of a passage that no list has. */
  readonly unlistedScore: number
}

/**
 * First round: the posting lists of the best cells.
 *
 * @param take - called with the scores of passages in hand: the table is all queries' own, and has the next one's after the slightest wait
 * @param share - of the passages that are allowed, below 1 with a filter: the fewer there are, the more lists it takes to tell them apart
 */
export async function scoreByLists<Taken>(
  index: RangeIndex,
  { query, parameters, filters }: RangeQuery,
  account: Account,
  take: (scores: ScoreTable, unlisted: readonly ListedSegment[]) => Taken,
  share = 1,
): Promise<{ readonly used: Budget; readonly taken: Taken }> {
  const probed = index.quantisers.map((quantiser) => probeQuantiser(index.kernels, quantiser, query, parameters.lists))
  const { lists, used } = await readLists(index, probed, account, share)
  const { scores } = index
  // Nothing waits from here on: one table does for all queries.
  scores.start(query.rows)
  let firstPassage = 0
  const unlisted: ListedSegment[] = []
  for (const [number, { entry, searchable }] of index.segments.entries()) {
    const unlistedScore = scoreLists(scores, {
      probed: probedOf(probed, entry.quantiser),
      lists: lists[number] ?? [],
      firstPassage,
      passageCount: entry.passages,
      allowed: filters?.[number] ?? (entry.deleted > 0 ? searchable : undefined),
    })
    unlisted.push({ firstPassage, unlistedScore })
    firstPassage += entry.passages
  }
  return { used, taken: take(scores, unlisted) }
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
  share: number,
): Promise<{ readonly lists: readonly (readonly (Uint8Array | undefined)[])[]; readonly used: Budget }> {
  const { lists: budgets, gaps } = account.limits
  const countOf = ({ wanted }: ProbedCells) => Math.ceil(wanted / share)
  const wanted = index.segments.flatMap((segment, number) => {
    const own = probedOf(probed, segment.entry.quantiser)
    return listsOf(index, segment, { number, cells: own.cells.slice(0, countOf(own)), firstAt: 0 })
  })
  // Stable: within a segment the order of probing stays.
  wanted.sort((a, b) => b.gain - a.gain)
  const plan = planRound(
    wanted.map(({ place }) => place),
    { ...(share < 1 ? widened(budgets, share) : budgets), gapBytes: gaps.lists },
  )
  const others = index.segments.flatMap((segment, number) => {
    const own = probedOf(probed, segment.entry.quantiser)
    const firstAt = countOf(own)
    return listsOf(index, segment, { number, cells: own.cells.slice(firstAt), firstAt, plan })
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

/** A soft budget for a share of the passages; what the hard one has no room for is not asked for either. */
function widened({ soft, hard }: Budgets, share: number): Budgets {
  return soft ? { hard, soft: leastOf(hard, { bytes: soft.bytes / share, reads: soft.reads / share }) } : { hard }
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
