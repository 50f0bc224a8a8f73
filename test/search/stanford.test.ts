/** The Stanford twin on indexes small enough to work out by hand; expected values are hand calculations. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InputError } from '../../format/errors.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import {
  decodeResidualRow,
  decompressPassage,
  maxSim,
  type StanfordIndex,
  searchStanford,
} from '../../reference/stanford.ts'
import { float16, roundToFloat16 } from './stanfordFixture.ts'

const DIM = 4
const ALL = { ncells: 2, centroidScoreThreshold: -1, ndocs: 400 }

/** Residuals of weight 0 everywhere, so that a token is its normalised centroid. */
function smallIndex(centroids: readonly number[][], passages: readonly number[][]): StanfordIndex {
  const lists = centroids.map((_, cell) => passages.flatMap((codes, pid) => (codes.includes(cell) ? [pid] : [])))
  return {
    dim: DIM,
    nbits: 2,
    centroids: Float32Array.from(centroids.flat()),
    bucketWeights: new Float32Array(4),
    passageLengths: passages.map((codes) => codes.length),
    codes: passages.flat(),
    residuals: new Uint8Array(passages.flat().length),
    postings: lists.flat(),
    postingLengths: lists.map((list) => list.length),
  }
}

describe('decodeResidualRow', () => {
  const weights = (nbits: Nbits) => Float32Array.from({ length: 2 ** nbits }, (_, bucket) => bucket)

  test('reads values from the high end of a byte and the bits of a value lowest first', () => {
    expect([...decodeResidualRow(Uint8Array.of(0b1000_0001), 8, 1, weights(1))]).toEqual([1, 0, 0, 0, 0, 0, 0, 1])
    expect([...decodeResidualRow(Uint8Array.of(0b10_01_11_00), 4, 2, weights(2))]).toEqual([1, 2, 3, 0])
    expect([...decodeResidualRow(Uint8Array.of(0b0001_1010), 2, 4, weights(4))]).toEqual([8, 5])
  })

  // The writer here is independent: it spells the row out as a string of bits, as numpy.packbits of ColBERT's codec.
  test('gives back the buckets of any row', () => {
    const rows = fc.constantFrom<Nbits>(1, 2, 4).chain((nbits) =>
      fc.record({
        nbits: fc.constant(nbits),
        buckets: fc
          .array(fc.nat(2 ** nbits - 1), { minLength: 0, maxLength: 12 })
          .map((some) => Array(8).fill(some).flat()),
      }),
    )
    fc.assert(
      fc.property(rows, ({ nbits, buckets }) => {
        const bits = buckets.map((bucket) => [...bucket.toString(2).padStart(nbits, '0')].reverse().join('')).join('')
        const packed = Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2))
        expect([...decodeResidualRow(packed, buckets.length, nbits, weights(nbits))]).toEqual(buckets)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('refuses a row or weights of another length', () => {
    expect(() => decodeResidualRow(new Uint8Array(2), 4, 2, weights(2))).toThrow(InputError)
    expect(() => decodeResidualRow(new Uint8Array(1), 4, 2, weights(4))).toThrow(InputError)
  })
})

describe('maxSim', () => {
  const query = Float32Array.of(1, 0, 0, 1)

  test('adds the best dot product of each query row', () => {
    // Row 0: max(0.5, 0.25); row 1: max(-0.5, 0.75).
    expect(maxSim(query, Float32Array.of(0.5, -0.5, 0.25, 0.75), { dim: 2 })).toBe(1.25)
  })

  test("starts each maximum at 0, as ColBERT's CPU kernel, unless told otherwise", () => {
    const passage = Float32Array.of(0.5, -0.5)
    expect(maxSim(query, passage, { dim: 2 })).toBe(0.5)
    expect(maxSim(query, passage, { dim: 2, floor: -Infinity })).toBe(0)
    expect(maxSim(query, new Float32Array(0), { dim: 2 })).toBe(0)
  })
})

describe('decompressPassage', () => {
  test('normalises centroid plus weights', () => {
    const index = { ...smallIndex([[0, 0, 0, 0]], [[0]]), bucketWeights: Float32Array.of(0, 3, 4, 9) }
    // 0b10_01_00_00 is buckets 1, 2, 0, 0: (3, 4, 0, 0) has length 5.
    const residuals = Uint8Array.of(0b1001_0000)
    expect([...decompressPassage({ ...index, residuals }, 0)]).toEqual([...Float32Array.of(0.6, 0.8, 0, 0)])
  })

  test('leaves a vector of zeros as it is', () => {
    expect([...decompressPassage(smallIndex([[0, 0, 0, 0]], [[0]]), 0)]).toEqual([0, 0, 0, 0])
  })

  test('refuses a pid that is not there', () => {
    const index = smallIndex([[1, 0, 0, 0]], [[0]])
    for (const pid of [-1, 1, 0.5, Number.NaN]) expect(() => decompressPassage(index, pid)).toThrow(InputError)
  })
})

describe('searchStanford', () => {
  const axes = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
  ]
  const query = Float32Array.of(1, 0, 0, 0)

  test('ranks by score: the passage on the query axis wins', () => {
    const got = searchStanford(smallIndex(axes, [[1], [0]]), query, ALL)
    expect([...got.pids]).toEqual([1, 0])
    expect([...got.scores]).toEqual([1, 0])
  })

  test('sees only passages of probed cells, the lower cell on equal scores', () => {
    const twins = smallIndex([axes[0]!, axes[0]!], [[1], [0]])
    expect([...searchStanford(twins, query, { ...ALL, ncells: 1 }).pids]).toEqual([1])
  })

  test('keeps the larger pid where approximate scores are equal, and rescores ndocs / 4 rounded down', () => {
    const index = smallIndex(axes, [[0], [0], [0], [0], [0], [0], [0], [0], [0]])
    expect([...searchStanford(index, query, { ...ALL, ndocs: 7 }).pids]).toEqual([8])
    expect([...searchStanford(index, query, { ...ALL, ndocs: 8 }).pids]).toEqual([8, 7])
  })

  describe('with a centroid whose best score is f32 0.45', () => {
    // Passage 0 has both centroids: 1 + 0.45 as long as the second is kept, else 1 like the other four, which then win
    // the four places of the first pass by their larger pids. f32 0.45 is less than f64 0.45.
    const index = smallIndex([axes[0]!, [0, 0.45, 0.9, 0]], [[0, 1], [0], [0], [0], [0]])
    const bothAxes = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0)

    test('keeps it at threshold 0.45, because ColBERT compares in f32', () => {
      const parameters = { ncells: 1, centroidScoreThreshold: 0.45, ndocs: 4 }
      expect([...searchStanford(index, bothAxes, parameters).pids]).toEqual([0])
    })

    test('prunes it at threshold 0.46', () => {
      const parameters = { ncells: 1, centroidScoreThreshold: 0.46, ndocs: 4 }
      expect([...searchStanford(index, bothAxes, parameters).pids]).toEqual([4])
    })
  })

  test('still ranks passages all of whose centroids are pruned', () => {
    const got = searchStanford(smallIndex(axes, [[1], [0]]), query, { ...ALL, centroidScoreThreshold: 2 })
    expect([...got.pids]).toEqual([1, 0])
  })

  test('puts a passage without kept centroids behind one whose kept centroids score below 0', () => {
    // Scores of the two rows: -0.3 and -0.4 for passage 0, kept; -0.6 and -0.7 for the other four, pruned. If maxima
    // started at 0, all five would be equal and the other four would take the places of the first pass by their pids.
    const negative = [
      [-0.3, -0.4, 0, 0],
      [-0.6, -0.7, 0, 0],
    ]
    const index = smallIndex(negative, [[0], [1], [1], [1], [1]])
    const bothAxes = Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0)
    const parameters = { ncells: 2, centroidScoreThreshold: -0.5, ndocs: 4 }
    expect([...searchStanford(index, bothAxes, parameters).pids]).toEqual([0])
  })

  test('never finds an empty passage', () => {
    expect([...searchStanford(smallIndex(axes, [[], [0], []]), query, ALL).pids]).toEqual([1])
  })

  test('ignores the zeros with which ColBERT pads its posting lists', () => {
    const index = smallIndex(axes, [[1], [0]])
    const padded = { ...index, postings: [...Array.from(index.postings), 0, 0, 0] }
    expect([...searchStanford(padded, query, { ...ALL, ncells: 1 }).pids]).toEqual([1])
  })

  test.each([
    { ncells: 0 },
    { ncells: 3 },
    { ncells: 1.5 },
    { ndocs: 3 },
    { ndocs: Number.NaN },
    { centroidScoreThreshold: Number.NaN },
  ])('refuses %o', (change) => {
    expect(() => searchStanford(smallIndex(axes, [[0]]), query, { ...ALL, ...change })).toThrow(InputError)
  })

  test.each([
    { name: 'no rows', values: [] },
    { name: 'half a row', values: [1, 0] },
    { name: 'a value that is not finite', values: [1, 0, 0, Number.NaN] },
  ])('refuses a query of $name', ({ values }) => {
    expect(() => searchStanford(smallIndex(axes, [[0]]), Float32Array.from(values), ALL)).toThrow(InputError)
  })

  test.each<Partial<StanfordIndex>>([
    { codes: [2] },
    { codes: [] },
    { postings: [1] },
    { postings: [] },
    { residuals: new Uint8Array(2) },
    { bucketWeights: new Float32Array(2) },
    { centroids: new Float32Array(7) },
  ])('refuses an index whose arrays do not fit together: %o', (change) => {
    expect(() => searchStanford({ ...smallIndex(axes, [[0]]), ...change }, query, ALL)).toThrow(InputError)
  })
})

// Expected: the table of IEEE 754 binary16 bit patterns.
describe('the reader of f16 fixtures', () => {
  test('knows the landmarks of the format', () => {
    const patterns = [0x3c00, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x3555, 0x7c00]
    const values = [1, -2, 65504, 2 ** -14, 1023 * 2 ** -24, 2 ** -24, 1365 * 2 ** -12, Infinity]
    expect(patterns.map(float16)).toEqual(values)
  })

  test('rounds to the nearest f16, ties to even', () => {
    const half = 2 ** -11
    const values = [1 + half, 1 + 3 * half, 1 + 1.1 * half, -(1 + half), 2 ** -25, 1.5 * 2 ** -24, 1.1 * 2 ** -25]
    const rounded = [1, 1 + 4 * half, 1 + 2 * half, -1, 0, 2 ** -23, 2 ** -24]
    expect(values.map(roundToFloat16)).toEqual(rounded)
  })

  test('leaves every f16 as it is', () => {
    for (let bits = 0; bits < 0x7c00; bits += 7) expect(roundToFloat16(float16(bits))).toBe(float16(bits))
  })
})
