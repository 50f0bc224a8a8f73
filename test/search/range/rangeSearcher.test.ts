/**
 * The range pipeline through its door: answers beside those of the resident pipeline over the same files. Scores of a passage
 * must be the same bits there; what differs is only which passages were looked at.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeManifest, MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import type { Nbits } from '../../../format/manifest/segment.ts'
import { randomQuery, randomSegment, seededRandom } from '../../../lab/data/randomSegment.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { rangeParameters } from '../../../runtime/search/range/rangeParameters.ts'
import { openRangeSearcher } from '../../../runtime/searchers/rangeSearcher.ts'
import { openSearcher } from '../../../runtime/searchers/residentSearcher.ts'
import { someTiers } from '../../format/someTiers.ts'
import { tinyIndex } from '../../format/tinyIndex.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { indexOf } from './indexOf.ts'
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
    const range = await openRangeSearcher(files, { kernels })
    const query = { vectors: randomQuery(9, 32, 48, [3]), rows: 32, dim: 48 }
    // Every passage is rescored by either: all cells are probed, all candidates kept.
    const options = { k: 300, ncells: 64, centroidScoreThreshold: -1, ndocs: 1200 }
    const expected = await resident.search(query, options)
    const answer = await range.search(query, options)
    expect(answer.hits).toEqual(expected.hits)
    expect(answer.skipped).toBeUndefined()
  })

  it('keeps its own defaults where the index has tiers, which are not for it, and refuses one that is asked for', async () => {
    const { files, manifest } = await tinyIndex({ lengths: [5, 6, 7] })
    files.set(MANIFEST_NAME, encodeManifest({ ...manifest, tiers: someTiers }))
    const range = await openRangeSearcher(memoryFiles('tiny', files), { kernels })
    const query = { vectors: new Float32Array(32).fill(0.1), rows: 1, dim: 32 }
    expect((await range.search(query)).parameters).toEqual({ ...rangeParameters(10), k: 10 })
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
    await openRangeSearcher(files, { kernels })
    expect(rounds.map((names) => names.length)).toEqual([1, 6])
    expect(rounds[0]).toEqual(['index.msgpack'])
  })

  it('searches several segments as one, each with centroids of its own', async () => {
    const options = { dim: 32, nbits: 4 as const, centroidCount: 30 }
    const parts = [11, 12, 13].map((seed) => randomSegment({ seed, ...options, lengths: mixedLengths(seed, 40) }))
    const files = memoryFiles('made', await indexOf(parts, { texts: true }))
    const resident = await openSearcher(files, { kernels })
    const range = await openRangeSearcher(files, { kernels })
    const query = { vectors: randomQuery(5, 9, 32), rows: 9, dim: 32 }
    const everything = { k: 120, ncells: 30, centroidScoreThreshold: -1, ndocs: 480 }
    const answer = await range.search(query, everything)
    expect(answer.hits).toEqual((await resident.search(query, everything)).hits)
    expect(answer.storage!.rounds).toBe(2)
    expect(new Set(answer.hits.map(({ pid }) => Math.floor(pid / 40))).size).toBe(3)
    const pids = answer.hits.slice(0, 20).map(({ pid }) => pid)
    expect(await range.passages(pids)).toEqual(await resident.passages(pids))
    expect(await range.matchTokens(query, pids)).toEqual(await resident.matchTokens(query, pids))
    expect(await range.searchMany([query, query], { k: 3 })).toEqual([
      await range.search(query, { k: 3 }),
      await range.search(query, { k: 3 }),
    ])
    expect(await range.passage('p77')).toEqual(await resident.passage('p77'))
  })
})
