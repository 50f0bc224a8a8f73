/** What a query may cost: bytes, reads, and the memory that many queries at once take. */
import { beforeAll, describe, expect, it } from 'vitest'
import { InputError, StorageError } from '../../../format/errors.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../../lab/data/randomSegment.ts'
import { openByRange } from '../../../lab/search/openedBy.ts'
import { Turns } from '../../../runtime/waiting/turns.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { liveFiles } from './liveFiles.ts'

// 6,000 centroids and 3,000 passages: lists and rows are far enough apart that not everything is one read.
const lengths = Array.from({ length: 3000 }, (_, pid) => 6 + (pid % 17))
const data = randomSegment({ seed: 7, dim: 32, nbits: 4, centroidCount: 6000, lengths })
const queryOf = (seed: number) => ({ vectors: randomQuery(seed, 16, 32), rows: 16, dim: 32 })

describe('the budget of a range query', () => {
  let kernels: WebAssembly.Module
  let stored: Map<string, Uint8Array>
  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
    stored = await indexOf([data])
  })

  it('is kept, in bytes and in reads, and what it left out is told', async () => {
    const files = liveFiles(stored)
    const searcher = await openByRange(files, { kernels, budget: { reads: 20 } })
    for (const bytesMax of [1, 500, 5_000, 20_000, 100_000, 1_000_000]) {
      files.asked.length = 0
      const answer = await searcher.search(queryOf(1), { budget: { bytes: bytesMax } })
      const bytes = files.asked.reduce((sum, { length }) => sum + length, 0)
      expect(bytes).toBeLessThanOrEqual(bytesMax)
      expect(files.asked.length).toBeLessThanOrEqual(20)
      expect(answer.storage).toMatchObject({ bytes, reads: files.asked.length })
      expect(answer.storage!.rounds).toBeLessThanOrEqual(2)
      if (bytesMax < 100_000) expect(answer.skipped!.reasons.length).toBeGreaterThan(0)
      if (bytesMax <= 500) expect(answer.skipped!.reasons).toContain('bytes')
      const wanted = answer.counts.rescored + (answer.skipped?.passages ?? 0)
      expect(wanted).toBeGreaterThanOrEqual(answer.storage!.rounds === 0 ? 0 : 16)
    }
  })

  it('finds more the more it may read', async () => {
    const searcher = await openByRange(liveFiles(stored), { kernels })
    const rescored = async (bytes: number) => (await searcher.search(queryOf(2), { budget: { bytes } })).counts.rescored
    const counts = [await rescored(4_000), await rescored(16_000), await rescored(200_000)]
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(counts[0]).toBeLessThan(counts[2]!)
    expect(counts[2]).toBeGreaterThanOrEqual(64)
  })

  it('never passes what the searcher was opened with', async () => {
    const searcher = await openByRange(liveFiles(stored), { kernels, budget: { bytes: 10_000 } })
    const { storage, skipped } = await searcher.search(queryOf(2), { budget: { bytes: 1e9 } })
    expect(storage!.bytes).toBeLessThanOrEqual(10_000)
    expect(skipped!.reasons).toContain('bytes')
  })

  it.each([
    [{ budget: { bytes: 0 } }],
    [{ budget: { bytes: Number.NaN } }],
    [{ budget: { reads: 0 } }],
    [{ lists: 0 }],
    [{ passages: 1.5 }],
    [{ ncells: 2 }],
    [{ ndocs: 256 }],
    [{ centroidScoreThreshold: 0.5 }],
    [{ deadlineMs: -1 }],
    [{ deadlineMs: Number.POSITIVE_INFINITY }],
  ])('refuses %j', async (options) => {
    const searcher = await openByRange(liveFiles(stored), { kernels })
    await expect(searcher.search(queryOf(1), options)).rejects.toBeInstanceOf(InputError)
  })

  it('reads the rows of a small filter without any list, in one round', async () => {
    const files = liveFiles(stored)
    const searcher = await openByRange(files, { kernels })
    const filter = ['p5', 'p2999', 'nobody', 'p1700', 'p5']
    const { hits, storage } = await searcher.search(queryOf(3), { filter })
    expect(hits.map(({ id }) => id).toSorted()).toEqual(['p1700', 'p2999', 'p5'])
    expect(storage!.rounds).toBe(1)
    expect((await searcher.search(queryOf(3), { filter: [] })).hits).toEqual([])
  })

  it('answers only passages of a large filter, the best of them', async () => {
    const searcher = await openByRange(liveFiles(stored), { kernels, budget: { bytes: 300_000 } })
    const all = await searcher.search(queryOf(4), { k: 30 })
    // Their rows do not fit.
    const filter = Array.from({ length: 1500 }, (_, i) => `p${i * 2}`)
    const { hits, storage } = await searcher.search(queryOf(4), { k: 30, filter })
    expect(hits).toHaveLength(30)
    expect(hits.every(({ id }) => filter.includes(id))).toBe(true)
    expect(storage!.bytes).toBeLessThanOrEqual(300_000)
    expect(storage!.rounds).toBeGreaterThanOrEqual(2)
    expect(storage!.rounds).toBeLessThanOrEqual(3)
    const [best] = all.hits.filter(({ id }) => filter.includes(id))
    expect(hits[0]!.score).toBeGreaterThanOrEqual(best!.score)
  })

  it('reads nothing twice that its cache holds, and the cache stays within its bytes', async () => {
    const files = liveFiles(stored)
    const cached = await openByRange(files, { kernels, cacheBytes: 1_000_000 })
    const first = await cached.search(queryOf(5))
    const again = await cached.search(queryOf(5))
    expect(again.hits).toEqual(first.hits)
    expect(again.storage).toEqual({ bytes: 0, reads: 0, rounds: 0 })
    const small = await openByRange(files, { kernels, cacheBytes: 20_000 })
    for (let seed = 0; seed < 20; seed++) await small.search(queryOf(seed))
    expect(small.cacheBytes).toBeLessThanOrEqual(20_000)
    expect(small.cacheBytes).toBeGreaterThan(10_000)
    const plain = await openByRange(files, { kernels })
    for (let seed = 0; seed < 20; seed++) {
      expect((await small.search(queryOf(seed))).hits).toEqual((await plain.search(queryOf(seed))).hits)
    }
  })

  it.each([
    ['reads', { lists: 4, passages: 60 }, { reads: 12, bytes: 120_000 }],
    ['bytes', {}, { bytes: 25_000 }],
    ['both, of many lists and passages', { lists: 6, passages: 150 }, { reads: 20, bytes: 60_000 }],
  ])('cuts an answer short by %s in the same place whatever is cached', async (_what, given, budget) => {
    const files = liveFiles(stored)
    const options = { ...given, k: 20, budget }
    const plain = await openByRange(files, { kernels })
    const warm = await openByRange(files, { kernels, cacheBytes: 20_000_000 })
    // Everything that any of the queries could want, and much besides.
    for (let seed = 0; seed < 12; seed++) await warm.search(queryOf(seed), { lists: 8, passages: 500 })
    for (let seed = 0; seed < 12; seed++) {
      const { storage: cold, ...expected } = await plain.search(queryOf(seed), options)
      expect(expected.skipped!.reasons).toContainEqual(expect.stringMatching(/^(reads|bytes)$/))
      const { storage, ...answer } = await warm.search(queryOf(seed), options)
      expect(answer).toEqual(expected)
      expect(storage!.bytes).toBeLessThan(cold!.bytes)
      // Half of it cached.
      const half = await openByRange(files, { kernels, cacheBytes: 20_000_000 })
      await half.search(queryOf(seed), { lists: 2, passages: 40 })
      const { storage: _half, ...again } = await half.search(queryOf(seed), options)
      expect(again).toEqual(expected)
    }
  })
})

