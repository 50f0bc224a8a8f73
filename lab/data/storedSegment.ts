/** A segment of a stored index as arrays, with the quantiser it refers to: to be cut, changed and written again. */
import type { IndexReader } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import { quantiserOf } from '../../format/manifest/manifest.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'

export interface StoredSegment {
  readonly data: SegmentData
  /** Of its passages, in order. */
  readonly ids: readonly string[]
}

/**
 * Reads all of it but texts and tombstones.
 * @param number - index of the segment in the manifest
 * @throws RangeError when there is none; else as IndexReader.section
 */
export async function storedSegment(reader: IndexReader, number: number): Promise<StoredSegment> {
  const { manifest } = reader
  const segment = manifest.segments[number]
  if (!segment) throw new RangeError(`the index has ${manifest.segments.length} segments, none is number ${number}`)
  const quantiser = quantiserOf(manifest, segment)
  const words = async (name: 'postingOffsets' | 'idOffsets' | 'idOrder') =>
    new Uint32Array((await reader.section(segment, name)).buffer)
  const table = new IdTable(await words('idOffsets'), await reader.section(segment, 'ids'), await words('idOrder'))
  return {
    data: {
      dim: manifest.dim,
      codec: quantiser.codec,
      centroids: new Int8Array((await reader.section(quantiser, 'centroids')).buffer),
      centroidScales: new Float32Array((await reader.section(quantiser, 'centroidScales')).buffer),
      passageLengths: new Uint16Array((await reader.section(segment, 'passageLengths')).buffer),
      rows: await reader.section(segment, 'rows'),
      postingOffsets: await words('postingOffsets'),
      postings: await reader.section(segment, 'postings'),
    },
    ids: Array.from({ length: table.size }, (_, pid) => table.idOf(pid)),
  }
}
