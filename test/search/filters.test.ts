/**
 * A filter never costs results: whatever it allows, as many are found as are wanted and allowed, and they are the best of what is allowed
 * at least as often as a search without a filter finds the best of all. The best are known from the readable twin of the kernels,
 * which scores every passage.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { InputError } from '../../format/errors.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../lab/data/randomSegment.ts'
import { evenBorders, slicesOf } from '../../lab/data/slicedSegment.ts'
import { openByRange } from '../../lab/search/openedBy.ts'
import { referenceSegment } from '../../reference/kernels.ts'
import { refine } from '../../reference/refine.ts'
import { quantiseQuery } from '../../runtime/kernels/quantise.ts'
import { openPool } from '../../runtime/platform/node/threads/nodePool.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import type { PassageFilter, QueryVectors, SearchOptions } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { openSearcher } from '../../runtime/searchers/openIndexFiles.ts'
import { someTiers } from '../format/someTiers.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'

const PASSAGES = 1200
const K = 10
const random = seededRandom(4)
// Empty passages among them.
const lengths = Array.from({ length: PASSAGES }, () => Math.max(0, Math.floor(random() * 13) - 1))
const data = randomSegment({ seed: 3, dim: 32, nbits: 2, centroidCount: 160, lengths })
const isDeleted = (passage: number) => passage % 11 === 5
const isSearchable = (passage: number) => lengths[passage]! > 0 && !isDeleted(passage)
const searchable = [...lengths.keys()].filter(isSearchable)
/** Of every kind, none of them ordered as pids are; a comparison of bytes orders them as numbers. */
const idOf = (passage: number) => `${String((passage * 7919) % 9973).padStart(4, '0')} é/${passage} 🦦`
const passageOf = new Map([...lengths.keys()].map((passage) => [idOf(passage), passage]))

const queries: readonly QueryVectors[] = Array.from({ length: 12 }, (_, seed) => ({
  ...{ rows: 8, dim: 32 },
  vectors: randomQuery(seed, 8, 32),
}))

/** Of each query every searchable passage, the best first; equal scores by the bytes of the id. */
const rankings: readonly (readonly number[])[] = queries.map(({ vectors, rows, dim }) => {
  const scores = refine(referenceSegment(data), quantiseQuery(vectors, rows, dim), Uint32Array.from(searchable))
  const scoreOf = new Map(searchable.map((passage, i) => [passage, scores[i]!]))
  const order = (a: number, b: number) =>
    scoreOf.get(b)! - scoreOf.get(a)! || Buffer.compare(Buffer.from(idOf(a)), Buffer.from(idOf(b)))
  return searchable.toSorted(order)
})

