/** The manifest, `index.msgpack` (SPEC.md §4): what an index consists of. Encoded, decoded and checked here. */
import { decodeHead, encodeHead } from '../container/container.ts'
import { FieldReader } from '../container/fields.ts'
import { FormatError } from '../errors.ts'
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
import { FEATURES, type Feature, readRequires } from './features.ts'
import {
  isSectionName,
  type SectionName,
  type SectionOwner,
  type SectionShape,
  sectionNames,
  sectionRow,
} from './sections.ts'
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

/** A section and where its bytes stand: the payloads of its chunks, one after another. */
export interface StoredSection {
  readonly name: SectionName
  readonly chunks: readonly SectionChunk[]
}

/** A quantiser or a segment: whatever has sections. */
export interface HasSections {
  readonly sections: readonly StoredSection[]
}

/** Centroids and residual codec: what codes and residuals of the segments that refer to it mean. */
export interface QuantiserEntry extends HasSections {
  readonly centroids: number
  readonly codec: ResidualCodec
}

export interface SegmentEntry extends HasSections {
  /** Index into `Manifest.quantisers`. */
  readonly quantiser: number
  /** Passages in its sections, deleted ones counted. */
  readonly passages: number
  /** Token vectors in its sections, those of deleted passages counted. */
  readonly tokens: number
  /** Passages that its tombstones delete. */
  readonly deleted: number
}

export interface Manifest {
  readonly generation: number
  readonly name: string
  readonly dim: number
  readonly builder: string
  /** What a reader must know to read the index as it is meant. */
  readonly requires: readonly Feature[]
  readonly encoder?: EncoderFingerprint
  readonly parts: readonly PartEntry[]
  readonly quantisers: readonly QuantiserEntry[]
  readonly segments: readonly SegmentEntry[]
  /** Absent when the index was not tuned. */
  readonly tiers?: IndexTiers
}

/** Names of the files beside the manifest. */
export const PART_NAME = /^[0-9a-f]{32}\.msgpack$/
const PARTS_MAX = SECTIONS_MAX
const SEGMENTS_MAX = 4096
const OWNER_SECTIONS_MAX = 64
const FEATURES_MAX = 64

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { generation, name, dim, builder, requires, encoder, parts, segments, tiers } = manifest
  const quantisers = manifest.quantisers.map(({ centroids, codec, sections }) => ({
    centroids,
    codec: { ...codec, bucketCutoffs: [...codec.bucketCutoffs], bucketWeights: [...codec.bucketWeights] },
    sections,
  }))
  const optional = { ...(encoder ? { encoder } : {}), ...(tiers ? { tiers } : {}) }
  return encodeHead(
    'manifest',
    { generation, name, dim, builder, requires, parts, quantisers, segments, ...optional },
    0,
  )
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
  // Before everything else: what an unknown feature changes is not known either.
  const requires = readRequires(fields.list('requires', FEATURES_MAX), 'manifest.requires')
  const dim = fields.count('dim', DIM_MIN, DIM_MAX)
  if (dim % DIM_MULTIPLE !== 0) throw new FormatError('manifest.dim', `a multiple of ${DIM_MULTIPLE}`, dim)
  const parts = fields.maps('parts', PARTS_MAX).map(readPart)
  const encoder = fields.has('encoder') ? readEncoderFingerprint(fields.map('encoder')) : undefined
  if (encoder && encoder.dim !== dim) throw new FormatError('manifest.encoder.dim', String(dim), encoder.dim)
  const quantisers = fields.maps('quantisers', SEGMENTS_MAX).map((quantiser) => readQuantiser(quantiser, dim, parts))
  const manifest = {
    generation: fields.count('generation', 1, Number.MAX_SAFE_INTEGER),
    name: fields.text('name', 256, 0),
    dim,
    builder: fields.text('builder', 256),
    requires,
    ...(encoder ? { encoder } : {}),
    parts,
    quantisers,
    segments: fields.maps('segments', SEGMENTS_MAX).map((segment) => readSegment(segment, dim, quantisers, parts)),
    ...(fields.has('tiers') ? { tiers: readTiers(fields.map('tiers')) } : {}),
  }
  requireFeatures(manifest)
  checkDisjoint(manifest)
  return manifest
}

/** The quantiser that a segment's codes and residuals refer to. */
export function quantiserOf(manifest: Pick<Manifest, 'quantisers'>, segment: SegmentEntry): QuantiserEntry {
  const quantiser = manifest.quantisers[segment.quantiser]
  if (!quantiser) throw new FormatError('manifest.segments', 'the number of a quantiser', segment.quantiser)
  return quantiser
}

/** Bytes of a section, 0 when its owner has none of this name. */
export function sectionBytes(owner: HasSections, name: SectionName): number {
  return sum(chunksOf(owner, name).map(({ length }) => length))
}

export function chunksOf(owner: HasSections, name: SectionName): readonly SectionChunk[] {
  return owner.sections.find((section) => section.name === name)?.chunks ?? []
}

/** Passages that can be found: those that are not deleted. */
export function livePassages({ segments }: Pick<Manifest, 'segments'>): number {
  return sum(segments.map(({ passages, deleted }) => passages - deleted))
}

