/**
 * Ways to rescore, each as one function of the same shape, for bench/speed/kernelStudy.ts. Not shipped; the one that is stands in
 * assembly/rescore.ts and assembly/tables.ts. 32 query rows.
 *
 * Of every passage p: best[p][i] = max over its tokens t of q15mulr(cell[code_t][i] + residual_t . query_i, norm_t), i16, with
 *
 *   startsPtr     u32[passages + 1]     tokens before each passage
 *   codesPtr      u16[T]                normsPtr   i16[T], fractions of 2^15
 *   residualsPtr  u8[T][rowBytes]       packed as in SPEC.md 5.1; a few bytes may be read past the end
 *   cellsPtr      i16[K][32]            64-byte aligned
 *   tablesPtr     what the variant says                       bestPtr    i16[passages][32]
 *   scratchPtr    64 bytes for each token of the longest passage, and 4,096 more
 */

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

function store8(outPtr: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(outPtr, a)
  v128.store(outPtr, b, 16)
  v128.store(outPtr, c, 32)
  v128.store(outPtr, d, 48)
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

function clearBest(bestPtr: usize): void {
  const least_i16x8 = i16x8.splat(-32768)
  store8(bestPtr, least_i16x8, least_i16x8, least_i16x8, least_i16x8)
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

/** The shipped way: a table of 256 entries of 32 rows a byte. `tables`: u8[rowBytes][256][32], rows j and j + 8 neighbours. */
export function byteTables(
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
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let token: usize = load<u32>(startsPtr + (passage << 2)); token < end; token++) {
      let low0 = i16x8.splat(0),
        low1 = i16x8.splat(0),
        high0 = i16x8.splat(0),
        high1 = i16x8.splat(0)
      let tablePtr = tablesPtr
      const bytesPtr = residualsPtr + token * rowBytes
      for (let ptr = bytesPtr; ptr < bytesPtr + rowBytes; ptr += 4) {
        const entry0 = tablePtr + ((<usize>load<u8>(ptr)) << 5)
        const entry1 = tablePtr + ((<usize>load<u8>(ptr, 1)) << 5)
        const entry2 = tablePtr + ((<usize>load<u8>(ptr, 2)) << 5)
        const entry3 = tablePtr + ((<usize>load<u8>(ptr, 3)) << 5)
        const set0 = i8x16.add(
          i8x16.add(v128.load(entry0), v128.load(entry1, 8192)),
          i8x16.add(v128.load(entry2, 16384), v128.load(entry3, 24576)),
        )
        const set1 = i8x16.add(
          i8x16.add(v128.load(entry0, 16), v128.load(entry1, 8208)),
          i8x16.add(v128.load(entry2, 16400), v128.load(entry3, 24592)),
        )
        low0 = i16x8.add(low0, set0)
        high0 = i16x8.add(high0, i16x8.shr_u(set0, 8))
        low1 = i16x8.add(low1, set1)
        high1 = i16x8.add(high1, i16x8.shr_u(set1, 8))
        tablePtr += 32768
      }
      finishPairs(
        low0,
        high0,
        low1,
        high1,
        cellsPtr + ((<usize>load<u16>(codesPtr + (token << 1))) << 6),
        load<i16>(normsPtr + (token << 1)),
        bestPtr,
      )
    }
    bestPtr += 64
  }
}

