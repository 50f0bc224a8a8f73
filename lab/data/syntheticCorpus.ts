/**
 * Tokens of a made-up corpus of any size, of realistic clustering: centroids in topics, passages of a few topics, some words that are
 * everywhere. Each passage is made from its number alone, so nothing is kept, and any of them can be made again.
 */
import { quantiseCentroids } from '../../builder/segment/codec.ts'
import { type Random, seededRandom } from '../../builder/segment/sampling.ts'
import { decodeRowBlock, encodeRowBlocks, residualBytesOf } from '../../format/items/rowBlock.ts'
import type { Nbits, ResidualCodec } from '../../format/manifest/segment.ts'

export interface CorpusShape {
  readonly passages: number
  /** Mean tokens of a passage; lengths spread evenly from half to one and a half of it. */
  readonly tokens: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroids: number
  readonly seed: number
}

/** Centroids of one topic: neighbours, as an order by similarity has them. */
const TOPIC_CENTROIDS = 64
/** Length of what sets a centroid apart from its topic, of a topic from its field. */
const SPREAD = { topic: 0.8, centroid: 0.7 }
/** Topics that are alike. */
const FIELD_TOPICS = 16
/** Shares of a passage's tokens: of its own topics, of topics of its field, and of what is everywhere. */
const OWN_SHARE = 0.55
const FIELD_SHARE = 0.2
const TOPICS_OF_PASSAGE = 3
/** Zipf-like: most tokens of a topic are in few of its centroids. */
const SKEW = 2.2
/** Standard deviation of a residual value at 96 dims, as SciFact's are about. */
const RESIDUAL = 0.05

export class SyntheticCorpus {
  readonly shape: CorpusShape
  readonly codec: ResidualCodec
  readonly centroids: Int8Array
  readonly centroidScales: Float32Array
  readonly #tokenBytes: number

  constructor(shape: CorpusShape) {
    this.shape = shape
    const { dim, nbits, centroids, seed } = shape
    const table = quantiseCentroids(centroidTable(centroids, dim, gaussianFrom(seededRandom(seed))), dim)
    this.centroids = table.centroids
    this.centroidScales = table.centroidScales
    this.codec = codecOf(nbits)
    this.#tokenBytes = residualBytesOf(dim, nbits)
  }

  lengthOf(pid: number): number {
    const { tokens } = this.shape
    const low = Math.max(1, tokens >> 1)
    return low + (seededRandom(this.shape.seed + pid)() % (tokens + 1))
  }

  /** u32[tokens]. */
  codesOf(pid: number): Uint32Array {
    const random = this.#randomOf(pid)
    const topics = Math.ceil(this.shape.centroids / TOPIC_CENTROIDS)
    const field = skewed(random, Math.ceil(topics / FIELD_TOPICS)) * FIELD_TOPICS
    const topicOf = () => Math.min(topics - 1, field + (random() % FIELD_TOPICS))
    const own = Array.from({ length: TOPICS_OF_PASSAGE }, topicOf)
    return Uint32Array.from({ length: this.lengthOf(pid) }, () => {
      const share = unit(random)
      const topic =
        share < OWN_SHARE
          ? own[random() % own.length]!
          : share < OWN_SHARE + FIELD_SHARE
            ? topicOf()
            : random() % topics
      return Math.min(this.shape.centroids - 1, topic * TOPIC_CENTROIDS + skewed(random, TOPIC_CENTROIDS))
    })
  }

