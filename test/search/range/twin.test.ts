/** The range search equals its readable twin, in passages, order, score bits and reads, on random indexes of every shape. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeManifest, MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import type { Nbits } from '../../../format/manifest/segment.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment } from '../../../lab/data/randomSegment.ts'
import { slicesOf } from '../../../lab/data/slicedSegment.ts'
import { openByRange } from '../../../lab/search/openedBy.ts'
import { referenceSegment } from '../../../reference/kernels.ts'
import { searchByLists } from '../../../reference/rangeSearch.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { builds, kernelsModule } from '../../kernels/guardedMemory.ts'
import { quantisedSegment } from '../quantisedSegment.ts'
import { layoutOf } from './layoutOf.ts'

/** Numbers in order, so that ids order as places do. */
const idOf = (passage: number) => String(passage).padStart(4, '0')

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
    lengths: fc.array(fc.nat(14), { minLength: 4, maxLength: 120 }),
  })
  const cut = fc.record({
    /** Of the passages: where slices over the first quantiser begin. */
    borders: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    hasOther: fc.boolean(),
    /** One passage in so many is deleted. */
    deletedEvery: fc.constantFrom(undefined, undefined, 3),
    filterEvery: fc.constantFrom(undefined, undefined, 2, 9),
  })
  const asked = fc.record({
    rows: fc.integer({ min: 1, max: 40 }),
    zeroRow: fc.option(fc.nat(39), { nil: undefined }),
    lists: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    passages: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    k: fc.constantFrom(1, 5, 12, 40),
    budget: fc.constantFrom({ bytes: 1e9, reads: 1000 }, { bytes: 1e9, reads: 3 }, { bytes: 2000, reads: 1000 }),
  })

  it('answers as the twin does, which has plans and budgets of its own', async () => {
    let limited = 0
    await fc.assert(
      fc.asyncProperty(shape, cut, asked, fc.constantFrom(66_000, undefined), async (one, slices, ask, partBytes) => {
        const whole = randomSegment(one)
        const borders = slices.borders
          .map((quarter) => Math.floor((quarter * one.lengths.length) / 4))
          .sort((a, b) => a - b)
        const other = randomSegment({
          ...one,
          seed: one.seed + 1,
          centroidCount: 40,
          lengths: one.lengths.slice(0, 30),
        })
        const parts = [...slicesOf(whole, borders), ...(slices.hasOther ? [other] : [])]
        const every = (step: number | undefined, first: number) =>
          parts.map(({ passageLengths }) => {
            const pids = Uint32Array.from(passageLengths.keys())
            return pids.filter((pid) => step !== undefined && pid % step === first)
          })
        const deleted = every(slices.deletedEvery, 1)
        const filter = slices.filterEvery === undefined ? undefined : every(slices.filterEvery, 0)
        const firsts = parts.map((_, i) => parts.slice(0, i).reduce((sum, own) => sum + own.passageLengths.length, 0))
        const ids = filter?.flatMap((pids, at) => Array.from(pids, (pid) => idOf(firsts[at]! + pid)))

        const stored = await indexOf(parts, { partBytes, idOf, deleted })
        const { rows, zeroRow, k, lists, passages, budget } = ask
        const searcher = await openByRange(memoryFiles('made', stored), { kernels, budget })
        const vectors = randomQuery(one.seed, rows, one.dim, zeroRow === undefined ? [] : [zeroRow])
        const query = { vectors, rows, dim: one.dim }
        const given = { ...(lists === undefined ? {} : { lists }), ...(passages === undefined ? {} : { passages }) }
        const answer = await searcher.search(query, { k, ...given, ...(ids ? { filter: ids } : {}) })
        const twin = searchByLists(
          parts.map((data, at) => ({ segment: referenceSegment(data), deleted: new Set(deleted[at]) })),
          query,
          { k, lists, passages, filter, ...budget },
          layoutOf(decodeManifest(stored.get(MANIFEST_NAME)!), parts),
        )
        const best = twin.found
          .toSorted((a, b) => b.score - a.score || a.segment - b.segment || a.pid - b.pid)
          .slice(0, k)
        expect(answer.hits.map(({ place, score }) => ({ segment: place.segment, pid: place.pid, score }))).toEqual(best)
        expect(answer.hits.map(({ id }) => id)).toEqual(best.map(({ segment, pid }) => idOf(firsts[segment]! + pid)))
        const unknownIds = filter?.flatMap((pids, at) => [...pids].filter((pid) => deleted[at]!.includes(pid))).length
        expect(answer.counts).toEqual({
          ...{ candidates: twin.candidates, rescored: twin.found.length },
          ...(unknownIds === undefined ? {} : { unknownIds }),
        })
        expect(answer.storage).toEqual(twin.storage)
        const isWhole = twin.skipped.reasons.length === 0
        expect(answer.skipped).toEqual(isWhole ? undefined : twin.skipped)
        if (!isWhole) limited++
        expect(answer.parameters).toEqual({
          ...{ pipeline: 'range', k, lists: lists ?? 4, passages: Math.max(k, passages ?? 64) },
        })
      }),
      { numRuns: 100, seed: 9 },
    )
    expect(limited).toBeGreaterThan(8)
  })

  it('finds the passage whose tokens are asked for', async () => {
    const lengths = Array.from({ length: 200 }, (_, pid) => 3 + (pid % 9))
    const { data, vectors } = quantisedSegment({ seed: 3, dim: 64, nbits: 4, centroidCount: 40, lengths })
    const searcher = await openByRange(memoryFiles('made', await indexOf([data])), { kernels })
    for (const pid of [0, 99, 199]) {
      const query = { vectors: Float32Array.from(vectors[pid]!.slice(0, 3).flat()), rows: 3, dim: 64 }
      const { hits } = await searcher.search(query)
      expect(hits[0]?.id).toBe(`p${pid}`)
    }
  })
})

