/**
 * Approximate: MaxSim of candidates with every token replaced by its centroid, in bytes. PLAID stages 2 and 3 (§4.2, §4.3).
 */
import {
  QUERY_BYTE_STRIDE,
  QUERY_CELL_BYTES,
  QUERY_SURVIVES,
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_NBITS,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
} from './layout'

/**
 * score[c] = sum over rows of max over the codes of passage pids[c] of U[code][row]; in [0, 254 * rows]
 *
 * With `pruned` not 0 only codes with survives[code] count; a passage without any scores 0.
 *
 *   pidsPtr    u32[count], each below N          scoresPtr   u32[count]
 *
 * Reads pids, token starts, codes of those passages, survives and cell bytes. Codes must be below K (validateCodes).
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
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const tokenBytes: usize = codeBytes + 1 + ((dim * <usize>load<u32>(segment, SEGMENT_NBITS)) >> 3)
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  const rowsPtr: usize = load<u32>(segment, SEGMENT_ROWS)
  const stride: usize = load<u32>(query, QUERY_BYTE_STRIDE)
  const bytesPtr: usize = load<u32>(query, QUERY_CELL_BYTES)
  const survivesPtr: usize = pruned != 0 ? <usize>load<u32>(query, QUERY_SURVIVES) : 0
  assert(codeBytes == 2 || codeBytes == 4)
  assert(stride % 16 == 0 && (bytesPtr & 15) == 0 && ((pidsPtr | scoresPtr | startsPtr) & 3) == 0)

  for (let candidate: usize = 0; candidate < count; candidate++) {
    const pid: usize = load<u32>(pidsPtr + (candidate << 2))
    const start: usize = load<u32>(startsPtr + (pid << 2))
    const end: usize = load<u32>(startsPtr + (pid << 2), 4)
    const codesPtr = rowsPtr + start * tokenBytes + (pid << 2)
    const codesEnd = codesPtr + (end - start) * codeBytes
    let score: u32 = 0
    let row: usize = 0
    for (; row + 32 <= stride; row += 32) {
      score += maxBytes32(codesPtr, codesEnd, codeBytes, survivesPtr, bytesPtr + row, stride)
    }
    if (row < stride) score += maxBytes16(codesPtr, codesEnd, codeBytes, survivesPtr, bytesPtr + row, stride)
    store<u32>(scoresPtr + (candidate << 2), score)
  }
}

/** 32 query rows: two vectors of running maxima. */
function maxBytes32(
  codesPtr: usize,
  codesEnd: usize,
  codeBytes: usize,
  survivesPtr: usize,
  bytesPtr: usize,
  stride: usize,
): u32 {
  let low_u8x16 = i8x16.splat(0)
  let high_u8x16 = i8x16.splat(0)
  for (; codesPtr < codesEnd; codesPtr += codeBytes) {
    const code = loadCode(codesPtr, codeBytes)
    if (survivesPtr != 0 && load<u8>(survivesPtr + code) == 0) continue
    const rowPtr = bytesPtr + code * stride
    low_u8x16 = i8x16.max_u(low_u8x16, v128.load(rowPtr))
    high_u8x16 = i8x16.max_u(high_u8x16, v128.load(rowPtr, 16))
  }
  return sumBytes(low_u8x16) + sumBytes(high_u8x16)
}

function maxBytes16(
  codesPtr: usize,
  codesEnd: usize,
  codeBytes: usize,
  survivesPtr: usize,
  bytesPtr: usize,
  stride: usize,
): u32 {
  let best_u8x16 = i8x16.splat(0)
  for (; codesPtr < codesEnd; codesPtr += codeBytes) {
    const code = loadCode(codesPtr, codeBytes)
    if (survivesPtr != 0 && load<u8>(survivesPtr + code) == 0) continue
    best_u8x16 = i8x16.max_u(best_u8x16, v128.load(bytesPtr + code * stride))
  }
  return sumBytes(best_u8x16)
}

function loadCode(codePtr: usize, codeBytes: usize): usize {
  return codeBytes == 2 ? <usize>load<u16>(codePtr) : <usize>load<u32>(codePtr)
}

function sumBytes(bytes_u8x16: v128): u32 {
  const sum_u32x4 = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes_u8x16))
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