  /** The row block of a passage (SPEC.md §5.1). */
  blockOf(pid: number, codes: Uint32Array): Uint8Array {
    const random = seededRandom(this.shape.seed + pid + 2 ** 31)
    const { length } = codes
    // Norms and residuals in one run of random bytes, as many as whole words need.
    const words = Uint32Array.from({ length: Math.ceil((length * (1 + this.#tokenBytes)) / 4) }, random)
    const bytes = new Uint8Array(words.buffer)
    const residuals = bytes.subarray(length, length * (1 + this.#tokenBytes))
    return encodeRowBlocks({ codes, inverseNorms: bytes.subarray(0, length), residuals }, [length], this.shape)
  }

  /** A query that only this passage answers in full: some of its tokens, as they are decoded, with noise. f32[rows][dim]. */
  queryOf(pid: number, rows: number): Float32Array {
    const { dim } = this.shape
    const codes = this.codesOf(pid)
    const { residuals } = decodeRowBlock(this.blockOf(pid, codes), codes.length, this.shape)
    const random = seededRandom(this.shape.seed ^ (pid + 7))
    const gaussian = gaussianFrom(random)
    const query = new Float32Array(rows * dim)
    for (let row = 0; row < rows; row++) {
      const token = random() % codes.length
      const code = codes[token]!
      const packed = residuals.subarray(token * this.#tokenBytes)
      const vector = query.subarray(row * dim, (row + 1) * dim)
      for (let d = 0; d < dim; d++) {
        const centre = this.centroids[code * dim + d]! * this.centroidScales[code]!
        vector[d] = centre + this.#weightOf(packed, d) + gaussian() * RESIDUAL
      }
      normalise(vector)
    }
    return query
  }

  #weightOf(packed: Uint8Array, d: number): number {
    const { nbits } = this.shape
    const shift = 8 - nbits * ((d % (8 / nbits)) + 1)
    let bits = (packed[Math.floor((d * nbits) / 8)]! >> shift) & (2 ** nbits - 1)
    let bucket = 0
    for (let bit = 0; bit < nbits; bit++, bits >>= 1) bucket = (bucket << 1) | (bits & 1)
    return this.codec.bucketWeights[bucket]!
  }

  #randomOf(pid: number): Random {
    const random = seededRandom(this.shape.seed + pid)
    // The first number is the passage's length.
    random()
    return random
  }
}

function centroidTable(count: number, dim: number, gaussian: () => number): Float32Array {
  const table = new Float32Array(count * dim)
  const deviation = 1 / Math.sqrt(dim)
  const draw = (around: Float32Array | undefined, spread: number) => {
    const vector = Float32Array.from({ length: dim }, (_, d) => (around?.[d] ?? 0) + gaussian() * deviation * spread)
    return normalise(vector)
  }
  let field = draw(undefined, 1)
  let topic = field
  for (let cell = 0; cell < count; cell++) {
    if (cell % (TOPIC_CENTROIDS * FIELD_TOPICS) === 0) field = draw(undefined, 1)
    if (cell % TOPIC_CENTROIDS === 0) topic = draw(field, SPREAD.topic)
    table.set(draw(topic, SPREAD.centroid), cell * dim)
  }
  return table
}

/** Buckets of a normal distribution, whose quantiles are what a trained codec has. */
function codecOf(nbits: Nbits): ResidualCodec {
  const buckets = 2 ** nbits
  const quantile = (share: number) => normalQuantile(share) * RESIDUAL
  return {
    nbits,
    bucketCutoffs: Float32Array.from({ length: buckets - 1 }, (_, i) => quantile((i + 1) / buckets)),
    bucketWeights: Float32Array.from({ length: buckets }, (_, i) => quantile((i + 0.5) / buckets)),
    inverseNormMin: Math.fround(0.85),
    inverseNormStep: Math.fround(0.1 / 255),
  }
}

/** By bisection of the logistic that is near enough to the normal distribution: buckets need no more. */
function normalQuantile(share: number): number {
  return Math.log(share / (1 - share)) / 1.702
}

/** An integer below `count`, small ones more often. */
function skewed(random: Random, count: number): number {
  return Math.floor(unit(random) ** SKEW * count)
}

function unit(random: Random): number {
  return random() / 2 ** 32
}

function normalise(vector: Float32Array): Float32Array {
  let squares = 0
  for (const value of vector) squares += value ** 2
  const scale = 1 / Math.sqrt(squares)
  for (let d = 0; d < vector.length; d++) vector[d]! *= scale
  return vector
}

function gaussianFrom(random: Random): () => number {
  return () => Math.sqrt(-2 * Math.log((random() + 0.5) / 2 ** 32)) * Math.cos((2 * Math.PI * random()) / 2 ** 32)
}