describe('a range search that asks for more than the soft budgets have room for', () => {
  const lengths = Array.from({ length: 2000 }, (_, pid) => 6 + (pid % 17))
  const whole = randomSegment({ seed: 7, dim: 32, nbits: 4, centroidCount: 4000, lengths })
  const query = { vectors: randomQuery(5, 16, 32), rows: 16, dim: 32 }
  const isEven = (pid: number) => pid % 2 === 0

  it.each([
    ['one segment', [], {}, 2 ** 20],
    ['three segments', [700, 1900], {}, 2 ** 20],
    ['three segments, cut short by the hard budget as well', [700, 1900], {}, 50_000],
    ['three segments whose lists are said', [700, 1900], { lists: 2 }, 2 ** 20],
    ['three segments whose passages are said', [700, 1900], { passages: 100 }, 2 ** 20],
    ['one segment of which a filter allows most', [], {}, 2 ** 18, (pid: number) => pid % 7 > 0],
    ['three segments of which a filter allows half', [700, 1900], {}, 2 ** 17, (pid: number) => pid % 2 === 1],
    ['the same whose lists and passages are said', [700, 1900], { lists: 1, passages: 20 }, 2 ** 17, isEven],
    ['one segment of which a filter allows few that do not fit', [], {}, 30_000, (pid: number) => pid % 13 === 4],
  ])('answers as the twin does: %s', async (_, borders, given, bytes, isAllowed?: (pid: number) => boolean) => {
    const parts = slicesOf(whole, borders)
    const stored = await indexOf(parts, { idOf })
    const budget = { bytes, reads: 64 * parts.length }
    const kernels = await kernelsModule('kernels.wasm')
    const searcher = await openByRange(memoryFiles('made', stored), { kernels, budget })
    const filter = isAllowed && ((id: string) => isAllowed(Number(id)))
    const { hits, counts, storage, skipped } = await searcher.search(query, filter ? { ...given, filter } : given)
    const segments = parts.map((data) => ({ segment: referenceSegment(data) }))
    const layout = layoutOf(decodeManifest(stored.get(MANIFEST_NAME)!), parts)
    const pidsOf = ({ passageLengths }: (typeof parts)[number], at: number) =>
      [...passageLengths.keys()].filter((pid) => isAllowed?.(([0, ...borders][at] ?? 0) + pid))
    const asked = { k: 10, ...given, ...budget, filter: isAllowed && parts.map(pidsOf) }
    const twin = searchByLists(segments, query, asked, layout)
    const best = twin.found.toSorted((a, b) => b.score - a.score).slice(0, 10)
    expect(hits.map(({ place: { segment, pid }, score }) => ({ segment, pid, score }))).toEqual(best)
    expect(counts).toEqual({ candidates: twin.candidates, rescored: twin.found.length })
    expect(storage).toEqual(twin.storage)
    expect(skipped ?? { lists: 0, passages: 0, reasons: [] }).toEqual(twin.skipped)
  })
})
