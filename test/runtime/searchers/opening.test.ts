/** An index over a network is opened in one read of its manifest and one round of all its sections, six reads at a time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openingReads } from '../../../deploy/reads.ts'
import { READS_AT_ONCE } from '../../../format/indexReader.ts'
import { decodeManifest, MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomSegment } from '../../../lab/data/randomSegment.ts'
import { evenBorders, slicesOf } from '../../../lab/data/slicedSegment.ts'
import { roundFetch } from '../../../lab/storage/roundFetch.ts'
import { type StorageServer, startStorageServer } from '../../../lab/storage/storageServer.ts'
import { httpFiles } from '../../../runtime/readers/http.ts'
import { openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'

/** Round trips of the code before, which opened one section after another: the manifest, ten sections; by range the six at a time. */
const BEFORE = { resident: 11, range: 2 }

describe('opening over HTTP', () => {
  const lengths = Array.from({ length: 120 }, (_, pid) => 10 + (pid % 23))
  const whole = randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 64, lengths })
  let kernels: WebAssembly.Module
  let storage: StorageServer

  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
    storage = await startStorageServer()
  })
  afterAll(() => storage.close())

  /** Opens the index and searches it once. @returns rounds of opening */
  async function openedInRounds(files: ReadonlyMap<string, Uint8Array>, pipeline: 'resident' | 'range') {
    storage.files.clear()
    for (const [name, bytes] of files) storage.files.set(name, bytes)
    const { fetch, rounds } = roundFetch()
    const searcher = await openIndexFiles(httpFiles(storage.url, { fetch }), { kernels, pipeline })
    const opening = [...rounds]
    const query = { vectors: new Float32Array(32).fill(0.1), rows: 1, dim: 32 }
    expect((await searcher.search(query, { k: 3 })).hits).toHaveLength(3)
    await searcher.close()
    return opening
  }

  it.each(['resident', 'range'] as const)(
    'takes the manifest, then all sections side by side: %s',
    async (pipeline) => {
      const files = await indexOf([whole], { texts: true })
      const [manifest, ...sections] = await openedInRounds(files, pipeline)
      expect(manifest).toEqual([expect.stringContaining(MANIFEST_NAME)])
      const { requests } = openingReads(decodeManifest(files.get(MANIFEST_NAME)!), pipeline)
      const sizes = sections.map((round) => round.length)
      // Six at a time; a lane that is free takes the next one.
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(requests - 1)
      expect(sizes.slice(0, -1)).toEqual(sizes.slice(0, -1).map(() => READS_AT_ONCE))
      expect(1 + sections.length).toBeLessThanOrEqual(pipeline === 'resident' ? BEFORE.resident / 3 : BEFORE.range)
    },
  )

  it.each([
    ['resident', 1],
    ['resident', 3],
    ['range', 1],
    ['range', 3],
  ] as const)('takes as many round trips as the deploy plan says: %s, segments: %i', async (pipeline, count) => {
    const segments = slicesOf(whole, evenBorders(whole.passageLengths.length, count))
    const deleted = segments.map((_, number) => Uint32Array.of(number, number + 5))
    const files = await indexOf(segments, { texts: true, partBytes: 20_000, deleted })
    const rounds = await openedInRounds(files, pipeline)
    const { requests, roundTrips } = openingReads(decodeManifest(files.get(MANIFEST_NAME)!), pipeline)
    expect([rounds.flat().length, rounds.length]).toEqual([requests, roundTrips])
  })
})
