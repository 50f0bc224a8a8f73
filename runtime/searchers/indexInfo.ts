/** What a searcher says about its index, from the manifest. */
import type { IndexReader } from '../../format/indexReader.ts'
import { livePassages } from '../../format/manifest/manifest.ts'
import type { IndexInfo } from '../searcher.ts'
import type { PipelineName } from './pipeline.ts'

export function indexInfo(reader: IndexReader, hasTexts: boolean, pipeline: PipelineName): IndexInfo {
  const { manifest, bytes, revision } = reader
  const { quantisers, segments } = manifest
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return {
    name: manifest.name,
    generation: manifest.generation,
    revision,
    passages: livePassages(manifest),
    segments: segments.map(({ passages }) => passages),
    tokens: sum(segments.map(({ tokens }) => tokens)),
    dim: manifest.dim,
    nbits: quantisers[0]?.codec.nbits ?? 4,
    centroids: sum(quantisers.map(({ centroids }) => centroids)),
    bytes,
    hasTexts,
    pipeline,
    ...(manifest.encoder ? { encoder: manifest.encoder } : {}),
    ...(manifest.tiers ? { tiers: manifest.tiers } : {}),
  }
}
