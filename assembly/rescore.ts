/**
 * Rescore: MaxSim of candidates on their residuals, straight from packed bytes. PLAID stage 4 (§4.4); ColBERTv2's residual
 * compression (Santhanam et al., NAACL 2022, §3.3). Tables of what a packed byte adds to every query row (tables.ts) stand for
 * multiplication; all scores are integers in units of their row (runtime/kernels/units.ts).
 */
import {
  QUERY_CELL_SCORES,
  QUERY_NUMBERS,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  QUERY_TABLES,
  ROW_BLOCK,
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_INVERSE_NORMS,
  SEGMENT_NBITS,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
  SET_BYTES,
} from './layout'

/**
 * token(i, t) = (S[code_t][i] + sum over bytes g of table[g][byte_g of t][i]) * inverseNorm[t], rounded: i16, see maxTokens
 * score[c]    = previous + fround(best * unit) of the rows i = first, first + 1 ... of one block, one after another in f32;
 *               best = max over tokens t of passage pids[c]. previous = 0 for the first block, score[c] for the others;
 *               0 for a passage without tokens
 *
 *   pidsPtr    u32[count], each below N       scoresPtr   f32[count]       firstRow   multiple of ROW_BLOCK, below R
 *
 * buildTables for the same block must have run. Reads pids, token starts, row blocks of those passages and up to 2 bytes
 * after a block's residuals (its CRC), inverse norms, cell scores, units, tables. Writes scores and scratch.
 */
export function rescore(
  segment: usize,
  query: usize,
  firstRow: usize,
  pidsPtr: usize,
  count: usize,
  scoresPtr: usize,
): void {
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const unitsPtr: usize = <usize>load<u32>(query, QUERY_NUMBERS) + ((rowsPadded * 3 + firstRow) << 2)
  const bestPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  assert(((pidsPtr | scoresPtr | startsPtr) & 3) == 0 && firstRow < rowsPadded && firstRow % ROW_BLOCK == 0)
  for (let candidate: usize = 0; candidate < count; candidate++) {
    const pid: usize = load<u32>(pidsPtr + (candidate << 2))
    const tokens: usize = load<u32>(startsPtr + (pid << 2), 4) - load<u32>(startsPtr + (pid << 2))
    let score: f32 = firstRow == 0 ? 0 : load<f32>(scoresPtr + (candidate << 2))
    if (tokens > 0) {
      maxTokens(segment, query, firstRow, pid, 0, tokens, bestPtr)
      // Rows after the last one have unit 0 and add nothing.
      for (let row: usize = 0; row < <usize>ROW_BLOCK; row++) {
        score += <f32>(<i32>load<i16>(bestPtr + (row << 1))) * load<f32>(unitsPtr + (row << 2))
      }
    }
    store<f32>(scoresPtr + (candidate << 2), score)
  }
}

/** fround(token(i, t) * unit) of one passage and one block of rows, for marking words. Writes f32[tokens][R] at outPtr. */
export function tokenScores(segment: usize, query: usize, firstRow: usize, pid: usize, outPtr: usize): void {
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const unitsPtr: usize = <usize>load<u32>(query, QUERY_NUMBERS) + ((rowsPadded * 3 + firstRow) << 2)
  const bestPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  const tokens: usize = load<u32>(startsPtr + (pid << 2), 4) - load<u32>(startsPtr + (pid << 2))
  assert((outPtr & 15) == 0 && firstRow < rowsPadded && firstRow % ROW_BLOCK == 0)
  outPtr += firstRow << 2
  for (let token: usize = 0; token < tokens; token++) {
    maxTokens(segment, query, firstRow, pid, token, 1, bestPtr)
    for (let row: usize = 0; row < <usize>ROW_BLOCK; row++) {
      const score = <f32>(<i32>load<i16>(bestPtr + (row << 1))) * load<f32>(unitsPtr + (row << 2))
      store<f32>(outPtr + (row << 2), score)
    }
    outPtr += rowsPadded << 2
  }
}

/**
 * best[i] = max over `count` tokens of a passage from `first` on of the token's score in row i. Writes i16[ROW_BLOCK].
 *
 * Four table bytes are added in u8 without overflow (units.ts sees to it). A u16 lane then holds two rows: low += the whole
 * lane, high += its upper byte, and at the end low - (high << 8) leaves the lower byte's sum, all modulo 2^16.
 *
 *   u16 lane    │ row j │ row j + 8 │  ...      tables are laid out so that both halves come out in natural order
 */
