/** Ways to rescore by products of decoded weights with the query; index.ts says what they read and write. */
import { clearBest, store8 } from './shared'

/** Four query rows, as many dims as fit: decoded weights times query in i16. `tables`: i8[16] weights by stored nibble, then i16[dim/2][32][2] query, f32[32] units. */
export function decodeDot(
  startsPtr: usize,
  passages: usize,
  codesPtr: usize,
  normsPtr: usize,
  residualsPtr: usize,
  rowBytes: usize,
  nbits: usize,
  cellsPtr: usize,
  tablesPtr: usize,
  bestPtr: usize,
  scratchPtr: usize,
): void {
  const weights_i8x16 = v128.load(tablesPtr)
  const dim = (rowBytes << 3) / nbits
  const queryPtr = tablesPtr + 64
  const unitsPtr = queryPtr + (dim << 6)
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let token: usize = load<u32>(startsPtr + (passage << 2)); token < end; token++) {
      decode(residualsPtr + token * rowBytes, rowBytes, nbits, weights_i8x16, scratchPtr)
      dot32(scratchPtr, scratchPtr + (dim << 1), queryPtr, scratchPtr + 1024)
      finishDots(
        scratchPtr + 1024,
        unitsPtr,
        cellsPtr + ((<usize>load<u16>(codesPtr + (token << 1))) << 6),
        load<i16>(normsPtr + (token << 1)),
        bestPtr,
      )
    }
    bestPtr += 64
  }
}

/** i16[dim] at outPtr. */
function decode(ptr: usize, rowBytes: usize, nbits: usize, weights_i8x16: v128, outPtr: usize): void {
  const end = ptr + rowBytes
  if (nbits == 4) {
    for (; ptr < end; ptr += 8) {
      const bytes_u8x16 = v128.load64_zero(ptr)
      const high_u8x16 = i8x16.shr_u(bytes_u8x16, 4)
      const low_u8x16 = v128.and(bytes_u8x16, i8x16.splat(15))
      const both_u8x16 = v128.shuffle<u8>(high_u8x16, low_u8x16, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
      storeWide(i8x16.swizzle(weights_i8x16, both_u8x16), outPtr)
      outPtr += 32
    }
  } else if (nbits == 2) {
    for (; ptr < end; ptr += 4) {
      const bytes_u8x16 = i8x16.swizzle(v128.load32_zero(ptr), i8x16(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3))
      // Each lane its own two bits: a product shifts them to the top of the low byte's word half.
      const bits_u8x16 = v128.and(bytes_u8x16, i32x4.splat(0x030c30c0))
      // Weights of the four places, one table of 16 a place would need; compare with each value instead.
      const index_u8x16 = v128.or(
        v128.or(
          v128.and(i8x16.shr_u(bits_u8x16, 6), i32x4.splat(0x00000003)),
          v128.and(i8x16.shr_u(bits_u8x16, 4), i32x4.splat(0x00000300)),
        ),
        v128.or(
          v128.and(i8x16.shr_u(bits_u8x16, 2), i32x4.splat(0x00030000)),
          v128.and(bits_u8x16, i32x4.splat(0x03000000)),
        ),
      )
      storeWide(i8x16.swizzle(weights_i8x16, index_u8x16), outPtr)
      outPtr += 32
    }
  } else {
    for (; ptr < end; ptr += 2) {
      const bytes_u8x16 = i8x16.swizzle(v128.load16_splat(ptr), i8x16(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
      const places_u8x16 = i64x2.splat(0x0102040810204080)
      const isSet_u8x16 = i8x16.eq(v128.and(bytes_u8x16, places_u8x16), places_u8x16)
      storeWide(i8x16.swizzle(weights_i8x16, v128.and(isSet_u8x16, i8x16.splat(1))), outPtr)
      outPtr += 32
    }
  }
}

function storeWide(values_i8x16: v128, outPtr: usize): void {
  v128.store(outPtr, i16x8.extend_low_i8x16_s(values_i8x16))
  v128.store(outPtr, i16x8.extend_high_i8x16_s(values_i8x16), 16)
}

/** i32[32]: one i16 vector with 32 rows, lanes are four rows. */
function dot32(vectorPtr: usize, vectorEnd: usize, queryPtr: usize, outPtr: usize): void {
  let sum0_i32x4 = i32x4.splat(0),
    sum1_i32x4 = i32x4.splat(0),
    sum2_i32x4 = i32x4.splat(0),
    sum3_i32x4 = i32x4.splat(0)
  let sum4_i32x4 = i32x4.splat(0),
    sum5_i32x4 = i32x4.splat(0),
    sum6_i32x4 = i32x4.splat(0),
    sum7_i32x4 = i32x4.splat(0)
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
    queryPtr += 128
  }
  store8(outPtr, sum0_i32x4, sum1_i32x4, sum2_i32x4, sum3_i32x4)
  store8(outPtr + 64, sum4_i32x4, sum5_i32x4, sum6_i32x4, sum7_i32x4)
}

/** Dot products to units, plus the cell, times the norm, and the maximum. */
function finishDots(dotsPtr: usize, unitsPtr: usize, cellPtr: usize, norm: i16, bestPtr: usize): void {
  const norm_i16x8 = i16x8.splat(norm)
  for (let row: usize = 0; row < 32; row += 8) {
    const low_i32x4 = i32x4.trunc_sat_f32x4_s(
      f32x4.nearest(
        f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr + (row << 2))), v128.load(unitsPtr + (row << 2))),
      ),
    )
    const high_i32x4 = i32x4.trunc_sat_f32x4_s(
      f32x4.nearest(
        f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr + (row << 2), 16)), v128.load(unitsPtr + (row << 2), 16)),
      ),
    )
    const sum_i16x8 = i16x8.add(i16x8.narrow_i32x4_s(low_i32x4, high_i32x4), v128.load(cellPtr + (row << 1)))
    const best = bestPtr + (row << 1)
    v128.store(best, i16x8.max_s(v128.load(best), i16x8.q15mulr_sat_s(sum_i16x8, norm_i16x8)))
  }
}

