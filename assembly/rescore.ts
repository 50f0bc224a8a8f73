/**
 * Rescore: MaxSim of candidates on their residuals, straight from packed bytes. PLAID stage 4 (§4.4); ColBERTv2's residual
 * compression (Santhanam et al., NAACL 2022, §3.3).
 */
import { dotRows } from './dot'
import {
  QUERY_CELL_SCORES,
  QUERY_PERMUTED,
  QUERY_RESIDUAL_SCALES,
  QUERY_ROWS,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_INVERSE_NORMS,
  SEGMENT_NBITS,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
  SEGMENT_WEIGHTS,
} from './layout'

/**
 * token(i, t) = fround(fround(S[code_t][i] + fround(dot(query i, weights of t) * residualScale[i])) * inverseNorm[t])
 * score[c]    = sum over rows i = 0, 1, 2 ... in this order, in f32, of max over tokens t of passage pids[c]; 0 without tokens
 *
 *   pidsPtr    u32[count], each below N          scoresPtr   f32[count]
 *
 * Reads pids, token starts, row blocks of those passages and up to 6 bytes after a block's residuals (its CRC, and the 16
 * bytes that follow the section), weights, inverse norms, cell scores, residual scales. Writes scores and scratch.
 */
export function rescore(segment: usize, query: usize, pidsPtr: usize, count: usize, scoresPtr: usize): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const rows: usize = load<u32>(query, QUERY_ROWS)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const bestPtr: usize = <usize>load<u32>(query, QUERY_SCRATCH) + (dim << 1) + 16 + (rowsPadded << 2)
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  assert(((pidsPtr | scoresPtr | startsPtr) & 3) == 0)
  for (let candidate: usize = 0; candidate < count; candidate++) {
    const pid: usize = load<u32>(pidsPtr + (candidate << 2))
    const empty = load<u32>(startsPtr + (pid << 2)) == load<u32>(startsPtr + (pid << 2), 4)
    let score: f32 = 0
    if (!empty) {
      fillLowest(bestPtr, rowsPadded)
      scorePassage(segment, query, pid, bestPtr, 0)
      for (let row: usize = 0; row < rows; row++) score += load<f32>(bestPtr + (row << 2))
    }
    store<f32>(scoresPtr + (candidate << 2), score)
  }
}

/**
 * token(i, t) of one passage, for marking words. Writes f32[tokens][rowsPadded] at outPtr, 16-byte aligned; reads as rescore.
 */
export function tokenScores(segment: usize, query: usize, pid: usize, outPtr: usize): void {
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const tokens: usize = load<u32>(startsPtr + (pid << 2), 4) - load<u32>(startsPtr + (pid << 2))
  assert((outPtr & 15) == 0)
  fillLowest(outPtr, rowsPadded * tokens)
  scorePassage(segment, query, pid, outPtr, rowsPadded << 2)
}

function fillLowest(ptr: usize, count: usize): void {
  for (const end = ptr + (count << 2); ptr < end; ptr += 16) v128.store(ptr, f32x4.splat(-Infinity))
}

