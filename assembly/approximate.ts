/**
 * Approximate: MaxSim of candidates with every token replaced by its centroid, in bytes. PLAID stages 2 and 3 (§4.2, §4.3).
 * Works on the distinct codes of each passage (distinct.ts): a maximum does not ask how often.
 */
import {
  QUERY_CELL_BYTES,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  QUERY_SURVIVES,
  ROW_BLOCK,
  SEGMENT_CELL_STARTS,
  SEGMENT_CELLS,
  SEGMENT_CODE_BYTES,
} from './layout'

/** Codes that are sifted at a time, into the scratch: 512 of four bytes are 2,048. */
const SIFTED_MAX: usize = 512

/**
 * score[c] = sum over rows of max over the codes of passage pids[c] of U[code][row]; in [0, 255 * rows]
 *
 * With `pruned` not 0 only codes with survives[code] count; a passage without any scores 0.
 *
 *   pidsPtr    u32[count], each below N          scoresPtr   u32[count]
 *
 * Reads pids, cell starts, cells of those passages, survives and cell bytes. Writes scores and, when pruned, scratch.
 */
export function approximate(
  segment: usize,
  query: usize,
  pidsPtr: usize,
  count: usize,
  pruned: u32,
  scoresPtr: usize,
): void {
  const codeBytes: usize = load<u32>(segment, SEGMENT_CODE_BYTES)
  const startsPtr: usize = load<u32>(segment, SEGMENT_CELL_STARTS)
  const cellsPtr: usize = load<u32>(segment, SEGMENT_CELLS)
  const stride: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const bytesPtr: usize = load<u32>(query, QUERY_CELL_BYTES)
  const survivesPtr: usize = load<u32>(query, QUERY_SURVIVES)
  const siftedPtr: usize = load<u32>(query, QUERY_SCRATCH)
  assert(codeBytes == 2 || codeBytes == 4)
  assert(stride % ROW_BLOCK == 0 && (bytesPtr & 15) == 0 && ((pidsPtr | scoresPtr | startsPtr) & 3) == 0)

  for (let candidate: usize = 0; candidate < count; candidate++) {
    const startPtr = startsPtr + ((<usize>load<u32>(pidsPtr + (candidate << 2))) << 2)
    const codesPtr = cellsPtr + <usize>load<u32>(startPtr) * codeBytes
    const codesEnd = cellsPtr + <usize>load<u32>(startPtr, 4) * codeBytes
    let score: u32 = 0
    for (let row: usize = 0; row < stride; row += ROW_BLOCK) {
      if (pruned != 0)
        score += maxSurviving(codesPtr, codesEnd, codeBytes, survivesPtr, siftedPtr, bytesPtr + row, stride)
      else if (codeBytes == 2) score += maxShortCodes(codesPtr, codesEnd, bytesPtr + row, stride)
      else score += maxLongCodes(codesPtr, codesEnd, bytesPtr + row, stride)
    }
    store<u32>(scoresPtr + (candidate << 2), score)
  }
}

/** Codes of two bytes, four at a time: the loop's own work would cost as much as the maxima. */
function maxShortCodes(codesPtr: usize, codesEnd: usize, bytesPtr: usize, stride: usize): u32 {
  let low_u8x16 = i8x16.splat(0)
  let high_u8x16 = i8x16.splat(0)
  for (; codesPtr + 8 <= codesEnd; codesPtr += 8) {
    const row0 = bytesPtr + <usize>load<u16>(codesPtr) * stride
    const row1 = bytesPtr + <usize>load<u16>(codesPtr, 2) * stride
    const row2 = bytesPtr + <usize>load<u16>(codesPtr, 4) * stride
    const row3 = bytesPtr + <usize>load<u16>(codesPtr, 6) * stride
    const low01_u8x16 = i8x16.max_u(v128.load(row0), v128.load(row1))
    const high01_u8x16 = i8x16.max_u(v128.load(row0, 16), v128.load(row1, 16))
    const low23_u8x16 = i8x16.max_u(v128.load(row2), v128.load(row3))
    const high23_u8x16 = i8x16.max_u(v128.load(row2, 16), v128.load(row3, 16))
    low_u8x16 = i8x16.max_u(low_u8x16, i8x16.max_u(low01_u8x16, low23_u8x16))
    high_u8x16 = i8x16.max_u(high_u8x16, i8x16.max_u(high01_u8x16, high23_u8x16))
  }
  for (; codesPtr < codesEnd; codesPtr += 2) {
    const row = bytesPtr + <usize>load<u16>(codesPtr) * stride
    low_u8x16 = i8x16.max_u(low_u8x16, v128.load(row))
    high_u8x16 = i8x16.max_u(high_u8x16, v128.load(row, 16))
  }
  return sumBytes(low_u8x16, high_u8x16)
}

function maxLongCodes(codesPtr: usize, codesEnd: usize, bytesPtr: usize, stride: usize): u32 {
  let low_u8x16 = i8x16.splat(0)
  let high_u8x16 = i8x16.splat(0)
  for (; codesPtr < codesEnd; codesPtr += 4) {
    const row = bytesPtr + <usize>load<u32>(codesPtr) * stride
    low_u8x16 = i8x16.max_u(low_u8x16, v128.load(row))
    high_u8x16 = i8x16.max_u(high_u8x16, v128.load(row, 16))
  }
  return sumBytes(low_u8x16, high_u8x16)
}

