/** A whole index in memory around segments, for searchers that open files. */
import { encodeIds } from '../../../format/items/ids.ts'
import { rowBlockBytes, rowShapeOf } from '../../../format/items/rowBlock.ts'
import { encodeTextBlockEntry, TextBlockEncoder } from '../../../format/items/textBlocks.ts'
import { encodeManifest, MANIFEST_NAME, type Manifest, type SegmentEntry } from '../../../format/manifest/manifest.ts'
import type { SegmentData } from '../../../format/manifest/segment.ts'
import { PartWriter } from '../../../format/writer.ts'

export interface IndexOptions {
  readonly generation?: number
  /** Bytes of a part; small ones split sections over many parts. */
  readonly partBytes?: number
  readonly texts?: boolean
  /** Of the passages of all segments; default `p0`, `p1`, … */
  readonly idOf?: (pid: number) => string
}

/** @returns file name to bytes, the manifest among them */
export async function indexOf(
  segments: readonly SegmentData[],
  { generation = 1, partBytes, texts = false, idOf = (pid) => `p${pid}` }: IndexOptions = {},
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>()
  const parts: Manifest['parts'][number][] = []
  const entries: SegmentEntry[] = []
  let firstPid = 0
  for (const data of segments) {
    const writer = new PartWriter({ write: async (name, bytes) => void files.set(name, bytes) }, partBytes)
    const ids = Array.from(data.passageLengths, (_, pid) => idOf(firstPid + pid))
    await appendSegment(writer, data, ids)
    if (texts) await appendTexts(writer, ids)
    const written = await writer.finish()
    const sections = written.sections.map(({ name, chunks }) => ({
      name,
      chunks: chunks.map((chunk) => ({ ...chunk, part: chunk.part + parts.length })),
    }))
    parts.push(...written.parts)
    const tokens = data.passageLengths.reduce((sum, length) => sum + length, 0)
    const shape = { passages: ids.length, tokens, centroids: data.centroidScales.length }
    entries.push({ ...shape, codec: data.codec, sections })
    firstPid += ids.length
  }
  const dim = segments[0]!.dim
  files.set(MANIFEST_NAME, encodeManifest({ generation, name: 'made', dim, builder: 'test', parts, segments: entries }))
  return files
}

async function appendSegment(writer: PartWriter, data: SegmentData, ids: readonly string[]): Promise<void> {
  const { dim, codec, passageLengths, rows } = data
  const bytesOf = (array: Float32Array | Uint32Array | Uint16Array | Int8Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  const shape = rowShapeOf(dim, { codec, centroids: data.centroidScales.length })
  let at = 0
  for (const tokens of passageLengths) {
    const length = rowBlockBytes(tokens, shape)
    await writer.append('rows', rows.subarray(at, at + length), 1)
    at += length
  }
  await writer.appendArray('centroids', bytesOf(data.centroids), dim)
  await writer.appendArray('centroidScales', bytesOf(data.centroidScales), 4)
  await writer.appendArray('passageLengths', bytesOf(passageLengths), 2)
  await writer.appendArray('postingOffsets', bytesOf(data.postingOffsets), 4)
  await writer.appendItems('postings', data.postings, data.postingOffsets)
  const encoded = encodeIds(ids)
  await writer.appendArray('idOffsets', bytesOf(encoded.idOffsets), 4)
  await writer.appendItems('ids', encoded.ids, encoded.idOffsets)
  await writer.appendArray('idOrder', bytesOf(encoded.idOrder), 4)
}

async function appendTexts(writer: PartWriter, ids: readonly string[]): Promise<void> {
  const encoder = new TextBlockEncoder()
  const blocks = []
  for (const id of ids) {
    const block = await encoder.add({ title: `Title of ${id}`, text: `${id} `.repeat(900) })
    if (block) blocks.push(block)
  }
  const last = await encoder.end()
  if (last) blocks.push(last)
  for (const { entry } of blocks) await writer.append('textBlocks', encodeTextBlockEntry(entry), 1)
  for (const { bytes } of blocks) await writer.append('texts', bytes, 1)
}
