/** What a searcher says about its index, from the manifest. */
import type { EncoderFingerprint } from '../encoder/encoder.ts'
import type { Manifest, SegmentEntry } from '../format/manifest.ts'
import type { IndexInfo } from './searcher.ts'

export function indexInfo(manifest: Manifest, bytes: number, hasTexts: boolean): IndexInfo {
  const { segments } = manifest
  const sum = (of: (segment: SegmentEntry) => number) => segments.reduce((total, segment) => total + of(segment), 0)
  return {
    name: manifest.name,
    generation: manifest.generation,
    passages: sum((segment) => segment.passages),
    tokens: sum((segment) => segment.tokens),
    dim: manifest.dim,
    nbits: segments[0]?.codec.nbits ?? 4,
    centroids: sum((segment) => segment.centroids),
    bytes,
    hasTexts,
    ...(manifest.encoder ? { encoder: manifest.encoder satisfies EncoderFingerprint } : {}),
    ...(manifest.tiers ? { tiers: manifest.tiers } : {}),
  }
}
