/** The manifest, `index.msgpack` (SPEC.md §4): what an index consists of. Encoded, decoded and checked here. */
import { decodeHead, encodeHead } from '../container/container.ts'
import { FieldReader } from '../container/fields.ts'
import { FormatError } from '../errors.ts'
import { rowBlocksBytes, rowShapeOf } from '../items/rowBlock.ts'
import {
  CENTROIDS_MAX,
  DIM_MAX,
  DIM_MIN,
  DIM_MULTIPLE,
  FILE_BYTES_MAX,
  PASSAGES_MAX,
  SECTION_ALIGNMENT_BYTES,
  SECTIONS_MAX,
} from '../limits.ts'
import { type EncoderFingerprint, readEncoderFingerprint } from './encoderFingerprint.ts'
import type { Nbits, ResidualCodec } from './segment.ts'
import { type IndexTiers, readTiers } from './tiers.ts'

export const MANIFEST_NAME = 'index.msgpack'

export interface PartEntry {
  readonly name: string
  readonly bytes: number
}

/** A run of whole items of a section inside one part. */
export interface SectionChunk {
  /** Index into `Manifest.parts`. */
  readonly part: number
  readonly offset: number
  readonly length: number
  readonly crc32c: number
  readonly items: number
}

export interface SegmentSection {
  readonly name: SectionName
  readonly chunks: readonly SectionChunk[]
}

export interface SegmentEntry {
  readonly passages: number
  readonly tokens: number
  readonly centroids: number
  readonly codec: ResidualCodec
  readonly sections: readonly SegmentSection[]
}

export interface Manifest {
  readonly generation: number
  readonly name: string
  readonly dim: number
  readonly builder: string
  readonly encoder?: EncoderFingerprint
  readonly parts: readonly PartEntry[]
  readonly segments: readonly SegmentEntry[]
  /** Since 1.1. Absent when the index was not tuned. */
  readonly tiers?: IndexTiers
}

/** Sections of a segment (SPEC.md §5). A writer may store them in any order. */
export const SECTION_NAMES = [
  'centroids',
  'centroidScales',
  'passageLengths',
  'postingOffsets',
  'postings',
  'rows',
  'idOffsets',
  'ids',
  'idOrder',
  'textBlocks',
  'texts',
] as const
export type SectionName = (typeof SECTION_NAMES)[number]

const OPTIONAL_SECTIONS: ReadonlySet<SectionName> = new Set(['textBlocks', 'texts'])
const PART_NAME = /^[0-9a-f]{32}\.msgpack$/
const SEGMENTS_MAX = 4096

export function encodeManifest(manifest: Manifest): Uint8Array {
  const segments = manifest.segments.map(({ codec, ...segment }) => ({
    ...segment,
    codec: { ...codec, bucketCutoffs: [...codec.bucketCutoffs], bucketWeights: [...codec.bucketWeights] },
  }))
  const { encoder, tiers, ...rest } = manifest
  return encodeHead('manifest', { ...rest, ...(encoder ? { encoder } : {}), segments, ...(tiers ? { tiers } : {}) }, 0)
}