/** Sifts first, without a branch a code: which code survives cannot be predicted, and few do. */
function maxSurviving(
  codesPtr: usize,
  codesEnd: usize,
  codeBytes: usize,
  survivesPtr: usize,
  siftedPtr: usize,
  bytesPtr: usize,
  stride: usize,
): u32 {
  let low_u8x16 = i8x16.splat(0)
  let high_u8x16 = i8x16.splat(0)
  while (codesPtr < codesEnd) {
    const partEnd = min<usize>(codesEnd, codesPtr + SIFTED_MAX * codeBytes)
    const siftedEnd =
      codeBytes == 2
        ? siftShortCodes(codesPtr, partEnd, survivesPtr, siftedPtr)
        : siftLongCodes(codesPtr, partEnd, survivesPtr, siftedPtr)
    for (let sifted = siftedPtr; sifted < siftedEnd; sifted += 4) {
      const row = bytesPtr + <usize>load<u32>(sifted) * stride
      low_u8x16 = i8x16.max_u(low_u8x16, v128.load(row))
      high_u8x16 = i8x16.max_u(high_u8x16, v128.load(row, 16))
    }
    codesPtr = partEnd
  }
  return sumBytes(low_u8x16, high_u8x16)
}

/** Writes the codes that survive as u32; a code that does not is overwritten by the next. @returns the end */
function siftShortCodes(codesPtr: usize, codesEnd: usize, survivesPtr: usize, siftedPtr: usize): usize {
  for (; codesPtr + 4 <= codesEnd; codesPtr += 4) {
    const code0: usize = load<u16>(codesPtr)
    const code1: usize = load<u16>(codesPtr, 2)
    store<u32>(siftedPtr, <u32>code0)
    siftedPtr += (<usize>load<u8>(survivesPtr + code0)) << 2
    store<u32>(siftedPtr, <u32>code1)
    siftedPtr += (<usize>load<u8>(survivesPtr + code1)) << 2
  }
  for (; codesPtr < codesEnd; codesPtr += 2) {
    const code: usize = load<u16>(codesPtr)
    store<u32>(siftedPtr, <u32>code)
    siftedPtr += (<usize>load<u8>(survivesPtr + code)) << 2
  }
  return siftedPtr
}

function siftLongCodes(codesPtr: usize, codesEnd: usize, survivesPtr: usize, siftedPtr: usize): usize {
  for (; codesPtr < codesEnd; codesPtr += 4) {
    const code: usize = load<u32>(codesPtr)
    store<u32>(siftedPtr, <u32>code)
    siftedPtr += (<usize>load<u8>(survivesPtr + code)) << 2
  }
  return siftedPtr
}

function sumBytes(low_u8x16: v128, high_u8x16: v128): u32 {
  const sum_u16x8 = i16x8.add(i16x8.extadd_pairwise_i8x16_u(low_u8x16), i16x8.extadd_pairwise_i8x16_u(high_u8x16))
  const sum_u32x4 = i32x4.extadd_pairwise_i16x8_u(sum_u16x8)
  return (
    i32x4.extract_lane(sum_u32x4, 0) +
    i32x4.extract_lane(sum_u32x4, 1) +
    i32x4.extract_lane(sum_u32x4, 2) +
    i32x4.extract_lane(sum_u32x4, 3)
  )
}

/**
 * The `wanted` candidates of the highest score by counting; equal scores at the border go to the earlier candidate, which is
 * the lower pid where pids ascend. Writes their pids in the order they came in.
 *
 *   pidsPtr    u32[count]        scoresPtr   u32[count], each at most scoreMax
 *   countsPtr  u32[scoreMax + 1], scratch     outPtr      u32[min(wanted, count)], may be pidsPtr itself
 *
 * Returns the number written. Reads pids and scores, O(count + scoreMax).
 */
export function selectTop(
  pidsPtr: usize,
  scoresPtr: usize,
  count: usize,
  wanted: usize,
  scoreMax: u32,
  countsPtr: usize,
  outPtr: usize,
): usize {
  assert(((pidsPtr | scoresPtr | countsPtr | outPtr) & 3) == 0)
  memory.fill(countsPtr, 0, (<usize>scoreMax + 1) << 2)
  for (let at: usize = 0; at < count; at++) {
    const score = load<u32>(scoresPtr + (at << 2))
    assert(score <= scoreMax)
    const countPtr = countsPtr + ((<usize>score) << 2)
    store<u32>(countPtr, load<u32>(countPtr) + 1)
  }
  // Walk down to the border: the score at which the places run out.
  let border: u32 = scoreMax
  let places: usize = wanted
  for (; border > 0; border--) {
    const held: usize = load<u32>(countsPtr + ((<usize>border) << 2))
    if (held >= places) break
    places -= held
  }
  let written: usize = 0
  for (let at: usize = 0; at < count; at++) {
    const score = load<u32>(scoresPtr + (at << 2))
    if (score < border) continue
    if (score == border) {
      if (places == 0) continue
      places -= 1
    }
    store<u32>(outPtr + (written << 2), load<u32>(pidsPtr + (at << 2)))
    written += 1
  }
  return written
}
