/** A whole index in memory around segments that are given as arrays, for whatever opens files. */

import { createManifest, extendManifest, IndexWriter } from '../../format/indexWriter.ts'
import { rowBlockBytes, rowShapeOf } from '../../format/items/rowBlock.ts'
import { type TextBlock, TextBlockEncoder } from '../../format/items/textBlocks.ts'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'

export interface IndexOptions {
  readonly generation?: number
  /** Bytes of a part; small ones split sections over many parts. */
  readonly partBytes?: number | undefined
  readonly texts?: boolean
  /** Of the passages of all segments, counted through; default `p0`, `p1`, … */
  readonly idOf?: (passage: number) => string
  /** Counted in the same way; default: its id, many times. */
  readonly textOf?: (passage: number) => string
  /** Of each segment the pids that are deleted, ascending. */
  readonly deleted?: readonly Uint32Array[]
}

/**
 * Segments with the same array of centroids share a quantiser.
 * @returns file name to bytes, the manifest among them
 */
export async function indexOf(
  segments: readonly SegmentData[],
  options: IndexOptions = {},
): Promise<Map<string, Uint8Array>> {
  const { generation = 1, partBytes, idOf = (passage) => `p${passage}`, deleted = [] } = options
  const files = new Map<string, Uint8Array>()
  const sink = { write: async (name: string, bytes: Uint8Array) => void files.set(name, bytes) }
  const sized = partBytes === undefined ? {} : { partBytes }
  const writer = new IndexWriter(sink, sized)
  const quantisers = new Map<Int8Array, number>()
  let first = 0
  for (const data of segments) {
    const quantiser = quantisers.get(data.centroids) ?? (await writer.appendQuantiser(data))
    quantisers.set(data.centroids, quantiser)
    const ids = Array.from(data.passageLengths, (_, pid) => idOf(first + pid))
    await appendSegment(writer, quantiser, data, { ...options, ids, first })
    first += ids.length
  }
  const facts = { name: 'made', dim: segments[0]?.dim ?? 0, builder: 'test' }
  const whole = createManifest(await writer.finish(), { ...facts, generation })
  if (deleted.every(({ length }) => length === 0)) {
    files.set(MANIFEST_NAME, encodeManifest(whole))
    return files
  }
  const tombstones = new IndexWriter(sink, { ...sized, extends: whole })
  for (const [number, pids] of deleted.entries()) {
    const passages = segments[number]?.passageLengths.length ?? 0
    if (pids.length > 0) await tombstones.appendTombstones(number, pids, passages)
  }
  files.set(MANIFEST_NAME, encodeManifest({ ...extendManifest(whole, await tombstones.finish()), generation }))
  return files
}

interface SegmentIds extends IndexOptions {
  readonly ids: readonly string[]
  /** Passages in the segments before. */
  readonly first: number
}

async function appendSegment(
  writer: IndexWriter,
  quantiser: number,
  data: SegmentData,
  { ids, first, texts = false, textOf }: SegmentIds,
): Promise<void> {
  const segment = writer.segment(quantiser)
  const shape = rowShapeOf(data.dim, { codec: data.codec, centroids: data.centroidScales.length })
  let at = 0
  for (const tokens of data.passageLengths) {
    const length = rowBlockBytes(tokens, shape)
    await segment.appendRows(data.rows.subarray(at, at + length), 1)
    at += length
  }
  await segment.appendTables({ ...data, ids })
  if (!texts) return
  const blocks = await textBlocks(ids, (pid, id) => textOf?.(first + pid) ?? `${id} `.repeat(900))
  await segment.appendTexts(blocks.map(({ entry, bytes }) => ({ entry, read: async () => bytes })))
}

async function textBlocks(
  ids: readonly string[],
  textOf: (pid: number, id: string) => string,
): Promise<readonly TextBlock[]> {
  const encoder = new TextBlockEncoder()
  const blocks: TextBlock[] = []
  for (const [pid, id] of ids.entries()) {
    const block = await encoder.add({ title: `Title of ${id}`, text: textOf(pid, id) })
    if (block) blocks.push(block)
  }
  const last = await encoder.end()
  if (last) blocks.push(last)
  return blocks
}
