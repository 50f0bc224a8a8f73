/**
 * An index of many segments over one quantiser answers as one segment with the same passages does, bit for bit: by either pipeline and
 * by a pool, with tombstones and filters, whatever the parameters. Segments over several quantisers answer as the twin does.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NotFoundError } from '../../format/errors.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../lab/data/randomSegment.ts'
import { repeatedSegment } from '../../lab/data/repeatedSegment.ts'
import { evenBorders, slicesOf } from '../../lab/data/slicedSegment.ts'
import { openByRange } from '../../lab/search/openedBy.ts'
import { placedIndexOf } from '../../lab/search/residentOf.ts'
import { referenceSegment } from '../../reference/kernels.ts'
import { searchReference } from '../../reference/residentSearch.ts'
import { instantiateKernels } from '../../runtime/kernels/kernels.ts'
import { bitmapHas, bitmapOf } from '../../runtime/passages/bitmap.ts'
import { openPool } from '../../runtime/platform/node/threads/nodePool.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import type { PassageFilter, QueryVectors, SearchOptions } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { openSearcher } from '../../runtime/searchers/openIndexFiles.ts'
import { builds, kernelsModule } from '../kernels/guardedMemory.ts'

const PASSAGES = 400
const CENTROIDS = 64

/** Empty passages among them; every passage is there twice, in other segments, so that many scores tie. */
function wholeSegment(nbits: Nbits): SegmentData {
  const random = seededRandom(nbits)
  const lengths = Array.from({ length: PASSAGES / 2 }, () => Math.max(0, Math.floor(random() * 14) - 2))
  return repeatedSegment(randomSegment({ seed: nbits, dim: 48, nbits, centroidCount: CENTROIDS, lengths }), 2)
}

const queries: readonly QueryVectors[] = [32, 3, 40].map((rows) => ({
  ...{ rows, dim: 48 },
  vectors: randomQuery(rows, rows, 48, rows > 30 ? [1] : []),
}))
/** Of the ids of ties the order is not that of pids. */
const idOf = (passage: number) => `p${(passage * 7919) % 1000}/${passage}`
const isDeleted = (passage: number) => passage % 5 === 3
const ids = Array.from({ length: PASSAGES }, (_, passage) => idOf(passage))

const filters: readonly (readonly [string, PassageFilter | undefined])[] = [
  ['no filter', undefined],
  ['few ids', ids.filter((_, passage) => passage % 50 === 3 || passage === 7)],
  ['many ids, unknown ones among them', [...ids.filter((_, passage) => passage % 3 > 0), 'nobody']],
  ['a predicate', (id) => id.endsWith('1') || id.endsWith('8')],
  ['a filter that allows nothing', []],
]
const parametersOfEveryKind: readonly SearchOptions[] = [
  {},
  { ncells: 3, centroidScoreThreshold: 0.3, ndocs: 40 },
  { ncells: 2, centroidScoreThreshold: -1, ndocs: 60 },
  { ncells: CENTROIDS, centroidScoreThreshold: 0.2, ndocs: 60 },
  { ncells: CENTROIDS, centroidScoreThreshold: -1, ndocs: 8 },
  { ncells: 2, centroidScoreThreshold: 1, ndocs: 20 },
]

interface Opened {
  readonly one: OpenedIndex
  readonly ten: OpenedIndex
}

/** A search must not tell from its answer how many segments there are. */
async function expectSame({ one, ten }: Opened, query: QueryVectors, options: SearchOptions) {
  const [expected, answer] = [await one.search(query, options), await ten.search(query, options)]
  const plain = ({ hits }: typeof answer) => hits.map(({ id, rank, score }) => ({ id, rank, score }))
  expect(plain(answer)).toEqual(plain(expected))
  expect(answer.counts).toEqual(expected.counts)
  expect(answer.parameters).toEqual(expected.parameters)
  expect(answer.skipped).toBeUndefined()
  return { expected, answer }
}

