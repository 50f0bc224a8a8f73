/**
 * Passages ordered by content, so that those a query wants together lie together in the files: neighbours by the direction of
 * their mean token, first bisected, then refined as centroids are. Own; what it saves is in bench/results/range-*.json.
 */
import { lastStartAtOrBefore } from '../../format/items/bisection.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'
import type { VectorStore } from '../stores/vectorStore.ts'
import { orderCentroids, permuteRows } from './centroidOrder.ts'
import { adjacencyOf, refineOrder } from './graphOrder.ts'
import { type GraphOptions, nearestNeighbours } from './graphSessions.ts'

const NEIGHBOURS = 16
/** Neighbours are looked for among so many passages that lie together already: all pairs of a million would take hours. */
const BLOCK_PASSAGES = 65_536
/** Rows read at a time. */
const GROUP_ROWS = 32_768

/**
 * Memory: a vector of f32 and 136 bytes of edges a passage. O(passages · min(passages, 65,536) · dim).
 * @returns u32[passages]: which passage comes first, second, … – a permutation
 */
export async function contentOrder(
  store: VectorStore,
  options: Pick<GraphOptions, 'threads'> & RunOptions,
): Promise<Uint32Array> {
  const { dim, passageLengths } = store
  const means = await centredMeans(store, options)
  const order = orderCentroids(means, dim)
  const degree = Math.min(NEIGHBOURS + 1, passageLengths.length)
  const neighbours = new Int32Array(order.length * degree)
  for (let first = 0; first < order.length; first += BLOCK_PASSAGES) {
    throwIfAborted(options.signal)
    const block = order.subarray(first, first + BLOCK_PASSAGES)
    // The last block may have fewer passages than neighbours are asked for; an edge to itself is none.
    const own = Math.min(degree, block.length)
    const near = await nearestNeighbours(
      { dim, count: block.length, vectors: permuteRows(means, dim, block) },
      own,
      options,
    )
    for (const [at, passage] of block.entries()) {
      for (let i = 0; i < degree; i++) {
        neighbours[passage * degree + i] = i < own ? (block[near[at * own + i] ?? 0] ?? passage) : passage
      }
    }
    options.onProgress?.({ stage: 'order', unit: 'passages', done: first + block.length, total: order.length })
  }
  refineOrder(order, adjacencyOf(neighbours, degree))
  return order
}

/** A store with its passages in another order; rows are read passage by passage. */
export function permutedStore(store: VectorStore, order: Uint32Array): VectorStore {
  const { dim } = store
  const starts = startsOf(store.passageLengths)
  const passageLengths = Uint16Array.from(order, (pid) => store.passageLengths[pid] ?? 0)
  const ownStarts = startsOf(passageLengths)
  return {
    dim,
    tokens: store.tokens,
    ids: Array.from(order, (pid) => store.ids[pid] ?? ''),
    passageLengths,
    async readRows(first, rows, target) {
      let pid = lastStartAtOrBefore(ownStarts, passageLengths.length, first)
      for (let row = first; row < first + rows; pid++) {
        const end = Math.min(first + rows, ownStarts[pid + 1] ?? 0)
        const source = (starts[order[pid] ?? 0] ?? 0) + row - (ownStarts[pid] ?? 0)
        if (end > row) await store.readRows(source, end - row, target.subarray((row - first) * dim))
        row = end
      }
    },
    readQueries: () => store.readQueries(),
    close: () => store.close(),
  }
}

/** f32[passages][dim]: mean of each passage's tokens, less the mean over passages, of unit length. Zero for one without tokens. */
async function centredMeans(store: VectorStore, { onProgress, signal }: RunOptions): Promise<Float32Array> {
  const { dim, passageLengths, tokens } = store
  const means = new Float32Array(passageLengths.length * dim)
  const rows = new Float32Array(GROUP_ROWS * dim)
  let pid = 0
  let left = passageLengths[0] ?? 0
  for (let first = 0; first < tokens; first += GROUP_ROWS) {
    throwIfAborted(signal)
    const count = Math.min(GROUP_ROWS, tokens - first)
    await store.readRows(first, count, rows)
    for (let row = 0; row < count; row++, left--) {
      while (left === 0) left = passageLengths[++pid] ?? 1
      for (let d = 0; d < dim; d++) means[pid * dim + d] = (means[pid * dim + d] ?? 0) + (rows[row * dim + d] ?? 0)
    }
    onProgress?.({ stage: 'order', unit: 'tokens', done: first + count, total: tokens })
  }
  normaliseRows(means, dim)
  const centre = new Float64Array(dim)
  for (let at = 0; at < means.length; at++) {
    centre[at % dim] = (centre[at % dim] ?? 0) + (means[at] ?? 0) / passageLengths.length
  }
  for (let at = 0; at < means.length; at++) means[at] = (means[at] ?? 0) - (centre[at % dim] ?? 0)
  normaliseRows(means, dim)
  return means
}

function normaliseRows(table: Float32Array, dim: number): void {
  for (let start = 0; start < table.length; start += dim) {
    const row = table.subarray(start, start + dim)
    const length = Math.hypot(...row)
    if (length > 1e-12) for (let d = 0; d < dim; d++) row[d] = (row[d] ?? 0) / length
  }
}

/** f64[passages + 1]: tokens before each passage. */
function startsOf(lengths: Uint16Array): Float64Array {
  const starts = new Float64Array(lengths.length + 1)
  for (let pid = 0; pid < lengths.length; pid++) starts[pid + 1] = (starts[pid] ?? 0) + (lengths[pid] ?? 0)
  return starts
}
