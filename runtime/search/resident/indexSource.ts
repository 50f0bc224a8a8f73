/** Where the sections of an index come from when it is placed in memory: an index on disk or behind a network, or arrays. */
import { FormatError } from '../../../format/errors.ts'
import type { IndexReader, SectionTarget } from '../../../format/indexReader.ts'
import { encodeTombstones } from '../../../format/items/tombstones.ts'
import { type Manifest, sectionBytes } from '../../../format/manifest/manifest.ts'
import type { SectionName, SectionOwner } from '../../../format/manifest/sections.ts'
import type { Quantiser, ResidualCodec, SegmentData } from '../../../format/manifest/segment.ts'
import type { ByteLoader } from '../../../format/rangeReader.ts'

/** A section that is wanted, and where its bytes go. */
export interface LoadTarget {
  readonly owner: SectionOwner
  /** Index of the quantiser or segment. */
  readonly index: number
  readonly name: SectionName
  /** Bytes it must have. */
  readonly length: number
  readonly view: Parameters<ByteLoader['load']>[0]
}

export interface QuantiserShape {
  readonly codec: ResidualCodec
  readonly centroids: number
}

export interface SegmentSourceShape {
  /** Index of its quantiser. */
  readonly quantiser: number
  readonly passages: number
  readonly tokens: number
  readonly postingsBytes: number
  readonly tombstonesBytes: number
  readonly deleted: number
}

export interface IndexSource {
  readonly dim: number
  readonly quantisers: readonly QuantiserShape[]
  readonly segments: readonly SegmentSourceShape[]
  /** Brings all of them, side by side. @throws what reading them throws */
  load(targets: readonly LoadTarget[]): Promise<void>
}

/** @param others - more sections that are wanted in the same round of storage */
export function readerSource(reader: IndexReader, others: readonly SectionTarget[] = []): IndexSource {
  const { manifest } = reader
  return {
    ...shapesOf(manifest),
    load: (targets) =>
      reader.loadSections([
        ...targets.flatMap(({ owner, index, name, view }) => {
          const entry = owner === 'quantiser' ? manifest.quantisers[index] : manifest.segments[index]
          return entry ? [{ owner: entry, name, view }] : []
        }),
        ...others,
      ]),
  }
}

/** What a manifest says of lengths. */
export function shapesOf({ dim, quantisers, segments }: Manifest): Omit<IndexSource, 'load'> {
  return {
    dim,
    quantisers,
    segments: segments.map((segment) => ({
      ...segment,
      postingsBytes: sectionBytes(segment, 'postings'),
      tombstonesBytes: sectionBytes(segment, 'tombstones'),
    })),
  }
}

/** A segment in arrays, and what of it is deleted. */
export interface SegmentArrays extends Omit<SegmentData, keyof Quantiser> {
  /** Index of its quantiser. */
  readonly quantiser: number
  /** Ascending pids. */
  readonly deleted?: Uint32Array
}

/** @throws FormatError, by `load`, when an array is not as long as its shape says */
export function arraySource(quantisers: readonly Quantiser[], segments: readonly SegmentArrays[]): IndexSource {
  const tombstones = segments.map(({ deleted, passageLengths }) =>
    deleted && deleted.length > 0 ? encodeTombstones(deleted, passageLengths.length) : new Uint8Array(),
  )
  return {
    dim: quantisers[0]?.dim ?? 0,
    quantisers: quantisers.map(({ codec, centroidScales }) => ({ codec, centroids: centroidScales.length })),
    segments: segments.map((segment, index) => ({
      quantiser: segment.quantiser,
      passages: segment.passageLengths.length,
      tokens: segment.passageLengths.reduce((sum, length) => sum + length, 0),
      postingsBytes: segment.postings.length,
      tombstonesBytes: tombstones[index]?.length ?? 0,
      deleted: segment.deleted?.length ?? 0,
    })),
    async load(targets) {
      for (const { owner, index, name, length, view } of targets) {
        const arrays = owner === 'quantiser' ? quantisers[index] : { ...segments[index], tombstones: tombstones[index] }
        const array = (arrays as Readonly<Record<string, unknown>>)[name]
        if (!ArrayBuffer.isView(array)) throw new FormatError(name, 'an array', typeof array)
        if (array.byteLength !== length) throw new FormatError(name, `${length} bytes`, array.byteLength)
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
        view(0, bytes.length).set(bytes)
      }
    },
  }
}