/** Sums of lanes that hold two rows each, to rows; plus the cell, times the norm, and the maximum. */
function finishPairs(
  low0: v128,
  high0: v128,
  low1: v128,
  high1: v128,
  cellPtr: usize,
  norm: i16,
  bestPtr: usize,
): void {
  const norm_i16x8 = i16x8.splat(norm)
  low0 = i16x8.add(i16x8.sub(low0, i16x8.shl(high0, 8)), v128.load(cellPtr))
  low1 = i16x8.add(i16x8.sub(low1, i16x8.shl(high1, 8)), v128.load(cellPtr, 32))
  high0 = i16x8.add(high0, v128.load(cellPtr, 16))
  high1 = i16x8.add(high1, v128.load(cellPtr, 48))
  v128.store(bestPtr, i16x8.max_s(v128.load(bestPtr), i16x8.q15mulr_sat_s(low0, norm_i16x8)))
  v128.store(bestPtr, i16x8.max_s(v128.load(bestPtr, 16), i16x8.q15mulr_sat_s(high0, norm_i16x8)), 16)
  v128.store(bestPtr, i16x8.max_s(v128.load(bestPtr, 32), i16x8.q15mulr_sat_s(low1, norm_i16x8)), 32)
  v128.store(bestPtr, i16x8.max_s(v128.load(bestPtr, 48), i16x8.q15mulr_sat_s(high1, norm_i16x8)), 48)
}

/** As byteTables, with four table bytes at a time over all tokens of a passage, whose sums wait in scratch: tables stay in the first-level cache. */
export function blockedTables(
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
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const start: usize = load<u32>(startsPtr + (passage << 2))
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    memory.fill(scratchPtr, 0, (end - start) << 6)
    for (let byte: usize = 0; byte < rowBytes; byte += 4) {
      const tablePtr = tablesPtr + (byte << 13)
      let sumPtr = scratchPtr
      for (let ptr = residualsPtr + start * rowBytes + byte; ptr < residualsPtr + end * rowBytes; ptr += rowBytes) {
        const entry0 = tablePtr + ((<usize>load<u8>(ptr)) << 5)
        const entry1 = tablePtr + ((<usize>load<u8>(ptr, 1)) << 5)
        const entry2 = tablePtr + ((<usize>load<u8>(ptr, 2)) << 5)
        const entry3 = tablePtr + ((<usize>load<u8>(ptr, 3)) << 5)
        const set0 = i8x16.add(
          i8x16.add(v128.load(entry0), v128.load(entry1, 8192)),
          i8x16.add(v128.load(entry2, 16384), v128.load(entry3, 24576)),
        )
        const set1 = i8x16.add(
          i8x16.add(v128.load(entry0, 16), v128.load(entry1, 8208)),
          i8x16.add(v128.load(entry2, 16400), v128.load(entry3, 24592)),
        )
        v128.store(sumPtr, i16x8.add(v128.load(sumPtr), set0))
        v128.store(sumPtr, i16x8.add(v128.load(sumPtr, 16), i16x8.shr_u(set0, 8)), 16)
        v128.store(sumPtr, i16x8.add(v128.load(sumPtr, 32), set1), 32)
        v128.store(sumPtr, i16x8.add(v128.load(sumPtr, 48), i16x8.shr_u(set1, 8)), 48)
        sumPtr += 64
      }
    }
    let sumPtr = scratchPtr
    for (let token = start; token < end; token++) {
      finishPairs(
        v128.load(sumPtr),
        v128.load(sumPtr, 16),
        v128.load(sumPtr, 32),
        v128.load(sumPtr, 48),
        cellsPtr + ((<usize>load<u16>(codesPtr + (token << 1))) << 6),
        load<i16>(normsPtr + (token << 1)),
        bestPtr,
      )
      sumPtr += 64
    }
    bestPtr += 64
  }
}

