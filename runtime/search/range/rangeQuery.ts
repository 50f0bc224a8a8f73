/**
 * A query over an index that is read by range, in two rounds of storage: probe → posting lists → candidates → row blocks → rescore.
 * Between the rounds it holds what it read and nothing in WebAssembly memory, so queries may interleave.
 */
import type { QueryVectors, SearchAnswer, SearchParameters, SkipReason, StorageUse } from '../../searcher.ts'
import { rescoredMax } from '../parameters.ts'
import { fetchReads } from './fetch.ts'
import { type PlanLimits, planReads, type WantedBytes } from './plan.ts'
import { type ProbedCells, probeSegment } from './probeCells.ts'
import type { RangeIndex } from './rangeIndex.ts'
import { type RangeSegment, wantedList, wantedRows } from './rangeSegment.ts'
import { requireBlock, rescoreBlocks } from './rescoreBlocks.ts'
import { bestByLists, type Candidate, requireList } from './scoreLists.ts'

/** Of a query's bytes and reads, the share that posting lists may take. */
export const LIST_SHARE = 0.4

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
  /** On the clock of `performance.now`. */
  readonly deadline?: number
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
  const { best, candidates } = await chooseCandidates(index, asked, account)
  const wanted = best.map(({ segment, pid }) => wantedBlock(index, segment, pid))
  const blocks = await readAll(index, wanted, account, {
    gapBytes: limits.rowGapBytes,
    readsMax: limits.readsMax - account.reads,
    bytesMax: limits.bytesMax - account.bytes,
  })
  account.skippedPassages = blocks.filter((bytes) => bytes === undefined).length
  const found: FoundPassage[] = []
  for (const [number, segment] of index.segments.entries()) {
    const own = best.flatMap(({ segment: of, pid }, i) => {
      const bytes = of === number ? blocks[i] : undefined
      return bytes ? [{ pid, bytes }] : []
    })
    if (own.length === 0) continue
    const scores = rescoreBlocks(index.kernels, segment, asked.query, own)
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
  return readAll(index, wanted, new Account(limits), { ...limits, gapBytes: limits.rowGapBytes })
}

interface SegmentCandidate extends Candidate {
  readonly segment: number
}

async function chooseCandidates(
  index: RangeIndex,
  { query, parameters, k, filters }: RangeQuery,
  account: Account,
): Promise<{ readonly best: readonly SegmentCandidate[]; readonly candidates: number }> {
  const wanted = rescoredMax(parameters, k)
  const allowed = filters?.map((pids, segment) => pids.filter((pid) => hasTokens(index.segments[segment], pid)))
  const allowedCount = allowed?.reduce((sum, pids) => sum + pids.length, 0)
  const probed = index.segments.map((segment) => probeSegment(index.kernels, segment, query, parameters.ncells))
  if (allowed && allowedCount !== undefined && allowedCount <= wanted) {
    // All of them would be read whatever the lists say.
    const best = allowed.flatMap((pids, segment) => Array.from(pids, (pid) => ({ segment, pid, score: 0 })))
    return { best, candidates: best.length }
  }
  const lists = await readLists(index, probed, account)
  const best: SegmentCandidate[] = []
  let candidates = 0
  for (const [number, segment] of index.segments.entries()) {
    const own = bestByLists(probed[number] ?? { cells: [], wanted: 0, cellsOfRows: [] }, lists[number] ?? [], {
      wanted,
      passageCount: segment.entry.passages,
      table: index.scores,
      ...(allowed ? { allowed: new Set(allowed[number]) } : {}),
    })
    candidates += own.candidates
    best.push(...own.best.map((candidate) => ({ ...candidate, segment: number })))
  }
  best.sort((a, b) => b.score - a.score || a.segment - b.segment || a.pid - b.pid)
  return { best: best.slice(0, wanted), candidates }
}

/** First round. @returns by segment, by place among its probed cells */
async function readLists(
  index: RangeIndex,
  probed: readonly ProbedCells[],
  account: Account,
): Promise<readonly (readonly (Uint8Array | undefined)[])[]> {
  const { limits } = account
  const lists: (Uint8Array | undefined)[][] = probed.map(({ cells }) => cells.map(() => undefined))
  const wanted: (Wanted & { readonly segment: number; readonly at: number; readonly gain: number })[] = []
  for (const [number, segment] of index.segments.entries()) {
    const { cells = [], wanted: count = 0 } = probed[number] ?? {}
    for (const [at, { cell, gain }] of cells.slice(0, count).entries()) {
      const place = wantedList(index.reader, segment, cell)
      const check = (bytes: Uint8Array) => requireList(bytes, cell, index.reader.crc32c)
      if (place) wanted.push({ key: `${number}/list/${cell}`, place, check, segment: number, at, gain })
      else lists[number]?.splice(at, 1, new Uint8Array())
    }
  }
  // Stable: within a segment the order of probing stays.
  wanted.sort((a, b) => b.gain - a.gain)
  const read = await readAll(index, wanted, account, {
    gapBytes: limits.listGapBytes,
    readsMax: Math.min(limits.readsMax, limits.listReadsMax),
    bytesMax: Math.min(limits.bytesMax, limits.listBytesMax),
  })
  for (const [i, { segment, at }] of wanted.entries()) {
    const bytes = read[i]
    if (bytes) lists[segment]?.splice(at, 1, bytes)
    else account.skippedLists++
  }
  return lists
}

function wantedBlock(index: RangeIndex, segment: number, pid: number): Wanted {
  const of = index.segments[segment]
  if (!of) throw new RangeError(`there is no segment ${segment}`)
  return {
    key: `${segment}/rows/${pid}`,
    place: wantedRows(index.reader, of, pid),
    check: (bytes) => requireBlock(of, { pid, bytes }, index.reader.crc32c),
  }
}

/** One round: what is cached from the cache, the rest planned and read. Undefined where a limit or the deadline came first. */
async function readAll(
  index: RangeIndex,
  wanted: readonly Wanted[],
  account: Account,
  limits: PlanLimits,
): Promise<readonly (Uint8Array | undefined)[]> {
  const results = wanted.map(({ key }) => index.cache.get(key))
  const missing = wanted.flatMap(({ place }, i) => (results[i] ? [] : [{ place, i }]))
  const plan = planReads(
    missing.map(({ place }) => place),
    limits,
  )
  if (plan.stoppedBy) account.leaveOut(plan.stoppedBy)
  if (plan.reads.length === 0) return results
  if (account.isOver) {
    account.leaveOut('deadline')
    return results
  }
  const fetched = await account.round(plan.reads.length, plan.bytes, () =>
    fetchReads(index.reader, plan.reads, account.limits),
  )
  for (const [at, { offset, items }] of plan.reads.entries()) {
    const bytes = fetched[at]
    if (!bytes) {
      account.leaveOut('deadline')
      continue
    }
    for (const item of items) {
      const { place, i } = missing[item] ?? { place: { offset: 0, length: 0 }, i: -1 }
      const own = bytes.subarray(place.offset - offset, place.offset - offset + place.length)
      wanted[i]?.check(own)
      index.cache.put(wanted[i]?.key ?? '', own)
      results[i] = own
    }
  }
  return results
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
