/**
 * The inner product of centroids with the query: two i16 vectors against 16 query rows. Lanes are four query rows, so nothing
 * is summed across lanes and the order of summation cannot matter: it is integer arithmetic without overflow. Source: own.
 */

/**
 * out[c][i] = sum_d vectors[c][d] * query[i][d], for two vectors and 16 rows
 *
 *   vectorsPtr  i16[2][dim]             values in [-127, 127], 8-byte aligned; dim % 4 == 0
 *   queryPtr    i16[dim / 2][stride / 4][2]   values in [-127, 127], 16-byte aligned; of each pair of dims 16 rows are read
 *   outPtr      i32[2][outStride / 4]   16-byte aligned; of each vector 16 are written
 *
 *   query row   │  0  │  1  │  2  │  3  │  4 ...          one v128 = two dims of four rows,
 *   dims 0, 1   │d0 d1│d0 d1│d0 d1│d0 d1│                 multiplied by the splatted pair vector[0], vector[1]
 *   dims 2, 3   │d2 d3│d2 d3│ ...
 *
 * |out| <= 256 * 127 * 127 < 2^23. Reads and writes exactly the above. Eight accumulators stay in registers; a load of query
 * values serves two vectors: 6 loads for 16 multiply-adds of four lanes, where one vector against 32 rows takes 9.
 */
export function dot2x16Rows(
  vectorsPtr: usize,
  dim: usize,
  queryPtr: usize,
  stride: usize,
  outPtr: usize,
  outStride: usize,
): void {
  let sum00_i32x4 = i32x4.splat(0)
  let sum01_i32x4 = i32x4.splat(0)
  let sum02_i32x4 = i32x4.splat(0)
  let sum03_i32x4 = i32x4.splat(0)
  let sum10_i32x4 = i32x4.splat(0)
  let sum11_i32x4 = i32x4.splat(0)
  let sum12_i32x4 = i32x4.splat(0)
  let sum13_i32x4 = i32x4.splat(0)
  const vectorBytes: usize = dim << 1
  const vectorEnd = vectorsPtr + vectorBytes
  let otherPtr = vectorEnd
  for (; vectorsPtr < vectorEnd; vectorsPtr += 8) {
    // Two pairs of dims a step: the loop's own instructions weigh a tenth of the others.
    let pair0_i16x8 = v128.load32_splat(vectorsPtr)
    let pair1_i16x8 = v128.load32_splat(otherPtr)
    let rows_i16x8 = v128.load(queryPtr)
    sum00_i32x4 = i32x4.add(sum00_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum10_i32x4 = i32x4.add(sum10_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 16)
    sum01_i32x4 = i32x4.add(sum01_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum11_i32x4 = i32x4.add(sum11_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 32)
    sum02_i32x4 = i32x4.add(sum02_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum12_i32x4 = i32x4.add(sum12_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 48)
    sum03_i32x4 = i32x4.add(sum03_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum13_i32x4 = i32x4.add(sum13_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    queryPtr += stride
    pair0_i16x8 = v128.load32_splat(vectorsPtr, 4)
    pair1_i16x8 = v128.load32_splat(otherPtr, 4)
    rows_i16x8 = v128.load(queryPtr)
    sum00_i32x4 = i32x4.add(sum00_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum10_i32x4 = i32x4.add(sum10_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 16)
    sum01_i32x4 = i32x4.add(sum01_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum11_i32x4 = i32x4.add(sum11_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 32)
    sum02_i32x4 = i32x4.add(sum02_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum12_i32x4 = i32x4.add(sum12_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    rows_i16x8 = v128.load(queryPtr, 48)
    sum03_i32x4 = i32x4.add(sum03_i32x4, i32x4.dot_i16x8_s(pair0_i16x8, rows_i16x8))
    sum13_i32x4 = i32x4.add(sum13_i32x4, i32x4.dot_i16x8_s(pair1_i16x8, rows_i16x8))
    queryPtr += stride
    otherPtr += 8
  }
  v128.store(outPtr, sum00_i32x4)
  v128.store(outPtr, sum01_i32x4, 16)
  v128.store(outPtr, sum02_i32x4, 32)
  v128.store(outPtr, sum03_i32x4, 48)
  outPtr += outStride
  v128.store(outPtr, sum10_i32x4)
  v128.store(outPtr, sum11_i32x4, 16)
  v128.store(outPtr, sum12_i32x4, 32)
  v128.store(outPtr, sum13_i32x4, 48)
}
