/**
 * An index that lies whole in WebAssembly memory, and the search over all its segments: probe, gather, approximate, rescore. Everything
 * was checked when it was placed, so that a search cannot leave its sections whatever the bytes were.
 */
import { InputError } from '../../../format/errors.ts'
import type { QueryBlock } from '../../kernels/blocks.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import { byteThreshold } from '../../kernels/units.ts'
import { bitmapWords, type PassageBitmap } from '../../passages/bitmap.ts'
import type { PlaidParameters, QueryVectors, StageCounts, TokenMatch } from '../../searcher.ts'
import { firstMaxima } from '../firstMaxima.ts'
import { gatherLists, placeBitmap } from '../gather.ts'
import { probesAll, refinedMax, requireParameters, rescoredMax } from '../parameters.ts'
import { PreparedQuery } from '../preparedQuery.ts'
import { probeCells } from '../probe.ts'
import { scoreAllowed } from './allowed.ts'
import { approximateCandidates } from './approximate.ts'
import { type CandidateBitmap, type Candidates, collectCandidates, keepWithTies } from './candidates.ts'
import type { PlacedIndex, PlacedSegment } from './placement.ts'
import { bestWithTies, type RankedPlaces } from './rankedPlaces.ts'

/**
 * With a filter so many are rescored, and scored at sixteen bits, at the least: as many as it takes to tell how far estimates are from
 * scores. Of fewer allowed passages all are.
 */
const FILTERED = { rescored: 256, refined: 32 }

/** One query with everything resolved. Plain values, which another thread may be sent. */
export interface ResidentQuery {
  readonly query: QueryVectors
  readonly parameters: PlaidParameters
  readonly k: number
  /** For each segment the passages that may be answered, all of them searchable; absent: all. */
  readonly filters?: readonly PassageBitmap[] | undefined
  /** On the clock of `Date.now`, which all threads share; once it has passed, only as many passages are rescored as are wanted. */
  readonly deadline?: number | undefined
}

/**
 * The best passages: score descending, then segment and pid ascending. Holds at least k where so many were rescored, and in addition
 * every passage that ties with the k-th, so that the caller can break ties by id before it cuts at k.
 */
export interface ResidentAnswer extends RankedPlaces {
  readonly counts: Required<StageCounts>
  /** Passages that were to be rescored, and were not because the deadline had passed. */
  readonly skipped: number
}

/** A passage of a segment. */
export interface SegmentPid {
  readonly segment: number
  readonly pid: number
}

export class ResidentIndex {
  readonly placed: PlacedIndex
  readonly #kernels: Kernels

  constructor(kernels: Kernels, placed: PlacedIndex) {
    this.#kernels = kernels
    this.placed = placed
  }

