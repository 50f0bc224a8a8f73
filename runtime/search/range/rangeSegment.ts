/** What the range pipeline keeps of a segment: where each posting list and row block stands. The rest is read when a query wants it. */
import { FormatError } from '../../../format/errors.ts'
import type { IndexReader } from '../../../format/indexReader.ts'
import { locatePostingList, requirePostingOffsets } from '../../../format/items/postingList.ts'
import { locateRowBlock, type RowShape, rowShapeOf } from '../../../format/items/rowBlock.ts'
import { decodeTombstones } from '../../../format/items/tombstones.ts'
import { chunksOf, quantiserOf, type SegmentEntry } from '../../../format/manifest/manifest.ts'
import type { SectionArrays } from '../../../format/sectionArrays.ts'
import { bitmapWhere, type PassageBitmap } from '../../passages/bitmap.ts'
import { SampledOffsets } from '../../passages/sampledOffsets.ts'
import type { WantedBytes } from './plan.ts'

export interface RangeSegment {
  readonly entry: SegmentEntry
  readonly rowShape: RowShape
  /** u32[K + 1]. */
  readonly postingOffsets: Uint32Array
  /** Tokens of each passage, and before it. */
  readonly tokens: SampledOffsets
  readonly deleted: ReadonlySet<number>
  /** Passages that a search may answer: not deleted, and with tokens. */
  readonly searchable: PassageBitmap
  /** Where an item of a section stands. @throws FormatError when it is not inside one chunk */
  readonly locate: { readonly postings: LocateItem; readonly rows: LocateItem }
}

type LocateItem = (item: { readonly offset: number; readonly length: number }) => WantedBytes

/** @returns checks what was loaded; it throws FormatError, ChecksumError */
export function reserveRangeSegment(
  reader: IndexReader,
  entry: SegmentEntry,
  arrays: SectionArrays,
): () => RangeSegment {
  const rowShape = rowShapeOf(reader.manifest.dim, quantiserOf(reader.manifest, entry))
  const offsetBytes = arrays.want(entry, 'postingOffsets')
  const lengthBytes = arrays.want(entry, 'passageLengths')
  const tombstones = arrays.want(entry, 'tombstones')
  return () => {
    const postingOffsets = new Uint32Array(offsetBytes.buffer)
    requirePostingOffsets(postingOffsets, reader.sectionLength(entry, 'postings'))
    const tokens = new SampledOffsets(new Uint16Array(lengthBytes.buffer))
    if (tokens.total !== entry.tokens) throw new FormatError('passageLengths', `${entry.tokens} tokens`, tokens.total)
    const deleted = new Set(entry.deleted > 0 ? decodeTombstones(tombstones, entry.passages, entry.deleted) : [])
    const searchable = bitmapWhere(entry.passages, (pid) => (tokens.lengths[pid] ?? 0) > 0 && !deleted.has(pid))
    const locate = { postings: locatorOf(entry, 'postings'), rows: locatorOf(entry, 'rows') }
    return { entry, rowShape, postingOffsets, tokens, deleted, searchable, locate }
  }
}

/** Where a posting list stands; undefined for an empty one. */
export function wantedList({ postingOffsets, locate }: RangeSegment, cell: number): WantedBytes | undefined {
  const place = locatePostingList(postingOffsets, cell)
  return place.length === 0 ? undefined : locate.postings(place)
}

export function isListEmpty({ postingOffsets }: RangeSegment, cell: number): boolean {
  return postingOffsets[cell] === postingOffsets[cell + 1]
}

/** Whether the list of a cell, if it has one, lies inside one of some reads: asked for thousands of cells a query, nearly all of them not. */
export function postingsRead(
  { entry, postingOffsets }: RangeSegment,
  reads: readonly WantedBytes[],
): (cell: number) => boolean {
  const starts: number[] = []
  const ends: number[] = []
  let before = 0
  for (const { part, offset, length } of chunksOf(entry, 'postings')) {
    for (const read of reads) {
      const start = Math.max(read.offset, offset)
      const end = Math.min(read.offset + read.length, offset + length)
      if (read.part !== part || start >= end) continue
      starts.push(before + start - offset)
      ends.push(before + end - offset)
    }
    before += length
  }
  return (cell) => {
    const [start = 0, end = 0] = [postingOffsets[cell], postingOffsets[cell + 1]]
    for (let at = 0; at < starts.length; at++) {
      if (start >= (starts[at] ?? 0) && end <= (ends[at] ?? 0)) return true
    }
    return false
  }
}

/** Where the row block of a passage stands. */
export function wantedRows({ rowShape, tokens, locate }: RangeSegment, pid: number): WantedBytes {
  const passage = { pid, tokensBefore: tokens.before(pid), tokens: tokens.lengths[pid] ?? 0 }
  return locate.rows(locateRowBlock(passage, rowShape))
}

/** As IndexReader.locate, for thousands of items a query. */
function locatorOf(entry: SegmentEntry, section: 'postings' | 'rows'): LocateItem {
  let end = 0
  const chunks = chunksOf(entry, section).map(({ part, offset, length }) => {
    end += length
    return { part, shift: offset + length - end, start: end - length, end }
  })
  return ({ offset, length }) => {
    for (const { part, shift, start, end: chunkEnd } of chunks) {
      if (offset >= start && offset + length <= chunkEnd) return { part, offset: offset + shift, length }
    }
    throw new FormatError(section, `[${offset}, ${offset + length}) inside one chunk`, `${end} bytes in all`)
  }
}
