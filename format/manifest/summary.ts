/** The facts of a manifest in one flat object, with bytes by section: for `tartan inspect` and the benches. */
import type { EncoderFingerprint } from './encoderFingerprint.ts'
import { livePassages, type Manifest, sectionBytes } from './manifest.ts'
import { type SectionName, sectionNames, sectionRow } from './sections.ts'
import type { Nbits } from './segment.ts'
import type { IndexTiers } from './tiers.ts'

export interface SectionCost {
  readonly name: SectionName
  readonly bytes: number
  readonly bytesPerToken: number
}

export interface IndexSummary {
  readonly name: string
  readonly generation: number
  readonly builder: string
  /** Passages that can be found. */
  readonly passages: number
  /** Passages that are deleted and still there. */
  readonly deleted: number
  readonly segments: number
  readonly quantisers: number
  readonly requires: readonly string[]
  readonly tokens: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  readonly encoder?: EncoderFingerprint
  readonly parts: number
  /** Of all parts. */
  readonly bytes: number
  /** What searching needs: everything but ids and texts. */
  readonly bytesPerToken: number
  readonly sections: readonly SectionCost[]
  /** Measured search settings; absent when the index was not tuned. */
  readonly tiers?: IndexTiers
}

export function summariseIndex(manifest: Manifest): IndexSummary {
  const { quantisers, segments } = manifest
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const tokens = sum(segments.map((segment) => segment.tokens))
  const owners = [...quantisers, ...segments]
  // Optional sections that no segment has are no news.
  const names = sectionNames((row, name) => !row.isOptional || owners.some((owner) => sectionBytes(owner, name) > 0))
  const sections = names.map((name): SectionCost => {
    const bytes = sum(owners.map((owner) => sectionBytes(owner, name)))
    return { name, bytes, bytesPerToken: tokens > 0 ? bytes / tokens : 0 }
  })
  return {
    name: manifest.name,
    generation: manifest.generation,
    builder: manifest.builder,
    passages: livePassages(manifest),
    deleted: sum(segments.map(({ deleted }) => deleted)),
    segments: segments.length,
    quantisers: quantisers.length,
    requires: manifest.requires,
    tokens,
    dim: manifest.dim,
    nbits: quantisers[0]?.codec.nbits ?? 4,
    centroids: sum(quantisers.map(({ centroids }) => centroids)),
    ...(manifest.encoder ? { encoder: manifest.encoder } : {}),
    parts: manifest.parts.length,
    bytes: sum(manifest.parts.map((part) => part.bytes)),
    bytesPerToken: sum(
      sections.filter(({ name }) => sectionRow(name).isSearched).map((section) => section.bytesPerToken),
    ),
    sections,
    ...(manifest.tiers ? { tiers: manifest.tiers } : {}),
  }
}
