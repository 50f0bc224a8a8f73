/**
 * The resident search equals the readable twin (reference/residentSearch.ts) in pids and score bits, and what it computes is
 * the MaxSim of the decoded vectors, by arithmetic in the test.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { InputError } from '../../format/errors.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { randomQuery, randomSegment, seededRandom } from '../../lab/data/randomSegment.ts'
import { placedIndexOf, residentOf } from '../../lab/search/residentOf.ts'
import { referenceSegment } from '../../reference/kernels.ts'
import { searchReference } from '../../reference/residentSearch.ts'
import { instantiateKernels } from '../../runtime/kernels/kernels.ts'
import { bitmapOf } from '../../runtime/passages/bitmap.ts'
import { defaultParameters } from '../../runtime/search/parameters.ts'
import type { PlaidParameters } from '../../runtime/searcher.ts'
import { builds, kernelsModule } from '../kernels/guardedMemory.ts'
import { quantisedSegment } from './quantisedSegment.ts'

const allNbits: readonly Nbits[] = [1, 2, 4]
const exhaustive = (passages: number): PlaidParameters => ({
  ncells: 1024,
  centroidScoreThreshold: -1,
  ndocs: Math.max(4, passages * 4),
})

/** A seeded mixture of lengths, empty passages among them. */
function mixedLengths(seed: number, passages: number): number[] {
  const random = seededRandom(seed)
  return Array.from({ length: passages }, () => Math.max(0, Math.floor(random() * 14) - 2))
}

