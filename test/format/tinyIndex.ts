/** A small, valid index in memory: random codes and residuals from a seed, everything else derived as SPEC.md says. */
import { encodeIds } from '../../format/items/ids.ts'
import { encodePostingList } from '../../format/items/postingList.ts'
import { encodeRowBlocks, residualBytesOf } from '../../format/items/rowBlock.ts'
import { encodeTextBlockEntry, TextBlockEncoder } from '../../format/items/textBlocks.ts'
import { encodeManifest, MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
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
  const codes = Uint32Array.from({ length: tokens }, () => next() % lists.length)
  for (const code of codes) lists[code]!.add(pid)
  const inverseNorms = Uint8Array.from({ length: tokens }, next)
  const residuals = Uint8Array.from({ length: tokens * residualBytesOf(dim, nbits) }, next)
  return encodeRowBlocks({ codes, inverseNorms, residuals }, [tokens], { dim, nbits, centroids: lists.length })
}

function encodePostings(lists: readonly Set<number>[]): { offsets: Uint32Array; bytes: Uint8Array<ArrayBuffer> } {
  const encoded = lists.map((list) => encodePostingList([...list].sort((a, b) => a - b)))
  const offsets = new Uint32Array(lists.length + 1)
  for (const [cell, { length }] of encoded.entries()) offsets[cell + 1] = offsets[cell]! + length
  return { offsets, bytes: new Uint8Array(Buffer.concat(encoded)) }
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