describe.each<Nbits>([1, 2, 4])('ten segments over one quantiser at %i bits', (nbits) => {
  const whole = wholeSegment(nbits)
  // Segments of one passage and of many.
  const borders = [1, 2, 40, ...evenBorders(PASSAGES, 10).slice(1, 7)]
  const slices = slicesOf(whole, borders)
  const firsts = [0, ...borders]

  describe.each([
    ['without tombstones', () => false],
    ['with tombstones', isDeleted],
  ])('%s', (_, isGone) => {
    const opened: Record<'resident' | 'range' | 'pool', Opened> = {} as never
    const all: OpenedIndex[] = []
    beforeAll(async () => {
      const kernels = await kernelsModule('kernels.wasm')
      const filesOf = async (segments: readonly SegmentData[], starts: readonly number[]) => {
        const deleted = segments.map(({ passageLengths }, i) =>
          Uint32Array.from(passageLengths.keys()).filter((pid) => isGone(starts[i]! + pid)),
        )
        return memoryFiles('made', await indexOf(segments, { idOf, deleted, texts: true, textOf: (p) => `Text ${p}.` }))
      }
      const [one, ten] = [await filesOf([whole], [0]), await filesOf(slices, firsts)]
      const single = await openSearcher(one, { kernels })
      opened.resident = { one: single, ten: await openSearcher(ten, { kernels }) }
      opened.range = { one: await openByRange(one, { kernels }), ten: await openByRange(ten, { kernels }) }
      opened.pool = { one: single, ten: await openPool(ten, { workers: 2 }) }
      all.push(...new Set(Object.values(opened).flatMap(({ one: a, ten: b }) => [a, b])))
    })
    afterAll(async () => {
      for (const searcher of all) await searcher.close()
    })

    it('are ten segments', () => {
      expect(opened.resident.ten.info.segments).toHaveLength(10)
      expect(opened.range.ten.info).toMatchObject({ passages: opened.resident.one.info.passages, centroids: CENTROIDS })
    })

    describe.each(filters)('with %s', (_name, filter) => {
      const filtered = filter === undefined ? {} : { filter }

      it('give the hits, scores and counts of one segment in memory, by one thread and by a pool', async () => {
        let found = 0
        for (const parameters of parametersOfEveryKind) {
          for (const k of [1, 10, 100]) {
            for (const query of queries) {
              const { answer } = await expectSame(opened.resident, query, { k, ...parameters, ...filtered })
              const pooled = await opened.pool.ten.search(query, { k, ...parameters, ...filtered })
              expect(pooled).toEqual(answer)
              found += answer.hits.length
            }
          }
        }
        expect(found > 0).toBe(!(Array.isArray(filter) && filter.length === 0))
      })

      it('give them by range as well, where lists and passages are said and all of them are read, so that it does not matter where bytes lie', async () => {
        for (const k of [1, 10, 100]) {
          for (const query of queries) {
            const options = { k, lists: CENTROIDS, passages: PASSAGES, ...filtered }
            const { answer } = await expectSame(opened.range, query, options)
            const everything = { ncells: CENTROIDS, centroidScoreThreshold: -1, ndocs: PASSAGES * 4 }
            const resident = await opened.resident.one.search(query, { k, ...everything, ...filtered })
            const plain = answer.hits.map(({ id, score }) => ({ id, score }))
            expect(plain).toEqual(resident.hits.map(({ id, score }) => ({ id, score })))
          }
        }
      })
    })

    it.each(['resident', 'range', 'pool'] as const)(
      'match tokens and give texts by place as one segment does: %s',
      async (name) => {
        const { one, ten } = opened[name]
        for (const query of queries) {
          const options = name === 'range' ? { lists: CENTROIDS, passages: 400 } : { ncells: CENTROIDS }
          const { expected, answer } = await expectSame({ one, ten }, query, { k: 60, ...options })
          const [from, to] = [expected, answer].map(({ hits }) => hits.map(({ place }) => place))
          expect(new Set(to!.map(({ segment }) => segment)).size).toBeGreaterThan(5)
          expect(await ten.matchTokens(query, to!)).toEqual(await one.matchTokens(query, from!))
          const textsOf = async (searcher: OpenedIndex, places: typeof from) =>
            (await searcher.passages(places!)).map(({ place: _place, ...passage }) => passage)
          expect(await textsOf(ten, to)).toEqual(await textsOf(one, from))
        }
      },
    )

    it.each(['resident', 'range'] as const)('give a passage by its id unless it is deleted: %s', async (name) => {
      const { ten } = opened[name]
      for (const passage of [0, 1, 2, 3, 38, 43, 199, 233, 399]) {
        const id = idOf(passage)
        const segment = firsts.findLastIndex((first) => first <= passage)
        const place = { segment, pid: passage - firsts[segment]!, opening: 0 }
        if (isGone(passage)) {
          await expect(ten.passage(id)).rejects.toBeInstanceOf(NotFoundError)
          await expect(ten.passages([place])).rejects.toBeInstanceOf(NotFoundError)
          await expect(ten.matchTokens(queries[0]!, [place])).rejects.toBeInstanceOf(NotFoundError)
          expect((await ten.search(queries[0]!, { filter: [id] })).hits).toEqual([])
        } else {
          expect(await ten.passage(id)).toMatchObject({ id, place, text: `Text ${passage}.` })
          expect((await ten.passages([place]))[0]).toMatchObject({ id })
        }
      }
    })
  })
})

