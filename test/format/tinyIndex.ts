/** A small, valid index in memory: random codes and residuals from a seed, everything else derived as SPEC.md says. */
import { crc32c } from '../../format/container/crc32c.ts'
import { encodeIds } from '../../format/items/ids.ts'
import { encodeTextBlockEntry, TextBlockEncoder } from '../../format/items/textBlocks.ts'
import { encodeManifest, MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import { codeBytesOf, type Nbits, residualBytesOf, rowBlockBytes } from '../../format/manifest/segment.ts'
import { type IndexSink, PartWriter } from '../../format/writer.ts'

export interface TinyShape {
  readonly lengths: readonly number[]
  readonly dim?: number
  readonly nbits?: Nbits
  readonly centroids?: number
  readonly seed?: number
  readonly partBytes?: number
  readonly texts?: boolean
}

export interface TinyIndex {
  readonly files: Map<string, Uint8Array>
  readonly manifest: Manifest
}

/** mulberry32: enough randomness for test data, the same everywhere. */
export function seededBytes(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) & 0xff
  }
}

export async function tinyIndex(shape: TinyShape): Promise<TinyIndex> {
  const { lengths, dim = 32, nbits = 2, centroids = 5, seed = 1, texts = true } = shape
  const next = seededBytes(seed)
  const files = new Map<string, Uint8Array>()
  const sink: IndexSink = { write: async (name, bytes) => void files.set(name, bytes) }
  const writer = new PartWriter(sink, shape.partBytes)
  await writer.appendArray('centroids', Uint8Array.from({ length: centroids * dim }, next), dim)
  await writer.appendArray('centroidScales', new Uint8Array(new Float32Array(centroids).fill(0.01).buffer), 4)
  await writer.appendArray('passageLengths', new Uint8Array(Uint16Array.from(lengths).buffer), 2)
  const lists: Set<number>[] = Array.from({ length: centroids }, () => new Set())
  for (const [pid, tokens] of lengths.entries()) {
    await writer.append('rows', rowBlock(pid, tokens, dim, nbits, lists, next), 1)
  }
  const postings = encodePostings(lists)
  await writer.appendArray('postingOffsets', new Uint8Array(postings.offsets.buffer), 4)
  await writer.appendItems('postings', postings.bytes, postings.offsets)
  const ids = encodeIds(lengths.map((_, pid) => `p${(pid * 7919) % 1000}/${pid}`))
  await writer.appendArray('idOffsets', new Uint8Array(ids.idOffsets.buffer), 4)
  await writer.appendItems('ids', ids.ids, ids.idOffsets)
  await writer.appendArray('idOrder', new Uint8Array(ids.idOrder.buffer), 4)
  if (texts) await appendTexts(writer, lengths.length)
  const { parts, sections } = await writer.finish()
  const manifest: Manifest = {
    generation: 1,
    name: 'tiny',
    dim,
    builder: 'test',
    parts,
    segments: [
      {
        passages: lengths.length,
        tokens: lengths.reduce((sum, length) => sum + length, 0),
        centroids,
        codec: {
          nbits,
          bucketCutoffs: Float32Array.from({ length: 2 ** nbits - 1 }, (_, i) => (i - 1) / 10),
          bucketWeights: Float32Array.from({ length: 2 ** nbits }, (_, i) => (i - 1.5) / 10),
          inverseNormMin: 0.5,
          inverseNormStep: 1 / 256,
        },
        sections,
      },
    ],
  }
  files.set(MANIFEST_NAME, encodeManifest(manifest))
  return { files, manifest }
}

function rowBlock(
  pid: number,
  tokens: number,
  dim: number,
  nbits: Nbits,
  lists: Set<number>[],
  next: () => number,
): Uint8Array {
  const bytes = new Uint8Array(rowBlockBytes(tokens, dim, nbits, lists.length))
  const view = new DataView(bytes.buffer)
  const codeBytes = codeBytesOf(lists.length)
  for (let token = 0; token < tokens; token++) {
    const code = next() % lists.length
    lists[code]!.add(pid)
    if (codeBytes === 2) view.setUint16(token * 2, code, true)
    else view.setUint32(token * 4, code, true)
  }
  const rest = tokens * (1 + residualBytesOf(dim, nbits))
  for (let i = 0; i < rest; i++) bytes[tokens * codeBytes + i] = next()
  view.setUint32(bytes.length - 4, crc32c(bytes.subarray(0, -4)), true)
  return bytes
}

function encodePostings(lists: readonly Set<number>[]): { offsets: Uint32Array; bytes: Uint8Array } {
  const bytes: number[] = []
  const offsets = new Uint32Array(lists.length + 1)
  for (const [cell, list] of lists.entries()) {
    const start = bytes.length
    let previous = -1
    for (const pid of [...list].sort((a, b) => a - b)) {
      let gap = pid - previous - 1
      while (gap > 127) {
        bytes.push((gap & 127) | 128)
        gap >>>= 7
      }
      bytes.push(gap)
      previous = pid
    }
    if (list.size > 0) {
      const crc = crc32c(Uint8Array.from(bytes.slice(start)))
      bytes.push(crc & 255, (crc >>> 8) & 255, (crc >>> 16) & 255, crc >>> 24)
    }
    offsets[cell + 1] = bytes.length
  }
  return { offsets, bytes: Uint8Array.from(bytes) }
}

async function appendTexts(writer: PartWriter, passages: number): Promise<void> {
  const encoder = new TextBlockEncoder()
  const blocks = []
  for (let pid = 0; pid < passages; pid++) {
    const metadata = pid % 2 ? { path: `a/${pid}.md`, page: pid } : undefined
    const block = await encoder.add({ title: `Title ${pid}`, text: `Text of passage ${pid}. `.repeat(20), metadata })
    if (block) blocks.push(block)
  }
  const last = await encoder.end()
  if (last) blocks.push(last)
  for (const { entry } of blocks) await writer.append('textBlocks', encodeTextBlockEntry(entry), 1)
  for (const { bytes } of blocks) await writer.append('texts', bytes, 1)
}
