/** A query in WebAssembly memory: quantised, paired, and with room for what the kernels compute. Lives until the arena is reset. */
import { InputError } from '../../format/errors.ts'
import { QUERY_ROWS_MAX } from '../../format/limits.ts'
import { type QueryBlock, type QueryPointer, queryLengths, type SegmentBlock } from '../kernels/blocks.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { NUMBERS_BYTES, QUERY_BLOCK_BYTES } from '../kernels/layout.ts'
import { paddedRows, pairQuery, type QuantisedQuery, quantiseQuery, transposeQuery } from '../kernels/quantise.ts'
import { ROUNDING_OFFSET, type RowNumbers, rowNumbers, type SegmentScales } from '../kernels/units.ts'
import type { QueryVectors } from '../searcher.ts'

/**
 * @throws InputError on a wrong shape or values that are not finite
 */
export function placeQuery(
  kernels: Kernels,
  segment: SegmentBlock,
  scales: SegmentScales,
  query: QueryVectors,
): QueryBlock {
  requireQuery(query, segment.dim)
  const { dim, nbits, centroidCount } = segment
  const quantised = quantiseQuery(query.vectors, query.rows, dim)
  const shape = { dim, nbits, rows: query.rows, centroidCount }
  const addresses = {} as Record<QueryPointer, number>
  for (const [name, length] of Object.entries(queryLengths(shape)) as [QueryPointer, number][]) {
    addresses[name] = kernels.arena.allocate(length)
  }
  const address = kernels.arena.allocate(QUERY_BLOCK_BYTES)
  copyQuery(kernels.memory, addresses, quantised, rowNumbers(quantised, scales))
  return kernels.writeQuery(address, { ...shape, ...addresses })
}

/** Writes the regions that kernels only read: pairs, fine pairs, values and numbers. */
export function copyQuery(
  { buffer }: WebAssembly.Memory,
  addresses: Pick<Record<QueryPointer, number>, 'pairs' | 'values' | 'numbers' | 'finePairs'>,
  query: QuantisedQuery,
  numbers: RowNumbers,
): void {
  const pairs = pairQuery(query)
  const finePairs = pairQuery({ ...query, values: query.fine })
  const values = transposeQuery(query)
  new Int16Array(buffer, addresses.pairs, pairs.length).set(pairs)
  new Int16Array(buffer, addresses.finePairs, finePairs.length).set(finePairs)
  new Float32Array(buffer, addresses.values, values.length).set(values)
  const rowsPadded = paddedRows(query.rows)
  new Uint8Array(buffer, addresses.numbers, rowsPadded * NUMBERS_BYTES).fill(0)
  const floats = [numbers.cellFactors, numbers.cellOffsets, numbers.tableFactors, numbers.units]
  for (const [at, array] of floats.entries()) {
    new Float32Array(buffer, addresses.numbers + at * rowsPadded * 4, array.length).set(array)
  }
  // Padded rows, too, must round to integers.
  new Float32Array(buffer, addresses.numbers + rowsPadded * 4, rowsPadded).fill(ROUNDING_OFFSET, query.rows)
  for (const [at, array] of [numbers.byteFactors, numbers.byteOffsets].entries()) {
    new Int16Array(buffer, addresses.numbers + rowsPadded * (16 + at * 2), array.length).set(array)
  }
  new Float32Array(buffer, addresses.numbers + rowsPadded * 20, query.rows).set(numbers.fineUnits)
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