/** Tables of 16 entries for half a byte: twice the look-ups in an eighth of the memory. `tables`: u8[rowBytes][2][16][32], high half first, rows as in byteTables. */
export function nibbleTables(
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
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let token: usize = load<u32>(startsPtr + (passage << 2)); token < end; token++) {
      let low0 = i16x8.splat(0),
        low1 = i16x8.splat(0),
        high0 = i16x8.splat(0),
        high1 = i16x8.splat(0)
      let tablePtr = tablesPtr
      const bytesPtr = residualsPtr + token * rowBytes
      for (let ptr = bytesPtr; ptr < bytesPtr + rowBytes; ptr += 4) {
        const four = load<u32>(ptr)
        // Shifts and masks that leave the half byte times 32.
        const entry0 = tablePtr + <usize>((four << 1) & 0x1e0)
        const entry1 = tablePtr + <usize>((four << 5) & 0x1e0)
        const entry2 = tablePtr + <usize>((four >> 7) & 0x1e0)
        const entry3 = tablePtr + <usize>((four >> 3) & 0x1e0)
        const entry4 = tablePtr + <usize>((four >> 15) & 0x1e0)
        const entry5 = tablePtr + <usize>((four >> 11) & 0x1e0)
        const entry6 = tablePtr + <usize>((four >> 23) & 0x1e0)
        const entry7 = tablePtr + <usize>((four >> 19) & 0x1e0)
        const set0 = i8x16.add(
          i8x16.add(
            i8x16.add(v128.load(entry0), v128.load(entry1, 512)),
            i8x16.add(v128.load(entry2, 1024), v128.load(entry3, 1536)),
          ),
          i8x16.add(
            i8x16.add(v128.load(entry4, 2048), v128.load(entry5, 2560)),
            i8x16.add(v128.load(entry6, 3072), v128.load(entry7, 3584)),
          ),
        )
        const set1 = i8x16.add(
          i8x16.add(
            i8x16.add(v128.load(entry0, 16), v128.load(entry1, 528)),
            i8x16.add(v128.load(entry2, 1040), v128.load(entry3, 1552)),
          ),
          i8x16.add(
            i8x16.add(v128.load(entry4, 2064), v128.load(entry5, 2576)),
            i8x16.add(v128.load(entry6, 3088), v128.load(entry7, 3600)),
          ),
        )
        low0 = i16x8.add(low0, set0)
        high0 = i16x8.add(high0, i16x8.shr_u(set0, 8))
        low1 = i16x8.add(low1, set1)
        high1 = i16x8.add(high1, i16x8.shr_u(set1, 8))
        tablePtr += 4096
      }
      finishPairs(
        low0,
        high0,
        low1,
        high1,
        cellsPtr + ((<usize>load<u16>(codesPtr + (token << 1))) << 6),
        load<i16>(normsPtr + (token << 1)),
        bestPtr,
      )
    }
    bestPtr += 64
  }
}

/**
 * Fast scan (André et al., VLDB 2015): 16 tokens at a time, their half bytes transposed into vectors on the fly, and one swizzle a
 * half byte and row. `tables`: u8[2 * rowBytes][32][16], by half byte in the order high, low of each byte.
 */
export function fastScan(
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
  const sumsPtr = scratchPtr + (rowBytes << 5)
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let first: usize = load<u32>(startsPtr + (passage << 2)); first < end; first += 16) {
      const count = min<usize>(16, end - first)
      // u8[2 * rowBytes][16]: what a layout of its own would save is the cost of this loop.
      for (let byte: usize = 0; byte < rowBytes; byte++) {
        const out = scratchPtr + (byte << 5)
        for (let token: usize = 0; token < count; token++) {
          const value = load<u8>(residualsPtr + (first + token) * rowBytes + byte)
          store<u8>(out + token, value >> 4)
          store<u8>(out + token, value & 15, 16)
        }
      }
      for (let row: usize = 0; row < 32; row += 2)
        scanRows(scratchPtr, rowBytes << 1, tablesPtr + (row << 4), sumsPtr + (row << 5))
      for (let token: usize = 0; token < count; token++) {
        const cellPtr = cellsPtr + ((<usize>load<u16>(codesPtr + ((first + token) << 1))) << 6)
        const norm = load<i16>(normsPtr + ((first + token) << 1))
        finishColumn(sumsPtr + (token << 1), cellPtr, norm, bestPtr)
      }
    }
    bestPtr += 64
  }
}

