/**
 * Counts the storage requests and bytes that opening an index costs, and those that a query costs, from the manifest alone. For opening
 * the counts are exact: they follow what the runtime reads. For a query only the limits are exact; what is typical is an estimate, from
 * the measurements in `FIGURES`.
 */
import { chunksOf, PIECE_BYTES, READ_AHEAD } from '../format/indexReader.ts'
import { ENTRY_BYTES } from '../format/items/textBlocks.ts'
import { encodeManifest, type Manifest, type SectionName, type SegmentEntry } from '../format/manifest/manifest.ts'
import { FIRST_BYTES } from '../runtime/readers/remote.ts'
import { K_DEFAULT, rescoredMax } from '../runtime/search/parameters.ts'
import { queryLimits, rangeParameters } from '../runtime/search/range/rangeParameters.ts'
import { OPENED_SECTIONS } from '../runtime/searchers/memoryNeed.ts'
import type { Pipeline } from '../runtime/searchers/openIndexFiles.ts'
import { RANGE_DEFAULTS } from '../runtime/searchers/rangeSearcher.ts'
import { FIGURES } from './hosts.ts'

export interface Reads {
  readonly requests: number
  readonly bytes: number
  /** Requests that wait for one another. */
  readonly roundTrips: number
}

export interface ReadsOptions {
  /** Whether every request is answered with a whole part, by storage that knows no ranges. Default false. */
  readonly wholeFiles?: boolean
  /** What a query may read, by range. Default: that of the runtime. */
  readonly bytesMax?: number
}

export interface QueryReads {
  /** An estimate, for a query of as many rows as the encoder makes, k = 10, nothing cached. All 0 for the resident pipeline. */
  readonly typical: Reads
  /** No query makes more, and asks for more bytes. */
  readonly requestsMax: number
  readonly bytesMax: number
  /** Besides, for the texts of the hits: at most, when no two share a block. 0 when the index stores none. */
  readonly texts: Reads
}

/** Sections of a segment that the resident pipeline reads, one after another: all but the texts. */
const RESIDENT_SECTIONS: readonly SectionName[] = [
  'centroids',
  'centroidScales',
  'passageLengths',
  'postingOffsets',
  'rows',
  'postings',
  'idOffsets',
  'ids',
  'idOrder',
  'textBlocks',
]

/** Manifest and sections, over a network: `readers/remote.ts` asks for the manifest's first 64 KiB, then for the rest. */
export function openingReads(manifest: Manifest, pipeline: Pipeline, options: ReadsOptions = {}): Reads {
  const manifestBytes = encodeManifest(manifest).length
  const manifestRequests = manifestBytes > FIRST_BYTES ? 2 : 1
  const names = pipeline === 'resident' ? RESIDENT_SECTIONS : OPENED_SECTIONS
  const sections = manifest.segments.map((segment) =>
    names.map((name) => sectionReads(manifest, segment, name, options)),
  )
  // By range the sections of a segment come side by side, else one after another.
  const waits = sections.map((own) => {
    const trips = own.map(({ roundTrips }) => roundTrips)
    return pipeline === 'resident' ? sum(trips) : Math.max(0, ...trips)
  })
  const all = sections.flat()
  return {
    requests: manifestRequests + sum(all.map(({ requests }) => requests)),
    bytes: manifestBytes + sum(all.map(({ bytes }) => bytes)),
    roundTrips: manifestRequests + sum(waits),
  }
}

function sectionReads(
  { parts }: Manifest,
  segment: SegmentEntry,
  name: SectionName,
  { wholeFiles = false }: ReadsOptions,
): Reads {
  const chunks = chunksOf(segment, name).filter(({ length }) => length > 0)
  const pieces = chunks.map(({ length }) => Math.ceil(length / PIECE_BYTES))
  return {
    requests: sum(pieces),
    bytes: sum(
      chunks.map(({ part, length }, i) => (wholeFiles ? (parts[part]?.bytes ?? 0) * (pieces[i] ?? 0) : length)),
    ),
    roundTrips: sum(pieces.map((count) => Math.ceil(count / READ_AHEAD))),
  }
}