function maxTokens(
  segment: usize,
  query: usize,
  firstRow: usize,
  pid: usize,
  first: usize,
  count: usize,
  bestPtr: usize,
): void {
  const codeBytes: usize = load<u32>(segment, SEGMENT_CODE_BYTES)
  const residualBytes: usize = (<usize>load<u32>(segment, SEGMENT_DIM) * <usize>load<u32>(segment, SEGMENT_NBITS)) >> 3
  const startsPtr: usize = <usize>load<u32>(segment, SEGMENT_TOKEN_STARTS) + (pid << 2)
  const start: usize = load<u32>(startsPtr)
  const tokens: usize = <usize>load<u32>(startsPtr, 4) - start
  const cellStride: usize = (<usize>load<u32>(query, QUERY_ROWS_PADDED)) << 1
  const cellScoresPtr: usize = <usize>load<u32>(query, QUERY_CELL_SCORES) + (firstRow << 1)
  const tablesPtr: usize = load<u32>(query, QUERY_TABLES)
  const inverseNormsPtr: usize = load<u32>(segment, SEGMENT_INVERSE_NORMS)
  assert(((tablesPtr | cellScoresPtr | bestPtr) & 15) == 0 && (inverseNormsPtr & 1) == 0 && first + count <= tokens)

  const blockPtr: usize = <usize>load<u32>(segment, SEGMENT_ROWS) + start * (codeBytes + 1 + residualBytes) + (pid << 2)
  let codePtr = blockPtr + first * codeBytes
  let normPtr = blockPtr + tokens * codeBytes + first
  let residualPtr = blockPtr + tokens * (codeBytes + 1) + first * residualBytes
  const normEnd = normPtr + count
  // Four bytes are read for a code of two; norms and residuals follow, so they are there.
  const codeMask: u32 = codeBytes == 2 ? 0xffff : 0xffffffff
  let best0_i16x8 = i16x8.splat(-32768)
  let best1_i16x8 = i16x8.splat(-32768)
  let best2_i16x8 = i16x8.splat(-32768)
  let best3_i16x8 = i16x8.splat(-32768)
  for (; normPtr < normEnd; normPtr++) {
    const cellPtr: usize = cellScoresPtr + <usize>(load<u32>(codePtr) & codeMask) * cellStride
    let low0_i16x8 = v128.load(cellPtr)
    let low1_i16x8 = v128.load(cellPtr, 32)
    let high0_i16x8 = i16x8.splat(0)
    let high1_i16x8 = i16x8.splat(0)
    let tablePtr = tablesPtr
    const residualEnd = residualPtr + residualBytes
    for (let bytePtr = residualPtr; bytePtr < residualEnd; bytePtr += SET_BYTES) {
      const entry0 = tablePtr + ((<usize>load<u8>(bytePtr)) << 5)
      const entry1 = tablePtr + ((<usize>load<u8>(bytePtr, 1)) << 5)
      const entry2 = tablePtr + ((<usize>load<u8>(bytePtr, 2)) << 5)
      const entry3 = tablePtr + ((<usize>load<u8>(bytePtr, 3)) << 5)
      let set0_u8x16 = i8x16.add(v128.load(entry0), v128.load(entry1, 8192))
      let set1_u8x16 = i8x16.add(v128.load(entry0, 16), v128.load(entry1, 8208))
      set0_u8x16 = i8x16.add(i8x16.add(set0_u8x16, v128.load(entry2, 16384)), v128.load(entry3, 24576))
      set1_u8x16 = i8x16.add(i8x16.add(set1_u8x16, v128.load(entry2, 16400)), v128.load(entry3, 24592))
      low0_i16x8 = i16x8.add(low0_i16x8, set0_u8x16)
      high0_i16x8 = i16x8.add(high0_i16x8, i16x8.shr_u(set0_u8x16, 8))
      low1_i16x8 = i16x8.add(low1_i16x8, set1_u8x16)
      high1_i16x8 = i16x8.add(high1_i16x8, i16x8.shr_u(set1_u8x16, 8))
      tablePtr += SET_BYTES * 8192
    }
    residualPtr = residualEnd
    codePtr += codeBytes
    low0_i16x8 = i16x8.sub(low0_i16x8, i16x8.shl(high0_i16x8, 8))
    low1_i16x8 = i16x8.sub(low1_i16x8, i16x8.shl(high1_i16x8, 8))
    high0_i16x8 = i16x8.add(high0_i16x8, v128.load(cellPtr, 16))
    high1_i16x8 = i16x8.add(high1_i16x8, v128.load(cellPtr, 48))
    const norm_i16x8 = v128.load16_splat(inverseNormsPtr + ((<usize>load<u8>(normPtr)) << 1))
    best0_i16x8 = i16x8.max_s(best0_i16x8, i16x8.q15mulr_sat_s(low0_i16x8, norm_i16x8))
    best1_i16x8 = i16x8.max_s(best1_i16x8, i16x8.q15mulr_sat_s(high0_i16x8, norm_i16x8))
    best2_i16x8 = i16x8.max_s(best2_i16x8, i16x8.q15mulr_sat_s(low1_i16x8, norm_i16x8))
    best3_i16x8 = i16x8.max_s(best3_i16x8, i16x8.q15mulr_sat_s(high1_i16x8, norm_i16x8))
  }
  v128.store(bestPtr, best0_i16x8)
  v128.store(bestPtr, best1_i16x8, 16)
  v128.store(bestPtr, best2_i16x8, 32)
  v128.store(bestPtr, best3_i16x8, 48)
}
