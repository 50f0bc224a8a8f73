/**
 * The inner product of centroids with the query: one i16 vector against 32 query rows. Lanes are four query rows, so nothing
 * is summed across lanes and the order of summation cannot matter: it is integer arithmetic without overflow. Source: own.
 */

/**
 * out[i] = sum_d vector[d] * query[i][d], for 32 rows
 *
 *   vectorPtr  i16[dim]                values in [-127, 127], 4-byte aligned; ends at vectorEnd
 *   queryPtr   i16[dim / 2][stride / 4][2]   values in [-127, 127], 16-byte aligned; of each pair of dims 32 rows are read
 *   outPtr     i32[32]                 16-byte aligned
 *
 *   query row   │  0  │  1  │  2  │  3  │  4 ...          one v128 = two dims of four rows,
 *   dims 0, 1   │d0 d1│d0 d1│d0 d1│d0 d1│                 multiplied by the splatted pair vector[0], vector[1]
 *   dims 2, 3   │d2 d3│d2 d3│ ...
 *
 * |out| <= 256 * 127 * 127 < 2^23. Reads and writes exactly the above. Eight accumulators stay in registers: 16 XMM registers
 * hold them, the splatted pair and the products.
 */
export function dot32Rows(vectorPtr: usize, vectorEnd: usize, queryPtr: usize, stride: usize, outPtr: usize): void {
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
