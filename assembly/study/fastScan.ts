/** Ways to rescore by tables in registers (André et al., VLDB 2015); index.ts says what they read and write. */
import { clearBest, store8 } from './shared'

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
