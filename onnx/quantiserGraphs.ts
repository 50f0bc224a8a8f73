/**
 * Vector quantisation as ONNX graphs: nearest centroid (k-means assignment) and residual coding (what becomes a row of
 * the index). The `add…` functions append to any graph that makes token vectors, an encoder's included, so that packed
 * rows instead of float matrices come back from a GPU. Algorithm: ColBERTv2 (Santhanam et al., NAACL 2022, §3.3).
 */
import { GraphBuilder, type Value } from './graphBuilder.ts'
import { writeModel } from './model.ts'

export interface CentroidTable {
  readonly dim: number
  readonly count: number
  /** f32[count][dim]. */
  readonly vectors: Float32Array
}

/** What residual coding needs beside centroids; see ResidualCodec in format/manifest/segment.ts. */
export interface ResidualConstants {
  readonly nbits: number
  readonly bucketCutoffs: Float32Array
  readonly bucketWeights: Float32Array
  /** u8[2^nbits]: the bits that are stored for each bucket. */
  readonly storedBuckets: Uint8Array
  readonly inverseNormMin: number
  readonly inverseNormStep: number
}

/** Centroids a block of the two-level argmax, see `addAssign`. */
const ARGMAX_BLOCK = 128

/** Model: `vectors` f32[rows][dim] → `codes` i32[rows], the first of the centroids with the largest dot product. */
export function assignModel(centroids: CentroidTable): Uint8Array {
  const graph = new GraphBuilder('assign')
  const vectors = graph.input('vectors', 'float32', ['rows', centroids.dim])
  const codes = addAssign(graph, vectors, centroids)
  graph.output(graph.node('codes', 'Cast', [codes], { to: { int: 6 } }), 'int32', ['rows'])
  return writeModel(graph.build())
}

/**
 * Model: `vectors` f32[rows][dim] → `codes` i32[rows], `packed` u8[rows][dim*nbits/8], `inverseNorms` u8[rows].
 * Equals `encodeResidualReference` in builder/segment/codecReference.ts except where two centroids, or a norm and a rounding
 * boundary, are closer than float error.
 */
export function residualModel(centroids: CentroidTable, constants: ResidualConstants): Uint8Array {
  const graph = new GraphBuilder('encodeResiduals')
  const vectors = graph.input('vectors', 'float32', ['rows', centroids.dim])
  const codes = addAssign(graph, vectors, centroids)
  graph.output(graph.node('codes', 'Cast', [codes], { to: { int: 6 } }), 'int32', ['rows'])
  addResidualCoding(graph, vectors, codes, centroids, constants)
  return writeModel(graph.build())
}

/**
 * Appends nearest-centroid search over `vectors` f32[rows][dim].
 *
 * ArgMax over [rows][count] is slow in ONNX Runtime's CPU provider (its loop is scalar), ReduceMax is not. So the
 * scores are seen as [rows][blocks][128]: ReduceMax gives each block's maximum, ArgMax the first block that has the
 * row's maximum, and a second ArgMax the first place in that block. Maxima are exact, so this is ArgMax's own answer.
 * @returns i64[rows]
 */
export function addAssign(graph: GraphBuilder, vectors: Value, centroids: CentroidTable): Value {
  const { dim, count } = centroids
  const table = graph.initializer('centroidsTransposed', 'float32', [dim, count], transpose(centroids))
  const scores = graph.node('scores', 'MatMul', [vectors, table])
  // Only tiny corpora have another number of centroids, and there it does not matter.
  if (count % ARGMAX_BLOCK !== 0) {
    return graph.node('codesWide', 'ArgMax', [scores], { axis: { int: 1 }, keepdims: { int: 0 } })
  }
  const shape = graph.integers('blockShape', [-1, count / ARGMAX_BLOCK, ARGMAX_BLOCK])
  const blocks = graph.node('scoreBlocks', 'Reshape', [scores, shape])
  const maxima = graph.node('blockMaxima', 'ReduceMax', [blocks], { axes: { ints: [2] }, keepdims: { int: 0 } })
  const block = graph.node('bestBlock', 'ArgMax', [maxima], { axis: { int: 1 }, keepdims: { int: 1 } })
  const members = graph.node('blockScores', 'GatherND', [blocks, block], { batch_dims: { int: 1 } })
  const place = graph.node('placeInBlock', 'ArgMax', [members], { axis: { int: 1 }, keepdims: { int: 1 } })
  const first = graph.node('blockStart', 'Mul', [block, graph.integers('blockSize', [ARGMAX_BLOCK])])
  const column = graph.node('codesColumn', 'Add', [first, place])
  return graph.node('codesWide', 'Squeeze', [column, graph.integers('codesColumnAxis', [1])])
}

