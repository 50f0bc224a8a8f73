/** One generation of an index as the range pipeline holds it: the small tables of its quantisers and segments, and a reader for the rest. */
import type { IndexReader } from '../../../format/indexReader.ts'
import { openedSections } from '../../../format/manifest/sections.ts'
import { SectionArrays } from '../../../format/sectionArrays.ts'
import type { Kernels } from '../../kernels/kernels.ts'
import { RangePassages } from '../../passages/rangePassages.ts'
import { quantiserTargets, requireCodec } from '../quantiserPlacement.ts'
import { finishRangeQuantiser, type RangeQuantiser, reserveRangeQuantiser } from './rangeQuantiser.ts'
import { type RangeSegment, reserveRangeSegment } from './rangeSegment.ts'
import { BlockCache } from './reading/blockCache.ts'
import { ScoreTable } from './scoreTable.ts'

export interface RangeIndex {
  readonly reader: IndexReader
  /** Its own memory: an index that is replaced is given back whole. */
  readonly kernels: Kernels
  readonly quantisers: readonly RangeQuantiser[]
  readonly segments: readonly RangeSegment[]
  /** Ids and texts, segment by segment. */
  readonly passages: readonly RangePassages[]
  readonly cache: BlockCache
  /** Scratch of the query that scores its lists just now. */
  readonly scores: ScoreTable
}

/**
 * Reads the manifest's tables, all of them side by side: where storage is far away, opening takes as long as its slowest read.
 * @throws FormatError and its kin, StorageError, InputError (memory)
 */
export async function openRangeIndex(
  reader: IndexReader,
  kernels: Kernels,
  options: { readonly cacheBytes: number },
): Promise<RangeIndex> {
  const { manifest } = reader
  const { dim } = manifest
  for (const { codec } of manifest.quantisers) requireCodec({ dim, codec })
  // Those of lists and rows as well: no query then waits for that.
  const names = [...openedSections('range', 'segment'), 'postings', 'rows'] as const
  await Promise.all([
    ...manifest.quantisers.map((owner) => reader.openParts(owner, openedSections('range', 'quantiser'))),
    ...manifest.segments.map((owner) => reader.openParts(owner, names)),
  ])
  const reserved = manifest.quantisers.map(({ centroids }) => reserveRangeQuantiser(kernels, dim, centroids))
  const arrays = new SectionArrays(reader)
  const finishSegments = manifest.segments.map((entry) => reserveRangeSegment(reader, entry, arrays))
  const finishPassages = manifest.segments.map((entry) => RangePassages.reserve(reader, entry, arrays))
  await reader.loadSections([
    ...reserved.flatMap(({ pointers }, index) => {
      const owner = manifest.quantisers[index]
      const targets = quantiserTargets(kernels, pointers, manifest, index)
      return owner ? targets.map(({ name, view }) => ({ owner, name, view })) : []
    }),
    ...arrays.targets,
  ])
  const quantisers = manifest.quantisers.flatMap((shape, index) => {
    const own = reserved[index]
    return own ? [finishRangeQuantiser(kernels, own, dim, shape)] : []
  })
  const segments = finishSegments.map((finish) => finish())
  const passages = finishPassages.map((finish) => finish())
  return {
    ...{ reader, kernels, quantisers, segments, passages },
    cache: new BlockCache(options.cacheBytes),
    scores: new ScoreTable(),
  }
}

/** The quantiser of a segment. */
export function rangeQuantiserOf(index: RangeIndex, { entry }: RangeSegment): RangeQuantiser {
  const quantiser = index.quantisers[entry.quantiser]
  if (!quantiser) throw new RangeError(`there is no quantiser ${entry.quantiser}`)
  return quantiser
}