/** What a manifest of these quantisers and segments must require, in the order of FEATURES. */
export function requiredFeatures({
  quantisers,
  segments,
}: Pick<Manifest, 'quantisers' | 'segments'>): readonly Feature[] {
  const owners: readonly HasSections[] = [...quantisers, ...segments]
  const needed = new Set(owners.flatMap(({ sections }) => sections.map(({ name }) => sectionRow(name).feature)))
  const shared = new Set(segments.map(({ quantiser }) => quantiser)).size < segments.length
  if (shared) needed.add('sharedQuantisers')
  return FEATURES.filter((feature) => needed.has(feature))
}

/** A reader that knows less must refuse: so a manifest requires what its segments make necessary. */
function requireFeatures(manifest: Manifest): void {
  for (const feature of requiredFeatures(manifest)) {
    if (!manifest.requires.includes(feature))
      throw new FormatError('manifest.requires', `"${feature}"`, 'nothing of it')
  }
}

function readPart(fields: FieldReader): PartEntry {
  const name = fields.text('name')
  if (!PART_NAME.test(name)) throw new FormatError(`${fields.path}.name`, '32 hex digits and .msgpack', name)
  return { name, bytes: fields.count('bytes', 1, FILE_BYTES_MAX) }
}

function readQuantiser(fields: FieldReader, dim: number, parts: readonly PartEntry[]): QuantiserEntry {
  const centroids = fields.count('centroids', 1, CENTROIDS_MAX)
  const codec = readCodec(fields.map('codec'))
  const shape = { dim, nbits: codec.nbits, centroids, passages: 0, tokens: 0 }
  return { centroids, codec, sections: readSections(fields, 'quantiser', shape, parts) }
}

function readSegment(
  fields: FieldReader,
  dim: number,
  quantisers: readonly QuantiserEntry[],
  parts: readonly PartEntry[],
): SegmentEntry {
  const number = fields.count('quantiser', 0, quantisers.length - 1)
  const quantiser = quantiserOf({ quantisers }, { quantiser: number } as SegmentEntry)
  const passages = fields.count('passages', 1, PASSAGES_MAX)
  const tokens = fields.count('tokens', 0, PASSAGES_MAX * 256)
  const deleted = fields.count('deleted', 0, passages)
  const shape = { dim, nbits: quantiser.codec.nbits, centroids: quantiser.centroids, passages, tokens }
  const sections = readSections(fields, 'segment', shape, parts)
  if (deleted > 0 !== sections.some(({ name }) => name === 'tombstones')) {
    throw new FormatError(`${fields.path}.sections`, 'tombstones where passages are deleted, and only there', deleted)
  }
  return { quantiser: number, passages, tokens, deleted, sections }
}

/** The sections of a quantiser or a segment, each once and as long as its shape says, so that no reader has to check. */
function readSections(
  fields: FieldReader,
  owner: SectionOwner,
  shape: SectionShape,
  parts: readonly PartEntry[],
): readonly StoredSection[] {
  const sections = fields.maps('sections', OWNER_SECTIONS_MAX).flatMap((section) => readSection(section, owner, parts))
  for (const name of sectionNames((row) => row.owner === owner)) {
    const found = sections.filter((section) => section.name === name).length
    if (found > 1 || (found === 0 && !sectionRow(name).isOptional)) {
      throw new FormatError(`${fields.path}.sections`, `one section "${name}"`, found)
    }
  }
  for (const { name, chunks } of sections) {
    const { items, bytes } = sectionRow(name)
    const path = `${fields.path} ${name}`
    const gotItems = sum(chunks.map((chunk) => chunk.items))
    const gotBytes = sum(chunks.map((chunk) => chunk.length))
    if (items && gotItems !== items(shape)) throw new FormatError(path, `${items(shape)} items`, gotItems)
    if (bytes && gotBytes !== bytes(shape)) throw new FormatError(path, `${bytes(shape)} bytes`, gotBytes)
  }
  return sections
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
function readSection(fields: FieldReader, owner: SectionOwner, parts: readonly PartEntry[]): readonly StoredSection[] {
  const name = fields.text('name', 64)
  if (!isSectionName(name)) return []
  if (sectionRow(name).owner !== owner) throw new FormatError(`${fields.path}.name`, `a section of a ${owner}`, name)
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

/** Chunks share no byte, so that what a manifest claims is never more than its parts hold. */
function checkDisjoint({ quantisers, segments }: Pick<Manifest, 'quantisers' | 'segments'>): void {
  const chunks = [...quantisers, ...segments].flatMap(({ sections }) => sections.flatMap((section) => section.chunks))
  chunks.sort((a, b) => a.part - b.part || a.offset - b.offset || a.length - b.length)
  for (const [i, chunk] of chunks.entries()) {
    const before = chunks[i - 1]
    if (before?.part === chunk.part && before.offset + before.length > chunk.offset) {
      throw new FormatError(
        'manifest.sections',
        `chunks that do not overlap`,
        `two at ${chunk.offset} of part ${chunk.part}`,
      )
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