/**
 * @param bytes - the whole file
 * @throws FormatError, ChecksumError, VersionError naming what is wrong
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const head = decodeHead(bytes, 'manifest', MANIFEST_NAME)
  if (head.sectionCount !== 0 || bytes.length !== head.headBytes) {
    throw new FormatError(MANIFEST_NAME, `a file of ${head.headBytes} bytes without sections`, bytes.length)
  }
  const fields = new FieldReader(head.header, 'manifest')
  const dim = fields.count('dim', DIM_MIN, DIM_MAX)
  if (dim % DIM_MULTIPLE !== 0) throw new FormatError('manifest.dim', `a multiple of ${DIM_MULTIPLE}`, dim)
  const parts = fields.maps('parts', SECTIONS_MAX).map(readPart)
  const encoder = fields.has('encoder') ? readEncoderFingerprint(fields.map('encoder')) : undefined
  if (encoder && encoder.dim !== dim) throw new FormatError('manifest.encoder.dim', String(dim), encoder.dim)
  return {
    generation: fields.count('generation', 1, Number.MAX_SAFE_INTEGER),
    name: fields.text('name', 256, 0),
    dim,
    builder: fields.text('builder', 256),
    ...(encoder ? { encoder } : {}),
    parts,
    segments: fields.maps('segments', SEGMENTS_MAX).map((segment) => readSegment(segment, dim, parts)),
    ...(fields.has('tiers') ? { tiers: readTiers(fields.map('tiers')) } : {}),
  }
}

function readPart(fields: FieldReader): PartEntry {
  const name = fields.text('name')
  if (!PART_NAME.test(name)) throw new FormatError(`${fields.path}.name`, '32 hex digits and .msgpack', name)
  return { name, bytes: fields.count('bytes', 1, FILE_BYTES_MAX) }
}

function readSegment(fields: FieldReader, dim: number, parts: readonly PartEntry[]): SegmentEntry {
  const segment = {
    passages: fields.count('passages', 1, PASSAGES_MAX),
    tokens: fields.count('tokens', 0, PASSAGES_MAX * 256),
    centroids: fields.count('centroids', 1, CENTROIDS_MAX),
    codec: readCodec(fields.map('codec')),
    sections: fields.maps('sections', 64).flatMap((section) => readSection(section, parts)),
  }
  for (const name of SECTION_NAMES) {
    const found = segment.sections.filter((section) => section.name === name)
    if (found.length > 1 || (found.length === 0 && !OPTIONAL_SECTIONS.has(name))) {
      throw new FormatError(`${fields.path}.sections`, `one section "${name}"`, found.length)
    }
  }
  checkShapes(segment, dim, fields.path)
  checkDisjoint(segment, fields.path)
  return segment
}

function readCodec(fields: FieldReader): ResidualCodec {
  const nbits = fields.count('nbits', 1, 4)
  if (nbits === 3) throw new FormatError(`${fields.path}.nbits`, '1, 2 or 4', nbits)
  const bucketCutoffs = fields.floats('bucketCutoffs', 2 ** nbits - 1)
  if (bucketCutoffs.some((value, i) => i > 0 && value < (bucketCutoffs[i - 1] ?? value))) {
    throw new FormatError(`${fields.path}.bucketCutoffs`, 'ascending values', bucketCutoffs.join(' '))
  }
  return {
    nbits: nbits as Nbits,
    bucketCutoffs,
    bucketWeights: fields.floats('bucketWeights', 2 ** nbits),
    inverseNormMin: fields.number('inverseNormMin'),
    inverseNormStep: fields.number('inverseNormStep'),
  }
}

/** None for a section that a later minor version may have added: this reader does not need it. */
function readSection(fields: FieldReader, parts: readonly PartEntry[]): readonly SegmentSection[] {
  const name = fields.text('name', 64) as SectionName
  if (!SECTION_NAMES.includes(name)) return []
  const chunks = fields.maps('chunks', SECTIONS_MAX).map((chunk): SectionChunk => {
    const part = chunk.count('part', 0, parts.length - 1)
    const bytes = parts[part]?.bytes ?? 0
    const offset = chunk.count('offset', 0, bytes)
    if (offset % SECTION_ALIGNMENT_BYTES !== 0) {
      throw new FormatError(`${chunk.path}.offset`, `a multiple of ${SECTION_ALIGNMENT_BYTES}`, offset)
    }
    return {
      part,
      offset,
      length: chunk.count('length', 0, bytes - offset),
      crc32c: chunk.count('crc32c', 0, 0xffffffff),
      items: chunk.count('items', 0, PASSAGES_MAX + 1),
    }
  })
  return [{ name, chunks }]
}

/** Every length against its shape, so that no reader has to. */
function checkShapes(segment: SegmentEntry, dim: number, path: string): void {
  const { passages, tokens, centroids } = segment
  const shapes: Readonly<Record<SectionName, readonly [items: number | undefined, bytes: number | undefined]>> = {
    centroids: [centroids, centroids * dim],
    centroidScales: [centroids, centroids * 4],
    passageLengths: [passages, passages * 2],
    rows: [passages, rowBlocksBytes(passages, tokens, rowShapeOf(dim, segment))],
    postingOffsets: [centroids + 1, (centroids + 1) * 4],
    postings: [centroids, undefined],
    idOffsets: [passages + 1, (passages + 1) * 4],
    ids: [passages, undefined],
    idOrder: [passages, passages * 4],
    textBlocks: [undefined, undefined],
    texts: [undefined, undefined],
  }
  for (const { name, chunks } of segment.sections) {
    const [items, bytes] = shapes[name]
    const gotItems = sum(chunks.map((chunk) => chunk.items))
    const gotBytes = sum(chunks.map((chunk) => chunk.length))
    if (items !== undefined && gotItems !== items) throw new FormatError(`${path} ${name}`, `${items} items`, gotItems)
    if (bytes !== undefined && gotBytes !== bytes) throw new FormatError(`${path} ${name}`, `${bytes} bytes`, gotBytes)
  }
}

/** Chunks of one segment share no byte, so that what a manifest claims is never more than its parts hold. */
function checkDisjoint(segment: Pick<SegmentEntry, 'sections'>, path: string): void {
  const chunks = segment.sections.flatMap(({ chunks }) => chunks)
  chunks.sort((a, b) => a.part - b.part || a.offset - b.offset || a.length - b.length)
  for (const [i, chunk] of chunks.entries()) {
    const before = chunks[i - 1]
    if (before?.part === chunk.part && before.offset + before.length > chunk.offset) {
      throw new FormatError(
        `${path}.sections`,
        `chunks that do not overlap`,
        `two at ${chunk.offset} of part ${chunk.part}`,
      )
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
