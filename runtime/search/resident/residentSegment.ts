/**
 * A segment that lies whole in WebAssembly memory, and the search over it: probe, gather, approximate, rescore. Everything
 * is checked when it is created, so that a search cannot leave its sections whatever the bytes were.
 */
import { InputError } from '../../../format/errors.ts'
import type { SegmentBlock } from '../../kernels/blocks.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import { byteThreshold, type SegmentScales } from '../../kernels/units.ts'
import type { QueryVectors, SearchAnswer, SearchParameters, TokenMatch } from '../../searcher.ts'
import { gatherCandidates, placeBitmap, placeCandidates } from '../gather.ts'
import { probesAll, refinedMax, requireParameters, rescoredMax } from '../parameters.ts'
import { placeQuery } from '../placedQuery.ts'
import { probeCells } from '../probe.ts'
import { bestWithTies, type RankedPassages, rescoreCandidates } from '../rescore.ts'
import { approximateCandidates } from './approximate.ts'
import { placeSegment, type SegmentSource } from './segmentPlacement.ts'

/**
 * Best passages of one segment: score descending, then pid ascending. Holds at least k where so many were rescored, and in
 * addition every passage that ties with the k-th, so that the caller can break ties by id before it cuts at k.
 */
export interface SegmentAnswer extends RankedPassages {
  readonly counts: SearchAnswer['counts']
  /** Passages that were to be rescored, and were not because the deadline had passed; absent for none. */
  readonly skipped?: number
}

export interface ResidentSegmentOptions {
  /** Also compare every row block and posting list with its own CRC. Needless after the sections' CRCs. Default false. */
  readonly verifyBlocks?: boolean
}

/**
 * Copies a segment into the kernels' memory and checks it. Several segments may share one `Kernels`.
 *
 * @throws FormatError naming the section whose bytes are not as SPEC.md promises
 * @throws ChecksumError when a block does not match its CRC (`verifyBlocks`)
 * @throws InputError when the memory cannot hold it
 */
export async function createResidentSegment(
  source: SegmentSource,
  kernels: Kernels,
  options: ResidentSegmentOptions = {},
): Promise<ResidentSegment> {
  const { arena } = kernels
  const start = arena.top
  const placed = await placeSegment(source, kernels, options.verifyBlocks ?? false)
  return new ResidentSegment(kernels, placed.block, placed.scales, arena.top - start)
}

export class ResidentSegment {
  readonly block: SegmentBlock
  readonly scales: SegmentScales
  /** Bytes of WebAssembly memory it keeps; a query needs more for its time. */
  readonly memoryBytes: number
  readonly #kernels: Kernels

  constructor(kernels: Kernels, block: SegmentBlock, scales: SegmentScales, memoryBytes: number) {
    this.#kernels = kernels
    this.block = block
    this.scales = scales
    this.memoryBytes = memoryBytes
  }

  /**
   * @param filterPids - ascending pids that may be answered; others are not looked at
   * @param deadline - on the clock of `Date.now`; once it has passed, only as many passages are rescored as are wanted
   * @throws InputError on a wrong query shape, parameters out of range, or a filter that is not ascending pids
   */
  search(
    query: QueryVectors,
    parameters: SearchParameters,
    k: number,
    filterPids?: Uint32Array,
    deadline = Number.POSITIVE_INFINITY,
  ): SegmentAnswer {
    requireParameters(parameters, k)
    if (filterPids) requireFilter(filterPids, this.block.passageCount)
    const kernels = this.#kernels
    const { top } = kernels.arena
    try {
      const queryBlock = placeQuery(kernels, this.block, this.scales, query)
      const blocks = { segment: this.block, query: queryBlock }
      kernels.scoreCentroids(this.block, queryBlock, parameters.centroidScoreThreshold)
      const candidates = this.#candidates(queryBlock, parameters, filterPids)
      // Candidates are known now; what follows can be had for less.
      const isLate = Date.now() >= deadline
      const limits = {
        ndocs: isLate ? k : Math.max(parameters.ndocs, k),
        prunes: byteThreshold(parameters.centroidScoreThreshold) > 0,
        rescoredMax: isLate ? k : rescoredMax(parameters, k),
      }
      const { finalists, approximated } = approximateCandidates(kernels, blocks, candidates, limits)
      const ranked = rescoreCandidates(kernels, blocks, finalists, refinedMax(k))
      const counts = { candidates: candidates.count, approximated, rescored: finalists.count }
      const wanted = Math.min(candidates.count, rescoredMax(parameters, k))
      const skipped = wanted > finalists.count ? { skipped: wanted - finalists.count } : {}
      return { ...bestWithTies(ranked, k), counts, ...skipped }
    } finally {
      kernels.arena.reset(top)
    }
  }