/** best[i] = max(best[i], token(i, t)) for each token; `bestPtr` moves on by `bestStep` bytes after each. */
function scorePassage(segment: usize, query: usize, pid: usize, bestPtr: usize, bestStep: usize): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const nbits: i32 = load<u32>(segment, SEGMENT_NBITS)
  const codeBytes: usize = load<u32>(segment, SEGMENT_CODE_BYTES)
  const residualBytes: usize = (dim * <usize>nbits) >> 3
  const startsPtr: usize = <usize>load<u32>(segment, SEGMENT_TOKEN_STARTS) + (pid << 2)
  const start: usize = load<u32>(startsPtr)
  const tokens: usize = <usize>load<u32>(startsPtr, 4) - start
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const vectorPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const dotsPtr: usize = vectorPtr + (dim << 1) + 16
  const queryPtr: usize = load<u32>(query, QUERY_PERMUTED)
  const scalesPtr: usize = load<u32>(query, QUERY_RESIDUAL_SCALES)
  const cellScoresPtr: usize = load<u32>(query, QUERY_CELL_SCORES)
  const inverseNormsPtr: usize = load<u32>(segment, SEGMENT_INVERSE_NORMS)
  const weights_i8x16 = v128.load(load<u32>(segment, SEGMENT_WEIGHTS))
  assert((vectorPtr & 15) == 0 && (queryPtr & 15) == 0 && (scalesPtr & 15) == 0 && (cellScoresPtr & 15) == 0)

  let codePtr: usize = <usize>load<u32>(segment, SEGMENT_ROWS) + start * (codeBytes + 1 + residualBytes) + (pid << 2)
  let normPtr: usize = codePtr + tokens * codeBytes
  let residualPtr: usize = normPtr + tokens
  for (let token: usize = 0; token < tokens; token++) {
    const code: usize = codeBytes == 2 ? <usize>load<u16>(codePtr) : <usize>load<u32>(codePtr)
    decodeResidual(residualPtr, residualBytes, nbits, weights_i8x16, vectorPtr)
    dotRows(vectorPtr, dim, queryPtr, rowsPadded, dotsPtr)
    const inverseNorm_f32x4 = f32x4.splat(load<f32>(inverseNormsPtr + ((<usize>load<u8>(normPtr)) << 2)))
    const cellPtr: usize = cellScoresPtr + code * (rowsPadded << 2)
    for (let at: usize = 0; at < rowsPadded << 2; at += 16) {
      const residual_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr + at)), v128.load(scalesPtr + at))
      const score_f32x4 = f32x4.mul(f32x4.add(v128.load(cellPtr + at), residual_f32x4), inverseNorm_f32x4)
      v128.store(bestPtr + at, f32x4.pmax(v128.load(bestPtr + at), score_f32x4))
    }
    codePtr += codeBytes
    normPtr += 1
    residualPtr += residualBytes
    bestPtr += bestStep
  }
}

// ╒═══════ packed residuals, for example 4 bits a dim: u8[dim / 2] (SPEC.md §5) ═══════╕
//
//   byte  │    0    │    1    │  ...  │    7    │   eight bytes are decoded at a time
//         ├────┬────┼────┬────┼───────┼────┬────┤
//         │ d0 │ d1 │ d2 │ d3 │       │ d14│ d15│   bits of a bucket index least significant first
//         └────┴────┴────┴────┴───────┴────┴────┘
//   out   │ d0 d2 d4 ... d14 │ d1 d3 ... d15 │ d16 ...      the first value of each byte, then the second ...
//
/**
 * Packed buckets to i16 weights, not interleaved back: the query's dims are permuted instead, once a query.
 * The last chunk of a row may have 2, 4 or 6 bytes; its vectors are then stored `2 * valid` bytes apart, so that each
 * overwrites the garbage lanes of the one before. Writes i16[dim] and up to 12 bytes of garbage after it.
 */
function decodeResidual(packedPtr: usize, packedBytes: usize, nbits: i32, weights_i8x16: v128, outPtr: usize): void {
  const mask_u8x16 = i8x16.splat(<i8>(<i32>((1 << nbits) - 1)))
  const packedEnd: usize = packedPtr + packedBytes
  for (; packedPtr < packedEnd; packedPtr += 8) {
    const packed_u8x16 = v128.load64_zero(packedPtr)
    const step: usize = min<usize>(8, packedEnd - packedPtr) << 1
    for (let shift: i32 = 8 - nbits; shift >= 0; shift -= nbits) {
      // A 16-bit shift is one instruction everywhere; the mask drops what came in from the neighbouring byte.
      const bucket_u8x16 = v128.and(i16x8.shr_u(packed_u8x16, shift), mask_u8x16)
      v128.store(outPtr, i16x8.extend_low_i8x16_s(i8x16.swizzle(weights_i8x16, bucket_u8x16)))
      outPtr += step
    }
  }
}
