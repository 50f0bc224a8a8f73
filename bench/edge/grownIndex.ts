/**
 * Writes an index of real passages and perturbed copies of them, 100,000 and more, without the hours that k-means at that size takes
 * on a CPU: centroids and codes are those of grownQuantiser.ts, everything else is as the builder makes it. Usage: bench/README.md.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { bucketOf } from '../../builder/index/codec.ts'
import { PostingsBuilder } from '../../builder/index/postings.ts'
import { seededRandom } from '../../builder/index/sampling.ts'
import type { VectorStore } from '../../builder/index/vectorStore.ts'
import { crc32c } from '../../format/crc32c.ts'
import { InputError } from '../../format/errors.ts'
import { encodeIds } from '../../format/ids.ts'
import { encodeManifest, MANIFEST_NAME } from '../../format/manifest.ts'
import { codeBytesOf, residualBytesOf, rowBlockBytes } from '../../format/segment.ts'
import { PartWriter } from '../../format/writer.ts'
import { reverseBits } from '../../onnx/quantiserGraphs.ts'
import { integerOption, nbitsOption, progress, runBench } from '../harness/commandLine.ts'
import { type GrownQuantiser, nearestOf, trainGrown } from './grownQuantiser.ts'
import { openJoinedStore } from './joinedStore.ts'

const USAGE =
  'npm run -s bench:grown -- FOLDER [FOLDER ...] --out FOLDER [--copies 8] [--noise 0.3] [--nbits 2] [--coarse 8192] [--children 8] [--seed 1]'

const SEED_MAX = 2 ** 30
/** Normal numbers, made once; a row takes a run of them from a random place. */
const NOISE_VALUES = 2 ** 20

await runBench(
  USAGE,
  { out: '', copies: '8', noise: '0.3', nbits: '2', coarse: '8192', children: '8', seed: '1' },
  async (options, folders) => {
    if (folders.length === 0 || !options.out) throw new InputError(`Usage: ${USAGE}`)
    const store = (await openJoinedStore(folders.map((folder) => resolve(folder)))) as VectorStore
    const count = (name: 'copies' | 'coarse' | 'children' | 'seed', max: number) =>
      integerOption(name, options[name], { min: 1, max })
    const quantiser = await trainGrown(store, {
      ...{ nbits: nbitsOption(options.nbits)[0]!, coarse: count('coarse', 2 ** 20) },
      ...{ children: count('children', 1024), seed: count('seed', SEED_MAX) },
    })
    await rm(options.out, { recursive: true, force: true })
    await mkdir(options.out, { recursive: true })
    const written = await write(store, quantiser, {
      out: options.out,
      copies: count('copies', 1000),
      noise: Number(options.noise),
      seed: count('seed', SEED_MAX),
    })
    process.stdout.write(`${JSON.stringify({ out: options.out, ...written })}\n`)
    await store.close()
  },
)

interface Growth {
  readonly out: string
  /** The unchanged one included. */
  readonly copies: number
  /** Expected length of what is added to a row of length 1. */
  readonly noise: number
  readonly seed: number
}

async function write(store: VectorStore, quantiser: GrownQuantiser, growth: Growth) {
  const { dim, passageLengths } = store
  const { codec, centroids, centroidScales } = quantiser
  const { out, copies } = growth
  const sink = { write: (name: string, bytes: Uint8Array) => writeFile(join(out, name), bytes) }
  const writer = new PartWriter(sink)
  const passages = passageLengths.length * copies
  const postings = new PostingsBuilder({ centroids: centroidScales.length, passages })
  const coder = new Coder(quantiser, growth)
  for (let copy = 0; copy < copies; copy++) {
    progress(`copy ${copy + 1} of ${copies}`)
    let first = 0
    for (const length of passageLengths) {
      const { codes, block } = coder.block(first, length, copy > 0)
      postings.add(codes)
      await writer.append('rows', block, 1)
      first += length
    }
  }
  const bytesOf = (array: Float32Array | Uint32Array | Uint16Array | Int8Array) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
  const lengths = Uint16Array.from({ length: passages }, (_, pid) => passageLengths[pid % passageLengths.length]!)
  const lists = postings.finish()
  await writer.appendArray('centroids', bytesOf(centroids), dim)
  await writer.appendArray('centroidScales', bytesOf(centroidScales), 4)
  await writer.appendArray('passageLengths', bytesOf(lengths), 2)
  await writer.appendArray('postingOffsets', bytesOf(lists.postingOffsets), 4)
  await writer.appendItems('postings', lists.postings, lists.postingOffsets)
  const ids = encodeIds(
    Array.from({ length: passages }, (_, pid) => {
      const copy = Math.floor(pid / passageLengths.length)
      return `${store.ids[pid % passageLengths.length]}${copy === 0 ? '' : `#${copy}`}`
    }),
  )
  await writer.appendArray('idOffsets', bytesOf(ids.idOffsets), 4)
  await writer.appendItems('ids', ids.ids, ids.idOffsets)
  await writer.appendArray('idOrder', bytesOf(ids.idOrder), 4)
  const { parts, sections } = await writer.finish()
  const segment = { passages, tokens: store.tokens * copies, centroids: centroidScales.length, codec, sections }
  const manifest = encodeManifest({
    ...{ generation: 1, name: 'grown', dim, builder: 'bench/edge/grownIndex.ts', parts, segments: [segment] },
  })
  await sink.write(MANIFEST_NAME, manifest)
  const bytes = manifest.length + parts.reduce((sum, part) => sum + part.bytes, 0)
  return {
    passages,
    tokens: segment.tokens,
    centroids: segment.centroids,
    copies,
    noise: growth.noise,
    index_bytes: bytes,
  }
}

/** Rows of passages, coded one by one. */
class Coder {
  readonly #quantiser: GrownQuantiser
  readonly #noise: Float32Array
  readonly #random: () => number
  readonly #places: Uint8Array

  constructor(quantiser: GrownQuantiser, { noise, seed }: Growth) {
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

  block(
    first: number,
    length: number,
    perturbed: boolean,
  ): { readonly codes: Uint32Array; readonly block: Uint8Array } {
    const { dim, codec, vectors, coarseCodes, around, table, centroidScales } = this.#quantiser
    const count = centroidScales.length
    const codeBytes = codeBytesOf(count)
    const width = residualBytesOf(dim, codec.nbits)
    const block = new Uint8Array(rowBlockBytes(length, dim, codec.nbits, count))
    const view = new DataView(block.buffer)
    const codes = new Uint32Array(length)
    for (let token = 0; token < length; token++) {
      const from = (first + token) * dim
      const vector = perturbed ? this.#perturbed(vectors, from) : vectors.subarray(from, from + dim)
      const code = nearestOf(vector, table, around[coarseCodes[first + token]!]!)
      codes[token] = code
      if (codeBytes === 2) view.setUint16(token * 2, code, true)
      else view.setUint32(token * 4, code, true)
      const packed = block.subarray(
        length * (codeBytes + 1) + token * width,
        length * (codeBytes + 1) + (token + 1) * width,
      )
      block[length * codeBytes + token] = this.#residual(vector, code, packed)
    }
    view.setUint32(block.length - 4, crc32c(block.subarray(0, -4)), true)
    return { codes, block }
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
