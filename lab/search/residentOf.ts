/** An index in WebAssembly memory made of arrays, without files: what tests and benches of the resident search search. */
import type { SegmentData } from '../../format/manifest/segment.ts'
import type { SegmentBlock } from '../../runtime/kernels/blocks.ts'
import type { Kernels } from '../../runtime/kernels/kernels.ts'
import type { SegmentScales } from '../../runtime/kernels/units.ts'
import { bitmapHas, bitmapOf } from '../../runtime/passages/bitmap.ts'
import { arraySource, type IndexSource, type SegmentArrays } from '../../runtime/search/resident/indexSource.ts'
import { type Placement, placeIndex } from '../../runtime/search/resident/placement.ts'
import { type ResidentAnswer, ResidentIndex } from '../../runtime/search/resident/residentIndex.ts'
import type { PlaidParameters, QueryVectors, TokenMatch } from '../../runtime/searcher.ts'

export interface PlaceOptions {
  /** Also compare every row block and posting list with its own CRC. */
  readonly verifyBlocks?: boolean
  /** Changes where the sections come from, before they are placed. */
  readonly source?: (source: IndexSource) => IndexSource
}

/** Segments of one index. Those with the same array of centroids share a quantiser. */
export async function placedIndexOf(
  segments: readonly (SegmentData & Pick<SegmentArrays, 'deleted'>)[],
  kernels: Kernels,
  { verifyBlocks = false, source = (own) => own }: PlaceOptions = {},
): Promise<{ readonly index: ResidentIndex; readonly placement: Placement }> {
  const centroids = [...new Set(segments.map((segment) => segment.centroids))]
  const quantisers = centroids.flatMap((own) => segments.find((segment) => segment.centroids === own) ?? [])
  const arrays = segments.map((segment) => ({ ...segment, quantiser: centroids.indexOf(segment.centroids) }))
  const placement = await placeIndex(source(arraySource(quantisers, arrays)), kernels, { verifyBlocks })
  return { index: new ResidentIndex(kernels, placement.index), placement }
}

/** An index of one segment, asked by pids. */
export interface OneSegment {
  readonly block: SegmentBlock
  readonly scales: SegmentScales
  /** Bytes of WebAssembly memory it keeps; a query needs more for its time. */
  readonly memoryBytes: number
  /**
   * @param filterPids - only these passages, in any order
   * @param deadline - on the clock of `Date.now`
   */
  search(
    query: QueryVectors,
    parameters: PlaidParameters,
    k: number,
    filterPids?: Iterable<number>,
    deadline?: number,
  ): ResidentAnswer
  matchTokens(query: QueryVectors, pids: readonly number[]): readonly TokenMatch[]
}

/** @throws as placeIndex */
export async function residentOf(data: SegmentData, kernels: Kernels, options: PlaceOptions = {}): Promise<OneSegment> {
  const start = kernels.arena.top
  const { index, placement } = await placedIndexOf([data], kernels, options)
  const [segment] = placement.index.segments
  const [quantiser] = placement.index.quantisers
  const [passages] = placement.passages
  if (!(segment && quantiser && passages)) throw new RangeError('an index of one segment has a segment')
  return {
    block: segment.block,
    scales: quantiser.scales,
    memoryBytes: kernels.arena.top - start,
    search(query, parameters, k, filterPids, deadline) {
      const allowed = filterPids && [...filterPids].filter((pid) => bitmapHas(passages.searchable, pid))
      const filters = allowed && [bitmapOf(data.passageLengths.length, allowed)]
      return index.search({ query, parameters, k, filters, deadline })
    },
    matchTokens: (query, pids) =>
      index.matchTokens(
        query,
        pids.map((pid) => ({ segment: 0, pid })),
      ),
  }
}
