/** Which token of a passage answers each query row, for the range pipeline: on row blocks that were read. */
import { InputError } from '../../../format/errors.ts'
import { paddedRows } from '../../kernels/quantise.ts'
import type { TokenMatch } from '../../searcher.ts'
import { firstMaxima } from '../firstMaxima.ts'
import type { PreparedQuery } from '../preparedQuery.ts'
import { type RangeIndex, rangeQuantiserOf } from './rangeIndex.ts'
import { placeBlocks } from './rescoreBlocks.ts'

/**
 * @param blocks - verified row blocks
 * @returns one match a block, in their order
 * @throws InputError on a passage without tokens
 */
export function matchBlocks(
  index: RangeIndex,
  query: PreparedQuery,
  blocks: readonly { readonly segment: number; readonly pid: number; readonly bytes: Uint8Array }[],
): readonly TokenMatch[] {
  const { kernels } = index
  return blocks.map(({ segment: number, pid, bytes }) => {
    const segment = index.segments[number]
    const tokens = segment?.tokens.lengths[pid] ?? 0
    if (!segment || tokens === 0) {
      throw new InputError(`matching tokens: passage ${pid} has no tokens to match.`, { pid })
    }
    const { top } = kernels.arena
    try {
      const quantiser = rangeQuantiserOf(index, segment)
      const block = placeBlocks(kernels, quantiser, [{ tokens, bytes }])
      const placed = query.place(kernels, block, quantiser.scales)
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
