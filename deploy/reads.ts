/**
 * Counts the storage requests and bytes that opening an index costs, and those that a query costs, from the manifest alone. For opening
 * the counts are exact: they follow what the runtime reads. For a query only the limits are exact; what is typical is an estimate, from
 * the measurements in `FIGURES`.
 */
import { PIECE_BYTES, READS_AT_ONCE } from '../format/indexReader.ts'
import { ENTRY_BYTES } from '../format/items/textBlocks.ts'
import {
  chunksOf,
  encodeManifest,
  type HasSections,
  livePassages,
  type Manifest,
  quantiserOf,
  sectionBytes,
} from '../format/manifest/manifest.ts'
import { openedSections, type SectionName } from '../format/manifest/sections.ts'
import { FIRST_BYTES, WHOLE_FILES_MAX_DEFAULT } from '../runtime/readers/remote.ts'
import { K_DEFAULT } from '../runtime/search/parameters.ts'
import {
  type Budgets,
  defaultBudget,
  minus,
  queryLimits,
  resolveRangeParameters,
} from '../runtime/search/range/rangeParameters.ts'
import type { Budget } from '../runtime/searcher.ts'
import type { PipelineName } from '../runtime/searchers/pipeline.ts'
import { RANGE_DEFAULTS } from '../runtime/searchers/rangePipeline.ts'
import { FIGURES } from './hosts.ts'

export interface Reads {
  readonly requests: number
  readonly bytes: number
  /** Requests that wait for one another. */
  readonly roundTrips: number
}

export interface ReadsOptions {
  /** Whether every request is answered with a whole part, by storage that knows no ranges; further ranges are then answered from it. Default false. */
  readonly wholeFiles?: boolean
  /** What a query may read, by range. Default: that of the runtime. */
  readonly budget?: Budget
}

export interface QueryReads {
  /** An estimate, for a query of as many rows as the encoder makes, k = 10, nothing cached. All 0 for the resident pipeline. */
  readonly typical: Reads
  /** No query makes more, and asks for more bytes. */
  readonly requestsMax: number
  readonly bytesMax: number
  /** Besides, for the texts of the hits: at most, when no two share a block. 0 when the index stores none. */
  readonly texts: Reads
  /** Before the first texts, once: the directory of their blocks, where opening does not read it. */
  readonly textDirectory: Reads
}

const NONE: Reads = { requests: 0, bytes: 0, roundTrips: 0 }

/** Over a network: the manifest, then the pieces of all sections side by side, as many at a time as `READS_AT_ONCE` says. */
export function openingReads(manifest: Manifest, pipeline: PipelineName, options: ReadsOptions = {}): Reads {
  const first = manifestReads(manifest, options)
  const sections = piecesReads(openingPieces(manifest, pipeline), manifest, options)
  return {
    requests: first.requests + sections.requests,
    bytes: first.bytes + sections.bytes,
    roundTrips: first.roundTrips + sections.roundTrips,
  }
}

/** `readers/remote.ts` asks for the first 64 KiB of a file whose size it does not know; what is longer is then asked for whole. */
function manifestReads(manifest: Manifest, { wholeFiles = false }: ReadsOptions): Reads {
  const { length } = encodeManifest(manifest)
  return wholeFiles || length <= FIRST_BYTES
    ? { requests: 1, bytes: length, roundTrips: 1 }
    : { requests: 2, bytes: FIRST_BYTES + length, roundTrips: 2 }
}

/** A request for bytes of a part. */
interface Piece {
  readonly part: number
  readonly bytes: number
}

function openingPieces({ quantisers, segments }: Manifest, pipeline: PipelineName): readonly Piece[] {
  return [
    ...quantisers.flatMap((owner) => piecesOf(owner, openedSections(pipeline, 'quantiser'))),
    ...segments.flatMap((owner) => piecesOf(owner, openedSections(pipeline, 'segment'))),
  ]
}

function piecesOf(owner: HasSections, names: readonly SectionName[]): readonly Piece[] {
  const chunks = names.flatMap((name) => chunksOf(owner, name))
  return chunks.flatMap(({ part, length }) =>
    Array.from({ length: Math.ceil(length / PIECE_BYTES) }, (_, at) => ({
      part,
      bytes: Math.min(PIECE_BYTES, length - at * PIECE_BYTES),
    })),
  )
}

function piecesReads(pieces: readonly Piece[], { parts }: Manifest, { wholeFiles = false }: ReadsOptions): Reads {
  if (wholeFiles) {
    const fetched = wholeFetches(pieces, parts)
    return { requests: fetched.length, bytes: sum(fetched), roundTrips: fetched.length }
  }
  return {
    requests: pieces.length,
    bytes: sum(pieces.map(({ bytes }) => bytes)),
    roundTrips: Math.ceil(pieces.length / READS_AT_ONCE),
  }
}

