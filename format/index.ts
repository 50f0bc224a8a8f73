/** The index on disk: container, manifest, sections, checksums, errors. SPEC.md in this folder is normative. */
export { type ContainerKind, encodePart, type SectionEntry } from './container/container.ts'
export { crc32c } from './container/crc32c.ts'
export * from './errors.ts'
export { IndexReader, openPack, readIndex } from './indexReader.ts'
export {
  createManifest,
  extendManifest,
  type IndexFragment,
  IndexWriter,
  type SegmentTables,
  SegmentWriter,
} from './indexWriter.ts'
export { encodeIds, IdTable } from './items/ids.ts'
export { decodeTextBlock, decodeTextBlockEntries, TextBlockEncoder, type TextRecord } from './items/textBlocks.ts'
export {
  decodeManifest,
  encodeManifest,
  MANIFEST_NAME,
  type Manifest,
  type QuantiserEntry,
  quantiserOf,
  type SegmentEntry,
} from './manifest/manifest.ts'
export type { Nbits, Quantiser, ResidualCodec, SegmentData } from './manifest/segment.ts'
export { type IndexTiers, TIER_NAMES, type Tier, type TierName, type TierSet } from './manifest/tiers.ts'
export { encodePack } from './pack.ts'
export { type ByteLoader, type IndexFiles, type RangeReader, subReader } from './rangeReader.ts'
export { type VerifyReport, verifyIndex } from './verify.ts'
export type { IndexSink } from './writer.ts'
