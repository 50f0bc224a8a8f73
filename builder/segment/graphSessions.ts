/** The quantiser's ONNX graphs, ready to run on a device: typed calls in, typed arrays out. */

import { reverseBits } from '../../format/items/rowBlock.ts'
import type { ResidualCodec } from '../../format/manifest/segment.ts'
import { neighbourModel } from '../../onnx/neighbourGraph.ts'
import { assignModel, type CentroidTable, residualModel } from '../../onnx/quantiserGraphs.ts'
import { type Device, type NamedTensor, openOnnxSession } from '../../runtime/platform/node/onnxNode.ts'

export interface GraphOptions {
  /** Default 'cpu'. Never chosen silently: an absent device is a DeviceError. */
  readonly device?: Device
  /** Threads inside one operator; default: all cores. */
  readonly threads?: number
  /** Rows of one call, see `chunkRowsOf`. */
  readonly chunkRows?: number
}

/** Nearest centroids of vectors. */
export interface Assigner {
  /** @param vectors - f32[chunkRows][dim], always whole; @returns i32[chunkRows] */
  assign(vectors: Float32Array): Promise<Int32Array>
  close(): Promise<void>
}

export interface CodedRows {
  /** i32[chunkRows]. */
  readonly codes: Int32Array
  /** u8[chunkRows][dim*nbits/8]. */
  readonly packed: Uint8Array
  /** u8[chunkRows]. */
  readonly inverseNorms: Uint8Array
}

export interface ResidualCoder {
  /** @param vectors - f32[chunkRows][dim], always whole */
  encode(vectors: Float32Array): Promise<CodedRows>
  close(): Promise<void>
}

/** Scores of one call: 2 Mi x 4 B = 8 MB on a CPU, still in cache when their maximum is taken; 268 MB on a GPU. */
const SCORES_CPU = 2 ** 21
const SCORES_GPU = 2 ** 26
const CHUNK_ROWS_MIN = 32
const CHUNK_ROWS_MAX = { cpu: 1024, gpu: 8192 }

/** Rows of one call, a power of two: 256 for 8,192 centroids on a CPU, 8,192 on a GPU, fewer for more centroids. */
export function chunkRowsOf(options: GraphOptions, centroids: number): number {
  if (options.chunkRows !== undefined) return options.chunkRows
  const onCpu = (options.device ?? 'cpu') === 'cpu'
  const rows = 2 ** Math.floor(Math.log2((onCpu ? SCORES_CPU : SCORES_GPU) / centroids))
  return Math.max(CHUNK_ROWS_MIN, Math.min(rows, onCpu ? CHUNK_ROWS_MAX.cpu : CHUNK_ROWS_MAX.gpu))
}

/**
 * Centroids are constants of the model and not an input: ONNX Runtime then packs them once for its matrix product
 * instead of on every call. All calls have the same shape, for the same reason, and so that a row's bits do not depend
 * on how many rows came with it.
 */
export async function openAssigner(centroids: CentroidTable, options: GraphOptions): Promise<Assigner> {
  const session = await openOnnxSession(assignModel(centroids), options)
  return {
    async assign(vectors) {
      const { codes } = await session.run({ vectors: rowsTensor(vectors, centroids.dim) })
      return codes?.data as Int32Array
    },
    close: () => session.close(),
  }
}

export async function openResidualCoder(
  centroids: CentroidTable,
  codec: ResidualCodec,
  options: GraphOptions,
): Promise<ResidualCoder> {
  const storedBuckets = Uint8Array.from({ length: 2 ** codec.nbits }, (_, bucket) => reverseBits(bucket, codec.nbits))
  const session = await openOnnxSession(residualModel(centroids, { ...codec, storedBuckets }), options)
  return {
    async encode(vectors) {
      const { codes, packed, inverseNorms } = await session.run({ vectors: rowsTensor(vectors, centroids.dim) })
      return {
        codes: codes?.data as Int32Array,
        packed: packed?.data as Uint8Array,
        inverseNorms: inverseNorms?.data as Uint8Array,
      }
    },
    close: () => session.close(),
  }
}

/**
 * The most similar vectors of each vector of a table, itself among them. On the CPU whatever the device: not every provider has
 * the operator, and it is the smallest part of a build.
 * @returns i32[table.count][count], the most similar first
 */
export async function nearestNeighbours(
  table: CentroidTable,
  count: number,
  options: Pick<GraphOptions, 'threads'>,
): Promise<Int32Array> {
  const session = await openOnnxSession(neighbourModel(table, count), { threads: options.threads })
  const rows = chunkRowsOf({}, table.count)
  const all = new Int32Array(table.count * count)
  try {
    for (let first = 0; first < table.count; first += rows) {
      const chunk = table.vectors.subarray(first * table.dim, (first + rows) * table.dim)
      const { neighbours } = await session.run({ vectors: rowsTensor(chunk, table.dim) })
      all.set(neighbours?.data as Int32Array, first * count)
    }
  } finally {
    await session.close()
  }
  return all
}

function rowsTensor(vectors: Float32Array, dim: number): NamedTensor {
  return { type: 'float32', data: vectors, dims: [vectors.length / dim, dim] }
}
