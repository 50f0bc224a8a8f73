/** The readable twin of the range search over one segment, without storage and limits: by kernels/reference.ts. Oracle of the tests. */
import { PROBED_CELLS_MAX } from '../../../format/limits.ts'
import { quantiseQuery } from '../../kernels/quantise.ts'
import * as kernels from '../../kernels/reference.ts'
import { refine } from '../../kernels/refineReference.ts'
import { rowNumbers } from '../../kernels/units.ts'
import type { QueryVectors, SearchParameters } from '../../searcher.ts'
import { rescoredMax } from '../parameters.ts'
import type { FoundPassage } from './rangeQuery.ts'

export interface ReferenceAnswer {
  /** Those that are rescored, by their score from lists. */
  readonly found: readonly Omit<FoundPassage, 'segment'>[]
  /** Passages that some list has. */
  readonly candidates: number
}

export function searchByLists(
  segment: kernels.ReferenceSegment,
  query: QueryVectors,
  parameters: SearchParameters,
  k: number,
): ReferenceAnswer {
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
  const read = byGain.slice(0, parameters.ncells * rows.length).map(([cell]) => cell)

  const lists = new Map(read.map((cell) => [cell, passagesOf(segment, cell)]))
  const passages = [...new Set([...lists.values()].flatMap((pids) => [...pids]))].sort((a, b) => a - b)
  const scoreOf = (pid: number) => {
    let score = 0
    for (const [row, best] of bestOf) {
      const imputed = best.find((cell) => !lists.has(cell)) ?? best.at(-1) ?? 0
      const found = read.filter((cell) => lists.get(cell)?.has(pid))
      score += Math.max(...[imputed, ...found].map((cell) => at(cellScores.bytes, cell, row)))
    }
    return score
  }
  const ranked = passages
    .map((pid) => ({ pid, score: scoreOf(pid) }))
    .sort((a, b) => b.score - a.score || a.pid - b.pid)
  const kept = Uint32Array.from(ranked.slice(0, rescoredMax(parameters, k)), ({ pid }) => pid)
  const scores = refine(segment, quantised, kept)
  return {
    found: Array.from(kept, (pid, i) => ({ pid, score: scores[i] ?? 0 })),
    candidates: passages.length,
  }
}

function passagesOf(segment: kernels.ReferenceSegment, cell: number): ReadonlySet<number> {
  const [start = 0, end = 0] = segment.postingOffsets.subarray(cell, cell + 2)
  const count = segment.tokenStarts.length - 1
  const bitmap = new Uint32Array(kernels.bitmapWords(count))
  kernels.gatherList(segment.postings.subarray(start, end), bitmap, count)
  return new Set(kernels.collectPids(bitmap, undefined, count))
}