  /** @throws InputError on a wrong query shape, parameters out of range, or filters that are not of this index */
  search({ query, parameters, k, filters, deadline = Number.POSITIVE_INFINITY }: ResidentQuery): ResidentAnswer {
    requireParameters(parameters, k)
    if (filters) this.#requireFilters(filters)
    const kernels = this.#kernels
    const { top } = kernels.arena
    try {
      const prepared = new PreparedQuery(query, this.#dim)
      const queries = this.#placeQueries(prepared, parameters.centroidScoreThreshold)
      const isLate = () => Date.now() >= deadline
      if (filters) return this.#searchAllowed(queries, { parameters, k, filters }, isLate)
      const candidates = collectCandidates(kernels, this.#probed(queries, parameters))
      // Candidates are known now; what follows can be had for less.
      const late = isLate()
      const limits = {
        ndocs: late ? k : Math.max(parameters.ndocs, k),
        prunes: byteThreshold(parameters.centroidScoreThreshold) > 0,
        rescoredMax: late ? k : rescoredMax(parameters, k),
      }
      const { finalists, approximated } = approximateCandidates(kernels, candidates, limits)
      const wanted = Math.min(candidates.count, rescoredMax(parameters, k))
      return {
        ...bestWithTies(kernels, this.#rescore(finalists, queries, refinedMax(k)), k),
        counts: { candidates: candidates.count, approximated, rescored: finalists.count },
        skipped: Math.max(0, wanted - finalists.count),
      }
    } finally {
      kernels.arena.reset(top)
    }
  }

  /**
   * Which token of each passage answers each query row; equal scores go to the first token. Centroids are scored once a call.
   *
   * @returns one match a place, in their order
   * @throws InputError on a wrong query shape, a place outside the index, or a passage without tokens
   */
  matchTokens(query: QueryVectors, places: readonly SegmentPid[]): readonly TokenMatch[] {
    const kernels = this.#kernels
    const tokensMax = Math.max(0, ...places.map((place) => this.#requireTokens(place)))
    const { top } = kernels.arena
    try {
      const queries = this.#placeQueries(new PreparedQuery(query, this.#dim), 1)
      const stride = paddedRows(query.rows)
      const out = kernels.arena.allocate(tokensMax * stride * 4)
      return places.map(({ segment: number, pid }) => {
        const segment = this.#segment(number)
        kernels.tokenScores(segment.block, queryOf(queries, segment), { pid, out })
        const scores = new Float32Array(kernels.memory.buffer, out, this.#tokensOf(segment, pid) * stride)
        return firstMaxima(scores, stride, query.rows)
      })
    } finally {
      kernels.arena.reset(top)
    }
  }

  get #dim(): number {
    return this.placed.quantisers[0]?.dim ?? 0
  }

  /** The query over each quantiser, with its centroids scored; undefined for a quantiser that no segment refers to. */
  #placeQueries(prepared: PreparedQuery, threshold: number): readonly (QueryBlock | undefined)[] {
    return this.placed.quantisers.map(({ scales }, number) => {
      // Any of its segments: kernels that score centroids look at nothing else of it.
      const segment = this.placed.segments.find(({ quantiser }) => quantiser === number)
      if (!segment) return undefined
      const query = prepared.place(this.#kernels, segment.block, scales)
      this.#kernels.scoreCentroids(segment.block, query, threshold)
      return query
    })
  }

  /** What the posting lists of probed cells have. */
  #probed(
    queries: readonly (QueryBlock | undefined)[],
    { ncells }: Pick<PlaidParameters, 'ncells'>,
  ): readonly CandidateBitmap[] {
    const kernels = this.#kernels
    const marks = new Map<number, number>()
    return this.placed.segments.map((segment, number) => {
      const { block, quantiser, searchable, hasDeleted } = segment
      const query = queryOf(queries, segment)
      if (probesAll(ncells, block.centroidCount)) return { segment, number, query, bitmap: searchable }
      const probed = marks.get(quantiser) ?? probeCells(kernels, block, query, ncells)
      marks.set(quantiser, probed)
      const bitmap = placeBitmap(kernels, block.passageCount)
      gatherLists(kernels, block, probed, bitmap)
      // A passage without tokens is in no posting list; a deleted one is.
      return { segment, number, query, bitmap, filter: hasDeleted ? searchable : undefined }
    })
  }

  #searchAllowed(
    queries: readonly (QueryBlock | undefined)[],
    { parameters, k, filters }: Pick<ResidentQuery, 'parameters' | 'k'> & { filters: readonly PassageBitmap[] },
    isLate: () => boolean,
  ): ResidentAnswer {
    const kernels = this.#kernels
    const bitmaps = this.placed.segments.map((segment, number) => {
      const bitmap = placeBitmap(kernels, segment.block.passageCount, filters[number])
      return { segment, number, query: queryOf(queries, segment), bitmap }
    })
    const allowed = collectCandidates(kernels, bitmaps)
    const late = isLate()
    const wanted = Math.max(rescoredMax(parameters, k), FILTERED.rescored)
    const limits = {
      k,
      rescored: late ? k : wanted,
      refined: refinedMax(k) > 0 ? Math.max(refinedMax(k), FILTERED.refined) : 0,
      widens: !late,
    }
    const { finalists, scored } = scoreAllowed(kernels, allowed, limits, (own) => this.#rescoreAll(own, queries))
    return {
      ...bestWithTies(kernels, scored, k),
      counts: { candidates: allowed.count, approximated: allowed.count, rescored: finalists.count },
      skipped: Math.max(0, Math.min(allowed.count, wanted) - finalists.count),
    }
  }

  /**
   * MaxSim of the candidates on their residuals. Byte tables choose the best `refined`, which are scored once more at sixteen bits: by
   * themselves the tables misplace about one in a hundred of the first ten (assembly/README.md).
   *
   * @param refined - 0: all of the candidates, with the scores of byte tables
   */
  #rescore(candidates: Candidates, queries: readonly (QueryBlock | undefined)[], refined: number): Candidates {
    const kernels = this.#kernels
    if (candidates.count > refined) this.#rescoreAll(candidates, queries)
    if (refined === 0) return candidates
    const kept = keepWithTies(kernels, candidates, refined)
    for (const own of kept.bySegment) kernels.refine(own.segment.block, own.query, own)
    return kept
  }

  /** Of byte tables. */
  #rescoreAll(candidates: Candidates, queries: readonly (QueryBlock | undefined)[]): void {
    for (const [number, query] of queries.entries()) {
      const parts = candidates.bySegment.filter(({ segment }) => segment.quantiser === number)
      const blocks = parts.map((own) => ({ segment: own.segment.block, candidates: own }))
      if (query) this.#kernels.rescore(query, blocks)
    }
  }

  /** Kernels would take what is not searchable for a passage, or read past a bitmap that is too short. */
  #requireFilters(filters: readonly PassageBitmap[]): void {
    const { segments } = this.placed
    const isWithin = ({ words }: PassageBitmap, { searchable }: PlacedSegment) => {
      const allowed = new Uint32Array(this.#kernels.memory.buffer, searchable, words.length)
      return words.every((word, i) => (word & ~(allowed[i] ?? 0)) === 0)
    }
    const isSound = segments.every((segment, number) => {
      const own = filters[number]
      return own?.words.length === bitmapWords(segment.block.passageCount) && isWithin(own, segment)
    })
    if (isSound && filters.length === segments.length) return
    throw new InputError(
      'search option filter: expected a bitmap of searchable passages for each segment of the index.',
    )
  }

  #segment(number: number): PlacedSegment {
    const segment = this.placed.segments[number]
    if (!segment) throw new InputError(`there is no segment ${number} in this index.`, { segment: number })
    return segment
  }

  /** Tokens of a passage that has some. */
  #requireTokens({ segment: number, pid }: SegmentPid): number {
    const segment = this.#segment(number)
    const { passageCount } = segment.block
    if (!(Number.isInteger(pid) && pid >= 0 && pid < passageCount)) {
      throw new InputError(`matching tokens: expected a pid in [0, ${passageCount}), got ${pid}.`, { pid })
    }
    const tokens = this.#tokensOf(segment, pid)
    if (tokens === 0) throw new InputError(`matching tokens: passage ${pid} has no tokens to match.`, { pid })
    return tokens
  }

  #tokensOf({ block }: PlacedSegment, pid: number): number {
    const [start = 0, end = 0] = new Uint32Array(this.#kernels.memory.buffer, block.tokenStarts + pid * 4, 2)
    return end - start
  }
}

function queryOf(queries: readonly (QueryBlock | undefined)[], { quantiser }: PlacedSegment): QueryBlock {
  const query = queries[quantiser]
  if (!query) throw new RangeError(`no query was placed for quantiser ${quantiser}`)
  return query
}
