/** Rows of real passages and of perturbed copies of them, coded with a quantiser of grownQuantiser.ts. */
import { bucketOf } from '../../builder/segment/codec.ts'
import { seededRandom } from '../../builder/segment/sampling.ts'
import { encodeRowBlocks, residualBytesOf, reverseBits } from '../../format/items/rowBlock.ts'
import { type GrownQuantiser, nearestOf } from './grownQuantiser.ts'

/** Normal numbers, made once; a row takes a run of them from a random place. */
const NOISE_VALUES = 2 ** 20

/** Rows of passages, coded one by one. */
export class GrownCoder {
  readonly #quantiser: GrownQuantiser
  readonly #noise: Float32Array
  readonly #random: () => number
  readonly #places: Uint8Array

  constructor(quantiser: GrownQuantiser, { noise, seed }: { readonly noise: number; readonly seed: number }) {
    this.#quantiser = quantiser
    this.#random = seededRandom(seed)
    const unit = () => (this.#random() + 0.5) / 2 ** 32
    const deviation = noise / Math.sqrt(quantiser.dim)
    this.#noise = Float32Array.from(
      { length: NOISE_VALUES + quantiser.dim },
      () => deviation * Math.sqrt(-2 * Math.log(unit())) * Math.cos(2 * Math.PI * unit()),
    )
    const { nbits } = quantiser.codec
    this.#places = Uint8Array.from({ length: 2 ** nbits }, (_, bucket) => reverseBits(bucket, nbits))
  }

  /** @param tokens - of the store, in the order in which the passage has them */
  block(tokens: Uint32Array, perturbed: boolean): { readonly codes: Uint32Array; readonly block: Uint8Array } {
    const { dim, codec, vectors, coarseCodes, around, table, centroidScales } = this.#quantiser
    const { length } = tokens
    const count = centroidScales.length
    const width = residualBytesOf(dim, codec.nbits)
    const codes = new Uint32Array(length)
    const inverseNorms = new Uint8Array(length)
    const residuals = new Uint8Array(length * width)
    for (const [token, source] of tokens.entries()) {
      const from = source * dim
      const vector = perturbed ? this.#perturbed(vectors, from) : vectors.subarray(from, from + dim)
      const code = nearestOf(vector, table, around[coarseCodes[source]!]!)
      codes[token] = code
      inverseNorms[token] = this.#residual(vector, code, residuals.subarray(token * width, (token + 1) * width))
    }
    const shape = { dim, nbits: codec.nbits, centroids: count }
    return { codes, block: encodeRowBlocks({ codes, inverseNorms, residuals }, [length], shape) }
  }

  #perturbed(vectors: Float32Array, from: number): Float32Array {
    const { dim } = this.#quantiser
    const start = this.#random() % NOISE_VALUES
    const vector = new Float32Array(dim)
    let squares = 0
    for (let d = 0; d < dim; d++) {
      const value = vectors[from + d]! + this.#noise[start + d]!
      vector[d] = value
      squares += value ** 2
    }
    const scale = 1 / Math.sqrt(squares)
    for (let d = 0; d < dim; d++) vector[d]! *= scale
    return vector
  }

  /** Packs a row's buckets. @returns its inverse norm's byte */
  #residual(vector: Float32Array, code: number, packed: Uint8Array): number {
    const { dim, codec, table } = this.#quantiser
    const { nbits, bucketCutoffs, bucketWeights, inverseNormMin, inverseNormStep } = codec
    let square = 0
    for (let d = 0; d < dim; d++) {
      const centre = table[code * dim + d]!
      const bucket = bucketOf(Math.fround(vector[d]! - centre), bucketCutoffs)
      square += (centre + bucketWeights[bucket]!) ** 2
      const bit = d * nbits
      packed[bit >> 3]! |= this.#places[bucket]! << (8 - nbits - (bit & 7))
    }
    return Math.max(0, Math.min(255, Math.round((1 / Math.sqrt(square) - inverseNormMin) / inverseNormStep)))
  }
}
