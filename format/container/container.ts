/**
 * The container that manifest, parts and packs share (SPEC.md §3): one valid MessagePack document of a prelude, a header
 * map and 64-byte aligned sections. With packing.ts the only file that touches msgpackr, whose traps stay there.
 */
import { Unpackr } from 'msgpackr/unpack'
import { ChecksumError, FormatError, VersionError } from '../errors.ts'
import {
  FORMAT_VERSION_MAJOR,
  FORMAT_VERSION_MINOR,
  HEADER_BYTES_MAX,
  SECTION_ALIGNMENT_BYTES,
  SECTION_PADDING_MIN_BYTES,
  SECTIONS_MAX,
} from '../limits.ts'
import { crc32c } from './crc32c.ts'
import { packValue } from './packing.ts'

export type ContainerKind = 'manifest' | 'part' | 'pack'

/** One entry of the section table of a part or pack. */
export interface SectionEntry {
  readonly name: string
  /** Of the payload in the file. */
  readonly offset: number
  /** Bytes of the payload, padding not counted. */
  readonly length: number
  readonly crc32c: number
}

export interface ContainerHead {
  readonly kind: ContainerKind
  readonly minor: number
  readonly header: Readonly<Record<string, unknown>>
  /** Sections that the MessagePack array announces. */
  readonly sectionCount: number
  /** Bytes before the first section's `bin 32` head; for a container without sections, its whole size. */
  readonly headBytes: number
}

/** Bytes a reader needs to learn how long the head is. */
export const PRELUDE_BYTES_MIN = 28

const MAGIC = 'TARTAN'
const KIND_BYTES: Readonly<Record<ContainerKind, number>> = { manifest: 0x4d, part: 0x50, pack: 0x4b }
const PRELUDE_FIXED = 23
const BIN32_HEAD_BYTES = 5

/** @throws FormatError when the bytes are not exactly one MessagePack value */
export function unpackValue(bytes: Uint8Array, section: string): unknown {
  try {
    return new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' }).unpack(bytes)
  } catch (error) {
    throw new FormatError(section, 'one valid MessagePack value', (error as Error).message)
  }
}

/** The head of a container with `sectionCount` sections: everything before the first section's `bin 32`. */
export function encodeHead(kind: ContainerKind, header: object, sectionCount: number): Uint8Array {
  return assembleHead(kind, packValue(header), sectionCount)
}

function assembleHead(kind: ContainerKind, packed: Uint8Array, sectionCount: number): Uint8Array {
  const unpadded = 5 + PRELUDE_FIXED + packed.length + BIN32_HEAD_BYTES
  const padding = (SECTION_ALIGNMENT_BYTES - (unpadded % SECTION_ALIGNMENT_BYTES)) % SECTION_ALIGNMENT_BYTES
  const preludeBytes = PRELUDE_FIXED + padding
  const head = new Uint8Array(5 + preludeBytes + packed.length)
  const view = new DataView(head.buffer)
  head[0] = 0xdc
  view.setUint16(1, 2 + sectionCount)
  head[3] = 0xc4
  head[4] = preludeBytes
  head.set(new TextEncoder().encode(MAGIC), 5)
  head[11] = KIND_BYTES[kind]
  view.setUint16(12, FORMAT_VERSION_MAJOR, true)
  view.setUint16(14, FORMAT_VERSION_MINOR, true)
  view.setUint32(16, packed.length, true)
  view.setUint32(20, crc32c(packed), true)
  view.setUint32(24, crc32c(head.subarray(0, 24)), true)
  head.set(packed, 5 + preludeBytes)
  return head
}

/** Head, section table and layout of a container whose sections are known by name, length and CRC. */
export function layOutSections(
  kind: 'part' | 'pack',
  sections: readonly Omit<SectionEntry, 'offset'>[],
  facts: PartFacts = {},
): { readonly head: Uint8Array; readonly entries: readonly SectionEntry[]; readonly bytes: number } {
  if (sections.length > SECTIONS_MAX) throw new FormatError(kind, `at most ${SECTIONS_MAX} sections`, sections.length)
  // Offsets stand in the header and depend on its length, whose integers grow with the offsets: repeat until it settles.
  let headBytes = 0
  for (;;) {
    const entries = placeSections(sections, headBytes)
    const head = encodeHead(kind, { sections: entries, ...facts }, sections.length)
    if (head.length === headBytes) {
      const last = entries.at(-1)
      const bytes = last ? last.offset + last.length + sectionPadding(last.length) : head.length
      return { head, entries, bytes }
    }
    headBytes = head.length
  }
}

function placeSections(sections: readonly Omit<SectionEntry, 'offset'>[], headBytes: number): SectionEntry[] {
  let offset = headBytes + BIN32_HEAD_BYTES
  return sections.map(({ name, length, crc32c: crc }) => {
    const entry = { name, offset, length, crc32c: crc }
    offset += length + sectionPadding(length) + BIN32_HEAD_BYTES
    return entry
  })
}

/** Zero bytes after a payload of `length` bytes. */
export function sectionPadding(length: number): number {
  const least = length + SECTION_PADDING_MIN_BYTES + BIN32_HEAD_BYTES
  return Math.ceil(least / SECTION_ALIGNMENT_BYTES) * SECTION_ALIGNMENT_BYTES - length - BIN32_HEAD_BYTES
}

/** The MessagePack `bin 32` head that stands right before a payload of `length` bytes. */
export function sectionHead(length: number): Uint8Array {
  const head = new Uint8Array(BIN32_HEAD_BYTES)
  head[0] = 0xc6
  new DataView(head.buffer).setUint32(1, length + sectionPadding(length))
  return head
}

/** What a part says of itself besides its sections. */
export interface PartFacts {
  /** Tells a part from others of the same sections, which would have the same name. */
  readonly copy?: number
}

