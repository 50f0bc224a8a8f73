/** Manifests of indexes that are not there, of any size: what is planned from a manifest alone needs no more. */

import { rowBlockBytes } from '../../format/items/rowBlock.ts'
import type { EncoderFingerprint } from '../../format/manifest/encoderFingerprint.ts'
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type SectionChunk,
  type SectionName,
} from '../../format/manifest/manifest.ts'
import type { Nbits } from '../../format/manifest/segment.ts'

export interface MadeShape {
  readonly passages: number
  /** Of each passage. Default 40. */
  readonly tokens?: number
  readonly centroids: number
  /** Bytes of all posting lists together. Default: 2 a token. */
  readonly postings?: number
  readonly dim?: number
  readonly nbits?: Nbits
  /** Bytes of an id. Default 8. */
  readonly idBytes?: number
  /** Blocks of texts of 10,000 bytes each. Default none. */
  readonly textBlocks?: number
  /** Default 24 MiB. */
  readonly partBytes?: number
  readonly encoder?: boolean
}

const ENCODER: EncoderFingerprint = {
  model: 'tartan-small',
  modelSha256: 'a'.repeat(64),
  weightsSha256: 'b'.repeat(64),
  tokenizerSha256: 'c'.repeat(64),
  dim: 96,
  queryMarker: '[Q]',
  passageMarker: '[D]',
  queryLength: 32,
  passageLength: 300,
  attendToMask: false,
  skipList: [],
}

/** One segment; sections one after another, cut where a part is full. Sound as `decodeManifest` sees it. */
export function madeManifest(shape: MadeShape): Manifest {
  const { passages, tokens = 40, centroids, dim = 96, nbits = 2, idBytes = 8, textBlocks = 0 } = shape
  const { partBytes = 24 * 2 ** 20, postings = passages * tokens * 2 } = shape
  const lengths: Readonly<Record<SectionName, readonly [bytes: number, items: number]>> = {
    centroids: [centroids * dim, centroids],
    centroidScales: [centroids * 4, centroids],
    passageLengths: [passages * 2, passages],
    postingOffsets: [(centroids + 1) * 4, centroids + 1],
    postings: [postings, centroids],
    rows: [passages * rowBlockBytes(tokens, { dim, nbits, centroids }), passages],
    idOffsets: [(passages + 1) * 4, passages + 1],
    ids: [passages * idBytes, passages],
    idOrder: [passages * 4, passages],
    textBlocks: [textBlocks * 16, textBlocks],
    texts: [textBlocks * 10_000, textBlocks],
  }
  const parts = new MadeParts(partBytes)
  const sections = Object.entries(lengths).map(([name, [bytes, items]]) => ({
    name: name as SectionName,
    chunks: parts.chunksOf(bytes, items),
  }))
  const codec = {
    nbits,
    bucketCutoffs: Float32Array.from({ length: 2 ** nbits - 1 }, (_, i) => i / 100),
    bucketWeights: new Float32Array(2 ** nbits),
    inverseNormMin: 1,
    inverseNormStep: 0.01,
  }
  return decodeManifest(
    encodeManifest({
      ...{ generation: 1, name: 'made', dim, builder: 'test', parts: parts.entries() },
      ...(shape.encoder ? { encoder: { ...ENCODER, dim } } : {}),
      segments: [{ passages, tokens: passages * tokens, centroids, codec, sections }],
    }),
  )
}

class MadeParts {
  readonly #sizes = [0]
  readonly #partBytes: number

  constructor(partBytes: number) {
    this.#partBytes = partBytes
  }

  chunksOf(bytes: number, items: number): readonly SectionChunk[] {
    const chunks: SectionChunk[] = []
    let left = bytes
    while (left > 0) {
      const part = this.#sizes.length - 1
      const offset = Math.ceil((this.#sizes[part] ?? 0) / 64) * 64
      const length = Math.min(left, this.#partBytes - offset)
      if (length <= 0) {
        this.#sizes.push(0)
        continue
      }
      left -= length
      chunks.push({ part, offset, length, crc32c: 0, items: left === 0 ? items : 0 })
      this.#sizes[part] = offset + length
    }
    return chunks
  }

  entries(): Manifest['parts'] {
    return this.#sizes.map((bytes, i) => ({ name: `${i.toString(16).padStart(32, '0')}.msgpack`, bytes }))
  }
}
