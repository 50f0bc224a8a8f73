/**
 * Which passages train the quantiser, how many centroids it gets, and the seeded random numbers for both. The numbers
 * of passages and centroids are Stanford ColBERT's (colbert-ai 0.2.22, collection_indexer.py).
 */
import { InputError } from '../../format/errors.ts'
import { CENTROIDS_MAX } from '../../format/limits.ts'

/** Uniform u32 numbers. */
export type Random = () => number

/** Stanford assumes this mean length when it sizes the sample, whatever the corpus. */
const TYPICAL_PASSAGE_TOKENS = 120
const HELDOUT_FRACTION = 0.05
const HELDOUT_TOKENS_MAX = 50_000
/** Fewer tokens a centroid than this teach it nothing; it only matters below about 1,000 tokens. */
const TOKENS_PER_CENTROID_MIN = 2

/**
 * xoshiro128** 1.1 (Blackman & Vigna, 2018, public domain), state filled by splitmix32 so that near seeds give
 * unrelated sequences.
 * @param seed - u32; a larger number counts modulo 2^32
 */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0
  const split = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return (z ^ (z >>> 15)) >>> 0
  }
  let [a, b, c, d] = [split(), split(), split(), split()]
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return result
  }
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/**
 * `count` different integers of [0, population), ascending: selection sampling, Knuth, TAOCP volume 2, 3.4.2,
 * algorithm S. O(population), no memory but the result.
 */
export function sampleIndices(
  random: Random,
  options: { readonly population: number; readonly count: number },
): Uint32Array {
  const { population, count } = options
  const chosen = new Uint32Array(count)
  let found = 0
  for (let index = 0; found < count; index++) {
    if ((random() / 2 ** 32) * (population - index) < count - found) chosen[found++] = index
  }
  return chosen
}

/** Passages of a corpus of `passages` that train the quantiser. */
export function samplePassageCount(passages: number): number {
  return Math.min(1 + Math.floor(16 * Math.sqrt(TYPICAL_PASSAGE_TOKENS * passages)), passages)
}

/** Tokens of the sample that are kept out of k-means and train the residual codec instead. 0 below 20. */
export function heldoutTokenCount(sampledTokens: number): number {
  return Math.floor(Math.min(HELDOUT_FRACTION * sampledTokens, HELDOUT_TOKENS_MAX))
}

/**
 * Number of centroids, Stanford's `2^⌊log2(16·√tokens)⌋` with `tokens` estimated from the sample.
 * Differs from ColBERT: at most one centroid for two training tokens, so that the tiniest corpus can be built; a number
 * clamped this way need not be a power of two.
 */
export function centroidCount(options: {
  readonly passages: number
  readonly sampledPassages: number
  readonly sampledTokens: number
  readonly trainingTokens: number
}): number {
  const { passages, sampledPassages, sampledTokens, trainingTokens } = options
  if (trainingTokens < 1) {
    throw new InputError('building an index: expected at least one token vector, got none. Is every passage empty?', {})
  }
  const tokens = (sampledTokens / sampledPassages) * passages
  const wanted = 2 ** Math.floor(Math.log2(16 * Math.sqrt(tokens)))
  const learnable = Math.max(1, Math.floor(trainingTokens / TOKENS_PER_CENTROID_MIN))
  return Math.min(wanted, learnable, CENTROIDS_MAX)
}
