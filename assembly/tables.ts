/**
 * Tables for rescore: for each byte of a packed residual and each of its 256 values, what it adds to the score of 32 query
 * rows. Product quantisation's lookup tables (Jégou et al., TPAMI 2011) with scalar codes, turned round: the lanes of an entry
 * are query rows, so one address serves all rows and packed rows stay as they are.
 */
import {
  QUERY_NUMBERS,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  QUERY_TABLES,
  QUERY_VALUES,
  ROW_BLOCK,
  SEGMENT_DIM,
  SEGMENT_NBITS,
  SEGMENT_WEIGHTS,
  SET_BYTES,
} from './layout'

/**
 * nibble[h][v][i] = fround(P * tableFactor[i]) rounded half to even, P = sum over the dims of the nibble of
 *                   (query[d][i] * weight[bucket of d in v] - the least of these products over all buckets); exact in f32
 * table[g][b][i]  = (nibble[upper half of byte g][b >> 4][i] + nibble[lower half][b & 15][i] + 32) >> 6
 *
 *   entry, 32 bytes   │ row 0 │ row 8 │ row 1 │ row 9 │ ... │ row 7 │ row 15 │ row 16 │ row 24 │ row 17 ...
 *
 * for the rows from `firstRow` on. Tables of bytes after the last one of a residual are zero. Writes tables and scratch.
 */
export function buildTables(segment: usize, query: usize, firstRow: usize): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const nbits: usize = load<u32>(segment, SEGMENT_NBITS)
  const residualBytes: usize = (dim * nbits) >> 3
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const factorsPtr: usize = <usize>load<u32>(query, QUERY_NUMBERS) + ((rowsPadded * 2 + firstRow) << 2)
  const nibblesPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const weightsPtr: usize = load<u32>(segment, SEGMENT_WEIGHTS)
  const nibbleStep: usize = (rowsPadded << 2) * (4 / nbits)
  let valuesPtr: usize = <usize>load<u32>(query, QUERY_VALUES) + (firstRow << 2)
  let tablePtr: usize = load<u32>(query, QUERY_TABLES)
  assert(firstRow < rowsPadded && firstRow % ROW_BLOCK == 0)
  assert(((tablePtr | nibblesPtr | valuesPtr | factorsPtr) & 15) == 0)
  const tableEnd = tablePtr + (residualBytes << 13)
  for (; tablePtr < tableEnd; tablePtr += 8192) {
    for (let half: usize = 0; half < 2; half++) {
      fillNibble(weightsPtr, nbits, valuesPtr, rowsPadded << 2, factorsPtr, nibblesPtr + (half << 10))
      valuesPtr += nibbleStep
    }
    fillByte(nibblesPtr, tablePtr)
  }
  const missing: usize = (0 - residualBytes) % <usize>SET_BYTES
  memory.fill(tableEnd, 0, missing << 13)
}

/** Writes i16[16][ROW_BLOCK], natural row order. valuesPtr: f32[4 / nbits][stride / 4], the rows of the block. */
function fillNibble(
  weightsPtr: usize,
  nbits: usize,
  valuesPtr: usize,
  stride: usize,
  factorsPtr: usize,
  outPtr: usize,
): void {
  const mask: u32 = (1 << (<u32>nbits)) - 1
  for (let row: usize = 0; row < <usize>ROW_BLOCK; row += 8) {
    const least0_f32x4 = leastProducts(weightsPtr, nbits, valuesPtr, stride)
    const least1_f32x4 = leastProducts(weightsPtr, nbits, valuesPtr + 16, stride)
    for (let nibble: u32 = 0; nibble < 16; nibble++) {
      let sum0_f32x4 = least0_f32x4
      let sum1_f32x4 = least1_f32x4
      let valuePtr = valuesPtr
      // The first dim is in the highest bits.
      for (let shift: i32 = 4 - <i32>nbits; shift >= 0; shift -= <i32>nbits) {
        const weight_f32x4 = f32x4.splat(<f32>(<i32>load<i8>(weightsPtr + <usize>((nibble >> shift) & mask))))
        sum0_f32x4 = f32x4.add(sum0_f32x4, f32x4.mul(v128.load(valuePtr), weight_f32x4))
        sum1_f32x4 = f32x4.add(sum1_f32x4, f32x4.mul(v128.load(valuePtr, 16), weight_f32x4))
        valuePtr += stride
      }
      const entry_i16x8 = i16x8.narrow_i32x4_s(
        roundScaled(sum0_f32x4, v128.load(factorsPtr)),
        roundScaled(sum1_f32x4, v128.load(factorsPtr, 16)),
      )
      v128.store(outPtr + ((<usize>nibble) << 6), entry_i16x8)
    }
    valuesPtr += 32
    factorsPtr += 32
    outPtr += 16
  }
}