/** A query of ten results with the default parameters. */
export function queryReads(
  manifest: Manifest,
  pipeline: Pipeline,
  { wholeFiles = false, bytesMax = RANGE_DEFAULTS.bytesMax }: ReadsOptions = {},
): QueryReads {
  const { parts } = manifest
  const partBytes = Math.round(sum(parts.map(({ bytes }) => bytes)) / Math.max(1, parts.length))
  const asSent = (reads: Reads) => (wholeFiles ? { ...reads, bytes: reads.requests * partBytes } : reads)
  const texts = asSent(textReads(manifest))
  const none = { requests: 0, bytes: 0, roundTrips: 0 }
  if (pipeline === 'resident') return { typical: none, requestsMax: 0, bytesMax: 0, texts }
  const { readsMax, concurrency } = RANGE_DEFAULTS
  const { lists, rows } = rangeRounds(manifest, bytesMax)
  const trips = (requests: number) => Math.ceil(requests / concurrency)
  const typical = {
    requests: Math.min(readsMax, lists.requests + rows.requests),
    bytes: Math.min(bytesMax, lists.bytes + rows.bytes),
    roundTrips: trips(lists.requests) + trips(rows.requests),
  }
  return { typical: asSent(typical), requestsMax: readsMax, bytesMax, texts }
}

type Round = Pick<Reads, 'requests' | 'bytes'>

/** The two rounds of a query by range: posting lists, then rows of the best passages, each in a read of its own. */
function rangeRounds(
  { segments, encoder }: Manifest,
  bytesMax: number,
): { readonly lists: Round; readonly rows: Round } {
  const passages = sum(segments.map((segment) => segment.passages))
  const rowBytes = sum(segments.map((segment) => lengthOf(segment, 'rows')))
  const parameters = rangeParameters(K_DEFAULT)
  const rescored = rescoredMax(parameters, K_DEFAULT)
  const limits = queryLimits({ ...RANGE_DEFAULTS, bytesMax }, {}, rescored)
  const { lists: listAim, passages: aim } = limits.aims
  const wanted = (encoder?.queryLength ?? FIGURES.queryRows) * parameters.ncells
  const lists = segments.map((segment): Round => {
    const count = Math.min(segment.centroids, wanted)
    const all = lengthOf(segment, 'postings')
    const mean = all / segment.centroids
    const requests = Math.min(count, Math.ceil(count * FIGURES.readsPerList))
    const gaps = (count - requests) * Math.min(limits.listGapBytes, FIGURES.gapLists * mean)
    return { requests, bytes: Math.min(all, count * mean + gaps) }
  })
  const most = (ofLimit: number, ofAim = Number.POSITIVE_INFINITY) => Math.min(ofLimit, ofAim)
  const listRound = {
    requests: Math.min(most(limits.listReadsMax, listAim?.readsMax), sum(lists.map(({ requests }) => requests))),
    bytes: Math.round(Math.min(most(limits.listBytesMax, listAim?.bytesMax), sum(lists.map(({ bytes }) => bytes)))),
  }
  // Each passage in a read of its own: as many as there is room for beside the lists.
  const block = rowBytes / passages
  const room = Math.min(
    most(limits.readsMax, aim?.readsMax) - listRound.requests,
    Math.floor((most(bytesMax, aim?.bytesMax) - listRound.bytes) / block),
  )
  const rows = Math.min(passages, rescored, Math.max(aim?.least ?? 0, room))
  return { lists: listRound, rows: { requests: rows, bytes: Math.round(rows * block) } }
}

function textReads({ segments }: Manifest): Reads {
  const blocks = sum(segments.map((segment) => lengthOf(segment, 'textBlocks'))) / ENTRY_BYTES
  const bytes = sum(segments.map((segment) => lengthOf(segment, 'texts')))
  const requests = Math.min(K_DEFAULT, blocks)
  return { requests, bytes: blocks > 0 ? Math.round((bytes / blocks) * requests) : 0, roundTrips: requests > 0 ? 1 : 0 }
}

function lengthOf(segment: SegmentEntry, name: SectionName): number {
  return sum(chunksOf(segment, name).map(({ length }) => length))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