  /**
   * Which token of each passage answers each query row; equal scores go to the first token. Centroids are scored once a call.
   *
   * @returns one match a pid, in their order
   * @throws InputError on a wrong query shape, a pid outside the segment, or a passage without tokens
   */
  matchTokens(query: QueryVectors, pids: readonly number[]): readonly TokenMatch[] {
    const kernels = this.#kernels
    const tokensMax = Math.max(0, ...pids.map((pid) => this.#requireTokens(pid)))
    const { top } = kernels.arena
    try {
      const queryBlock = placeQuery(kernels, this.block, this.scales, query)
      kernels.scoreCentroids(this.block, queryBlock, 1)
      const stride = paddedRows(query.rows)
      const out = kernels.arena.allocate(tokensMax * stride * 4)
      return pids.map((pid) => {
        kernels.tokenScores(this.block, queryBlock, { pid, out })
        return firstMaxima(
          new Float32Array(kernels.memory.buffer, out, this.#tokensOf(pid) * stride),
          stride,
          query.rows,
        )
      })
    } finally {
      kernels.arena.reset(top)
    }
  }

  /** Tokens of a passage that has some. */
  #requireTokens(pid: number): number {
    const { passageCount } = this.block
    if (!(Number.isInteger(pid) && pid >= 0 && pid < passageCount)) {
      throw new InputError(`matching tokens: expected a pid in [0, ${passageCount}), got ${pid}.`, { pid })
    }
    const tokens = this.#tokensOf(pid)
    if (tokens === 0) throw new InputError(`matching tokens: passage ${pid} has no tokens to match.`, { pid })
    return tokens
  }

  #candidates(query: Parameters<Kernels['topCells']>[1], parameters: SearchParameters, filterPids?: Uint32Array) {
    const kernels = this.#kernels
    // A passage without tokens is in no posting list, so it is never a candidate; a filter must not make it one.
    const allowed = filterPids?.filter((pid) => this.#tokensOf(pid) > 0)
    if (allowed && allowed.length <= parameters.ndocs) {
      // The approximate stage would take as many anyway, and probing could only lose some of the few that are allowed.
      return placeCandidates(kernels, allowed)
    }
    if (probesAll(parameters.ncells, this.block.centroidCount)) {
      return placeCandidates(kernels, allowed ?? this.#passagesWithTokens())
    }
    const filter = allowed && placeBitmap(kernels, this.block.passageCount, allowed)
    const marks = probeCells(kernels, this.block, query, parameters.ncells)
    return gatherCandidates(kernels, this.block, marks, filter)
  }

  #passagesWithTokens(): Uint32Array {
    const { passageCount, tokenStarts } = this.block
    const starts = new Uint32Array(this.#kernels.memory.buffer, tokenStarts, passageCount + 1)
    const pids = new Uint32Array(passageCount)
    let count = 0
    for (let pid = 0; pid < passageCount; pid++) {
      pids[count] = pid
      if (starts[pid] !== starts[pid + 1]) count += 1
    }
    return pids.subarray(0, count)
  }

  #tokensOf(pid: number): number {
    const [start = 0, end = 0] = new Uint32Array(this.#kernels.memory.buffer, this.block.tokenStarts + pid * 4, 2)
    return end - start
  }
}

/** First token of the largest score, row by row. @param tokenScores - f32[tokens][stride] */
export function firstMaxima(tokenScores: Float32Array, stride: number, rows: number): TokenMatch {
  const tokens = new Uint32Array(rows)
  const scores = new Float32Array(rows).fill(Number.NEGATIVE_INFINITY)
  for (let token = 0; token * stride < tokenScores.length; token++) {
    for (let row = 0; row < rows; row++) {
      const score = tokenScores[token * stride + row] ?? 0
      if (score > (scores[row] ?? 0)) {
        scores[row] = score
        tokens[row] = token
      }
    }
  }
  return { tokens, scores }
}

function requireFilter(pids: Uint32Array, passageCount: number): void {
  let previous = -1
  for (const pid of pids) {
    if (pid <= previous || pid >= passageCount) {
      throw new InputError(`filter: expected ascending pids below ${passageCount}, got ${pid} after ${previous}.`, {
        pid,
      })
    }
    previous = pid
  }
}
