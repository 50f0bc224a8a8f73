/** A pool of real threads over one shared memory: the answers of one thread, and what happens when it is busy or a worker dies. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InputError, StorageError } from '../../format/errors.ts'
import { readIndex } from '../../format/indexReader.ts'
import { encodePack } from '../../format/pack.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../lab/data/randomSegment.ts'
import { slicesOf } from '../../lab/data/slicedSegment.ts'
import { MEMORY_PAGES_MAX } from '../../runtime/kernels/kernels.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'
import { openPool } from '../../runtime/platform/node/threads/nodePool.ts'
import { openPoolEngine, type PoolThreadEvents } from '../../runtime/pool/poolEngine.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { openSearcher } from '../../runtime/searchers/openIndexFiles.ts'

const queries: readonly QueryVectors[] = Array.from({ length: 40 }, (_, i) => {
  const rows = 1 + (i % 40)
  return { vectors: randomQuery(i, rows, 48), rows, dim: 48 }
})

const isOdd = (id: string) => /[13579]$/.test(id)

let folder: string
let path: string
let single: OpenedIndex

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-pool-'))
  path = join(folder, 'large.tartan')
  const random = seededRandom(77)
  const lengths = Array.from({ length: 1500 }, () => Math.floor(random() * 40))
  const segments = slicesOf(randomSegment({ seed: 78, dim: 48, nbits: 4, centroidCount: 300, lengths }), [500, 600])
  await writeFile(path, await packOf(await indexOf(segments, { texts: true, textOf: (passage) => `Text ${passage}.` })))
  single = await openIndex(path)
})

afterAll(async () => {
  await single.close()
  await rm(folder, { recursive: true })
})

async function packOf(stored: Map<string, Uint8Array>): Promise<Uint8Array> {
  const files = memoryFiles('large', stored)
  const pieces: Uint8Array[] = []
  for await (const piece of encodePack(files, (await readIndex(files)).manifest)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** A pool whose threads the test can end. */
async function fragilePool(workers: number, waitingMax: number) {
  const threads: Worker[] = []
  const kernels = await compileKernels('kernels.shared.wasm')
  const memory = new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES_MAX, shared: true })
  const spawn = ({ message, ended }: PoolThreadEvents) => {
    const worker = new Worker(new URL('../../runtime/platform/node/threads/nodePoolWorker.ts', import.meta.url))
    let isOver = false
    threads.push(worker)
    worker.on('message', message)
    worker.on('exit', (code) => !isOver && ended(`exit ${code}`))
    return {
      post: (sent: unknown) => worker.postMessage(sent),
      async terminate() {
        isOver = true
        await worker.terminate()
      },
    }
  }
  const pool = await openSearcher(await filesAtPath(path), {
    kernels,
    memory: () => memory,
    engine: (placed) => openPoolEngine(placed, { workers, waitingMax, kernels, memory, spawn }),
  })
  return { pool, threads }
}

describe('searchMany', () => {
  it('answers as search does, query by query', async () => {
    const expected = []
    for (const query of queries) expected.push(await single.search(query, { k: 7 }))
    expect(await single.searchMany(queries, { k: 7 })).toEqual(expected)
    expect(await single.searchMany([])).toEqual([])
  })

  it('ends with the first failure', async () => {
    const wrong = { ...queries[0]!, dim: 64 }
    await expect(single.searchMany([queries[0]!, wrong, queries[1]!])).rejects.toThrow(InputError)
  })
})

