/** The readable twin of the range search over one segment, without storage: by kernels/reference.ts. Oracle of the tests. */
import { PROBED_CELLS_MAX } from '../format/limits.ts'
import { quantiseQuery } from '../runtime/kernels/quantise.ts'
import { rowNumbers } from '../runtime/kernels/units.ts'
import { refinedMax, rescoredMax } from '../runtime/search/parameters.ts'
import { isInside, planReads, type ReadPlan, type WantedBytes } from '../runtime/search/range/plan.ts'
import type { FoundPassage, QueryLimits } from '../runtime/search/range/rangeQuery.ts'
import { imputedBelow } from '../runtime/search/range/scoreLists.ts'
import type { QueryVectors, SearchParameters } from '../runtime/searcher.ts'
import * as kernels from './kernels.ts'
import { refine } from './refine.ts'

export interface RangeReferenceAnswer {
  /** Those that are rescored, by their score from lists. */
  readonly found: readonly Omit<FoundPassage, 'segment'>[]
  /** Passages that some list has. */
  readonly candidates: number
}

/** Where things stand, which decides what is read with what, and how much may be. */
export interface ReferenceLayout {
  readonly list: (cell: number) => WantedBytes | undefined
  readonly rows: (pid: number) => WantedBytes
  readonly limits: QueryLimits
}

export function searchByLists(
  segment: kernels.ReferenceSegment,
  query: QueryVectors,
  parameters: SearchParameters,
  { k, layout }: { readonly k: number; readonly layout: ReferenceLayout },
): RangeReferenceAnswer {
  const quantised = quantiseQuery(query.vectors, query.rows, query.dim)
  const cellScores = kernels.scoreCentroids(segment, quantised, 1)
  const cells = Array.from(segment.centroidScales.keys())
  const at = (values: Int16Array | Uint8Array, cell: number, row: number) => values[cell * query.rows + row] ?? 0
  const { cellFactors } = rowNumbers(quantised, segment.scales)
  const rows = Array.from({ length: query.rows }, (_, row) => row).filter((row) => cellFactors[row] !== 0)

  const lookedAt = Math.min(PROBED_CELLS_MAX, parameters.ncells * 8)
  const bestOf = new Map(
    rows.map((row) => {
      const order = cells.toSorted((a, b) => at(cellScores.scores, b, row) - at(cellScores.scores, a, row) || a - b)
      return [row, order.slice(0, lookedAt)]
    }),
  )
  const gains = new Map<number, number>()
  for (const [row, best] of bestOf) {
    const floor = at(cellScores.bytes, best.at(-1) ?? 0, row)
    for (const cell of best) gains.set(cell, (gains.get(cell) ?? 0) + at(cellScores.bytes, cell, row) - floor)
  }
  const byGain = [...gains].sort(([a, x], [b, y]) => y - x || a - b)
  const lists = readLists(segment, byGain, parameters.ncells * rows.length, layout)

  const passages = [...new Set([...lists.pids.values()].flatMap((pids) => [...pids]))].sort((a, b) => a - b)
  const scoreOf = (pid: number) => {
    let score = 0
    for (const [row, best] of bestOf) {
      const unread = best.find((cell) => !lists.pids.has(cell)) ?? best.at(-1) ?? 0
      const imputed = imputedBelow(at(cellScores.bytes, unread, row))
      const found = [...lists.pids].filter(([, pids]) => pids.has(pid))
      score += Math.max(imputed, ...found.map(([cell]) => at(cellScores.bytes, cell, row)))
    }
    return score
  }
  const ranked = passages
    .map((pid) => ({ pid, score: scoreOf(pid) }))
    .sort((a, b) => b.score - a.score || a.pid - b.pid)
  const kept = keptPassages(
    ranked.map(({ pid }) => pid),
    rescoredMax(parameters, k),
    lists.plan,
    layout,
  )
  const isFine = refinedMax(k) > 0
  const scores = isFine ? refine(segment, quantised, kept) : kernels.rescore(segment, quantised, cellScores, kept)
  return {
    found: Array.from(kept, (pid, i) => ({ pid, score: scores[i] ?? 0 })),
    candidates: passages.length,
  }
}

/** Cells in the order of their gain to the passages of each list that is read: what is wanted, what lies between, what is empty. */
function readLists(
  segment: kernels.ReferenceSegment,
  byGain: readonly (readonly [number, number])[],
  wanted: number,
  { list, limits }: ReferenceLayout,
) {
  const cells = byGain.map(([cell]) => cell)
  const places = cells.slice(0, wanted).flatMap((cell) => list(cell) ?? [])
  const { lists: aim } = limits.aims
  const aimed = aim ? places.slice(0, planReads(places, aim).taken) : places
  const { listGapBytes: gapBytes, listReadsMax: readsMax, listBytesMax } = limits
  const bytesMax = Math.min(listBytesMax, aim?.bytesMax ?? Number.POSITIVE_INFINITY)
  const plan = planReads(aimed, { gapBytes, readsMax, bytesMax })
  const read = cells.filter((cell) => {
    const place = list(cell)
    return place === undefined || isInside(plan, place)
  })
  return { plan, pids: new Map(read.map((cell) => [cell, passagesOf(segment, cell)])) }
}

/** Those that are wanted and fit the aim, and of the next best those that lie between. */
function keptPassages(ranked: readonly number[], wanted: number, lists: ReadPlan, { rows, limits }: ReferenceLayout) {
  const places = ranked.slice(0, wanted).map(rows)
  const { passages: aim } = limits.aims
  const left = aim && {
    ...aim,
    readsMax: aim.readsMax - lists.reads.length,
    bytesMax: aim.bytesMax - lists.bytes,
  }
  const taken = left ? planReads(places, left).taken : places.length
  const isWithinAim = left !== undefined && taken >= Math.min(left.least, places.length)
  const plan = planReads(places.slice(0, Math.max(taken, left?.least ?? 0)), {
    gapBytes: limits.rowGapBytes,
    readsMax: limits.readsMax - lists.reads.length,
    bytesMax: Math.min(limits.bytesMax - lists.bytes, isWithinAim ? left.bytesMax : Number.POSITIVE_INFINITY),
  })
  return Uint32Array.from(ranked.slice(0, wanted * 4).filter((pid) => isInside(plan, rows(pid))))
}

function passagesOf(segment: kernels.ReferenceSegment, cell: number): ReadonlySet<number> {
  const [start = 0, end = 0] = segment.postingOffsets.subarray(cell, cell + 2)
  const count = segment.tokenStarts.length - 1
  const bitmap = new Uint32Array(kernels.bitmapWords(count))
  kernels.gatherList(segment.postings.subarray(start, end), bitmap, count)
  return new Set(kernels.collectPids(bitmap, undefined, count))
}
