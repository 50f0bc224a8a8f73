/**
 * The tokens that train the quantiser: all tokens of a seeded sample of passages, split into training and held-out
 * tokens. They are streamed from the store on every pass: a corpus of 8.8 M passages samples 36 M tokens, 14 GB as f32 at
 * 96 dims, and reading 192 B a token again is little beside its 1.6 MFLOP with 8,192 centroids.
 */

import type { VectorStore } from '../stores/vectorStore.ts'
import { heldoutTokenCount, type Random, sampleIndices, samplePassageCount } from './sampling.ts'

/** Vectors of consecutive rows of one kind. The buffer is used again for the next chunk. */
export interface TokenChunk {
  /** f32[chunkRows][dim]; rows from `rows` on are zero. */
  readonly vectors: Float32Array
  readonly rows: number
}

export interface TokenSample {
  readonly dim: number
  readonly passages: number
  /** Training and held-out tokens together. */
  readonly tokens: number
  readonly trainingTokens: number
  readonly heldoutTokens: number
  trainingChunks(chunkRows: number): AsyncGenerator<TokenChunk>
  /** The held-out tokens; with fewer than 20 tokens there are none and the training tokens stand in. At most 50,000. */
  heldoutChunks(chunkRows: number): AsyncGenerator<TokenChunk>
}

/** Half-open range of rows in the store. */
interface RowRange {
  readonly start: number
  readonly end: number
}

/** Rows of one read, 1.5 MB at 96 dims. */
const READ_ROWS = 8192

/** Draws passages, then held-out tokens, from `random`. */
export function drawTokenSample(store: VectorStore, random: Random): TokenSample {
  const { dim, passageLengths } = store
  const count = samplePassageCount(passageLengths.length)
  const pids = sampleIndices(random, { population: passageLengths.length, count })
  const ranges = rangesOf(passageLengths, pids)
  const tokens = ranges.reduce((sum, range) => sum + range.end - range.start, 0)
  const heldoutTokens = heldoutTokenCount(tokens)
  const heldout = sampleIndices(random, { population: tokens, count: heldoutTokens })
  return {
    dim,
    passages: count,
    tokens,
    trainingTokens: tokens - heldoutTokens,
    heldoutTokens,
    trainingChunks: (chunkRows) => chunksOf(store, { ranges, heldout, chunkRows, wantHeldout: false }),
    heldoutChunks: (chunkRows) => chunksOf(store, { ranges, heldout, chunkRows, wantHeldout: heldoutTokens > 0 }),
  }
}

/** Rows of the passages, neighbours joined. */
function rangesOf(passageLengths: Uint16Array, pids: Uint32Array): readonly RowRange[] {
  const ranges: { start: number; end: number }[] = []
  let next = 0
  let start = 0
  passageLengths.forEach((length, pid) => {
    if (pids[next] === pid) {
      next++
      const last = ranges.at(-1)
      if (last?.end === start) last.end += length
      else ranges.push({ start, end: start + length })
    }
    start += length
  })
  return ranges
}

async function* chunksOf(
  store: VectorStore,
  plan: {
    readonly ranges: readonly RowRange[]
    /** Ascending positions in the sample. */
    readonly heldout: Uint32Array
    readonly wantHeldout: boolean
    readonly chunkRows: number
  },
): AsyncGenerator<TokenChunk> {
  const { dim } = store
  const { ranges, heldout, wantHeldout, chunkRows } = plan
  const block = new Float32Array(READ_ROWS * dim)
  const vectors = new Float32Array(chunkRows * dim)
  let rows = 0
  let position = 0
  let nextHeldout = 0
  for (const { start, end } of ranges) {
    for (let first = start; first < end; first += READ_ROWS) {
      const count = Math.min(READ_ROWS, end - first)
      await store.readRows(first, count, block)
      for (let row = 0; row < count; row++, position++) {
        const isHeldout = heldout[nextHeldout] === position
        if (isHeldout) nextHeldout++
        if (isHeldout !== wantHeldout) continue
        vectors.set(block.subarray(row * dim, (row + 1) * dim), rows * dim)
        if (++rows < chunkRows) continue
        yield { vectors, rows }
        rows = 0
      }
    }
  }
  if (rows > 0) yield { vectors: vectors.fill(0, rows * dim), rows }
}
