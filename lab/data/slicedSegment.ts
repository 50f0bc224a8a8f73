/** A segment cut into segments of consecutive passages over the same quantiser: rows are copied, posting lists made anew. */
import { eachPid, encodePostingList } from '../../format/items/postingList.ts'
import { rowBlocksBytes, rowShapeOf } from '../../format/items/rowBlock.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'

/** @param borders - the first pid of each slice but the first, ascending */
export function slicesOf(data: SegmentData, borders: readonly number[]): readonly SegmentData[] {
  const shape = rowShapeOf(data.dim, { codec: data.codec, centroids: data.centroidScales.length })
  const ends = [...borders, data.passageLengths.length]
  const lists = listsOf(data)
  let tokens = 0
  return ends.map((end, slice) => {
    const start = ends[slice - 1] ?? 0
    const passageLengths = data.passageLengths.slice(start, end)
    const ownTokens = passageLengths.reduce((sum, length) => sum + length, 0)
    const from = rowBlocksBytes(start, tokens, shape)
    tokens += ownTokens
    const rows = data.rows.slice(from, rowBlocksBytes(end, tokens, shape))
    return { ...data, passageLengths, rows, ...postingsWithin(lists, start, end) }
  })
}

/** Borders of `count` slices of about the same size. */
export function evenBorders(passages: number, count: number): readonly number[] {
  return Array.from({ length: count - 1 }, (_, slice) => Math.round(((slice + 1) * passages) / count))
}

function listsOf({ postingOffsets, postings, passageLengths }: SegmentData): readonly Uint32Array[] {
  return Array.from({ length: postingOffsets.length - 1 }, (_, cell) =>
    pidsOfList(postings.subarray(postingOffsets[cell], postingOffsets[cell + 1]), cell, passageLengths.length),
  )
}

function postingsWithin(lists: readonly Uint32Array[], start: number, end: number) {
  const encoded = lists.map((pids) =>
    encodePostingList(pids.filter((pid) => pid >= start && pid < end).map((pid) => pid - start)),
  )
  const postingOffsets = new Uint32Array(encoded.length + 1)
  for (const [cell, { length }] of encoded.entries()) postingOffsets[cell + 1] = (postingOffsets[cell] ?? 0) + length
  return { postingOffsets, postings: new Uint8Array(Buffer.concat(encoded)) }
}

function pidsOfList(list: Uint8Array, cell: number, passages: number): Uint32Array {
  const pids: number[] = []
  eachPid(list, cell, passages, (pid) => pids.push(pid))
  return Uint32Array.from(pids)
}
