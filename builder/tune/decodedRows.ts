/** The token vectors that an index decodes to (SPEC.md §4.4), by row: the reference of tuning when the original ones are gone. */
import { crc32c } from '../../format/container/crc32c.ts'
import { ChecksumError } from '../../format/errors.ts'
import type { IndexReader } from '../../format/indexReader.ts'
import type { SegmentEntry } from '../../format/manifest/manifest.ts'
import { codeBytesOf, type Nbits, residualBytesOf, rowBlockBytes } from '../../format/manifest/segment.ts'
import { reverseBits } from '../../onnx/quantiserGraphs.ts'
import { dequantiseCentroids } from '../segment/codec.ts'
import type { TokenRows } from './exactMaxSim.ts'

/** Memory: the centroids as f32. Rows are read passage by passage, each block checked against its CRC. */
export async function openDecodedRows(reader: IndexReader): Promise<TokenRows> {
  const { dim, segments } = reader.manifest
  const decoders = await Promise.all(segments.map((segment) => SegmentDecoder.open(reader, segment, dim)))
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
  readonly #dim: number
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
    this.#dim = reader.manifest.dim
    this.lengths = arrays.lengths
    this.tokens = segment.tokens
    this.#centroids = arrays.table
    this.#starts = new Float64Array(arrays.lengths.length + 1)
    for (const [pid, length] of arrays.lengths.entries()) this.#starts[pid + 1] = (this.#starts[pid] ?? 0) + length
    this.#weights = byteWeights(segment.codec.bucketWeights, segment.codec.nbits)
  }

  static async open(reader: IndexReader, segment: SegmentEntry, dim: number): Promise<SegmentDecoder> {
    const centroids = new Int8Array((await reader.section(segment, 'centroids')).buffer)
    const centroidScales = new Float32Array((await reader.section(segment, 'centroidScales')).buffer)
    const lengths = new Uint16Array((await reader.section(segment, 'passageLengths')).buffer)
    return new SegmentDecoder(reader, segment, {
      lengths,
      table: dequantiseCentroids({ centroids, centroidScales, dim }),
    })
  }

  async read(first: number, rows: number, target: Float32Array): Promise<void> {
    const dim = this.#dim
    for (let pid = this.#passageOf(first); (this.#starts[pid] ?? rows + first) < first + rows; pid++) {
      const start = this.#starts[pid] ?? 0
      const from = Math.max(first, start)
      const until = Math.min(first + rows, start + (this.lengths[pid] ?? 0))
      if (from >= until) continue
      const block = await this.#readBlock(pid)
      for (let row = from; row < until; row++) {
        this.#decode(block, pid, row - start, target.subarray((row - first) * dim, (row - first + 1) * dim))
      }
    }
  }

  /** The last passage that begins at or before a row. */
  #passageOf(row: number): number {
    let low = 0
    let high = this.lengths.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#starts[middle] ?? 0) <= row) low = middle
      else high = middle - 1
    }
    // Passages without tokens begin where the next one does; the last of them is the one with tokens.
    return low
  }

  async #readBlock(pid: number): Promise<Uint8Array> {
    const { centroids, codec } = this.#segment
    const bytesOf = (tokens: number) => rowBlockBytes(tokens, this.#dim, codec.nbits, centroids)
    const length = bytesOf(this.lengths[pid] ?? 0)
    // Every block has its CRC: a block of no tokens is four bytes.
    const offset = bytesOf(this.#starts[pid] ?? 0) + (pid - 1) * bytesOf(0)
    const block = await this.#reader.sectionRange(this.#segment, 'rows', offset, length)
    const stored = new DataView(block.buffer, block.byteOffset, block.length).getUint32(length - 4, true)
    const crc = crc32c(block.subarray(0, length - 4))
    if (crc !== stored) throw new ChecksumError(`rows of passage ${pid}`, stored, crc)
    return block
  }

  #decode(block: Uint8Array, pid: number, token: number, target: Float32Array): void {
    const { centroids, codec } = this.#segment
    const tokens = this.lengths[pid] ?? 0
    const codeBytes = codeBytesOf(centroids)
    let code = 0
    for (let byte = codeBytes - 1; byte >= 0; byte--) code = code * 256 + (block[token * codeBytes + byte] ?? 0)
    const norm = codec.inverseNormMin + (block[tokens * codeBytes + token] ?? 0) * codec.inverseNormStep
    const packedBytes = residualBytesOf(this.#dim, codec.nbits)
    const packed = tokens * (codeBytes + 1) + token * packedBytes
    const perByte = 8 / codec.nbits
    for (let d = 0; d < target.length; d++) {
      const weight = this.#weights[(block[packed + Math.floor(d / perByte)] ?? 0) * perByte + (d % perByte)] ?? 0
      target[d] = ((this.#centroids[code * this.#dim + d] ?? 0) + weight) * norm
    }
  }
}

function byteWeights(bucketWeights: Float32Array, nbits: Nbits): Float32Array {
  const perByte = 8 / nbits
  const table = new Float32Array(256 * perByte)
  for (let byte = 0; byte < 256; byte++) {
    for (let i = 0; i < perByte; i++) {
      const bits = (byte >> (8 - nbits * (i + 1))) & (2 ** nbits - 1)
      table[byte * perByte + i] = bucketWeights[reverseBits(bits, nbits)] ?? 0
    }
  }
  return table
}