/** Bytes of each part that is fetched, once more when it had to make room for others meanwhile (readers/wholeFiles.ts). */
function wholeFetches(pieces: readonly Piece[], parts: Manifest['parts']): readonly number[] {
  /** In the order of their last use. */
  const kept = new Map<number, number>()
  return pieces.flatMap(({ part }) => {
    const there = kept.get(part)
    const bytes = parts[part]?.bytes ?? 0
    kept.delete(part)
    for (const [oldest] of kept) {
      if (sum([...kept.values()]) + bytes <= WHOLE_FILES_MAX_DEFAULT) break
      kept.delete(oldest)
    }
    kept.set(part, bytes)
    return there === undefined ? [bytes] : []
  })
}

/** Of so many reads at random places, the parts that they meet, on average: each is fetched once. */
function partsMet(reads: Reads, parts: number, partBytes: number): Reads {
  const met = Math.min(reads.requests, Math.ceil(parts * (1 - (1 - 1 / Math.max(1, parts)) ** reads.requests)))
  return { requests: met, bytes: met * partBytes, roundTrips: reads.requests > 0 ? reads.roundTrips : 0 }
}

/** A query of ten results with the default parameters. */
export function queryReads(manifest: Manifest, pipeline: PipelineName, options: ReadsOptions = {}): QueryReads {
  const { wholeFiles = false, budget = defaultBudget(manifest.segments.length) } = options
  const { parts } = manifest
  const partBytes = Math.round(sum(parts.map(({ bytes }) => bytes)) / Math.max(1, parts.length))
  const asSent = (reads: Reads) => (wholeFiles ? partsMet(reads, parts.length, partBytes) : reads)
  const texts = asSent(textReads(manifest))
  if (pipeline === 'resident') return { typical: NONE, requestsMax: 0, bytesMax: 0, texts, textDirectory: NONE }
  const { concurrency } = RANGE_DEFAULTS
  const { lists, rows } = rangeRounds(manifest, budget)
  const trips = (reads: number) => Math.ceil(reads / concurrency)
  const typical = {
    requests: lists.reads + rows.reads,
    bytes: lists.bytes + rows.bytes,
    roundTrips: trips(lists.reads) + trips(rows.reads),
  }
  const directory = manifest.segments.flatMap((segment) => piecesOf(segment, ['textBlocks']))
  return {
    typical: asSent(typical),
    requestsMax: budget.reads,
    bytesMax: budget.bytes,
    texts,
    textDirectory: piecesReads(directory, manifest, options),
  }
}

interface Rounds {
  readonly lists: Budget
  readonly rows: Budget
}

/** The two rounds of a query by range: posting lists, then rows of the best passages, each in a read of its own. */
function rangeRounds(manifest: Manifest, budget: Budget): Rounds {
  const { segments, encoder } = manifest
  const wanted = resolveRangeParameters({ k: K_DEFAULT })
  const { concurrency } = RANGE_DEFAULTS
  const limits = queryLimits({ budget, concurrency, segments: segments.length }, { k: K_DEFAULT }, wanted.passages)
  // The cells of a quantiser are chosen once; each of its segments has a list for each of them.
  const cells = (encoder?.queryLength ?? FIGURES.queryRows) * wanted.lists
  const lists = segments.map((segment): Budget => {
    const { centroids } = quantiserOf(manifest, segment)
    const count = Math.min(centroids, cells)
    const all = sectionBytes(segment, 'postings')
    const mean = all / centroids
    const reads = Math.min(count, Math.ceil(count * FIGURES.readsPerList))
    const gaps = (count - reads) * Math.min(limits.gaps.lists, FIGURES.gapLists * mean)
    return { reads, bytes: Math.min(all, count * mean + gaps) }
  })
  const room = roomOf(limits.lists)
  const listRound = {
    reads: Math.min(room.reads, sum(lists.map(({ reads }) => reads))),
    bytes: Math.round(Math.min(room.bytes, sum(lists.map(({ bytes }) => bytes)))),
  }
  const block = sum(segments.map((own) => sectionBytes(own, 'rows'))) / sum(segments.map(({ passages }) => passages))
  const blocksIn = ({ reads, bytes }: Budget) => Math.max(0, Math.min(reads, Math.floor(bytes / block)))
  const least = Math.min(limits.passagesLeast, blocksIn(minus(limits.all.hard, listRound)))
  const asked = blocksIn(minus(roomOf(limits.all), listRound))
  const rows = Math.min(livePassages(manifest), wanted.passages, Math.max(least, asked))
  return { lists: listRound, rows: { reads: rows, bytes: Math.round(rows * block) } }
}

/** What is asked for at most. */
function roomOf({ soft = UNLIMITED, hard }: Budgets): Budget {
  return { bytes: Math.min(soft.bytes, hard.bytes), reads: Math.min(soft.reads, hard.reads) }
}

const UNLIMITED: Budget = { bytes: Number.POSITIVE_INFINITY, reads: Number.POSITIVE_INFINITY }

function textReads({ segments }: Manifest): Reads {
  const blocks = sum(segments.map((segment) => sectionBytes(segment, 'textBlocks'))) / ENTRY_BYTES
  const bytes = sum(segments.map((segment) => sectionBytes(segment, 'texts')))
  const requests = Math.min(K_DEFAULT, blocks)
  return { requests, bytes: blocks > 0 ? Math.round((bytes / blocks) * requests) : 0, roundTrips: requests > 0 ? 1 : 0 }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
