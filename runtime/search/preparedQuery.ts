/**
 * A query made ready: quantised once, laid out as kernels read it, and, once for each quantiser, with the numbers of its rows. It holds
 * no WebAssembly memory, so it stays while a query waits for storage; `place` puts it into the arena for as long as kernels work on it.
 */
import { InputError } from '../../format/errors.ts'
import { QUERY_ROWS_MAX } from '../../format/limits.ts'
import { type QueryBlock, type QueryPointer, queryLengths, type SegmentBlock } from '../kernels/blocks.ts'
import type { Kernels } from '../kernels/kernels.ts'
import { NUMBERS_BYTES, QUERY_BLOCK_BYTES } from '../kernels/layout.ts'
import { paddedRows, pairQuery, type QuantisedQuery, quantiseQuery, transposeQuery } from '../kernels/quantise.ts'
import { ROUNDING_OFFSET, type RowNumbers, rowNumbers, type SegmentScales } from '../kernels/units.ts'
import type { QueryVectors } from '../searcher.ts'

/** A query over any quantiser of its dim. */
export class PreparedQuery {
  readonly rows: number
  readonly dim: number
  readonly #quantised: QuantisedQuery
  readonly #layouts: QueryLayouts
  readonly #numbers = new Map<SegmentScales, RowNumbers>()

  /** @throws InputError on a wrong shape or values that are not finite */
  constructor(query: QueryVectors, dim: number) {
    requireQuery(query, dim)
    this.rows = query.rows
    this.dim = dim
    this.#quantised = quantiseQuery(query.vectors, query.rows, dim)
    this.#layouts = queryLayouts(this.#quantised)
  }

  /** Puts the query into the arena for segments of one quantiser, with room for what the kernels compute. */
  place(kernels: Kernels, segment: Pick<SegmentBlock, 'nbits' | 'centroidCount'>, scales: SegmentScales): QueryBlock {
    const shape = { dim: this.dim, nbits: segment.nbits, rows: this.rows, centroidCount: segment.centroidCount }
    const addresses = {} as Record<QueryPointer, number>
    for (const [name, length] of Object.entries(queryLengths(shape)) as [QueryPointer, number][]) {
      addresses[name] = kernels.arena.allocate(length)
    }
    const address = kernels.arena.allocate(QUERY_BLOCK_BYTES)
    copyQuery(kernels.memory, addresses, this.#layouts, this.#numbersFor(scales))
    return kernels.writeQuery(address, { ...shape, ...addresses })
  }

  #numbersFor(scales: SegmentScales): RowNumbers {
    const known = this.#numbers.get(scales)
    if (known) return known
    const numbers = rowNumbers(this.#quantised, scales)
    this.#numbers.set(scales, numbers)
    return numbers
  }
}

/** The query's integers in the orders in which kernels read them. */
export interface QueryLayouts {
  readonly rows: number
  /** i16[dim / 2][paddedRows][2]. */
  readonly pairs: Int16Array
  readonly finePairs: Int16Array
  /** f32[dim][paddedRows]. */
  readonly values: Float32Array
}

export function queryLayouts(query: QuantisedQuery): QueryLayouts {
  return {
    rows: query.rows,
    pairs: pairQuery(query),
    finePairs: pairQuery({ ...query, values: query.fine }),
    values: transposeQuery(query),
  }
}

/** Writes the regions that kernels only read: pairs, fine pairs, values and numbers. */
export function copyQuery(
  { buffer }: WebAssembly.Memory,
  addresses: Pick<Record<QueryPointer, number>, 'pairs' | 'values' | 'numbers' | 'finePairs'>,
  { rows, pairs, finePairs, values }: QueryLayouts,
  numbers: RowNumbers,
): void {
  new Int16Array(buffer, addresses.pairs, pairs.length).set(pairs)
  new Int16Array(buffer, addresses.finePairs, finePairs.length).set(finePairs)
  new Float32Array(buffer, addresses.values, values.length).set(values)
  const rowsPadded = paddedRows(rows)
  const address = addresses.numbers
  new Uint8Array(buffer, address, rowsPadded * NUMBERS_BYTES).fill(0)
  const floats = [numbers.cellFactors, numbers.cellOffsets, numbers.tableFactors, numbers.units]
  for (const [at, array] of floats.entries()) {
    new Float32Array(buffer, address + at * rowsPadded * 4, array.length).set(array)
  }
  // Padded rows, too, must round to integers.
  new Float32Array(buffer, address + rowsPadded * 4, rowsPadded).fill(ROUNDING_OFFSET, rows)
  for (const [at, array] of [numbers.byteFactors, numbers.byteOffsets].entries()) {
    new Int16Array(buffer, address + rowsPadded * (16 + at * 2), array.length).set(array)
  }
  new Float32Array(buffer, address + rowsPadded * 20, rows).set(numbers.fineUnits)
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
