/** Where lists and row blocks stand, worked out from a manifest and the arrays that were written: for the twin of the range search. */
import { rowBlockBytes } from '../../../format/items/rowBlock.ts'
import type { Manifest, SectionChunk, SegmentEntry } from '../../../format/manifest/manifest.ts'
import type { SegmentData } from '../../../format/manifest/segment.ts'
import type { Place } from '../../../reference/plannedReads.ts'
import type { ReferenceLayout } from '../../../reference/rangeSearch.ts'

export function layoutOf(manifest: Manifest, segments: readonly SegmentData[]): ReferenceLayout {
  const tables = segments.map((data, number) => {
    const entry = manifest.segments[number]!
    const shape = { dim: data.dim, nbits: data.codec.nbits, centroids: data.centroidScales.length }
    const rowEnds = endsOf(Array.from(data.passageLengths, (tokens) => rowBlockBytes(tokens, shape)))
    return {
      list: (cell: number) => placeIn(entry, 'postings', data.postingOffsets[cell]!, data.postingOffsets[cell + 1]!),
      rows: (pid: number) => placeIn(entry, 'rows', rowEnds[pid - 1] ?? 0, rowEnds[pid]!),
    }
  })
  return {
    list: (segment, cell) => tables[segment]!.list(cell),
    rows: (segment, pid) => tables[segment]!.rows(pid)!,
  }
}

function endsOf(lengths: readonly number[]): readonly number[] {
  let end = 0
  return lengths.map((length) => {
    end += length
    return end
  })
}

/** Undefined for nothing. */
function placeIn(entry: SegmentEntry, section: 'postings' | 'rows', start: number, end: number): Place | undefined {
  if (start === end) return undefined
  let before = 0
  const chunks: readonly SectionChunk[] = entry.sections.find(({ name }) => name === section)!.chunks
  for (const { part, offset, length } of chunks) {
    if (start < before + length) return { part, offset: offset + start - before, length: end - start }
    before += length
  }
  throw new Error(`no chunk of ${section} has byte ${start}`)
}
