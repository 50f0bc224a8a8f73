/** Reads the neutral copies of other engines' indexes in test/golden (made by scripts/goldenFixtures.py). */
import { readFileSync } from 'node:fs'
import type { Nbits } from '../../format/manifest/segment.ts'
import type { StanfordIndex } from '../../reference/stanford.ts'

type ArrayType = 'f16' | 'f32' | 'u8' | 'u16' | 'u32'

interface Description {
  readonly dim: number
  readonly nbits: Nbits
  readonly arrays: Readonly<
    Record<string, { readonly file: string; readonly type: ArrayType; readonly shape: number[] }>
  >
}

/** What an engine answered to one query. */
export interface GoldenRanking {
  readonly pids: readonly number[]
  readonly scores: readonly number[]
}

/** What ColBERT's filter_pids.cpp kept with given parameters. */
export interface GoldenFilter {
  readonly ncells: number
  readonly centroidScoreThreshold: number
  readonly ndocs: number
  /** Passages the probed cells gave, per query. */
  readonly candidates: readonly number[]
  /** Passages kept, best first, per query. */
  readonly pids: readonly (readonly number[])[]
}

export interface GoldenIndex {
  readonly index: StanfordIndex
  /** f32[rows][dim] of each query. */
  readonly queries: readonly Float32Array[]
  /** Rows the engine itself decompressed, f32[tokens of the first passages][dim]; not every engine has them. */
  decompressed(type: 'f16' | 'f32'): Float32Array
  /** An array that only some engines write. */
  extra(name: string): Float32Array
  ranking(name: string): readonly GoldenRanking[]
  filters(): readonly GoldenFilter[]
}

/** @param path - engine and name, e.g. "colbert/mxbai60-nbits2" */
export function readGoldenIndex(path: string): GoldenIndex {
  const bytes = (file: string) => readFileSync(new URL(`../golden/${path}/${file}`, import.meta.url))
  const json = (file: string) => JSON.parse(bytes(file).toString('utf8'))
  const description: Description = json('index.json')
  const array = (name: string) => {
    const { file, type } = description.arrays[name]!
    return readArray(bytes(file), type)
  }
  const floats = (name: string) => Float32Array.from(array(name))
  const { dim, nbits } = description
  const [queryCount, rows] = description.arrays.queries!.shape as [number, number, number]
  const queries = floats('queries')
  return {
    index: {
      dim,
      nbits,
      centroids: floats('centroids'),
      bucketWeights: floats('bucketWeights'),
      passageLengths: array('doclens'),
      codes: array('codes'),
      residuals: Uint8Array.from(array('residuals')),
      postings: array('ivf'),
      postingLengths: array('ivfLengths'),
    },
    queries: Array.from({ length: queryCount }, (_, i) => queries.subarray(i * rows * dim, (i + 1) * rows * dim)),
    decompressed: (type) => Float32Array.from(readArray(bytes(`decompressed.${type}`), type)),
    extra: floats,
    ranking: (name) => json(`${name}.json`),
    filters: () => json('filterPids.json'),
  }
}

function readArray(file: Uint8Array, type: ArrayType): ArrayLike<number> {
  // A copy, because a Buffer from the pool may start at an odd address.
  const { buffer } = Uint8Array.from(file)
  switch (type) {
    case 'u8':
      return new Uint8Array(buffer)
    case 'u16':
      return new Uint16Array(buffer)
    case 'u32':
      return new Uint32Array(buffer)
    case 'f32':
      return new Float32Array(buffer)
    case 'f16':
      return Float32Array.from(new Uint16Array(buffer), float16)
  }
}

/** The value of IEEE 754 binary16 bits. */
export function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** The binary16 value nearest to `value`, ties to even, as a number. For magnitudes up to 65,504. */
export function roundToFloat16(value: number): number {
  if (Math.abs(value) < 2 ** -14) {
    // Subnormal: a multiple of 2^-24. At 1.5 * 2^28 the last bit of an f64 is worth just that.
    const magic = 1.5 * 2 ** 28
    return value + magic - magic
  }
  const float = Float32Array.of(value)
  const bits = new Uint32Array(float.buffer)
  bits[0] = (bits[0]! + 0xfff + ((bits[0]! >>> 13) & 1)) & ~0x1fff
  return float[0]!
}

/** Passages by falling score; equal scores by pid. */
export function rankingOf(scores: readonly number[]): number[] {
  return scores.map((_, pid) => pid).sort((a, b) => scores[b]! - scores[a]! || a - b)
}

/**
 * Compares our scores of all passages with an engine's ranking of all passages. Two rankings agree when every score is
 * within `tolerance`, and where a rank holds another passage, the two passages' scores are within it as well.
 *
 * @param ours - score of each pid
 * @returns one sentence a disagreement; none when the rankings agree
 */
export function disagreements(ours: readonly number[], theirs: GoldenRanking, tolerance: number): string[] {
  const found: string[] = []
  if ([...theirs.pids].sort((a, b) => a - b).join() !== ours.map((_, pid) => pid).join()) {
    return [`the engine did not rank each of ${ours.length} passages once`]
  }
  const ranking = rankingOf(ours)
  theirs.pids.forEach((pid, i) => {
    const [score, expected] = [ours[pid]!, theirs.scores[i]!]
    if (!(Math.abs(score - expected) <= tolerance)) found.push(`pid ${pid}: ${score} is not ${expected}`)
    const gap = Math.abs(ours[ranking[i]!]! - score)
    if (!(gap <= tolerance)) found.push(`rank ${i}: pid ${ranking[i]} is not pid ${pid}, ${gap} apart`)
  })
  return found
}
