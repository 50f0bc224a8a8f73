/**
 * Indexes written by next-plaid 1.8.5 and fast-plaid 1.7.0.2110, decoded by the Stanford twin. That scores and vectors
 * come out as the engines' own proves that their residual bytes mean what ours mean.
 */
import { describe, expect, test } from 'vitest'
import { decodeResidualRow, decompressPassage, maxSim, type StanfordIndex } from '../../reference/stanford.ts'
import { disagreements, type GoldenIndex, readGoldenIndex, roundToFloat16 } from './stanfordFixture.ts'

const TIMEOUT_MS = 120_000
/** One unit in the last place of an f16 in [0.5, 1), and the six decimals the scores were recorded with. */
const FLOAT16_STEP = 2 ** -11 + 1e-6

// Expected: next-plaid's exhaustive ranking with NEXT_PLAID_FLOAT_RESCORE=1.
describe.each(['mxbai60-nbits2', 'scifact60-nbits4'])('next-plaid on %s', (name) => {
  const golden = readGoldenIndex(`next-plaid/${name}`)

  test(
    'gives its float scores within 1e-5 and its ranking',
    () => {
      const passages = decompressAll(golden.index)
      const rankings = golden.ranking('exhaustive')
      expect(rankings).toHaveLength(20)
      rankings.forEach((theirs, query) => {
        const ours = passages.map((passage) => plainMaxSim(golden, query, passage))
        expect(disagreements(ours, theirs, 1e-5), `query ${query}`).toEqual([])
      })
    },
    TIMEOUT_MS,
  )

  test('has the inverse norms of its side file', () => {
    const expected = golden.extra('inverseNorms')
    expect(expected).toHaveLength(golden.index.codes.length)
    expected.forEach((inverseNorm, token) => {
      const got = 1 / Math.hypot(...rawVector(golden.index, token))
      if (Math.abs(got / inverseNorm - 1) > 1e-6) expect(got, `token ${token}`).toBe(inverseNorm)
    })
  })
})

// Expected: fast-plaid's exhaustive ranking and get_embeddings on CPU, which computes in f16.
describe.each(['mxbai60-nbits4', 'scifact60-nbits2'])('fast-plaid on %s', (name) => {
  const golden = readGoldenIndex(`fast-plaid/${name}`)
  const rankings = golden.ranking('exhaustive')

  test(
    'gives its scores within 5.5e-3 and its ranking but for neighbours that are as near',
    () => {
      const passages = decompressAll(golden.index)
      expect(rankings).toHaveLength(20)
      rankings.forEach((theirs, query) => {
        const ours = passages.map((passage) => plainMaxSim(golden, query, passage))
        expect(disagreements(ours, theirs, 5.5e-3), `query ${query}`).toEqual([])
      })
    },
    TIMEOUT_MS,
  )

  test('gives its decompressed vectors bit for bit when f16 is rounded to where fast-plaid does', () => {
    const expected = golden.decompressed('f32')
    const got = [0, 1, 2].flatMap((pid) => [...decompressInFloat16(golden.index, pid)])
    expect(got).toEqual([...expected])
  })

  // Dots rounded to f16, maxima summed in f32. A dot on the edge between two f16 may fall to the other side, because
  // fast-plaid's sums inside a dot run in another order: seen in 2 and 12 of 1200 scores.
  test(
    'gives its scores to one f16 step when f16 is rounded to where fast-plaid does, and nearly all exactly',
    () => {
      const { dim, passageLengths } = golden.index
      const passages = Array.from(passageLengths, (_, pid) => decompressInFloat16(golden.index, pid))
      let exact = 0
      rankings.forEach((theirs, query) => {
        const rows = rowsOf(golden.queries[query]!, dim)
        const best = (row: Float32Array, passage: Float32Array) => maxSim(row, passage, { dim, floor: -Infinity })
        const ours = passages.map((passage) =>
          rows.reduce((sum, row) => Math.fround(sum + roundToFloat16(best(row, passage))), 0),
        )
        expect(disagreements(ours, theirs, FLOAT16_STEP), `query ${query}`).toEqual([])
        exact += theirs.pids.filter((pid, i) => Math.abs(ours[pid]! - theirs.scores[i]!) < 1e-6).length
      })
      expect(exact).toBeGreaterThan(0.98 * rankings.length * passages.length)
    },
    TIMEOUT_MS,
  )
})

describe('the comparison of rankings', () => {
  const ours = [3, 1, 2.5]

  test('finds nothing in a ranking that agrees', () => {
    expect(disagreements(ours, { pids: [0, 2, 1], scores: [3, 2.5, 1] }, 1e-5)).toEqual([])
  })

  test('lets two passages change places only while their scores are within the tolerance', () => {
    const theirs = { pids: [2, 0, 1], scores: [2.75, 2.75, 1] }
    expect(disagreements(ours, theirs, 0.5)).toEqual([])
    expect(disagreements(ours, theirs, 0.3)).toEqual([
      'rank 0: pid 0 is not pid 2, 0.5 apart',
      'rank 1: pid 2 is not pid 0, 0.5 apart',
    ])
  })

  test('finds a score that is too far away, NaN included', () => {
    expect(disagreements(ours, { pids: [0, 2, 1], scores: [3, 2.4, 1] }, 1e-5)).toEqual(['pid 2: 2.5 is not 2.4'])
    expect(disagreements(ours, { pids: [0, 2, 1], scores: [3, Number.NaN, 1] }, 1e-5)).toHaveLength(1)
  })

  test('finds a passage that is missing or twice there', () => {
    expect(disagreements(ours, { pids: [0, 2], scores: [3, 2.5] }, 1)).toHaveLength(1)
    expect(disagreements(ours, { pids: [0, 2, 2], scores: [3, 2.5, 2.5] }, 1)).toHaveLength(1)
  })
})

/** MaxSim as defined. Every row of these queries has a positive product in every passage, so a floor of 0 gives the same. */
function plainMaxSim({ index, queries }: GoldenIndex, query: number, passage: Float32Array): number {
  return maxSim(queries[query]!, passage, { dim: index.dim, floor: -Infinity })
}

function decompressAll(index: StanfordIndex): Float32Array[] {
  return Array.from(index.passageLengths, (_, pid) => decompressPassage(index, pid))
}

/** Centroid plus bucket weights of one token, before normalisation. */
function rawVector({ dim, nbits, centroids, codes, residuals, bucketWeights }: StanfordIndex, token: number) {
  const bytes = (dim * nbits) / 8
  const row = decodeResidualRow(residuals.subarray(token * bytes, (token + 1) * bytes), dim, nbits, bucketWeights)
  return row.map((weight, d) => weight + centroids[codes[token]! * dim + d]!)
}

/** As fast-plaid on CPU: weights, their sum with the centroid, the norm and the quotient are each rounded to f16. */
function decompressInFloat16(index: StanfordIndex, pid: number): Float32Array {
  const start = Array.from(index.passageLengths)
    .slice(0, pid)
    .reduce((sum, length) => sum + length, 0)
  const halves = { ...index, bucketWeights: index.bucketWeights.map(roundToFloat16) }
  const rows = Array.from({ length: index.passageLengths[pid]! }, (_, token) => {
    const raw = rawVector(halves, start + token).map(roundToFloat16)
    const norm = roundToFloat16(Math.hypot(...raw))
    return raw.map((value) => roundToFloat16(value / norm))
  })
  return Float32Array.from(rows.flatMap((row) => [...row]))
}

function rowsOf(matrix: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: matrix.length / dim }, (_, row) => matrix.subarray(row * dim, (row + 1) * dim))
}
