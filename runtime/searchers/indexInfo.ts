/** What a searcher says about its index, from the manifest. */
import type { IndexReader } from '../../format/indexReader.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import type { IndexInfo } from '../searcher.ts'

export function indexInfo(reader: IndexReader, hasTexts: boolean): IndexInfo {
  const { manifest, bytes, revision } = reader
  const { segments } = manifest
  const sum = (of: (segment: SegmentEntry) => number) => segments.reduce((total, segment) => total + of(segment), 0)
  return {
    name: manifest.name,
    generation: manifest.generation,
    revision,
    passages: sum((segment) => segment.passages),
    tokens: sum((segment) => segment.tokens),
    dim: manifest.dim,
    nbits: segments[0]?.codec.nbits ?? 4,
    centroids: sum((segment) => segment.centroids),
    bytes,
    hasTexts,
    ...(manifest.encoder ? { encoder: manifest.encoder } : {}),
    ...(manifest.tiers ? { tiers: manifest.tiers } : {}),
  }
}
