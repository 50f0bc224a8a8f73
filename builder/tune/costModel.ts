/**
 * What a query costs, counted instead of timed: the work of each stage, weighed with constants that were measured once. Tiers are
 * chosen by it, so that the same input gives the same tiers on a busy machine and on a quiet one.
 */
import type { Nbits } from '../../format/manifest/segment.ts'

/** Sizes of an index that the work of a query depends on. */
export interface IndexSizes {
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  /** Mean token vectors of a passage. */
  readonly passageTokens: number
  /** Mean distinct codes of a passage. */
  readonly passageCodes: number
  readonly codeBytes: number
}

/** What a query with one setting does: means over queries. */
export interface QueryWork {
  readonly rows: number
  /** Whether cells are probed and lists read; not when every passage is a candidate. */
  readonly probes: boolean
  /** Whether the threshold prunes, which makes two approximate passes of one. */
  readonly prunes: boolean
  /** Of the lists that are read. */
  readonly postingBytes: number
  readonly candidates: number
  readonly approximated: number
  readonly rescored: number
  /** Of those, the ones whose scores are computed once more at sixteen bits. */
  readonly refined: number
}

/** Nanoseconds at 32 rows of 96 dims, one thread; bench/results/tiers-scifact-4bit.json sets the model beside the clock. */
const CENTROID_NS = 87
/** The best cells of 32 rows, for each centroid. */
const PROBE_NS = 30
/** A posting takes little more than a byte. */
const POSTING_BYTE_NS = 2
const CODE_NS = 1
const RESCORED_TOKEN_NS: Readonly<Record<Nbits, number>> = { 1: 15, 2: 20, 4: 40 }
const REFINED_TOKEN_NS = 100
const ROWS = 32
const DIM = 96

/** @returns milliseconds */
export function costMsOf(sizes: IndexSizes, work: QueryWork): number {
  const rows = work.rows / ROWS
  const dims = sizes.dim / DIM
  const probe = work.probes ? PROBE_NS * sizes.centroids * rows + POSTING_BYTE_NS * work.postingBytes : 0
  const passes = work.candidates + (work.prunes ? work.approximated : 0)
  const ns =
    CENTROID_NS * sizes.centroids * rows * dims +
    probe +
    CODE_NS * sizes.passageCodes * passes * rows +
    RESCORED_TOKEN_NS[sizes.nbits] * sizes.passageTokens * work.rescored * rows * dims +
    REFINED_TOKEN_NS * sizes.passageTokens * work.refined * rows * dims
  return ns / 1e6
}

/**
 * Bytes of the index that a query touches, centroids aside: lists of the probed cells, codes of the candidates, and the rest of
 * the row blocks of the passages that are rescored.
 */
export function touchedBytesOf(sizes: IndexSizes, work: QueryWork): number {
  const restBytes = sizes.passageTokens * (1 + (sizes.dim * sizes.nbits) / 8) + 4
  const codeBytes = sizes.passageTokens * sizes.codeBytes
  return Math.round(work.postingBytes + work.candidates * codeBytes + work.rescored * restBytes)
}