describe.each(builds)('resident search with %s', (build) => {
  let module: WebAssembly.Module
  beforeAll(async () => {
    module = await kernelsModule(build)
  })

  async function resident(data: SegmentData) {
    return residentOf(data, await instantiateKernels(module), { verifyBlocks: true })
  }

  async function expectEqual(
    data: SegmentData,
    rows: number,
    parameters: PlaidParameters,
    k: number,
    filter?: Uint32Array,
  ) {
    const segment = await resident(data)
    const query = { vectors: randomQuery(rows + k, rows, data.dim, rows > 2 ? [1] : []), rows, dim: data.dim }
    const answer = segment.search(query, parameters, k, filter)
    const expected = searchReference([{ segment: referenceSegment(data) }], query, parameters, k, filter && [filter])
    expect(answer).toEqual({ ...expected, skipped: 0 })
    expect(new Uint32Array(answer.scores.buffer)).toEqual(new Uint32Array(expected.scores.buffer))
    return answer
  }

  describe.each(allNbits)('at %i bits answers as the twin does', (nbits) => {
    const lengths = mixedLengths(nbits, 400)
    const data = randomSegment({ seed: nbits, dim: 48, nbits, centroidCount: 64, lengths })

    it.each([1, 10, 100])('with default parameters for k %i', async (k) => {
      const answer = await expectEqual(data, 32, defaultParameters(k), k)
      expect(answer.pids.length).toBeGreaterThanOrEqual(Math.min(k, answer.counts.rescored))
    })

    it('when every pass drops something', async () => {
      const parameters = { ncells: 3, centroidScoreThreshold: 0.3, ndocs: 40 }
      const { counts } = await expectEqual(data, 8, parameters, 5)
      expect(counts.candidates).toBeGreaterThan(counts.approximated)
      expect(counts.approximated).toBe(40)
      expect(counts.rescored).toBe(10)
    })

    it.each([64, 65, 5000])('when every passage is a candidate: %i cells of 64', async (ncells) => {
      const many = Uint32Array.from({ length: 130 }, (_, index) => index * 3)
      for (const centroidScoreThreshold of [-1, 0.3]) {
        const parameters = { ncells, centroidScoreThreshold, ndocs: 60 }
        const { counts } = await expectEqual(data, 8, parameters, 5)
        expect(counts.candidates).toBe(lengths.filter((tokens) => tokens > 0).length)
        expect(counts.rescored).toBe(15)
        await expectEqual(data, 8, parameters, 5, many)
      }
    })

    it('when the threshold prunes every centroid', async () => {
      await expectEqual(data, 5, { ncells: 2, centroidScoreThreshold: 1, ndocs: 20 }, 5)
    })

    it('with a filter small enough to need no probing, and with a large one', async () => {
      const few = Uint32Array.from({ length: 9 }, (_, index) => index * 40)
      const many = Uint32Array.from({ length: 130 }, (_, index) => index * 3)
      const withTokens = few.filter((pid) => lengths[pid]! > 0)
      const parameters = { ncells: 1, centroidScoreThreshold: 0.3, ndocs: 40 }
      const small = await expectEqual(data, 5, parameters, 100, few)
      expect([...small.pids].sort((a, b) => a - b)).toEqual([...withTokens])
      const large = await expectEqual(data, 5, parameters, 10, many)
      expect([...large.pids].every((pid) => many.includes(pid))).toBe(true)
      expect(large.pids.length).toBeGreaterThan(0)
      const none = await expectEqual(data, 5, parameters, 10, new Uint32Array(0))
      expect(none.pids).toHaveLength(0)
    })
  })

  it.each([1, 10, 40])('with a filter that allows more than are rescored at first, k = %i', async (k) => {
    const lengths = mixedLengths(11, 700).map((tokens) => Math.ceil(tokens / 2))
    const data = randomSegment({ seed: 11, dim: 32, nbits: 2, centroidCount: 50, lengths })
    const most = Uint32Array.from(lengths.keys()).filter((pid) => pid % 7 > 0)
    const { counts } = await expectEqual(data, 8, { ncells: 1, centroidScoreThreshold: 0.5, ndocs: 64 }, k, most)
    expect(counts.candidates).toBe(most.filter((pid) => lengths[pid]! > 0).length)
    // Some of them cannot be among the best any more; others are scored only because they can.
    expect(counts.rescored).toBeGreaterThan(k === 1 ? 255 : 256)
    expect(counts.rescored).toBeLessThan(counts.candidates)
  })

  it.each([[[3]], [[0]], [[1, 0]], [[]]])('with passages of %j tokens', async (lengths) => {
    const data = randomSegment({ seed: 5, dim: 32, nbits: 2, centroidCount: 3, lengths })
    const answer = await expectEqual(data, 3, defaultParameters(10), 10)
    expect(answer.pids).toHaveLength(lengths.filter((tokens) => tokens > 0).length)
  })

  it('answers nothing to a query of zeros: it asks for nothing', async () => {
    const data = randomSegment({ seed: 6, dim: 32, nbits: 4, centroidCount: 8, lengths: [3, 4] })
    const query = { vectors: new Float32Array(64), rows: 2, dim: 32 }
    const answer = (await resident(data)).search(query, defaultParameters(10), 10)
    const expected = searchReference([{ segment: referenceSegment(data) }], query, defaultParameters(10), 10)
    expect(answer).toEqual({ ...expected, skipped: 0 })
    expect(answer.pids).toHaveLength(0)
  })

  it('answers all passages that tie with the k-th, so that ties can be broken by id', async () => {
    const one = randomSegment({ seed: 8, dim: 32, nbits: 2, centroidCount: 1, lengths: [4] })
    // More than are scored at sixteen bits.
    const copies = 20
    const rows = new Uint8Array(Buffer.concat(Array.from({ length: copies }, () => one.rows)))
    const { postingOffsets, postings } = randomSegment({
      ...{ seed: 8, dim: 32, nbits: 2, centroidCount: 1 },
      lengths: Array.from({ length: copies }, () => 4),
    })
    const data = { ...one, rows, postingOffsets, postings, passageLengths: new Uint16Array(copies).fill(4) }
    const answer = await expectEqual(data, 4, { ncells: 1, centroidScoreThreshold: 0, ndocs: 256 }, 2)
    expect([...answer.pids]).toEqual(Array.from({ length: copies }, (_, pid) => pid))
    expect(new Set(answer.scores).size).toBe(1)
  })

  it.each(allNbits)(
    'at %i bits scores with the MaxSim of the decoded vectors, and finds the passage asked for',
    async (nbits) => {
      const lengths = Array.from({ length: 60 }, (_, pid) => 3 + (pid % 9))
      const { data, decoded, vectors } = quantisedSegment({ seed: nbits, dim: 64, nbits, centroidCount: 24, lengths })
      const segment = await resident(data)
      for (const pid of [0, 17, 59]) {
        const asked = vectors[pid]!.slice(0, 3)
        const query = { vectors: Float32Array.from(asked.flat()), rows: 3, dim: 64 }
        const { pids, scores } = segment.search(query, exhaustive(60), 60)
        // The query is the passage's own first tokens: nothing else can match it better.
        expect(pids[0]).toBe(pid)
        const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, d) => sum + v * b[d]!, 0)
        for (const [rank, found] of pids.entries()) {
          const maxima = asked.map((row) => Math.max(...decoded[found]!.map((token) => dot(row, token))))
          // int8 query and weights: each of 3 rows is off by about 0.003 at most.
          expect(Math.abs(scores[rank]! - maxima.reduce((a, b) => a + b))).toBeLessThan(0.01)
        }
      }
    },
  )

  it('matches each row with the passage token of the largest score, in sum about the MaxSim', async () => {
    const { data, decoded, vectors } = quantisedSegment({
      ...{ seed: 4, dim: 32, nbits: 4, centroidCount: 8 },
      lengths: [5, 0, 9],
    })
    const segment = await resident(data)
    const query = { vectors: Float32Array.from(vectors[2]!.toReversed().flat()), rows: 9, dim: 32 }
    const [match] = segment.matchTokens(query, [2])
    const { tokens, scores } = match!
    const best = vectors[2]!.toReversed().map((row) => {
      const products = decoded[2]!.map((token) => token.reduce((sum, value, d) => sum + value * row[d]!, 0))
      return products.indexOf(Math.max(...products))
    })
    expect([...tokens]).toEqual(best)
    const answer = segment.search(query, exhaustive(3), 3)
    const sum = scores.reduce((total, score) => Math.fround(total + score), 0)
    // Matches are scored by byte tables, answers at sixteen bits.
    const maxSim = answer.scores[answer.pids.indexOf(2)]!
    expect(Math.abs(sum - maxSim)).toBeLessThan(maxSim * 0.002)
  })

  it('past its deadline rescores no more than are wanted, the best by their centroids, and says how many it left out', async () => {
    const data = randomSegment({ seed: 3, dim: 48, nbits: 2, centroidCount: 32, lengths: mixedLengths(9, 300) })
    const segment = await resident(data)
    const query = { vectors: randomQuery(7, 12, 48), rows: 12, dim: 48 }
    const parameters = { ncells: 4, centroidScoreThreshold: -1, ndocs: 200 }
    const whole = segment.search(query, parameters, 5)
    expect(whole.skipped).toBe(0)
    expect(segment.search(query, parameters, 5, undefined, Date.now() + 60_000)).toEqual(whole)
    const late = segment.search(query, parameters, 5, undefined, Date.now() - 1)
    // ndocs / 4 are rescored in time.
    expect(late.counts).toEqual({ ...whole.counts, approximated: 5, rescored: 5 })
    expect(late.skipped).toBe(45)
    const all = segment.search(query, { ...parameters, ndocs: 4 * 300 }, 300)
    // So many results are scored by byte tables alone.
    for (const [i, pid] of late.pids.entries())
      expect(late.scores[i]).toBeCloseTo(all.scores[all.pids.indexOf(pid)]!, 1)
  })

  it('gives the same answers again, and keeps its memory between queries', async () => {
    const kernels = await instantiateKernels(module)
    const options = { dim: 32, nbits: 2 as const, centroidCount: 16, lengths: mixedLengths(3, 50) }
    const first = await residentOf(randomSegment({ seed: 1, ...options }), kernels)
    const query = { vectors: randomQuery(2, 6, 32), rows: 6, dim: 32 }
    const before = first.search(query, defaultParameters(10), 10)
    const second = await residentOf(randomSegment({ seed: 2, ...options }), kernels)
    const { top } = kernels.arena
    second.search(query, defaultParameters(100), 100)
    expect(first.search(query, defaultParameters(10), 10)).toEqual(before)
    expect(kernels.arena.top).toBe(top)
  })

  it.each([
    ['another dim', { vectors: new Float32Array(48), rows: 1, dim: 48 }, {}],
    ['too few values', { vectors: new Float32Array(31), rows: 1, dim: 32 }, {}],
    ['no rows', { vectors: new Float32Array(0), rows: 0, dim: 32 }, {}],
    ['a value that is not a number', { vectors: new Float32Array(32).fill(Number.NaN), rows: 1, dim: 32 }, {}],
    ['an infinite value', { vectors: new Float32Array(32).fill(Number.POSITIVE_INFINITY), rows: 1, dim: 32 }, {}],
    ['ncells 0', { vectors: new Float32Array(32), rows: 1, dim: 32 }, { ncells: 0 }],
    [
      'a threshold that is not a number',
      { vectors: new Float32Array(32), rows: 1, dim: 32 },
      { centroidScoreThreshold: Number.NaN },
    ],
    ['half an ndocs', { vectors: new Float32Array(32), rows: 1, dim: 32 }, { ndocs: 1.5 }],
  ])('refuses a query with %s, and stays usable', async (_, query, change) => {
    const data = randomSegment({ seed: 1, dim: 32, nbits: 1, centroidCount: 4, lengths: [2, 2] })
    const kernels = await instantiateKernels(module)
    const segment = await residentOf(data, kernels)
    const { top } = kernels.arena
    expect(() => segment.search(query, { ...defaultParameters(10), ...change }, 10)).toThrow(InputError)
    expect(kernels.arena.top).toBe(top)
  })

  it.each([
    ['of too few segments', []],
    ['of too many segments', [bitmapOf(2, [0]), bitmapOf(2, [0])]],
    ['too short', [{ words: new Uint32Array(0), count: 0 }]],
    ['too long', [bitmapOf(129, [0])]],
    ['with a passage that is not there', [bitmapOf(3, [2])]],
    ['with a passage without tokens', [bitmapOf(2, [1])]],
  ])('refuses a filter %s', async (_, filters) => {
    const data = randomSegment({ seed: 1, dim: 32, nbits: 1, centroidCount: 4, lengths: [2, 0] })
    const kernels = await instantiateKernels(module)
    const { index } = await placedIndexOf([data], kernels)
    const query = { vectors: randomQuery(1, 1, 32), rows: 1, dim: 32 }
    const { top } = kernels.arena
    expect(() => index.search({ query, parameters: defaultParameters(10), k: 10, filters })).toThrow(InputError)
    expect(kernels.arena.top).toBe(top)
  })
})
