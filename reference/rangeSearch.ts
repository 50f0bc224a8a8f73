/**
 * The readable twin of the range search, without storage: by reference/kernels.ts, and with limits and plans of its own, so that a wrong
 * plan or a wrong budget is found as a wrong score would be. Oracle of the tests.
 */
import { type QuantisedQuery, quantiseQuery } from '../runtime/kernels/quantise.ts'
import { rowNumbers } from '../runtime/kernels/units.ts'
import type { QueryVectors } from '../runtime/searcher.ts'
import * as kernels from './kernels.ts'
import { isWithin, type Place, type Planned, plannedReads, type ReadLimits } from './plannedReads.ts'
import { refine } from './refine.ts'
import { hasTokens, leastWithinReach, type ReferencePassages } from './residentSearch.ts'

/** Where lists and row blocks stand, which decides what is read with what. */
export interface ReferenceLayout {
  /** Undefined for an empty list. */
  readonly list: (segment: number, cell: number) => Place | undefined
  readonly rows: (segment: number, pid: number) => Place
}

export interface ReferenceAsked {
  readonly k: number
  /** Absent: the default, within the soft budget. */
  readonly lists?: number | undefined
  readonly passages?: number | undefined
  /** Of each segment the only pids that may be answered. */
  readonly filter?: readonly Iterable<number>[] | undefined
  /** The hard budget. */
  readonly bytes: number
  readonly reads: number
}

export interface ReferenceAnswer {
  /** Those that are rescored, in no order. */
  readonly found: readonly { readonly segment: number; readonly pid: number; readonly score: number }[]
  /** Passages that some list has. */
  readonly candidates: number
  readonly skipped: { readonly lists: number; readonly passages: number; readonly reasons: readonly string[] }
  /** What is read when nothing is cached. */
  readonly storage: { readonly bytes: number; readonly reads: number; readonly rounds: number }
}

/** A passage of a segment. */
interface Passage {
  readonly at: number
  readonly pid: number
}

/** A round of storage: what is wanted after the soft budget, and what of it is read. */
interface Round extends Planned {
  readonly wanted: number
  /** How many of the wanted lie in no read. */
  readonly missing: number
}

export function searchByLists(
  segments: readonly ReferencePassages[],
  query: QueryVectors,
  asked: ReferenceAsked,
  layout: ReferenceLayout,
): ReferenceAnswer {
  const quantised = quantiseQuery(query.vectors, query.rows, query.dim)
  const passagesWanted = Math.max(asked.k, asked.passages ?? 64)
  const allowed = segments.map(({ segment, deleted }, at) => {
    const filter = asked.filter && new Set(asked.filter[at])
    const all = Array.from({ length: segment.tokenStarts.length - 1 }, (_, pid) => pid)
    return new Set(all.filter((pid) => hasTokens(segment, pid) && !deleted?.has(pid) && (filter?.has(pid) ?? true)))
  })
  const rowsOf = (passages: readonly Passage[]) => passages.map(({ at, pid }) => layout.rows(at, pid))
  const nothing: Round = { reads: [], bytes: 0, taken: 0, wanted: 0, missing: 0 }

  const wantedOf = { passages: passagesWanted, segments: segments.length }
  const few = allowed.flatMap((pids, at) => [...pids].map((pid): Passage => ({ at, pid })))
  const room = { gap: 8192, bytes: 2 ** 20, reads: 64 * Math.min(segments.length, 4) }
  if (asked.filter) {
    const least = { bytes: Math.min(asked.bytes, room.bytes), reads: Math.min(asked.reads, room.reads) }
    const round = roundOf(rowsOf(few), undefined, { ...room, ...least })
    if (round.taken === few.length)
      return answerOf(segments, quantised, [few], { rounds: [nothing, round], k: asked.k })
  }
  const searchable = segments.flatMap(({ segment, deleted }) =>
    Array.from(segment.tokenStarts.keys()).filter((pid) => hasTokens(segment, pid) && !deleted?.has(pid)),
  )
  const share = asked.filter ? few.length / searchable.length : 1
  const probed = segments.map(({ segment }) => probe(segment, quantised, asked.lists ?? 4, share))
  const { round: lists, read } = listsRound(probed, asked, layout, { passages: passagesWanted, share })
  const ranked = segments
    .flatMap(({ segment }, at) =>
      candidatesOf(segment, probed[at] as Probed, read[at] ?? [], allowed[at] ?? new Set(), at),
    )
    // With a filter also what no list has.
    .filter(({ isListed }) => asked.filter || isListed)
    .sort((a, b) => b.score - a.score || a.at - b.at || a.pid - b.pid)
  const wanted = ranked.slice(0, passagesWanted)
  const rows = rowsRound(rowsOf(wanted), lists, asked, wantedOf)
  // The next best come along where they lie between.
  const kept = ranked.slice(0, passagesWanted * 4).filter(({ at, pid }) => isWithin(rows.reads, layout.rows(at, pid)))
  if (!asked.filter) {
    return answerOf(segments, quantised, [kept], { candidates: ranked.length, rounds: [lists, rows], k: asked.k })
  }
  const score = (items: readonly (typeof ranked)[number][]) => scoresOf(segments, quantised, items, asked.k)
  const known = new Set([...ranked.slice(0, rows.wanted), ...kept])
  const least = leastWithinReach(
    kept.map((passage) => passage.score / 127),
    score(kept),
    asked.k,
  )
  const more = ranked.filter((passage) => passage.score / 127 >= least && !known.has(passage))
  const left = {
    bytes: asked.bytes - lists.bytes - rows.bytes,
    reads: asked.reads - lists.reads.length - rows.reads.length,
  }
  const again = roundOf(rowsOf(more), undefined, { gap: 8192, ...left })
  const keptAgain = more.filter(({ at, pid }) => isWithin(again.reads, layout.rows(at, pid)))
  return answerOf(segments, quantised, [kept, keptAgain], {
    rounds: [lists, rows, again],
    candidates: few.length,
    k: asked.k,
  })
}