/** A whole part in memory. */
export function encodePart(
  sections: readonly { readonly name: string; readonly payload: Uint8Array }[],
  facts: PartFacts = {},
): {
  readonly bytes: Uint8Array
  readonly entries: readonly SectionEntry[]
} {
  const layout = layOutSections(
    'part',
    sections.map(({ name, payload }) => ({ name, length: payload.length, crc32c: crc32c(payload) })),
    facts,
  )
  const bytes = new Uint8Array(layout.bytes)
  bytes.set(layout.head)
  layout.entries.forEach((entry, i) => {
    bytes.set(sectionHead(entry.length), entry.offset - BIN32_HEAD_BYTES)
    bytes.set(sections[i]?.payload ?? new Uint8Array(), entry.offset)
  })
  return { bytes, entries: layout.entries }
}

/**
 * How many bytes the head has, from its first `PRELUDE_BYTES_MIN` bytes.
 * @throws FormatError, ChecksumError, VersionError as SPEC.md §3.1 orders the checks
 */
export function headLength(bytes: Uint8Array, kind: ContainerKind, file: string): number {
  if (bytes.length < PRELUDE_BYTES_MIN) throw new FormatError(file, `at least ${PRELUDE_BYTES_MIN} bytes`, bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = String.fromCharCode(...bytes.subarray(5, 11))
  if (magic !== MAGIC || bytes[0] !== 0xdc || bytes[3] !== 0xc4) {
    throw new FormatError(file, 'a Tartan file (magic "TARTAN"), as tartan build writes them', 'other bytes')
  }
  if (bytes[11] !== KIND_BYTES[kind]) {
    throw new FormatError(file, `kind "${kind}"`, `kind byte 0x${(bytes[11] ?? 0).toString(16)}`)
  }
  const crc = crc32c(bytes.subarray(0, 24))
  if (crc !== view.getUint32(24, true)) throw new ChecksumError(`${file} prelude`, view.getUint32(24, true), crc)
  const major = view.getUint16(12, true)
  if (major < 1) throw new FormatError(file, 'a version from 1 on', major)
  if (major !== FORMAT_VERSION_MAJOR) throw otherVersion(file, major)
  const preludeBytes = bytes[4] ?? 0
  if (preludeBytes < PRELUDE_FIXED)
    throw new FormatError(file, `a prelude of at least ${PRELUDE_FIXED} bytes`, preludeBytes)
  const headerBytes = view.getUint32(16, true)
  if (headerBytes > HEADER_BYTES_MAX)
    throw new FormatError(file, `a header of at most ${HEADER_BYTES_MAX} bytes`, headerBytes)
  return 5 + preludeBytes + headerBytes
}

/**
 * Parse the head of a container.
 * @param bytes - the first `headLength` bytes of the file, or more
 */
export function decodeHead(bytes: Uint8Array, kind: ContainerKind, file: string): ContainerHead {
  const headBytes = headLength(bytes, kind, file)
  if (bytes.length < headBytes) throw new FormatError(file, `a head of ${headBytes} bytes`, bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packed = bytes.subarray(headBytes - view.getUint32(16, true), headBytes)
  const crc = crc32c(packed)
  if (bytes.subarray(PRELUDE_BYTES_MIN, 5 + (bytes[4] ?? 0)).some((byte) => byte !== 0)) {
    throw new FormatError(file, 'zero padding in the prelude', 'other bytes')
  }
  if (crc !== view.getUint32(20, true)) throw new ChecksumError(`${file} header`, view.getUint32(20, true), crc)
  const elements = view.getUint16(1)
  if (elements < 2) throw new FormatError(file, 'an array of prelude, header and sections', `${elements} elements`)
  const header = unpackValue(packed, `${file} header`)
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new FormatError(file, 'a header map', Array.isArray(header) ? 'an array' : typeof header)
  }
  return {
    kind,
    minor: view.getUint16(14, true),
    header: header as Record<string, unknown>,
    sectionCount: elements - 2,
    headBytes,
  }
}

/** The checked section table of a part or pack: inside the file, ascending, disjoint, aligned. */
export function sectionTable(head: ContainerHead, file: string, size: number): readonly SectionEntry[] {
  const table = head.header.sections
  if (!Array.isArray(table) || table.length !== head.sectionCount) {
    throw new FormatError(
      file,
      `a section table of ${head.sectionCount} entries`,
      Array.isArray(table) ? table.length : typeof table,
    )
  }
  let end = head.headBytes
  return table.map((entry: unknown): SectionEntry => {
    const { name, offset, length, crc32c: crc } = (entry ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || !isCount(offset) || !isCount(length) || !isCount(crc)) {
      throw new FormatError(file, 'section entries with name, offset, length, crc32c', 'something else')
    }
    if (offset !== end + BIN32_HEAD_BYTES || offset % SECTION_ALIGNMENT_BYTES !== 0) {
      throw new FormatError(`${file} ${name}`, `offset ${end + BIN32_HEAD_BYTES}`, offset)
    }
    end = offset + length + sectionPadding(length)
    if (end > size) throw new FormatError(`${file} ${name}`, `an end of at most ${size}`, end)
    return { name, offset, length, crc32c: crc }
  })
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function otherVersion(file: string, got: number): VersionError {
  const supported = FORMAT_VERSION_MAJOR
  const cure =
    got > supported
      ? 'Update tartan-search, or build the index again with this version.'
      : 'Build the index again with this version: "tartan build CORPUS --out INDEX --force".'
  return new VersionError(
    `"${file}" is of format version ${got}, this version of tartan-search reads version ${supported}. ${cure}`,
    {
      file,
      got,
      supported,
    },
  )
}
