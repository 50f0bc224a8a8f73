/** A plain reader of segments for tests, written from SPEC.md §5 alone. Throws on a wrong CRC. */
import type { CodedToken } from '../../../builder/segment/codecReference.ts'
import type { SegmentData } from '../../../format/manifest/segment.ts'

/** Bit by bit, independent of format/container/crc32c.ts. */
function plainCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

function checked(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(0, bytes.length - 4)
  const crc = new DataView(bytes.buffer, bytes.byteOffset).getUint32(body.length, true)
  if (crc !== plainCrc32c(body)) throw new Error(`wrong CRC32C in a block of ${bytes.length} bytes`)
  return body
}

/** pids of each cell. */
export function decodePostings(lists: Pick<SegmentData, 'postings' | 'postingOffsets'>): number[][] {
  return Array.from({ length: lists.postingOffsets.length - 1 }, (_, cell) => {
    const list = lists.postings.subarray(lists.postingOffsets[cell], lists.postingOffsets[cell + 1])
    if (list.length === 0) return []
    const pids: number[] = []
    let previous = -1
    let gap = 0
    let shift = 0
    for (const byte of checked(list)) {
      gap += (byte & 127) * 2 ** shift
      shift += 7
      if (byte & 128) continue
      previous += gap + 1
      pids.push(previous)
      gap = 0
      shift = 0
    }
    return pids
  })
}

/** Tokens of each passage. */
export function decodeRows(segment: SegmentData): CodedToken[][] {
  const { dim, codec, rows } = segment
  const wide = segment.centroidScales.length > 65_536
  const width = (dim * codec.nbits) / 8
  let start = 0
  const passages = Array.from(segment.passageLengths, (tokens) => {
    const end = start + tokens * ((wide ? 4 : 2) + 1 + width) + 4
    const block = checked(rows.subarray(start, end))
    start = end
    const view = new DataView(block.buffer, block.byteOffset, block.length)
    const normsStart = tokens * (wide ? 4 : 2)
    return Array.from({ length: tokens }, (_, token) => ({
      code: wide ? view.getUint32(token * 4, true) : view.getUint16(token * 2, true),
      inverseNorm: view.getUint8(normsStart + token),
      packed: block.slice(normsStart + tokens + token * width, normsStart + tokens + (token + 1) * width),
    }))
  })
  if (start !== rows.length) throw new Error(`${rows.length - start} bytes after the last block`)
  return passages
}