/**
 * Relaxed dot of i8 with i7: weights moved to 0..127 by an offset that the cells account for. `tables`: u8[16] weights by stored
 * nibble, then i8[dim/4][32][4] query, f32[32] units. Exact, and so the same on every machine, since the second operand is 0..127.
 */
export function relaxedDot(
  startsPtr: usize,
  passages: usize,
  codesPtr: usize,
  normsPtr: usize,
  residualsPtr: usize,
  rowBytes: usize,
  nbits: usize,
  cellsPtr: usize,
  tablesPtr: usize,
  bestPtr: usize,
  scratchPtr: usize,
): void {
  const weights_u8x16 = v128.load(tablesPtr)
  const dim = (rowBytes << 3) / nbits
  const queryPtr = tablesPtr + 64
  const unitsPtr = queryPtr + (dim << 5)
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let token: usize = load<u32>(startsPtr + (passage << 2)); token < end; token++) {
      // decode() widens; the bytes are wanted here.
      decode(residualsPtr + token * rowBytes, rowBytes, nbits, weights_u8x16, scratchPtr)
      for (let at: usize = 0; at < dim; at += 16) {
        v128.store(
          scratchPtr + 2048 + at,
          i8x16.narrow_i16x8_u(v128.load(scratchPtr + (at << 1)), v128.load(scratchPtr + (at << 1), 16)),
        )
      }
      relaxed32(scratchPtr + 2048, scratchPtr + 2048 + dim, queryPtr, scratchPtr + 1024)
      finishDots(
        scratchPtr + 1024,
        unitsPtr,
        cellsPtr + ((<usize>load<u16>(codesPtr + (token << 1))) << 6),
        load<i16>(normsPtr + (token << 1)),
        bestPtr,
      )
    }
    bestPtr += 64
  }
}

function relaxed32(vectorPtr: usize, vectorEnd: usize, queryPtr: usize, outPtr: usize): void {
  let sum0_i32x4 = i32x4.splat(0),
    sum1_i32x4 = i32x4.splat(0),
    sum2_i32x4 = i32x4.splat(0),
    sum3_i32x4 = i32x4.splat(0)
  let sum4_i32x4 = i32x4.splat(0),
    sum5_i32x4 = i32x4.splat(0),
    sum6_i32x4 = i32x4.splat(0),
    sum7_i32x4 = i32x4.splat(0)
  for (; vectorPtr < vectorEnd; vectorPtr += 4) {
    const four_u8x16 = v128.load32_splat(vectorPtr)
    sum0_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr), four_u8x16, sum0_i32x4)
    sum1_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 16), four_u8x16, sum1_i32x4)
    sum2_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 32), four_u8x16, sum2_i32x4)
    sum3_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 48), four_u8x16, sum3_i32x4)
    sum4_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 64), four_u8x16, sum4_i32x4)
    sum5_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 80), four_u8x16, sum5_i32x4)
    sum6_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 96), four_u8x16, sum6_i32x4)
    sum7_i32x4 = i32x4.relaxed_dot_i8x16_i7x16_add_s(v128.load(queryPtr, 112), four_u8x16, sum7_i32x4)
    queryPtr += 128
  }
  store8(outPtr, sum0_i32x4, sum1_i32x4, sum2_i32x4, sum3_i32x4)
  store8(outPtr + 64, sum4_i32x4, sum5_i32x4, sum6_i32x4, sum7_i32x4)
}
