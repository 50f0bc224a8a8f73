/** What the range pipeline keeps of a segment: where each posting list and row block stands. The rest is read when a query wants it. */
import { FormatError } from '../../../format/errors.ts'
import type { IndexReader } from '../../../format/indexReader.ts'
import { decodeTombstones } from '../../../format/items/tombstones.ts'
import { quantiserOf, type SegmentEntry } from '../../../format/manifest/manifest.ts'
import { rowBlockBytes } from '../../../format/manifest/segment.ts'
import type { SectionArrays } from '../../../format/sectionArrays.ts'
import { bitmapWhere, type PassageBitmap } from '../../passages/bitmap.ts'
import { SampledOffsets } from '../../passages/sampledOffsets.ts'
import type { WantedBytes } from './plan.ts'

export interface RangeSegment {
  readonly entry: SegmentEntry
  /** u32[K + 1]. */
  readonly postingOffsets: Uint32Array
  /** Tokens of each passage, and before it. */
  readonly tokens: SampledOffsets
  readonly deleted: ReadonlySet<number>
  /** Passages that a search may answer: not deleted, and with tokens. */
  readonly searchable: PassageBitmap
}

/** @returns checks what was loaded; it throws FormatError, ChecksumError */
export function reserveRangeSegment(
  reader: IndexReader,
  entry: SegmentEntry,
  arrays: SectionArrays,
): () => RangeSegment {
  const offsetBytes = arrays.want(entry, 'postingOffsets')
  const lengthBytes = arrays.want(entry, 'passageLengths')
  const tombstones = arrays.want(entry, 'tombstones')
  return () => {
    const postingOffsets = new Uint32Array(offsetBytes.buffer)
    requireOffsets(postingOffsets, reader.sectionLength(entry, 'postings'))
    const tokens = new SampledOffsets(new Uint16Array(lengthBytes.buffer))
    if (tokens.total !== entry.tokens) throw new FormatError('passageLengths', `${entry.tokens} tokens`, tokens.total)
    const deleted = new Set(entry.deleted > 0 ? decodeTombstones(tombstones, entry.passages) : [])
    if (deleted.size !== entry.deleted) throw new FormatError('tombstones', `${entry.deleted} passages`, deleted.size)
    const searchable = bitmapWhere(entry.passages, (pid) => (tokens.lengths[pid] ?? 0) > 0 && !deleted.has(pid))
    return { entry, postingOffsets, tokens, deleted, searchable }
  }
}

/** Where a posting list stands; undefined for an empty one. */
export function wantedList(reader: IndexReader, segment: RangeSegment, cell: number): WantedBytes | undefined {
  const start = segment.postingOffsets[cell] ?? 0
  const length = (segment.postingOffsets[cell + 1] ?? start) - start
  return length === 0 ? undefined : reader.locate(segment.entry, 'postings', start, length)
}

/** Where the row block of a passage stands. */
export function wantedRows(reader: IndexReader, { entry, tokens }: RangeSegment, pid: number): WantedBytes {
  const { manifest } = reader
  const { codec, centroids } = quantiserOf(manifest, entry)
  const bytesOf = (count: number) => rowBlockBytes(count, manifest.dim, codec.nbits, centroids)
  const start = bytesOf(tokens.before(pid)) - 4 + pid * 4
  return reader.locate(entry, 'rows', start, bytesOf(tokens.lengths[pid] ?? 0))
}

function requireOffsets(offsets: Uint32Array, length: number): void {
  let previous = 0
  for (const [cell, offset] of offsets.entries()) {
    const bytes = offset - previous
    const isSound = cell === 0 ? offset === 0 : bytes === 0 || bytes >= 5
    if (!isSound) throw new FormatError('postingOffsets', 'lists of no or at least 5 bytes', `${bytes} before ${cell}`)
    previous = offset
  }
  if (previous !== length) throw new FormatError('postingOffsets', `an end at ${length}`, previous)
}