describe('many queries at once', () => {
  it('get the answers they get alone, with bounded reads under way and bounded memory', async () => {
    const kernels = await kernelsModule('kernels.wasm')
    const files = liveFiles(await indexOf([data]))
    const bytesMax = 300_000
    const searcher = await openByRange(files, { kernels, budget: { bytes: bytesMax }, queriesBytesMax: 8_000_000 })
    const queries = Array.from({ length: 50 }, (_, seed) => queryOf(seed))
    const alone = []
    for (const query of queries) alone.push(await searcher.search(query))
    const { memoryBytes } = searcher
    const random = seededRandom(1)
    let underWay = 0
    let mostUnderWay = 0
    files.answer = async (_, bytes) => {
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      await new Promise((resolve) => setTimeout(resolve, random() * 3))
      underWay--
      return bytes
    }
    const asked = Array.from({ length: 1000 }, (_, i) => i % queries.length)
    const answers = await Promise.all(asked.map((i) => searcher.search(queries[i]!)))
    for (const [at, answer] of answers.entries()) expect(answer).toEqual(alone[asked[at]!])
    // 8 MB let 9 queries of 0.3 MB and what else they hold wait for storage, each with 6 reads at a time.
    expect(mostUnderWay).toBeGreaterThan(6)
    expect(mostUnderWay).toBeLessThanOrEqual(9 * 6)
    expect(searcher.memoryBytes).toBe(memoryBytes)
  })

  it('wait for their turn, one is always let in, and a holder that was cut off does not block the others', async () => {
    const turns = new Turns({ bytesMax: 10, heldMaxMs: 60, waitMaxMs: 500 })
    const giveBack = await turns.take(1000)
    expect(turns.heldBytes).toBe(1000)
    // Never gives back: after 60 ms it counts as cut off.
    await turns.take(4)
    const other = await turns.take(6)
    expect(turns.heldBytes).toBe(10)
    giveBack()
    other()
    expect(turns.heldBytes).toBe(4)
  })

  it('are refused with an error that says so when they would wait too long', async () => {
    const turns = new Turns({ bytesMax: 10, heldMaxMs: 10_000, waitMaxMs: 30 })
    await turns.take(10)
    await expect(turns.take(1)).rejects.toBeInstanceOf(StorageError)
    await expect(turns.take(1, Date.now() + 5)).rejects.toThrow('too many queries at once')
  })
})
