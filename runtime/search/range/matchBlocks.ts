/** Which token of a passage answers each query row, for the range pipeline: on row blocks that were read. */
import { InputError } from '../../../format/errors.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import type { QueryVectors, TokenMatch } from '../../searcher.ts'
import { placeQuery } from '../placedQuery.ts'
import { firstMaxima } from '../resident/residentSegment.ts'
import type { RangeIndex } from './rangeIndex.ts'
import { placeBlocks } from './rescoreBlocks.ts'

/**
 * @param blocks - verified row blocks
 * @returns one match a block, in their order
 * @throws InputError on a wrong query shape or a passage without tokens
 */
export function matchBlocks(
  { kernels, segments }: RangeIndex,
  query: QueryVectors,
  blocks: readonly { readonly segment: number; readonly pid: number; readonly bytes: Uint8Array }[],
): readonly TokenMatch[] {
  return blocks.map(({ segment: number, pid, bytes }) => {
    const segment = segments[number]
    const tokens = segment?.tokens.lengths[pid] ?? 0
    if (!segment || tokens === 0) {
      throw new InputError(`matching tokens: passage ${pid} has no tokens to match.`, { pid })
    }
    const { top } = kernels.arena
    try {
      const block = placeBlocks(kernels, segment, [{ pid, bytes }])
      const placed = placeQuery(kernels, block, segment.scales, query)
      kernels.scoreCentroids(block, placed, 1)
      const stride = paddedRows(query.rows)
      const out = kernels.arena.allocate(tokens * stride * 4)
      kernels.tokenScores(block, placed, { pid: 0, out })
      const scores = new Float32Array(kernels.memory.buffer, out, tokens * stride)
      return firstMaxima(scores, stride, query.rows)
    } finally {
      kernels.arena.reset(top)
    }
  })
}
