/**
 * The range pipeline through its door: answers beside those of the resident pipeline over the same files. Scores of a passage
 * must be the same bits there; what differs is only which passages were looked at.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeManifest, encodeManifest, MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import type { Nbits } from '../../../format/manifest/segment.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../../lab/data/randomSegment.ts'
import { openByRange } from '../../../lab/search/openedBy.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { openSearcher } from '../../../runtime/searchers/openIndexFiles.ts'
import { someTiers } from '../../format/someTiers.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { liveFiles } from './liveFiles.ts'

function mixedLengths(seed: number, passages: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: passages }, () => Math.max(0, Math.floor(random() * 14) - 2))
}

describe('a range searcher', () => {
  let kernels: WebAssembly.Module
  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
  })

  it.each<Nbits>([1, 2, 4])('at %i bits gives passages the score bits of the resident pipeline', async (nbits) => {
    const data = randomSegment({ seed: nbits, dim: 48, nbits, centroidCount: 64, lengths: mixedLengths(nbits, 300) })
    const files = memoryFiles('made', await indexOf([data], { partBytes: 70_000 }))
    const resident = await openSearcher(files, { kernels })
    const range = await openByRange(files, { kernels })
    const query = { vectors: randomQuery(9, 32, 48, [3]), rows: 32, dim: 48 }
    // Every passage is rescored by either: all cells are probed, all candidates kept.
    const expected = await resident.search(query, { k: 300, ncells: 64, centroidScoreThreshold: -1, ndocs: 1200 })
    const answer = await range.search(query, { k: 300, lists: 64, passages: 300 })
    expect(answer.hits).toEqual(expected.hits)
    expect(answer.skipped).toBeUndefined()
  })

  it.each([undefined, (id: string) => !id.endsWith('1')])(
    'answers queries at once as each of them alone, also where nothing has to be waited for (filter %s)',
    async (filter) => {
      const lengths = mixedLengths(1, 600)
      const data = randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 300, lengths })
      const range = await openByRange(memoryFiles('made', await indexOf([data])), { kernels })
      const queries = Array.from({ length: 6 }, (_, seed) => ({
        vectors: randomQuery(seed, 16, 32),
        ...{ rows: 16, dim: 32 },
      }))
      const options = { k: 5, lists: 1, passages: 5, ...(filter ? { filter } : {}) }
      const alone = []
      for (const query of queries) alone.push(await range.search(query, options))
      expect(await range.searchMany(queries, options)).toEqual(alone)
    },
  )

  it('keeps its own defaults where the index has tiers, which are not for it, and refuses one that is asked for', async () => {
    const data = randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 5, lengths: [5, 6, 7] })
    const files = await indexOf([data])
    const manifest = decodeManifest(files.get(MANIFEST_NAME)!)
    files.set(MANIFEST_NAME, encodeManifest({ ...manifest, tiers: someTiers }))
    const range = await openByRange(memoryFiles('tiny', files), { kernels })
    const query = { vectors: new Float32Array(32).fill(0.1), rows: 1, dim: 32 }
    expect((await range.search(query)).parameters).toEqual({ pipeline: 'range', k: 10, lists: 4, passages: 64 })
    expect(range.info.tiers).toBeUndefined()
    await expect(range.search(query, { tier: 'fast' })).rejects.toThrow(/read by range.*resident/)
    await range.close()
  })

  it('opens with the manifest and then all tables side by side', async () => {
    const data = randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 40, lengths: mixedLengths(1, 60) })
    const files = liveFiles(await indexOf([data]))
    const rounds: string[][] = []
    let underWay = 0
    const { open } = files
    files.open = async (name) => {
      const reader = await open(name)
      return {
        ...reader,
        async read(offset, length) {
          if (underWay++ === 0) rounds.push([])
          rounds.at(-1)!.push(name)
          try {
            return await reader.read(offset, length)
          } finally {
            underWay--
          }
        },
      }
    }
    await openByRange(files, { kernels })
    expect(rounds.map((names) => names.length)).toEqual([1, 6])
    expect(rounds[0]).toEqual(['index.msgpack'])
  })

  it('searches several segments as one, each with centroids of its own', async () => {
    const options = { dim: 32, nbits: 4 as const, centroidCount: 30 }
    const parts = [11, 12, 13].map((seed) => randomSegment({ seed, ...options, lengths: mixedLengths(seed, 40) }))
    const files = memoryFiles('made', await indexOf(parts, { texts: true }))
    const resident = await openSearcher(files, { kernels })
    const range = await openByRange(files, { kernels })
    const query = { vectors: randomQuery(5, 9, 32), rows: 9, dim: 32 }
    const answer = await range.search(query, { k: 120, lists: 30 })
    const everything = { k: 120, ncells: 30, centroidScoreThreshold: -1, ndocs: 480 }
    expect(answer.hits).toEqual((await resident.search(query, everything)).hits)
    expect(answer.storage!.rounds).toBe(2)
    expect(new Set(answer.hits.map(({ place }) => place.segment)).size).toBe(3)
    const places = answer.hits.slice(0, 20).map(({ place }) => place)
    expect(await range.passages(places)).toEqual(await resident.passages(places))
    expect(await range.matchTokens(query, places)).toEqual(await resident.matchTokens(query, places))
    expect(await range.searchMany([query, query], { k: 3 })).toEqual([
      await range.search(query, { k: 3 }),
      await range.search(query, { k: 3 }),
    ])
    expect(await range.passage('p77')).toEqual(await resident.passage('p77'))
  })
})