/** Share of the best that are allowed among what was found. */
function recallOf(found: readonly string[], ranking: readonly number[], isAllowed: (passage: number) => boolean) {
  const best = new Set(ranking.filter(isAllowed).slice(0, K))
  return best.size === 0 ? 1 : found.filter((id) => best.has(passageOf.get(id)!)).length / best.size
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

const opened: Record<string, OpenedIndex> = {}
beforeAll(async () => {
  const kernels = await kernelsModule('kernels.wasm')
  const slices = slicesOf(data, evenBorders(PASSAGES, 5))
  const firsts = [0, ...evenBorders(PASSAGES, 5)]
  const deletedOf = (starts: readonly number[], parts: readonly { passageLengths: Uint16Array }[]) =>
    parts.map(({ passageLengths }, i) =>
      Uint32Array.from(passageLengths.keys()).filter((pid) => isDeleted(starts[i]! + pid)),
    )
  const one = await indexOf([data], { idOf, deleted: deletedOf([0], [data]) })
  const untuned = memoryFiles('untuned', one)
  const manifest = { ...decodeManifest(one.get(MANIFEST_NAME)!), tiers: someTiers }
  const tuned = memoryFiles('tuned', new Map(one).set(MANIFEST_NAME, encodeManifest(manifest)))
  const five = memoryFiles('five', await indexOf(slices, { idOf, deleted: deletedOf(firsts, slices) }))
  opened.resident = await openSearcher(untuned, { kernels })
  opened.tuned = await openSearcher(tuned, { kernels })
  opened.five = await openSearcher(five, { kernels })
  opened.pool = await openPool(five, { workers: 2 })
  opened.range = await openByRange(untuned, { kernels })
  opened['range, five'] = await openByRange(five, { kernels })
})
afterAll(async () => {
  for (const searcher of Object.values(opened)) await searcher.close()
})

/** Which passages of each query's ranking a filter allows. */
type Choice = (ranking: readonly number[], query: number) => readonly number[]

/** Of any size, and every kind: without regard to the query, those least like it, those in the middle of its ranking. */
const choices = fc
  .record({
    share: fc.constantFrom(1, 0.5, 0.1, 0.01),
    size: fc.double({ min: 0, max: 1, noNaN: true }),
    kind: fc.constantFrom('random', 'worst', 'middle'),
    seed: fc.nat(1e6),
  })
  .map(({ share, size, kind, seed }): [string, Choice] => {
    const count = Math.max(1, Math.round(size * share * searchable.length))
    const choose: Choice = (ranking, query) => {
      if (kind === 'worst') return ranking.slice(-count)
      if (kind === 'middle') return ranking.slice((ranking.length - count) / 2).slice(0, count)
      const lots = seededRandom(seed + query)
      return ranking
        .map((passage) => ({ passage, lot: lots() }))
        .sort((a, b) => a.lot - b.lot)
        .slice(0, count)
        .map(({ passage }) => passage)
    }
    return [`${count} ${kind}`, choose]
  })

const settings: readonly (readonly [string, string, SearchOptions])[] = [
  ["in memory, Stanford's defaults, not tuned", 'resident', {}],
  ['in memory, the tier fast', 'tuned', { tier: 'fast' }],
  ['in memory, the tier balanced', 'tuned', { tier: 'balanced' }],
  ['in memory, the tier exact', 'tuned', { tier: 'exact' }],
  ['in memory, few candidates', 'resident', { ncells: 1, centroidScoreThreshold: 1, ndocs: 1 }],
  ['in memory, five segments', 'five', {}],
  ['a pool', 'pool', {}],
  ['by range', 'range', {}],
  ['by range, few lists and passages', 'range', { lists: 1, passages: 5 }],
  ['by range, five segments', 'range, five', {}],
]

describe.each(settings)('a filter %s', (_, name, options) => {
  const search = async (query: number, filter?: PassageFilter) =>
    opened[name]!.search(queries[query]!, filter === undefined ? options : { ...options, filter })

  it('loses none of the results that are wanted and allowed, and finds the best of them as often as without a filter', async () => {
    const recalls = rankings.map(async (ranking, query) => {
      const { hits } = await search(query)
      return recallOf(
        hits.map(({ id }) => id),
        ranking,
        () => true,
      )
    })
    const unfiltered = mean(await Promise.all(recalls))
    await fc.assert(
      fc.asyncProperty(choices, fc.boolean(), async ([, choose], isFunction) => {
        const filtered = rankings.map(async (ranking, query) => {
          const allowed = new Set(choose(ranking, query))
          const ids = Array.from(allowed, idOf)
          const { hits, skipped } = await search(query, isFunction ? (id) => allowed.has(passageOf.get(id)!) : ids)
          expect(skipped).toBeUndefined()
          expect(hits).toHaveLength(Math.min(K, allowed.size))
          const found = hits.map(({ id }) => id)
          expect(found.every((id) => allowed.has(passageOf.get(id)!))).toBe(true)
          return recallOf(found, ranking, (passage) => allowed.has(passage))
        })
        expect(mean(await Promise.all(filtered))).toBeGreaterThanOrEqual(unfiltered)
      }),
      { numRuns: 12, seed: 7 },
    )
  })

  it('finds all that are wanted where it allows one more than are candidates of Stanford’s defaults, all unlike the query', async () => {
    for (const count of [255, 256, 257, 258]) {
      for (const [query, ranking] of rankings.entries()) {
        const { hits } = await search(query, ranking.slice(-count).map(idOf))
        expect(hits).toHaveLength(K)
      }
    }
  })
})

describe('the ids of a filter', () => {
  const [first = 0, second = 0] = searchable
  const empty = lengths.indexOf(0)
  const deleted = [...lengths.keys()].find((passage) => isDeleted(passage) && lengths[passage]! > 0)!

  it.each<[string, readonly string[], number, number]>([
    ['none', [], 0, 0],
    ['one that is unknown', ['nobody'], 1, 0],
    ['all unknown, one of them twice', ['a', 'b', 'a', ''], 3, 0],
    ['known ones twice', [idOf(first), idOf(second), idOf(first)], 0, 2],
    ['one of a passage without tokens, which exists', [idOf(empty), idOf(first)], 0, 1],
    ['one that is deleted, which nobody can find', [idOf(deleted), idOf(first)], 1, 1],
    ['halves of surrogate pairs, which are no text', ['\ud83e', '\udda6', '\ufffd', idOf(first)], 3, 1],
    ['a prefix, and one that goes on', [idOf(first).slice(0, -1), `${idOf(first)} `, idOf(first)], 2, 1],
    ['names of Object', ['__proto__', 'constructor', 'toString'], 3, 0],
    ['10,000 and more', [...Array.from({ length: 10_000 }, (_, i) => `x${i}`), idOf(first)], 10_000, 1],
  ])('are counted where they are unknown: %s', async (_, filter, unknownIds, found) => {
    for (const searcher of Object.values(opened)) {
      const { hits, counts } = await searcher.search(queries[0]!, { filter })
      expect(counts.unknownIds).toBe(unknownIds)
      expect(hits).toHaveLength(found)
    }
  })

  it('are not counted without a filter, and for a function', async () => {
    for (const searcher of Object.values(opened)) {
      expect((await searcher.search(queries[0]!)).counts).not.toHaveProperty('unknownIds')
      const { counts, hits } = await searcher.search(queries[0]!, { filter: () => false })
      expect(counts).not.toHaveProperty('unknownIds')
      expect(hits).toEqual([])
    }
  })

  it.each<[string, unknown, RegExp]>([
    ['a text', 'p1', /array of ids/],
    ['an empty text', '', /array of ids/],
    ['an object', { category: 'garden' }, /array of ids/],
    ['a number among them', [idOf(first), 7], /got number at index 1/],
    ['a hole', [undefined], /got undefined at index 0/],
    ['a function that promises', async () => true, /got a promise/],
  ])('are refused when they are none: %s', async (_, filter, message) => {
    for (const searcher of Object.values(opened)) {
      const refused = searcher.search(queries[0]!, { filter: filter as PassageFilter })
      await expect(refused).rejects.toBeInstanceOf(InputError)
      await expect(refused).rejects.toThrow(message)
    }
  })
})
