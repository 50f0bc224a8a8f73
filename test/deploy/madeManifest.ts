/** Manifests of indexes that are not there, of any size: what is planned from a manifest alone needs no more. */
import { ENTRY_BYTES } from '../../format/items/textBlocks.ts'
import type { EncoderFingerprint } from '../../format/manifest/encoderFingerprint.ts'
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  requiredFeatures,
  type SectionChunk,
} from '../../format/manifest/manifest.ts'
import {
  type SectionName,
  type SectionOwner,
  type SectionShape,
  sectionNames,
  sectionRow,
} from '../../format/manifest/sections.ts'
import type { Nbits } from '../../format/manifest/segment.ts'

export interface MadeShape {
  /** Of each segment, as all that follows. */
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
  /** Default 1. */
  readonly segments?: number
  /** Passages of each segment that are deleted. Default 0. */
  readonly deleted?: number
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

/** Segments over one quantiser; sections one after another, cut where a part is full. Sound as `decodeManifest` sees it. */
export function madeManifest(shape: MadeShape): Manifest {
  const { passages, tokens = 40, centroids, dim = 96, nbits = 2, segments = 1, deleted = 0 } = shape
  const parts = new MadeParts(shape.partBytes ?? 24 * 2 ** 20)
  const sizes = { dim, nbits, centroids, passages, tokens: passages * tokens }
  const sectionsOf = (owner: SectionOwner, own: SectionShape) =>
    sectionNames((row) => row.owner === owner).flatMap((name) => {
      const [bytes, items] = sizeOf(name, own, shape)
      return bytes === 0 && sectionRow(name).isOptional ? [] : [{ name, chunks: parts.chunksOf(bytes, items) }]
    })
  const codec = {
    nbits,
    bucketCutoffs: Float32Array.from({ length: 2 ** nbits - 1 }, (_, i) => i / 100),
    bucketWeights: new Float32Array(2 ** nbits),
    inverseNormMin: 1,
    inverseNormStep: 0.01,
  }
  const made = {
    ...{ generation: 1, name: 'made', dim, builder: 'test' },
    ...(shape.encoder ? { encoder: { ...ENCODER, dim } } : {}),
    quantisers: [{ centroids, codec, sections: sectionsOf('quantiser', { ...sizes, passages: 0, tokens: 0 }) }],
    segments: Array.from({ length: segments }, () => ({
      ...{ quantiser: 0, passages, tokens: passages * tokens, deleted },
      sections: sectionsOf('segment', sizes),
    })),
  }
  return decodeManifest(encodeManifest({ ...made, parts: parts.entries(), requires: requiredFeatures(made) }))
}

/** Bytes and items: what the table of sections says, else what follows from the shape. */
function sizeOf(name: SectionName, own: SectionShape, made: MadeShape): readonly [bytes: number, items: number] {
  const { postings = own.tokens * 2, idBytes = 8, textBlocks = 0, deleted = 0 } = made
  const { bytes, items } = sectionRow(name)
  const others: Partial<Record<SectionName, readonly [bytes: number, items: number]>> = {
    postings: [postings, own.centroids],
    ids: [own.passages * idBytes, own.passages],
    textBlocks: [textBlocks * ENTRY_BYTES, textBlocks],
    texts: [textBlocks * 10_000, textBlocks],
    tombstones: [deleted > 0 ? 5 + deleted : 0, 1],
  }
  const [ownBytes, ownItems] = others[name] ?? [0, 0]
  return [bytes?.(own) ?? ownBytes, items?.(own) ?? ownItems]
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
