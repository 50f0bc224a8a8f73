/** colbert-ai 0.2.22's own rankings, candidate cuts and decompressed vectors, from test/golden/colbert. */
import { describe, expect, test } from 'vitest'
import { decodeResidualRow, decompressPassage, searchStanford } from '../../reference/stanford.ts'
import { readGoldenIndex } from './stanfordFixture.ts'

const TIMEOUT_MS = 120_000
/** Every query of the exhaustive list; the first few of the rest, because each one rescores nearly all passages again. */
const QUERIES_MAX = { exhaustive: 20, defaultK10: 5, defaultK100: 5 } as const
const FILTER_QUERIES_MAX = 5

describe.each(['mxbai60-nbits2', 'scifact60-nbits2', 'scifact60-nbits4'])('colbert-ai on %s', (name) => {
  const golden = readGoldenIndex(`colbert/${name}`)
  const cells = golden.index.postingLengths.length

  // Expected: what IndexScorer.rank answered. Parameters as in make_colbert_fixture.py of the fixtures' origin.
  test.each([
    { list: 'exhaustive', ncells: cells, centroidScoreThreshold: -1e9, ndocs: 244 },
    { list: 'defaultK10', ncells: 1, centroidScoreThreshold: 0.5, ndocs: 256 },
    { list: 'defaultK100', ncells: 2, centroidScoreThreshold: 0.45, ndocs: 1024 },
  ] as const)(
    'ranks $list exactly as ColBERT does, scores within 1e-5',
    ({ list, ...parameters }) => {
      const expected = golden.ranking(list).slice(0, QUERIES_MAX[list])
      expect(expected).toHaveLength(QUERIES_MAX[list])
      expected.forEach(({ pids, scores }, query) => {
        const got = searchStanford(golden.index, golden.queries[query]!, parameters)
        expect([...got.pids], `query ${query}`).toEqual(pids)
        got.scores.forEach((score, i) => void expect(Math.abs(score - scores[i]!)).toBeLessThan(1e-5))
      })
    },
    TIMEOUT_MS,
  )

  // Expected: ColBERT's filter_pids.cpp, compiled unmodified (scripts/goldenFixtures.py). Here candidates are cut, mostly in both passes.
  test(
    'rescores the passages that ColBERT keeps after pruning, and no other',
    () => {
      for (const filter of golden.filters()) {
        for (let query = 0; query < FILTER_QUERIES_MAX; query++) {
          const kept = filter.pids[query]!
          expect(kept.length).toBeLessThan(filter.candidates[query]!)
          const got = searchStanford(golden.index, golden.queries[query]!, filter)
          const message = `query ${query}, ncells ${filter.ncells}, threshold ${filter.centroidScoreThreshold}`
          expect(new Set(got.pids), message).toEqual(new Set(kept))
        }
      }
    },
    TIMEOUT_MS,
  )

  // Expected: ResidualCodec.decompress, stored as f16: the nearest f16 is at most half a unit away, 2^-11 of the value.
  test('decompresses the first ten passages to f16 rounding', () => {
    const expected = golden.decompressed('f16')
    const got = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].flatMap((pid) => [...decompressPassage(golden.index, pid)])
    expect(got).toHaveLength(expected.length)
    expect(largestExcess(got, expected)).toBeLessThanOrEqual(1e-6)
  })

  test('would notice buckets whose bits are read highest first', () => {
    const { dim, nbits, bucketWeights, centroids, codes, residuals } = golden.index
    const swapped = bucketWeights.map((_, bucket) => bucketWeights[reversedBits(bucket, nbits)]!)
    const row = decodeResidualRow(residuals.subarray(0, (dim * nbits) / 8), dim, nbits, swapped)
    const raw = row.map((weight, d) => weight + centroids[codes[0]! * dim + d]!)
    const norm = Math.hypot(...raw)
    const wrong = [...raw].map((value) => value / norm)
    expect(largestExcess(wrong, golden.decompressed('f16').subarray(0, dim))).toBeGreaterThan(1e-3)
  })
})

/** By how much the worst value is farther from `expected` than the rounding of `expected` to f16 explains. */
function largestExcess(values: readonly number[], expected: Float32Array): number {
  return values.reduce((worst, value, i) => {
    const half = Math.max(Math.abs(expected[i]!), 2 ** -14) * 2 ** -11
    return Math.max(worst, Math.abs(value - expected[i]!) - half)
  }, 0)
}

function reversedBits(value: number, nbits: number): number {
  return Number.parseInt([...value.toString(2).padStart(nbits, '0')].reverse().join(''), 2)
}
