/** Reads every byte of an index and checks everything SPEC.md promises. Slow on purpose: for builds, CI and doubts. */
import { decodeHead, sectionHead, sectionPadding, sectionTable } from './container/container.ts'
import { crc32c } from './container/crc32c.ts'
import { ChecksumError, FormatError, MissingPartError, NotFoundError } from './errors.ts'
import { IndexReader } from './indexReader.ts'
import { IdTable } from './items/ids.ts'
import { eachPid, locatePostingList, requirePostingList, requirePostingOffsets } from './items/postingList.ts'
import { requireRowBlock, rowBlockBytes, rowShapeOf } from './items/rowBlock.ts'
import { decodeTextBlock, decodeTextBlockEntries } from './items/textBlocks.ts'
import { decodeTombstones } from './items/tombstones.ts'
import { livePassages, type Manifest, quantiserOf, type SegmentEntry } from './manifest/manifest.ts'
import type { IndexFiles } from './rangeReader.ts'
import { partName } from './writer.ts'

export interface VerifyReport {
  readonly files: number
  readonly bytes: number
  /** Passages that can be found. */
  readonly passages: number
  /** Passages that are deleted and still there. */
  readonly deleted: number
  /** Token vectors, those of deleted passages counted. */
  readonly tokens: number
}

/**
 * @param onProgress - called after each file and each segment with the share of the work done, in [0, 1]
 * @throws FormatError and its kin at the first thing that is wrong
 */
export async function verifyIndex(
  files: IndexFiles,
  manifest: Manifest,
  onProgress?: (done: number) => void,
): Promise<VerifyReport> {
  const steps = manifest.parts.length + manifest.segments.length
  let done = 0
  const step = () => onProgress?.(++done / steps)
  for (const part of manifest.parts) {
    await verifyPart(files, part.name, part.bytes, manifest)
    step()
  }
  // The files stay the caller's to close: this reader closes only the parts it opened.
  const reader = new IndexReader({ key: files.key, open: (name, size) => files.open(name, size) }, manifest)
  try {
    const ids: SegmentIds[] = []
    for (const [number, segment] of manifest.segments.entries()) {
      const deleted = await verifyTombstones(reader, segment)
      ids.push({ segment: number, deleted, table: await verifySegment(reader, segment) })
      step()
    }
    requireDistinctIds(ids)
  } finally {
    await reader.close()
  }
  const sum = (of: (segment: SegmentEntry) => number) =>
    manifest.segments.reduce((total, segment) => total + of(segment), 0)
  return {
    files: manifest.parts.length + 1,
    bytes: reader.bytes,
    passages: livePassages(manifest),
    deleted: sum((segment) => segment.deleted),
    tokens: sum((segment) => segment.tokens),
  }
}

/** A part's name, head, section heads, padding and checksums, and that its table says what the manifest says. */
async function verifyPart(files: IndexFiles, name: string, size: number, manifest: Manifest): Promise<void> {
  const reader = await files.open(name).catch((error: unknown) => {
    throw error instanceof NotFoundError ? new MissingPartError(files.key, name, error) : error
  })
  let bytes: Uint8Array
  try {
    if (reader.size !== size) throw new FormatError(name, `${size} bytes`, reader.size)
    bytes = await reader.read(0, size)
  } finally {
    await reader.close?.()
  }
  const entries = sectionTable(decodeHead(bytes, 'part', name), name, size)
  let end = 0
  for (const entry of entries) {
    const got = crc32c(bytes.subarray(entry.offset, entry.offset + entry.length))
    if (got !== entry.crc32c) throw new ChecksumError(`${name} ${entry.name}`, entry.crc32c, got)
    const head = sectionHead(entry.length)
    if (head.some((byte, i) => byte !== bytes[entry.offset - head.length + i])) {
      throw new FormatError(`${name} ${entry.name}`, 'the MessagePack head of its length', 'other bytes')
    }
    end = entry.offset + entry.length + sectionPadding(entry.length)
    if (bytes.subarray(entry.offset + entry.length, end).some((byte) => byte !== 0)) {
      throw new FormatError(`${name} ${entry.name}`, 'zero padding', 'other bytes')
    }
  }
  if (end !== size) throw new FormatError(name, `an end at ${end}`, size)
  const content = await partName(bytes)
  if (content !== name) throw new FormatError(name, `the name of its content, ${content}`, name)
  const index = manifest.parts.findIndex((part) => part.name === name)
  const used = [...manifest.quantisers, ...manifest.segments].flatMap(({ sections }) =>
    sections.flatMap((section) =>
      section.chunks.filter((chunk) => chunk.part === index).map((chunk) => ({ ...chunk, name: section.name })),
    ),
  )
  for (const { name: section, offset, length, crc32c: crc } of used) {
    const found = entries.find((entry) => entry.offset === offset)
    if (found?.name !== section || found.length !== length || found.crc32c !== crc) {
      throw new FormatError(
        `${name} ${section}`,
        `a section at ${offset} as the manifest says`,
        found ? found.name : 'none',
      )
    }
  }
}

