/** The token vectors that an index decodes to (SPEC.md §4.4), by row: the reference of tuning when the original ones are gone. */
import type { IndexReader } from '../../format/indexReader.ts'
import { lastStartAtOrBefore } from '../../format/items/bisection.ts'
import {
  type CodedTokens,
  locateRowBlock,
  type RowShape,
  requireRowBlock,
  residualBytesOf,
  rowShapeOf,
  weightsOfBytes,
} from '../../format/items/rowBlock.ts'
import { type QuantiserEntry, quantiserOf, type SegmentEntry } from '../../format/manifest/manifest.ts'
import type { ResidualCodec } from '../../format/manifest/segment.ts'
import { dequantiseCentroids } from '../segment/codec.ts'
import type { TokenRows } from './exactMaxSim.ts'

/** Memory: the centroids as f32. Rows are read passage by passage, each block checked against its CRC. */
export async function openDecodedRows(reader: IndexReader): Promise<TokenRows> {
  const { dim, quantisers, segments } = reader.manifest
  const tables = await Promise.all(quantisers.map((quantiser) => centroidTable(reader, quantiser)))
  const decoders = await Promise.all(
    segments.map((segment) => SegmentDecoder.open(reader, segment, tables[segment.quantiser] ?? new Float32Array())),
  )
  const passageLengths = new Uint16Array(segments.reduce((sum, segment) => sum + segment.passages, 0))
  let passages = 0
  for (const { lengths } of decoders) {
    passageLengths.set(lengths, passages)
    passages += lengths.length
  }
  return {
    dim,
    passageLengths,
    async readRows(first, rows, target) {
      let start = 0
      for (const decoder of decoders) {
        const from = Math.max(first, start)
        const until = Math.min(first + rows, start + decoder.tokens)
        if (from < until) await decoder.read(from - start, until - from, target.subarray((from - first) * dim))
        start += decoder.tokens
      }
    },
  }
}

class SegmentDecoder {
  readonly lengths: Uint16Array
  readonly tokens: number
  readonly #reader: IndexReader
  readonly #segment: SegmentEntry
  readonly #shape: RowShape
  readonly #codec: ResidualCodec
  readonly #centroids: Float32Array
  /** First row of each passage, and one past the last. */
  readonly #starts: Float64Array
  /** f32[256][values of a byte]: what a packed byte decodes to. */
  readonly #weights: Float32Array

  private constructor(
    reader: IndexReader,
    segment: SegmentEntry,
    arrays: { lengths: Uint16Array; table: Float32Array },
  ) {
    this.#reader = reader
    this.#segment = segment
    const quantiser = quantiserOf(reader.manifest, segment)
    this.#codec = quantiser.codec
    this.#shape = rowShapeOf(reader.manifest.dim, quantiser)
    this.lengths = arrays.lengths
    this.tokens = segment.tokens
    this.#centroids = arrays.table
    this.#starts = new Float64Array(arrays.lengths.length + 1)
    for (const [pid, length] of arrays.lengths.entries()) this.#starts[pid + 1] = (this.#starts[pid] ?? 0) + length
    this.#weights = weightsOfBytes(this.#codec.bucketWeights, this.#codec.nbits)
  }

  static async open(reader: IndexReader, segment: SegmentEntry, table: Float32Array): Promise<SegmentDecoder> {
    const lengths = new Uint16Array((await reader.section(segment, 'passageLengths')).buffer)
    return new SegmentDecoder(reader, segment, { lengths, table })
  }

  async read(first: number, rows: number, target: Float32Array): Promise<void> {
    const { dim } = this.#shape
    // Passages without tokens begin where the next one does; the last of those is the one with tokens.
    for (
      let pid = lastStartAtOrBefore(this.#starts, this.lengths.length, first);
      (this.#starts[pid] ?? rows + first) < first + rows;
      pid++
    ) {
      const start = this.#starts[pid] ?? 0
      const from = Math.max(first, start)
      const until = Math.min(first + rows, start + (this.lengths[pid] ?? 0))
      if (from >= until) continue
      const block = await this.#readBlock(pid)
      for (let row = from; row < until; row++) {
        this.#decode(block, row - start, target.subarray((row - first) * dim, (row - first + 1) * dim))
      }
    }
  }

  async #readBlock(pid: number): Promise<CodedTokens> {
    const passage = { pid, tokensBefore: this.#starts[pid] ?? 0, tokens: this.lengths[pid] ?? 0 }
    const { offset, length } = locateRowBlock(passage, this.#shape)
    const block = await this.#reader.sectionRange(this.#segment, 'rows', offset, length)
    return requireRowBlock(block, passage, this.#shape)
  }

  #decode({ codes, inverseNorms, residuals }: CodedTokens, token: number, target: Float32Array): void {
    const { dim, nbits } = this.#shape
    const { inverseNormMin, inverseNormStep } = this.#codec
    const centroid = (codes[token] ?? 0) * dim
    const norm = inverseNormMin + (inverseNorms[token] ?? 0) * inverseNormStep
    const packed = token * residualBytesOf(dim, nbits)
    const perByte = 8 / nbits
    for (let d = 0; d < dim; d++) {
      const byte = residuals[packed + Math.floor(d / perByte)] ?? 0
      const weight = this.#weights[byte * perByte + (d % perByte)] ?? 0
      target[d] = ((this.#centroids[centroid + d] ?? 0) + weight) * norm
    }
  }
}

/** f32[K][dim], the centroids of a quantiser as readers see them. */
export async function centroidTable(reader: IndexReader, quantiser: QuantiserEntry): Promise<Float32Array> {
  const { dim } = reader.manifest
  const centroids = new Int8Array((await reader.section(quantiser, 'centroids')).buffer)
  const centroidScales = new Float32Array((await reader.section(quantiser, 'centroidScales')).buffer)
  return dequantiseCentroids({ centroids, centroidScales, dim })
}