describe.each(builds)('segments over several quantisers with %s', (build) => {
  const lengthsOf = (seed: number) => {
    const random = seededRandom(seed)
    return Array.from({ length: 120 }, () => Math.max(0, Math.floor(random() * 14) - 2))
  }
  const made = (seed: number, centroidCount: number, nbits: Nbits) =>
    randomSegment({ seed, dim: 48, nbits, centroidCount, lengths: lengthsOf(seed) })
  const a = made(1, 64, 4)
  const b = made(2, 30, 4)
  const c = made(3, 90, 2)

  it.each<[string, readonly SegmentData[]]>([
    ['one each', [a, b, c]],
    ['mixed', [...slicesOf(a, [50]), b, ...slicesOf(c, [1, 100])]],
    ['each shared by segments apart', [slicesOf(a, [60])[0]!, b, slicesOf(a, [60])[1]!]],
  ])('%s answer as the twin does', async (_, segments) => {
    const deleted = segments.map(({ passageLengths }, i) =>
      Uint32Array.from(passageLengths.keys()).filter((pid) => (pid + i) % 7 === 0),
    )
    const kernels = await instantiateKernels(await kernelsModule(build))
    const arrays = segments.map((data, i) => ({ ...data, deleted: deleted[i]! }))
    const { index, placement } = await placedIndexOf(arrays, kernels, { verifyBlocks: true })
    const twins = segments.map((data, i) => ({ segment: referenceSegment(data), deleted: new Set(deleted[i]) }))
    const some = segments.map(({ passageLengths }) => [...passageLengths.keys()].filter((pid) => pid % 3 !== 1))
    const { top } = kernels.arena
    for (const filter of [undefined, some, some.map((pids) => pids.slice(0, 3))]) {
      const bitmaps = filter?.map((pids, i) => {
        const { searchable } = placement.passages[i]!
        return bitmapOf(
          segments[i]!.passageLengths.length,
          pids.filter((pid) => bitmapHas(searchable, pid)),
        )
      })
      for (const [k, parameters] of [
        [10, { ncells: 2, centroidScoreThreshold: 0.2, ndocs: 40 }],
        [1, { ncells: 1, centroidScoreThreshold: -1, ndocs: 30 }],
        [40, { ncells: 4, centroidScoreThreshold: 0.3, ndocs: 100 }],
        // Every cell of the second, and not of the others.
        [10, { ncells: 30, centroidScoreThreshold: 0, ndocs: 60 }],
      ] as const) {
        const query = queries[0]!
        const answer = index.search({ query, parameters, k, filters: bitmaps })
        const expected = searchReference(twins, query, parameters, k, filter)
        expect(answer).toEqual({ ...expected, skipped: 0 })
        expect(answer.pids.length).toBeGreaterThan(0)
      }
    }
    expect(kernels.arena.top).toBe(top)
  })
})

describe('an id that was replaced', () => {
  it.each(['resident', 'range'] as const)('is found once, with the new text: %s', async (pipeline) => {
    const old = randomSegment({ seed: 1, dim: 48, nbits: 2, centroidCount: 20, lengths: [5, 6, 7, 8, 9] })
    const [added] = slicesOf({ ...old }, [3])
    const stored = await indexOf([old, added!], {
      idOf: (passage) => (passage === 6 ? 'p3' : `p${passage}`),
      deleted: [Uint32Array.of(3)],
      texts: true,
      textOf: (passage) => `Text ${passage}.`,
    })
    const files = memoryFiles('made', stored)
    const kernels = await kernelsModule('kernels.wasm')
    const open = pipeline === 'range' ? openByRange : openSearcher
    const searcher = await open(files, { kernels })
    const place = { segment: 1, pid: 1, opening: 0 }
    for (const options of [{}, { filter: ['p3'] }, { filter: (id: string) => id === 'p3' }]) {
      const { hits } = await searcher.search(queries[0]!, options)
      expect(hits.filter(({ id }) => id === 'p3').map((hit) => hit.place)).toEqual([place])
    }
    expect(await searcher.passage('p3')).toMatchObject({ place, text: 'Text 6.' })
    expect(searcher.info).toMatchObject({ passages: 7, segments: [5, 3] })
    await searcher.close()
  })
})