interface Probed {
  /** Cells by their gain, then ascending, with their U of each row. */
  readonly cells: readonly { readonly cell: number; readonly gain: number; readonly bytes: readonly number[] }[]
  /** So many of them are wanted. */
  readonly wanted: number
  /** Of each row that has a score its best cells, best first. */
  readonly bestOf: ReadonlyMap<number, readonly number[]>
}

function probe(segment: kernels.ReferenceSegment, query: QuantisedQuery, lists: number, share: number): Probed {
  const { scores, bytes } = kernels.scoreCentroids(segment, query, 1)
  const at = (values: Int16Array | Uint8Array, cell: number, row: number) => values[cell * query.rows + row] ?? 0
  const { cellFactors } = rowNumbers(query, segment.scales)
  const rows = Array.from({ length: query.rows }, (_, row) => row).filter((row) => cellFactors[row] !== 0)
  const cells = Array.from(segment.centroidScales.keys())
  const bestOf = new Map(
    rows.map((row) => {
      const order = cells.toSorted((a, b) => at(scores, b, row) - at(scores, a, row) || a - b)
      return [row, order.slice(0, Math.min(1024, lists * 8))]
    }),
  )
  const gains = new Map<number, number>()
  for (const [row, best] of bestOf) {
    const floor = at(bytes, best.at(-1) ?? 0, row)
    for (const cell of best) gains.set(cell, (gains.get(cell) ?? 0) + at(bytes, cell, row) - floor)
  }
  const byGain = [...gains].sort(([a, x], [b, y]) => y - x || a - b)
  return {
    cells: byGain.map(([cell, gain]) => ({
      ...{ cell, gain },
      bytes: Array.from({ length: query.rows }, (_, row) => at(bytes, cell, row)),
    })),
    wanted: Math.min(byGain.length, Math.ceil(Math.min(byGain.length, lists * rows.length) / share)),
    bestOf,
  }
}

/** First round: of each segment the cells whose lists are read, what lies between and what is empty included. */
function listsRound(
  probed: readonly Probed[],
  asked: ReferenceAsked,
  layout: ReferenceLayout,
  { passages, share }: { readonly passages: number; readonly share: number },
): { readonly round: Round; readonly read: readonly (readonly number[])[] } {
  const wanted = probed
    .flatMap(({ cells, wanted: count }, at) => cells.slice(0, count).map(({ cell, gain }) => ({ at, cell, gain })))
    .sort((a, b) => b.gain - a.gain)
    .flatMap(({ at, cell }) => layout.list(at, cell) ?? [])
  const hard = {
    bytes: Math.floor(asked.bytes * 0.4),
    reads: Math.max(1, Math.floor(asked.reads * 0.4), asked.reads - passages),
  }
  // The fewer are allowed, the more lists have to say something of one.
  const usual = { bytes: 80_000, reads: 24 * Math.min(probed.length, 4) }
  const more = { bytes: Math.min(hard.bytes, usual.bytes / share), reads: Math.min(hard.reads, usual.reads / share) }
  const soft = asked.lists === undefined ? { gap: 4096, ...(share < 1 ? more : usual) } : undefined
  const round = roundOf(wanted, soft, { gap: 4096, ...hard })
  const read = probed.map(({ cells }, at) =>
    cells.flatMap(({ cell }) => {
      const place = layout.list(at, cell)
      return place === undefined || isWithin(round.reads, place) ? [cell] : []
    }),
  )
  return { round, read }
}

