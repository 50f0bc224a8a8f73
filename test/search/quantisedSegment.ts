/**
 * A small segment from float vectors by the simplest quantiser that follows the format: sampled centroids, argmax codes,
 * quantile buckets, one inverse norm a token. Also gives the float vectors it decodes to, computed here and in f64.
 */
import { residualBytesOf, rowBlockBytes } from '../../format/items/rowBlock.ts'
import type { Nbits, SegmentData } from '../../format/manifest/segment.ts'
import { postingsOf, seededRandom } from '../../lab/data/randomSegment.ts'
import { crc32c } from '../../reference/kernels.ts'

export interface QuantisedSegment {
  readonly data: SegmentData
  /** [N][tokens][dim]: what the stored bytes decode to. */
  readonly decoded: readonly (readonly (readonly number[])[])[]
  /** [N][tokens][dim]: what was stored. */
  readonly vectors: readonly (readonly (readonly number[])[])[]
}

export interface QuantisedOptions {
  readonly seed: number
  readonly dim: number
  readonly nbits: Nbits
  readonly centroidCount: number
  readonly lengths: readonly number[]
}

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
const unit = (vector: readonly number[]) => vector.map((value) => value / Math.sqrt(dot(vector, vector)))
const normMin = 0.7
const normStep = 0.6 / 255

export function quantisedSegment({ seed, dim, nbits, centroidCount, lengths }: QuantisedOptions): QuantisedSegment {
  const random = seededRandom(seed)
  const randomUnit = (center: readonly number[], spread: number) =>
    unit(center.map((value) => value + (random() + random() + random() - 1.5) * spread))
  const origin = Array.from({ length: dim }, () => 0)
  const centres = Array.from({ length: centroidCount }, () => randomUnit(origin, 1))
  const scales = Float32Array.from(centres, (centre) => Math.max(...centre.map(Math.abs)) / 127)
  const centroids = centres.map((centre, index) => centre.map((value) => Math.round(value / scales[index]!)))
  const decodedCentroids = centroids.map((centroid, index) => centroid.map((value) => value * scales[index]!))
  const vectors = lengths.map((tokens) => {
    const topic = Math.floor(random() * centroidCount)
    return Array.from({ length: tokens }, (_, token) => randomUnit(centres[(topic + token) % centroidCount]!, 0.12))
  })
  const codes = vectors.map((passage) => passage.map((vector) => argmax(decodedCentroids.map((c) => dot(c, vector)))))
  const residualOf = (vector: readonly number[], code: number) => vector.map((v, d) => v - decodedCentroids[code]![d]!)
  const residuals = vectors.map((passage, pid) => passage.map((vector, t) => residualOf(vector, codes[pid]![t]!)))
  const sorted = residuals.flat(2).toSorted((a, b) => a - b)
  const quantile = (q: number) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  const buckets = 2 ** nbits
  const bucketCutoffs = Float32Array.from({ length: buckets - 1 }, (_, i) => quantile((i + 1) / buckets))
  const bucketWeights = Float32Array.from({ length: buckets }, (_, i) => quantile((i + 0.5) / buckets))

  const decoded: number[][][] = []
  const blocks = residuals.map((passage, pid) => {
    const block = Buffer.alloc(rowBlockBytes(passage.length, { dim, nbits, centroids: centroidCount }))
    decoded.push([])
    for (const [token, residual] of passage.entries()) {
      const code = codes[pid]![token]!
      const indexes = residual.map((value) => bucketCutoffs.filter((cutoff) => cutoff < value).length)
      const sum = indexes.map((bucket, d) => decodedCentroids[code]![d]! + bucketWeights[bucket]!)
      const norm = Math.max(0, Math.min(255, Math.round((1 / Math.sqrt(dot(sum, sum)) - normMin) / normStep)))
      decoded[pid]!.push(sum.map((value) => value * (normMin + norm * normStep)))
      block.writeUInt16LE(code, token * 2)
      block[passage.length * 2 + token] = norm
      packInto(block, passage.length * 3 + token * residualBytesOf(dim, nbits), indexes, nbits)
    }
    block.writeUInt32LE(crc32c(block.subarray(0, -4)), block.length - 4)
    return block
  })
  const codec = { nbits, bucketCutoffs, bucketWeights, inverseNormMin: normMin, inverseNormStep: normStep }
  const data = {
    ...{ dim, codec, centroids: Int8Array.from(centroids.flat()), centroidScales: scales },
    ...{ passageLengths: Uint16Array.from(lengths), rows: new Uint8Array(Buffer.concat(blocks)) },
    ...postingsOf(codes, centroidCount),
  }
  return { data, decoded, vectors }
}

/** numpy.packbits of the buckets' bits, least significant bit of a bucket first. */
function packInto(block: Buffer, offset: number, buckets: readonly number[], nbits: number): void {
  const bits = buckets.flatMap((bucket) => Array.from({ length: nbits }, (_, bit) => (bucket >> bit) & 1))
  for (const [index, bit] of bits.entries()) block[offset + (index >> 3)]! |= bit << (7 - (index % 8))
}

function argmax(values: readonly number[]): number {
  return values.indexOf(Math.max(...values))
}
