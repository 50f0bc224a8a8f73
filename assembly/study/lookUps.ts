/** Ways to rescore by tables whose entries are 32 rows; index.ts says what they read and write. */
import { clearBest } from './shared'

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