/** Second round. `lists`: what the first one takes of the budgets. */
function rowsRound(
  rows: readonly Place[],
  lists: Round,
  asked: ReferenceAsked,
  { passages, segments }: { readonly passages: number; readonly segments: number },
): Round {
  const hard = { gap: 8192, bytes: asked.bytes - lists.bytes, reads: asked.reads - lists.reads.length }
  const counted = Math.min(segments, 4)
  const usual =
    asked.lists === undefined ? { bytes: 80_000, reads: 24 * counted } : { bytes: Infinity, reads: Infinity }
  const soft = {
    gap: 8192,
    gapMax: 8192,
    bytes: 300_000 - Math.min(lists.bytes, usual.bytes),
    reads: 64 * counted - Math.min(lists.reads.length, usual.reads),
  }
  const wanted = rows.slice(0, passages)
  const round = roundOf(wanted, asked.passages === undefined ? soft : undefined, hard)
  // So many are wanted whatever the soft budget says.
  const least = Math.min(Math.max(16, asked.k), wanted.length)
  return round.wanted < least ? roundOf(wanted.slice(0, least), undefined, hard) : round
}

/** What the soft budget has room for is wanted; the hard one says what of it is read. */
function roundOf(places: readonly Place[], soft: ReadLimits | undefined, hard: ReadLimits): Round {
  const aimed = soft && plannedReads(places, soft)
  const wanted = places.slice(0, aimed?.taken)
  const fits = aimed && aimed.bytes <= hard.bytes && aimed.reads.length <= hard.reads
  const plan = fits ? { ...aimed, stoppedBy: undefined } : plannedReads(wanted, hard)
  const missing = wanted.filter((place) => !isWithin(plan.reads, place)).length
  return { ...plan, wanted: wanted.length, missing }
}

/** Passages that some list that was read has, with the sum over rows of the best U of those lists, or somewhat less than the best unread. */
function candidatesOf(
  segment: kernels.ReferenceSegment,
  { cells, bestOf }: Probed,
  read: readonly number[],
  allowed: ReadonlySet<number>,
  at: number,
): readonly (Passage & { readonly score: number; readonly isListed: boolean })[] {
  const bytesOf = new Map(cells.map(({ cell, bytes }) => [cell, bytes]))
  const byteOf = (cell: number, row: number) => bytesOf.get(cell)?.[row] ?? 0
  const lists = new Map(read.map((cell) => [cell, pidsOf(segment, cell)]))
  const listed = new Set([...lists.values()].flatMap((list) => [...list]))
  return Array.from(allowed, (pid) => {
    let score = 0
    for (const [row, best] of bestOf) {
      const unread = best.find((cell) => !lists.has(cell)) ?? best.at(-1) ?? 0
      const found = [...lists].filter(([, list]) => list.has(pid)).map(([cell]) => byteOf(cell, row))
      score += Math.max(0, byteOf(unread, row) - 12, ...found)
    }
    return { at, pid, score, isListed: listed.has(pid) }
  })
}

function pidsOf(segment: kernels.ReferenceSegment, cell: number): ReadonlySet<number> {
  const [start = 0, end = 0] = segment.postingOffsets.subarray(cell, cell + 2)
  const count = segment.tokenStarts.length - 1
  const bitmap = new Uint32Array(kernels.bitmapWords(count))
  kernels.gatherList(segment.postings.subarray(start, end), bitmap, count)
  return new Set(kernels.collectPids(bitmap, undefined, count))
}

/** MaxSim of each. */
function scoresOf(
  segments: readonly ReferencePassages[],
  query: QuantisedQuery,
  passages: readonly Passage[],
  k: number,
): readonly number[] {
  return passages.map(({ at, pid }) => {
    const { segment } = segments[at] as ReferencePassages
    const pids = Uint32Array.of(pid)
    const scores =
      k <= 32
        ? refine(segment, query, pids)
        : kernels.rescore(segment, query, kernels.scoreCentroids(segment, query, 1), pids)
    return scores[0] ?? 0
  })
}

/** @param kept - of each round of rows what was read */
function answerOf(
  segments: readonly ReferencePassages[],
  query: QuantisedQuery,
  kept: readonly (readonly Passage[])[],
  { rounds, k, candidates = kept.flat().length }: { rounds: readonly Round[]; k: number; candidates?: number },
): ReferenceAnswer {
  const passages = kept.flat()
  const scores = scoresOf(segments, query, passages, k)
  const cut = rounds.filter(({ taken, wanted }) => taken < wanted)
  const [lists, ...rows] = rounds
  return {
    found: passages.map(({ at, pid }, i) => ({ segment: at, pid, score: scores[i] ?? 0 })),
    candidates,
    skipped: {
      lists: lists?.missing ?? 0,
      passages: rows.reduce((sum, { missing }) => sum + missing, 0),
      reasons: [...new Set(cut.flatMap(({ stoppedBy }) => stoppedBy ?? []))],
    },
    storage: {
      bytes: rounds.reduce((sum, { bytes }) => sum + bytes, 0),
      reads: rounds.reduce((sum, { reads }) => sum + reads.length, 0),
      rounds: rounds.filter(({ reads }) => reads.length > 0).length,
    },
  }
}
