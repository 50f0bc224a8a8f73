/** The facts of a manifest in one flat object, with bytes by section: for `tartan inspect` and the benches. */
import type { EncoderFingerprint } from './encoderFingerprint.ts'
import type { Manifest, SectionName } from './manifest.ts'
import { SECTION_NAMES } from './manifest.ts'
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
  readonly passages: number
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

const NOT_FOR_SEARCH: ReadonlySet<SectionName> = new Set(['idOffsets', 'ids', 'idOrder', 'textBlocks', 'texts'])

export function summariseIndex(manifest: Manifest): IndexSummary {
  const { segments } = manifest
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const tokens = sum(segments.map((segment) => segment.tokens))
  const sections = SECTION_NAMES.map((name): SectionCost => {
    const chunks = segments
      .flatMap((segment) => segment.sections.filter((section) => section.name === name))
      .flatMap((section) => section.chunks)
    const bytes = sum(chunks.map((chunk) => chunk.length))
    return { name, bytes, bytesPerToken: tokens > 0 ? bytes / tokens : 0 }
  })
  return {
    name: manifest.name,
    generation: manifest.generation,
    builder: manifest.builder,
    passages: sum(segments.map((segment) => segment.passages)),
    tokens,
    dim: manifest.dim,
    nbits: segments[0]?.codec.nbits ?? 4,
    centroids: sum(segments.map((segment) => segment.centroids)),
    ...(manifest.encoder ? { encoder: manifest.encoder } : {}),
    parts: manifest.parts.length,
    bytes: sum(manifest.parts.map((part) => part.bytes)),
    bytesPerToken: sum(
      sections.filter(({ name }) => !NOT_FOR_SEARCH.has(name)).map((section) => section.bytesPerToken),
    ),
    sections,
    ...(manifest.tiers ? { tiers: manifest.tiers } : {}),
  }
}