/** fround(sum * factor) in [0, 2^15), rounded half to even: adding 2^23 leaves the integer in the low bits. */
function roundScaled(sum_f32x4: v128, factor_f32x4: v128): v128 {
  const shifted_f32x4 = f32x4.add(f32x4.mul(sum_f32x4, factor_f32x4), f32x4.splat(8388608))
  return v128.and(shifted_f32x4, i32x4.splat(0x7fffff))
}

/** Minus the sum over the dims of a nibble of the least product of the query's value with a weight, four rows. */
function leastProducts(weightsPtr: usize, nbits: usize, valuesPtr: usize, stride: usize): v128 {
  const weights: usize = (<usize>1) << nbits
  let total_f32x4 = f32x4.splat(0)
  for (let dim: usize = 0; dim < 4 / nbits; dim++) {
    let least_f32x4 = f32x4.splat(f32.MAX_VALUE)
    for (let bucket: usize = 0; bucket < weights; bucket++) {
      const weight_f32x4 = f32x4.splat(<f32>(<i32>load<i8>(weightsPtr + bucket)))
      least_f32x4 = f32x4.pmin(least_f32x4, f32x4.mul(v128.load(valuesPtr), weight_f32x4))
    }
    total_f32x4 = f32x4.sub(total_f32x4, least_f32x4)
    valuesPtr += stride
  }
  return total_f32x4
}

/** Two nibble tables to one byte table; rows j and j + 8 of each 16 become neighbours. */
function fillByte(nibblesPtr: usize, outPtr: usize): void {
  const lowEnd = nibblesPtr + 2048
  for (let upperPtr = nibblesPtr; upperPtr < nibblesPtr + 1024; upperPtr += 64) {
    const half_i16x8 = i16x8.splat(32)
    const upper0_i16x8 = i16x8.add(v128.load(upperPtr), half_i16x8)
    const upper1_i16x8 = i16x8.add(v128.load(upperPtr, 16), half_i16x8)
    const upper2_i16x8 = i16x8.add(v128.load(upperPtr, 32), half_i16x8)
    const upper3_i16x8 = i16x8.add(v128.load(upperPtr, 48), half_i16x8)
    for (let lowerPtr = nibblesPtr + 1024; lowerPtr < lowEnd; lowerPtr += 64) {
      const even0_i16x8 = i16x8.shr_u(i16x8.add(upper0_i16x8, v128.load(lowerPtr)), 6)
      const odd0_i16x8 = i16x8.shr_u(i16x8.add(upper1_i16x8, v128.load(lowerPtr, 16)), 6)
      const even1_i16x8 = i16x8.shr_u(i16x8.add(upper2_i16x8, v128.load(lowerPtr, 32)), 6)
      const odd1_i16x8 = i16x8.shr_u(i16x8.add(upper3_i16x8, v128.load(lowerPtr, 48)), 6)
      v128.store(outPtr, v128.or(even0_i16x8, i16x8.shl(odd0_i16x8, 8)))
      v128.store(outPtr, v128.or(even1_i16x8, i16x8.shl(odd1_i16x8, 8)), 16)
      outPtr += 32
    }
  }
}