/** Appends residual coding and makes `packed` and `inverseNorms` outputs of the graph. */
export function addResidualCoding(
  graph: GraphBuilder,
  vectors: Value,
  codes: Value,
  centroids: CentroidTable,
  constants: ResidualConstants,
): void {
  const { dim, count } = centroids
  const table = graph.initializer('centroids', 'float32', [count, dim], centroids.vectors)
  const centroid = graph.node('centroid', 'Gather', [table, codes], { axis: { int: 0 } })
  const residual = graph.node('residual', 'Sub', [vectors, centroid])
  const { stored, weight } = addBuckets(graph, residual, constants)

  const packing = packingMatrix(dim, constants.nbits)
  const columns = packing.length / dim
  const matrix = graph.initializer('packingMatrix', 'float32', [dim, columns], packing)
  const bytes = graph.node('packedFloat', 'MatMul', [stored, matrix])
  graph.output(graph.node('packed', 'Cast', [bytes], { to: { int: 2 } }), 'uint8', ['rows', columns])

  const decoded = graph.node('decoded', 'Add', [centroid, weight])
  const squares = graph.node('squares', 'Mul', [decoded, decoded])
  const axis = graph.integers('normAxis', [1])
  const square = graph.node('squaredNorm', 'ReduceSum', [squares, axis], { keepdims: { int: 0 } })
  const norm = graph.node('norm', 'Sqrt', [graph.node('squaredNormSafe', 'Max', [square, graph.scalar('tiny', 1e-12)])])
  const inverse = graph.node('inverseNorm', 'Reciprocal', [norm])
  const above = graph.node('aboveMin', 'Sub', [inverse, graph.scalar('inverseNormMin', constants.inverseNormMin)])
  const steps = graph.node('steps', 'Div', [above, graph.scalar('inverseNormStep', constants.inverseNormStep)])
  const rounded = graph.node('stepsRounded', 'Round', [steps])
  const limits = [graph.scalar('byteMin', 0), graph.scalar('byteMax', 255)]
  const byte = graph.node('stepsClamped', 'Clip', [rounded, ...limits])
  graph.output(graph.node('inverseNorms', 'Cast', [byte], { to: { int: 2 } }), 'uint8', ['rows'])
}

/**
 * Bucket of each residual value, never as a [rows][dim][buckets] tensor: cutoffs ascend, so a chain of
 * `Where(residual > cutoff[i], value[i + 1], before)` ends at the value of the bucket. Two chains share the comparisons:
 * `stored` is what is stored for the bucket (its bits reversed, as ColBERT writes them), `weight` what it decodes to.
 */
function addBuckets(
  graph: GraphBuilder,
  residual: Value,
  constants: ResidualConstants,
): { stored: Value; weight: Value } {
  const { bucketCutoffs, bucketWeights, storedBuckets } = constants
  let stored = graph.scalar('stored0', storedBuckets[0] ?? 0)
  let weight = graph.scalar('weight0', bucketWeights[0] ?? 0)
  bucketCutoffs.forEach((cutoff, index) => {
    const bucket = index + 1
    const above = graph.node(`above${bucket}`, 'Greater', [residual, graph.scalar(`cutoff${bucket}`, cutoff)])
    const nextStored = graph.scalar(`stored${bucket}`, storedBuckets[bucket] ?? 0)
    const nextWeight = graph.scalar(`weight${bucket}`, bucketWeights[bucket] ?? 0)
    stored = graph.node(`storedUpTo${bucket}`, 'Where', [above, nextStored, stored])
    weight = graph.node(`weightUpTo${bucket}`, 'Where', [above, nextWeight, weight])
  })
  return { stored, weight }
}

/**
 * f32[dim][dim*nbits/8] that packs bit-reversed buckets by a matrix product: value d goes to byte ⌊d*nbits/8⌋, the
 * first value of a byte into its highest bits. All products and sums are integers below 256, so exact in any float.
 */
function packingMatrix(dim: number, nbits: number): Float32Array {
  const columns = (dim * nbits) / 8
  const valuesPerByte = 8 / nbits
  const matrix = new Float32Array(dim * columns)
  for (let d = 0; d < dim; d++) {
    const shift = 8 - nbits * ((d % valuesPerByte) + 1)
    matrix[d * columns + Math.floor(d / valuesPerByte)] = 2 ** shift
  }
  return matrix
}

/** @returns f32[dim][count] */
export function transpose({ dim, count, vectors }: CentroidTable): Float32Array {
  const transposed = new Float32Array(dim * count)
  for (let row = 0; row < count; row++) {
    for (let d = 0; d < dim; d++) transposed[d * count + row] = vectors[row * dim + d] ?? 0
  }
  return transposed
}
