/** A segment whose passages come again and again: all of their scores tie. */
import { eachPid, encodePostingList } from '../../format/items/postingList.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'

/** Passage `pid + copy * N` has the rows of passage `pid`. */
export function repeatedSegment(data: SegmentData, copies: number): SegmentData {
  const { passageLengths, rows, postingOffsets, postings } = data
  const count = passageLengths.length
  const encoded = Array.from({ length: postingOffsets.length - 1 }, (_, cell) => {
    const pids: number[] = []
    const list = postings.subarray(postingOffsets[cell], postingOffsets[cell + 1])
    eachPid(list, cell, count, (pid) => pids.push(pid))
    return encodePostingList(Array.from({ length: copies }, (_, copy) => pids.map((pid) => pid + copy * count)).flat())
  })
  const offsets = new Uint32Array(postingOffsets.length)
  for (const [cell, { length }] of encoded.entries()) offsets[cell + 1] = (offsets[cell] ?? 0) + length
  return {
    ...data,
    passageLengths: Uint16Array.from({ length: copies * count }, (_, pid) => passageLengths[pid % count] ?? 0),
    rows: new Uint8Array(Buffer.concat(Array.from({ length: copies }, () => rows))),
    postingOffsets: offsets,
    postings: new Uint8Array(Buffer.concat(encoded)),
  }
}
