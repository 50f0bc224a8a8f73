/**
 * The inner product all scores rest on: one i16 vector against every query row. Lanes are four query rows, so nothing is
 * summed across lanes and the order of summation cannot matter: it is integer arithmetic without overflow. Source: own.
 */

/**
 * out[i] = sum_d vector[d] * query[i][d]
 *
 *   vectorPtr  i16[dim]                       values in [-127, 127], 4-byte aligned
 *   queryPtr   i16[dim / 2][rowsPadded][2]    values in [-127, 127], 16-byte aligned
 *   outPtr     i32[rowsPadded]                16-byte aligned
 *
 *   query row   │  0  │  1  │  2  │  3  │  4 ...          one v128 = two dims of four rows,
 *   dims 0, 1   │d0 d1│d0 d1│d0 d1│d0 d1│                 multiplied by the splatted pair vector[0], vector[1]
 *   dims 2, 3   │d2 d3│d2 d3│ ...
 *
 * Preconditions: dim % 16 == 0, rowsPadded % 4 == 0. |out| <= 256 * 127 * 127 < 2^23. Reads and writes exactly the above.
 */
export function dotRows(vectorPtr: usize, dim: usize, queryPtr: usize, rowsPadded: usize, outPtr: usize): void {
  const stride: usize = rowsPadded << 2
  const vectorEnd: usize = vectorPtr + (dim << 1)
  let row: usize = 0
  for (; row + 32 <= rowsPadded; row += 32) {
    dot32Rows(vectorPtr, vectorEnd, queryPtr + (row << 2), stride, outPtr + (row << 2))
  }
  for (; row < rowsPadded; row += 4) {
    dot4Rows(vectorPtr, vectorEnd, queryPtr + (row << 2), stride, outPtr + (row << 2))
  }
}

/** Eight accumulators stay in registers: 16 XMM registers hold them, the splatted pair and the products. */
function dot32Rows(vectorPtr: usize, vectorEnd: usize, queryPtr: usize, stride: usize, outPtr: usize): void {
  let sum0_i32x4 = i32x4.splat(0)
  let sum1_i32x4 = i32x4.splat(0)
  let sum2_i32x4 = i32x4.splat(0)
  let sum3_i32x4 = i32x4.splat(0)
  let sum4_i32x4 = i32x4.splat(0)
  let sum5_i32x4 = i32x4.splat(0)
  let sum6_i32x4 = i32x4.splat(0)
  let sum7_i32x4 = i32x4.splat(0)
  for (; vectorPtr < vectorEnd; vectorPtr += 4) {
    const pair_i16x8 = v128.load32_splat(vectorPtr)
    sum0_i32x4 = i32x4.add(sum0_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr)))
    sum1_i32x4 = i32x4.add(sum1_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 16)))
    sum2_i32x4 = i32x4.add(sum2_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 32)))
    sum3_i32x4 = i32x4.add(sum3_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 48)))
    sum4_i32x4 = i32x4.add(sum4_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 64)))
    sum5_i32x4 = i32x4.add(sum5_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 80)))
    sum6_i32x4 = i32x4.add(sum6_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 96)))
    sum7_i32x4 = i32x4.add(sum7_i32x4, i32x4.dot_i16x8_s(pair_i16x8, v128.load(queryPtr, 112)))
    queryPtr += stride
  }
  v128.store(outPtr, sum0_i32x4)
  v128.store(outPtr, sum1_i32x4, 16)
  v128.store(outPtr, sum2_i32x4, 32)
  v128.store(outPtr, sum3_i32x4, 48)
  v128.store(outPtr, sum4_i32x4, 64)
  v128.store(outPtr, sum5_i32x4, 80)
  v128.store(outPtr, sum6_i32x4, 96)
  v128.store(outPtr, sum7_i32x4, 112)
}

/** The remainder of fewer than 32 rows, four at a time; two accumulators because one would wait for itself. */
function dot4Rows(vectorPtr: usize, vectorEnd: usize, queryPtr: usize, stride: usize, outPtr: usize): void {
  let even_i32x4 = i32x4.splat(0)
  let odd_i32x4 = i32x4.splat(0)
  for (; vectorPtr < vectorEnd; vectorPtr += 8) {
    even_i32x4 = i32x4.add(even_i32x4, i32x4.dot_i16x8_s(v128.load32_splat(vectorPtr), v128.load(queryPtr)))
    queryPtr += stride
    odd_i32x4 = i32x4.add(odd_i32x4, i32x4.dot_i16x8_s(v128.load32_splat(vectorPtr, 4), v128.load(queryPtr)))
    queryPtr += stride
  }
  v128.store(outPtr, i32x4.add(even_i32x4, odd_i32x4))
}
