/** The range search equals its readable twin, in passages, order and score bits, on random indexes of every shape. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { readIndex } from '../../../format/indexReader.ts'
import type { Nbits } from '../../../format/manifest/segment.ts'
import type { IndexFiles } from '../../../format/rangeReader.ts'
import { randomQuery, randomSegment } from '../../../lab/data/randomSegment.ts'
import { referenceSegment } from '../../../reference/kernels.ts'
import { searchByLists } from '../../../reference/rangeSearch.ts'
import { createChecksum } from '../../../runtime/kernels/checksum.ts'
import { instantiateKernels } from '../../../runtime/kernels/kernels.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { rescoredMax } from '../../../runtime/search/parameters.ts'
import { openRangeIndex } from '../../../runtime/search/range/rangeIndex.ts'
import { queryLimits } from '../../../runtime/search/range/rangeParameters.ts'
import { wantedList, wantedRows } from '../../../runtime/search/range/rangeSegment.ts'
import { openRangeSearcher } from '../../../runtime/searchers/rangeSearcher.ts'
import { builds, kernelsModule } from '../../kernels/guardedMemory.ts'
import { quantisedSegment } from '../quantisedSegment.ts'
import { indexOf } from './indexOf.ts'

/** Where lists and row blocks of the one segment of an index stand. */
async function layoutOf(files: IndexFiles, module: WebAssembly.Module) {
  const kernels = await instantiateKernels(module)
  const reader = await readIndex(files, { crc32c: createChecksum(kernels) })
  const { segments } = await openRangeIndex(reader, kernels, { cacheBytes: 0 })
  return {
    list: (cell: number) => wantedList(reader, segments[0]!, cell),
    rows: (pid: number) => wantedRows(reader, segments[0]!, pid),
  }
}

describe.each(builds)('the range search with %s', (build) => {
  let kernels: WebAssembly.Module
  beforeAll(async () => {
    kernels = await kernelsModule(build)
  })

  const shape = fc.record({
    seed: fc.nat(1e6),
    dim: fc.constantFrom(32, 48, 96),
    nbits: fc.constantFrom<Nbits>(1, 2, 4),
    centroidCount: fc.integer({ min: 1, max: 300 }),
    lengths: fc.array(fc.nat(14), { minLength: 1, maxLength: 120 }),
  })
  const asked = fc.record({
    rows: fc.integer({ min: 1, max: 40 }),
    zeroRow: fc.option(fc.nat(39), { nil: undefined }),
    ncells: fc.integer({ min: 1, max: 5 }),
    ndocs: fc.integer({ min: 1, max: 120 }),
    k: fc.integer({ min: 1, max: 12 }),
    // Left to the defaults, which aim at bytes and reads.
    isGiven: fc.boolean(),
  })

  it('answers as the twin does', async () => {
    await fc.assert(
      fc.asyncProperty(
        shape,
        asked,
        fc.constantFrom(66_000, undefined),
        fc.constantFrom(1000, 6),
        async (segment, ask, partBytes, readsMax) => {
          const data = randomSegment(segment)
          const { rows, zeroRow, k, isGiven, ncells, ndocs } = ask
          const options = { k, ...(isGiven ? { ncells, ndocs, centroidScoreThreshold: -1 } : {}) }
          const vectors = randomQuery(segment.seed, rows, segment.dim, zeroRow === undefined ? [] : [zeroRow])
          const query = { vectors, rows, dim: segment.dim }
          // Numbers in order, so that ids order as pids do.
          const idOf = (pid: number) => String(pid).padStart(4, '0')
          const files = memoryFiles('made', await indexOf([data], { partBytes, idOf }))
          const settings = { readsMax, bytesMax: 1e9, concurrency: 6 }
          const searcher = await openRangeSearcher(files, { kernels, ...settings })
          const answer = await searcher.search(query, options)
          const limits = queryLimits(settings, options, rescoredMax(answer.parameters, k))
          const layout = { ...(await layoutOf(files, kernels)), limits }
          const twin = searchByLists(referenceSegment(data), query, answer.parameters, { k, layout })
          const best = twin.found.toSorted((a, b) => b.score - a.score || a.pid - b.pid).slice(0, k)
          expect(answer.hits.map(({ pid, score }) => ({ pid, score }))).toEqual(best)
          expect(answer.counts).toEqual({
            candidates: twin.candidates,
            approximated: twin.candidates,
            rescored: twin.found.length,
          })
          if (readsMax === 1000) expect(answer.skipped).toBeUndefined()
          expect(answer.storage?.rounds).toBeLessThanOrEqual(2)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('finds the passage whose tokens are asked for', async () => {
    const lengths = Array.from({ length: 200 }, (_, pid) => 3 + (pid % 9))
    const { data, vectors } = quantisedSegment({ seed: 3, dim: 64, nbits: 4, centroidCount: 40, lengths })
    const searcher = await openRangeSearcher(memoryFiles('made', await indexOf([data])), { kernels })
    for (const pid of [0, 99, 199]) {
      const query = { vectors: Float32Array.from(vectors[pid]!.slice(0, 3).flat()), rows: 3, dim: 64 }
      const { hits } = await searcher.search(query)
      expect(hits[0]?.id).toBe(`p${pid}`)
    }
  })
})