/** The ids of a segment and which of its passages are deleted. */
interface SegmentIds {
  readonly segment: number
  readonly table: IdTable
  readonly deleted: ReadonlySet<number>
}

async function verifyTombstones(reader: IndexReader, segment: SegmentEntry): Promise<ReadonlySet<number>> {
  if (segment.deleted === 0) return new Set()
  return new Set(decodeTombstones(await reader.section(segment, 'tombstones'), segment.passages, segment.deleted))
}

/** An id that is not deleted lives in one segment only. Ids of one segment are all different: IdTable saw to that. */
function requireDistinctIds(all: readonly SegmentIds[]): void {
  const seen = new Map<string, number>()
  if (all.length < 2) return
  for (const { segment, table, deleted } of all) {
    for (let pid = 0; pid < table.size; pid++) {
      if (deleted.has(pid)) continue
      const id = table.idOf(pid)
      const before = seen.get(id)
      if (before !== undefined) {
        throw new FormatError('ids', 'an id in one segment only', `"${id}" in segments ${before} and ${segment}`)
      }
      seen.set(id, segment)
    }
  }
}

/** @returns its ids */
async function verifySegment(reader: IndexReader, segment: SegmentEntry): Promise<IdTable> {
  const section = (name: Parameters<IndexReader['section']>[1]) => reader.section(segment, name)
  const lengths = new Uint16Array((await section('passageLengths')).buffer)
  const tokens = lengths.reduce((sum, length) => sum + length, 0)
  if (tokens !== segment.tokens) throw new FormatError('passageLengths', `a sum of ${segment.tokens} tokens`, tokens)
  const offsets = new Uint32Array((await section('postingOffsets')).buffer)
  const lists = decodePostings(await section('postings'), offsets, segment.passages)
  await verifyRows(reader, segment, lengths, lists)
  const ids = new IdTable(
    new Uint32Array((await section('idOffsets')).buffer),
    await section('ids'),
    new Uint32Array((await section('idOrder')).buffer),
  )
  await verifyTexts(reader, segment)
  return ids
}

/** An order-independent sum over pairs of cell and pid: equal sums mean, all but surely, equal sets. Constant memory. */
class PairSum {
  count = 0
  #low = 0
  #high = 0

  add(cell: number, pid: number): void {
    this.count++
    // Two rounds of MurmurHash3's 32-bit finaliser, as mixing only.
    const mixed = mix(mix(cell + 0x9e3779b9) ^ pid)
    this.#low = (this.#low + mixed) >>> 0
    this.#high = (this.#high + mix(mixed + 1)) >>> 0
  }

  equals(other: PairSum): boolean {
    return this.count === other.count && this.#low === other.#low && this.#high === other.#high
  }
}

function mix(value: number): number {
  let bits = value >>> 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}

/** Pairs of cell and pid that the posting lists hold. */
function decodePostings(postings: Uint8Array, offsets: Uint32Array, passages: number): PairSum {
  requirePostingOffsets(offsets, postings.length)
  const pairs = new PairSum()
  for (let cell = 0; cell + 1 < offsets.length; cell++) {
    const { offset, length } = locatePostingList(offsets, cell)
    if (length === 0) continue
    const list = postings.subarray(offset, offset + length)
    requirePostingList(list, cell)
    eachPid(list, cell, passages, (pid) => pairs.add(cell, pid))
  }
  return pairs
}

/** Every row block's CRC and codes, and that the posting lists are exactly the codes' passages. */
async function verifyRows(
  reader: IndexReader,
  segment: SegmentEntry,
  lengths: Uint16Array,
  pairs: PairSum,
): Promise<void> {
  const shape = rowShapeOf(reader.manifest.dim, quantiserOf(reader.manifest, segment))
  const seen = new PairSum()
  let pid = 0
  for await (const chunk of reader.sectionChunks(segment, 'rows')) {
    for (let at = 0; at < chunk.length; pid++) {
      const tokens = lengths[pid] ?? 0
      const end = at + rowBlockBytes(tokens, shape)
      if (pid >= segment.passages || end > chunk.length) {
        throw new FormatError('rows', 'whole row blocks', `${chunk.length - at} bytes left`)
      }
      const { codes } = requireRowBlock(chunk.subarray(at, end), { pid, tokens }, shape)
      for (const cell of new Set(codes)) seen.add(cell, pid)
      at = end
    }
  }
  if (pid !== segment.passages) throw new FormatError('rows', `${segment.passages} row blocks`, pid)
  if (!seen.equals(pairs)) {
    throw new FormatError(
      'postings',
      `exactly the ${seen.count} pairs of centroid and passage of the rows`,
      `${pairs.count}, or others`,
    )
  }
}

async function verifyTexts(reader: IndexReader, segment: SegmentEntry): Promise<void> {
  const directory = await reader.section(segment, 'textBlocks')
  const length = reader.sectionLength(segment, 'texts')
  if (directory.length === 0 && length === 0) return
  let offset = 0
  for (const entry of decodeTextBlockEntries(directory, segment.passages, length)) {
    await decodeTextBlock(await reader.sectionRange(segment, 'texts', offset, entry.compressedBytes), entry)
    offset += entry.compressedBytes
  }
}
