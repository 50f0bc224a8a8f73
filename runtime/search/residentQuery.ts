/** A query in WebAssembly memory: quantised, paired, and with room for what the kernels compute. Lives until the arena is reset. */
import { InputError } from '../../format/errors.ts'
import { QUERY_ROWS_MAX } from '../../format/limits.ts'
import { type QueryBlock, type QueryPointer, queryLengths, type SegmentBlock } from '../kernels/blocks.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { QUERY_BLOCK_BYTES } from '../kernels/layout.ts'
import { naturalDimOrder, pairQuery, quantiseQuery, residualDimOrder, residualScales } from '../kernels/quantise.ts'
import type { QueryVectors } from '../searcher.ts'

/**
 * @param weightScale - of the segment's quantised bucket weights
 * @throws InputError on a wrong shape or values that are not finite
 */
export function placeQuery(
  kernels: Kernels,
  segment: SegmentBlock,
  weightScale: number,
  query: QueryVectors,
): QueryBlock {
  requireQuery(query, segment.dim)
  const { dim, centroidCount } = segment
  const quantised = quantiseQuery(query.vectors, query.rows, dim)
  const lengths = queryLengths(dim, query.rows, centroidCount)
  const addresses = {} as Record<QueryPointer, number>
  for (const [name, length] of Object.entries(lengths) as [QueryPointer, number][]) {
    addresses[name] = kernels.arena.allocate(length)
  }
  const address = kernels.arena.allocate(QUERY_BLOCK_BYTES)

  const { buffer } = kernels.memory
  const natural = pairQuery(quantised, naturalDimOrder(dim))
  const permuted = pairQuery(quantised, residualDimOrder(dim, segment.nbits))
  new Int16Array(buffer, addresses.natural, natural.length).set(natural)
  new Int16Array(buffer, addresses.permuted, permuted.length).set(permuted)
  putPadded(new Float32Array(buffer, addresses.scales, lengths.scales / 4), quantised.scales)
  putPadded(
    new Float32Array(buffer, addresses.residualScales, lengths.residualScales / 4),
    residualScales(quantised, weightScale),
  )
  return kernels.writeQuery(address, { dim, rows: query.rows, centroidCount, ...addresses })
}

/** @throws InputError when the query is not f32[rows][dim] with rows in [1, QUERY_ROWS_MAX] */
export function requireQuery(query: QueryVectors, dim: number): void {
  const { rows, vectors } = query
  if (query.dim !== dim) {
    throw new InputError(
      `query: expected vectors of ${dim} dims as the index has, got ${query.dim}. Encode the query with the index's model.`,
      { expected: dim, got: query.dim },
    )
  }
  if (!(Number.isInteger(rows) && rows >= 1 && rows <= QUERY_ROWS_MAX)) {
    throw new InputError(`query: expected 1 to ${QUERY_ROWS_MAX} rows, got ${rows}.`, { rows })
  }
  if (vectors.length !== rows * dim) {
    throw new InputError(`query: expected ${rows} x ${dim} values, got ${vectors.length}.`, { got: vectors.length })
  }
}

function putPadded(target: Float32Array, values: Float32Array): void {
  target.fill(0)
  target.set(values)
}