/** As fastScan without the cost of transposing: the half bytes of the first block are used for all. Right only in its time. */
export function fastScanTransposed(
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
  const sumsPtr = scratchPtr + (rowBytes << 5)
  for (let passage: usize = 0; passage < passages; passage++) {
    clearBest(bestPtr)
    const end: usize = load<u32>(startsPtr + (passage << 2), 4)
    for (let first: usize = load<u32>(startsPtr + (passage << 2)); first < end; first += 16) {
      const count = min<usize>(16, end - first)
      for (let row: usize = 0; row < 32; row += 2)
        scanRows(scratchPtr, rowBytes << 1, tablesPtr + (row << 4), sumsPtr + (row << 5))
      for (let token: usize = 0; token < count; token++) {
        const cellPtr = cellsPtr + ((<usize>load<u16>(codesPtr + ((first + token) << 1))) << 6)
        finishColumn(sumsPtr + (token << 1), cellPtr, load<i16>(normsPtr + ((first + token) << 1)), bestPtr)
      }
    }
    bestPtr += 64
  }
}

/** u16[2][16] sums of two rows over all half bytes; eight entries are added before they are widened. */
function scanRows(halvesPtr: usize, halves: usize, tablePtr: usize, sumsPtr: usize): void {
  let low0 = i16x8.splat(0),
    high0 = i16x8.splat(0),
    low1 = i16x8.splat(0),
    high1 = i16x8.splat(0)
  for (let half: usize = 0; half < halves; half += 8) {
    let set0 = i8x16.splat(0),
      set1 = i8x16.splat(0)
    for (let at: usize = 0; at < 8; at++) {
      const index_u8x16 = v128.load(halvesPtr + ((half + at) << 4))
      const table = tablePtr + ((half + at) << 9)
      set0 = i8x16.add(set0, i8x16.swizzle(v128.load(table), index_u8x16))
      set1 = i8x16.add(set1, i8x16.swizzle(v128.load(table, 16), index_u8x16))
    }
    low0 = i16x8.add(low0, i16x8.extend_low_i8x16_u(set0))
    high0 = i16x8.add(high0, i16x8.extend_high_i8x16_u(set0))
    low1 = i16x8.add(low1, i16x8.extend_low_i8x16_u(set1))
    high1 = i16x8.add(high1, i16x8.extend_high_i8x16_u(set1))
  }
  store8(sumsPtr, low0, high0, low1, high1)
}

/** Column of u16[32][16]: a token's sums in natural order of rows, eight at a time. */
function finishColumn(columnPtr: usize, cellPtr: usize, norm: i16, bestPtr: usize): void {
  const norm_i16x8 = i16x8.splat(norm)
  for (let row: usize = 0; row < 32; row += 8) {
    const ptr = columnPtr + (row << 5)
    let sums_i16x8 = v128.load_lane<u16>(ptr, i16x8.splat(0), 0)
    sums_i16x8 = v128.load_lane<u16>(ptr + 32, sums_i16x8, 1)
    sums_i16x8 = v128.load_lane<u16>(ptr + 64, sums_i16x8, 2)
    sums_i16x8 = v128.load_lane<u16>(ptr + 96, sums_i16x8, 3)
    sums_i16x8 = v128.load_lane<u16>(ptr + 128, sums_i16x8, 4)
    sums_i16x8 = v128.load_lane<u16>(ptr + 160, sums_i16x8, 5)
    sums_i16x8 = v128.load_lane<u16>(ptr + 192, sums_i16x8, 6)
    sums_i16x8 = v128.load_lane<u16>(ptr + 224, sums_i16x8, 7)
    const best = bestPtr + (row << 1)
    const sum_i16x8 = i16x8.add(sums_i16x8, v128.load(cellPtr + (row << 1)))
    v128.store(best, i16x8.max_s(v128.load(best), i16x8.q15mulr_sat_s(sum_i16x8, norm_i16x8)))
  }
}
