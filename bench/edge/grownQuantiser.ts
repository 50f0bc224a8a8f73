/**
 * A quantiser of many centroids from few tokens, cheaply: the builder's own k-means for the coarse cells, and each of them divided
 * among its tokens. Nearest centroids are then looked for in the cells around a token's own. For benches of large indexes:
 * the builder's k-means at this size takes hours on a CPU.
 */

import { permuteRows } from '../../builder/segment/centroidOrder.ts'
import { dequantiseCentroids, type Quantiser, quantiseCentroids, trainCodec } from '../../builder/segment/codec.ts'
import { nearestNeighbours, openAssigner } from '../../builder/segment/graphSessions.ts'
import { type Random, seededRandom } from '../../builder/segment/sampling.ts'
import { similarityOrder, trainQuantiser } from '../../builder/segment/trainQuantiser.ts'
import type { VectorStore } from '../../builder/stores/vectorStore.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { progress } from '../harness/commandLine.ts'

export interface GrownQuantiser extends Quantiser {
  /** Of every token of the store, its coarse cell. */
  readonly coarseCodes: Int32Array
  /** f32[tokens][dim]: all of the store. */
  readonly vectors: Float32Array
  /** f32[K][dim], as readers see them. */
  readonly table: Float32Array
  /** Coarse cell to the centroids in and around it. */
  readonly around: readonly Uint32Array[]
}

/** Coarse cells whose centroids a token is compared with: its own and the nearest. */
const CELLS_AROUND = 4
const LLOYD_ROUNDS = 2
const HELDOUT = 50_000
const CHUNK_ROWS = 256

export async function trainGrown(
  store: VectorStore,
  options: { readonly nbits: Nbits; readonly coarse: number; readonly children: number; readonly seed: number },
): Promise<GrownQuantiser> {
  const { dim } = store
  const { nbits, coarse, children, seed } = options
  progress(`coarse cells: ${coarse} of ${store.tokens} tokens`)
  const first = await trainQuantiser(store, { nbits, seed, centroids: coarse })
  const cells = dequantiseCentroids(first)
  const count = cells.length / dim
  const vectors = new Float32Array(store.tokens * dim)
  await store.readRows(0, store.tokens, vectors)
  const coarseCodes = await assignAll(vectors, { dim, count, vectors: cells })
  progress(`dividing them by ${children}`)
  const divided = divide(vectors, coarseCodes, { dim, count, children, random: seededRandom(seed) })
  const order = await similarityOrder(divided.table, dim, {})
  const quantised = quantiseCentroids(permuteRows(divided.table, dim, order), dim)
  const table = dequantiseCentroids(quantised)
  const places = new Uint32Array(order.length)
  order.forEach((from, to) => {
    places[from] = to
  })
  const neighbours = await nearestNeighbours({ dim, count, vectors: cells }, CELLS_AROUND, {})
  const around = Array.from({ length: count }, (_, cell) =>
    Uint32Array.from(
      [...neighbours.subarray(cell * CELLS_AROUND, (cell + 1) * CELLS_AROUND)].flatMap(
        (near) => divided.members[near]!,
      ),
      (child) => places[child]!,
    ),
  )
  const heldout = Array.from({ length: HELDOUT }, (_, i) => Math.floor((i * store.tokens) / HELDOUT))
  const sample = new Float32Array(HELDOUT * dim)
  heldout.forEach((token, i) => {
    sample.set(vectors.subarray(token * dim, (token + 1) * dim), i * dim)
  })
  const codes = Int32Array.from(heldout, (token, i) =>
    nearestOf(sample.subarray(i * dim, (i + 1) * dim), table, around[coarseCodes[token]!]!),
  )
  return {
    ...quantised,
    codec: trainCodec({ vectors: sample, codes }, table, dim, nbits),
    coarseCodes,
    vectors,
    table,
    around,
  }
}

/** The candidate with the largest dot product. */
export function nearestOf(vector: Float32Array, table: Float32Array, candidates: Uint32Array): number {
  const dim = vector.length
  let best = 0
  let largest = Number.NEGATIVE_INFINITY
  for (const candidate of candidates) {
    let product = 0
    for (let d = 0, at = candidate * dim; d < dim; d++, at++) product += vector[d]! * table[at]!
    if (product > largest) {
      largest = product
      best = candidate
    }
  }
  return best
}

async function assignAll(
  vectors: Float32Array,
  table: { readonly dim: number; readonly count: number; readonly vectors: Float32Array },
): Promise<Int32Array> {
  const tokens = vectors.length / table.dim
  const assigner = await openAssigner(table, {})
  const codes = new Int32Array(tokens)
  try {
    for (let first = 0; first < tokens; first += CHUNK_ROWS) {
      const rows = Math.min(CHUNK_ROWS, tokens - first)
      const chunk = new Float32Array(CHUNK_ROWS * table.dim)
      chunk.set(vectors.subarray(first * table.dim, (first + rows) * table.dim))
      codes.set((await assigner.assign(chunk)).subarray(0, rows), first)
    }
  } finally {
    await assigner.close()
  }
  return codes
}

/** k-means inside each cell, among its own tokens. A cell of fewer tokens has that many children, one of none keeps none. */
function divide(
  vectors: Float32Array,
  codes: Int32Array,
  shape: { readonly dim: number; readonly count: number; readonly children: number; readonly random: Random },
): { readonly table: Float32Array; readonly members: readonly (readonly number[])[] } {
  const { dim, count, children, random } = shape
  const tokensOf: number[][] = Array.from({ length: count }, () => [])
  codes.forEach((code, token) => {
    tokensOf[code]!.push(token)
  })
  const rows: Float32Array[] = []
  const members = tokensOf.map((tokens) => {
    const own = Math.min(children, tokens.length)
    const first = rows.length
    const step = tokens.length / Math.max(1, own)
    const table = new Float32Array(own * dim)
    for (let child = 0; child < own; child++) {
      const token = tokens[Math.floor(child * step + (random() / 2 ** 32) * Math.floor(step))]!
      table.set(vectors.subarray(token * dim, (token + 1) * dim), child * dim)
    }
    const all = Uint32Array.from({ length: own }, (_, child) => child)
    for (let round = 0; round < LLOYD_ROUNDS; round++) lloyd(vectors, tokens, table, all)
    for (let child = 0; child < own; child++) rows.push(table.slice(child * dim, (child + 1) * dim))
    return Array.from({ length: own }, (_, child) => first + child)
  })
  const table = new Float32Array(rows.length * dim)
  rows.forEach((row, at) => {
    table.set(row, at * dim)
  })
  return { table, members }
}

function lloyd(vectors: Float32Array, tokens: readonly number[], table: Float32Array, all: Uint32Array): void {
  const dim = table.length / Math.max(1, all.length)
  const sums = new Float64Array(table.length)
  for (const token of tokens) {
    const vector = vectors.subarray(token * dim, (token + 1) * dim)
    const child = nearestOf(vector, table, all)
    for (let d = 0; d < dim; d++) sums[child * dim + d]! += vector[d]!
  }
  for (const child of all) {
    let squares = 0
    for (let d = 0; d < dim; d++) squares += sums[child * dim + d]! ** 2
    // One that no token is nearest to stays as it is.
    if (squares === 0) continue
    for (let d = 0; d < dim; d++) table[child * dim + d] = sums[child * dim + d]! / Math.sqrt(squares)
  }
}
