/** Seeded token vectors for tests: unit rows scattered around a few directions, as token vectors are. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Random, seededRandom } from '../../../builder/segment/sampling.ts'
import { openVectorStore, type VectorStore } from '../../../builder/stores/vectorStore.ts'
import { createVectorStore } from '../../../builder/stores/vectorStoreWriter.ts'

/** f32[rows][dim], unit rows: `clusters` random directions plus noise of length about `noise`. */
export function clusteredVectors(options: {
  rows: number
  dim: number
  clusters?: number
  noise?: number
  seed?: number
}): Float32Array {
  const { rows, dim, clusters = 40, noise = 0.5, seed = 1 } = options
  const random = seededRandom(seed)
  const directions = Array.from({ length: clusters }, () =>
    unitRow(Float32Array.from({ length: dim }, () => normal(random))),
  )
  const vectors = new Float32Array(rows * dim)
  for (let row = 0; row < rows; row++) {
    const direction = directions[random() % clusters]!
    const values = direction.map((value) => value + (noise / Math.sqrt(dim)) * normal(random))
    vectors.set(unitRow(values), row * dim)
  }
  return vectors
}

/** Runs `use` on a store of such vectors in a folder of its own. */
export async function withStore<T>(
  lengths: readonly number[],
  options: { dim: number; clusters?: number; noise?: number; seed?: number },
  use: (store: VectorStore, vectors: Float32Array) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-store-'))
  try {
    const rows = lengths.reduce((sum, length) => sum + length, 0)
    const vectors = clusteredVectors({ ...options, rows })
    const writer = await createVectorStore(folder, options.dim)
    let start = 0
    for (const length of lengths) {
      await writer.append(vectors.subarray(start * options.dim, (start + length) * options.dim), length)
      start += length
    }
    await writer.finish(lengths.map((_, pid) => `p${pid}`))
    const store = await openVectorStore(folder)
    try {
      return await use(store, vectors)
    } finally {
      await store.close()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Box–Muller. */
function normal(random: Random): number {
  const uniform = () => (random() + 0.5) / 2 ** 32
  return Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}

function unitRow(row: Float32Array): Float32Array {
  const length = Math.hypot(...row)
  return row.map((value) => value / length)
}