describe('a pool', () => {
  it.each([1, 2, 3])(
    'of %i workers gives the ids and the bits of one thread, a filter and all stages included',
    async (workers) => {
      const pool = await openPool(path, { workers })
      try {
        const places = Array.from({ length: 300 }, (_, pid) => ({ segment: pid % 3, pid: pid % 100, opening: 0 }))
        const ids = (await single.passages(places)).map(({ id }) => id)
        for (const options of [
          { k: 10 },
          { k: 100 },
          { k: 5, filter: ids },
          { k: 5, filter: isOdd },
          { k: 5, ncells: 5000, ndocs: 40 },
        ]) {
          expect(await pool.searchMany(queries, options)).toEqual(await single.searchMany(queries, options))
        }
        const some = places.slice(2, 5)
        expect(await pool.matchTokens(queries[3]!, some)).toEqual(await single.matchTokens(queries[3]!, some))
        expect(await pool.passages(some)).toEqual(await single.passages(some))
      } finally {
        await pool.close()
      }
    },
  )

  it('keeps the index in memory once', async () => {
    const one = await openPool(path, { workers: 1 })
    const four = await openPool(path, { workers: 4 })
    try {
      await one.searchMany(queries)
      await four.searchMany(queries)
      // 2 MB a worker for a query on this index; the index itself has more.
      expect(four.memoryBytes - one.memoryBytes).toBeLessThan(3 * 4e6)
      const before = four.memoryBytes
      for (let round = 0; round < 5; round++) await four.searchMany(queries)
      expect(four.memoryBytes).toBe(before)
    } finally {
      await one.close()
      await four.close()
    }
  })

  it('gives the caller errors of the family that a worker threw', async () => {
    const pool = await openPool(path, { workers: 2 })
    try {
      const vectors = new Float32Array(48).fill(Number.NaN)
      const failed = pool.search({ vectors, rows: 1, dim: 48 })
      await expect(failed).rejects.toThrow(InputError)
      await expect(failed).rejects.toMatchObject({ code: 'INPUT' })
      expect(await pool.search(queries[0]!)).toEqual(await single.search(queries[0]!))
    } finally {
      await pool.close()
    }
  })

  it.each([
    [{ workers: 0 }, 'workers'],
    [{ workers: 1.5 }, 'workers'],
    [{ waitingMax: -1 }, 'waitingMax'],
  ])('refuses %o', async (options, name) => {
    await expect(openPool(path, options)).rejects.toThrow(name)
  })

  it('says where there is no index, and leaves no thread behind', async () => {
    await expect(openPool(join(folder, 'none.tartan'))).rejects.toThrow('there is no index')
  })

  it('refuses what it cannot queue, and answers the rest', async () => {
    const { pool } = await fragilePool(1, 2)
    const settled = await Promise.allSettled(queries.slice(0, 6).map((query) => pool.search(query)))
    expect(settled.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'],
    ])
    expect((settled[5] as PromiseRejectedResult).reason).toMatchObject({ code: 'BUSY' })
    await pool.close()
  })

  it('answers what is under way before it closes, and nothing afterwards', async () => {
    const { pool } = await fragilePool(2, 100)
    const answers = Promise.all(queries.map((query) => pool.search(query)))
    await pool.close()
    expect(await answers).toHaveLength(queries.length)
    await expect(pool.search(queries[0]!)).rejects.toThrow('closed')
  })

  it('answers a whole batch that is under way before it closes', async () => {
    const { pool } = await fragilePool(1, 100)
    const answers = pool.searchMany(queries)
    await pool.close()
    expect(await answers).toEqual(await single.searchMany(queries))
  })

  it('refuses the query of a worker that dies, replaces it, and answers the queries that waited', async () => {
    const { pool, threads } = await fragilePool(1, 100)
    // Ended before it is given the query, so that it cannot be quicker than its end: the pool does not know yet.
    const gone = threads[0]!.terminate()
    const first = pool.search(queries[0]!)
    const others = queries.slice(1, 5).map((query) => pool.search(query))
    await expect(first).rejects.toThrow(StorageError)
    await gone
    expect(await Promise.all(others)).toEqual(await single.searchMany(queries.slice(1, 5)))
    expect(threads).toHaveLength(2)
    await pool.close()
  })

  it('gives up when workers keep dying, instead of hanging', async () => {
    const { pool, threads } = await fragilePool(1, 100)
    for (let death = 0; death < 3; death++) {
      const gone = threads.at(-1)!.terminate()
      const doomed = pool.search(queries[0]!)
      const waiting = pool.search(queries[1]!)
      waiting.catch(() => undefined)
      doomed.catch(() => undefined)
      await gone
      await expect(doomed).rejects.toThrow(StorageError)
      // The last one takes those that wait with it; before, its successor answers them and the count starts anew.
      if (death === 2) await Promise.allSettled([waiting])
      else await waiting
    }
    await pool.close()
  })
})
