/**
 * Refine: MaxSim of the few best passages once more, at sixteen bits. rescore.ts counts in units as coarse as its byte tables; here
 * each token is decoded to i16 and multiplied out, which costs three times as much a token and loses nothing that matters.
 */
import { dot2x16Rows } from './dot'
import {
  QUERY_FINE_PAIRS,
  QUERY_NUMBERS,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  ROW_BLOCK,
  SEGMENT_CENTROID_SCALES,
  SEGMENT_CENTROIDS,
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_FINE_SCALE,
  SEGMENT_FINE_VALUES,
  SEGMENT_INVERSE_NORMS,
  SEGMENT_NBITS,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
} from './layout'

/** Scratch: i16[2][dim] tokens, i32[2][ROW_BLOCK] dot products, f32[ROW_BLOCK] best. */
const DOTS: usize = 1024
const BEST: usize = 1280

/**
 * v_t[d]      = nearest(centroid[code_t][d] * fround(scale[code_t] * fineScale)) + fineValue[bucket_t[d]], an i16
 * token(i, t) = fround(sum_d v_t[d] * fine[i][d] as f32 * inverseNorm[t])
 * score[c]    = previous + fround(best * fineUnit) of the rows i = first, first + 1 ... of one block, one after another in f32;
 *               best = max over tokens t of passage pids[c]. previous = 0 for the first block, score[c] for the others;
 *               0 for a passage without tokens
 *
 *   pidsPtr    u32[count], each below N       scoresPtr   f32[count]       firstRow   multiple of ROW_BLOCK, below R
 *
 * No sum leaves i32: |v| <= 32,001 * 16 and |fine| <= 4,008 in length (quantise.ts). Reads pids, token starts, row blocks of those
 * passages, centroids and scales, fine values, inverse norms, fine pairs, fine units. Writes scores and scratch.
 */
export function refine(
  segment: usize,
  query: usize,
  firstRow: usize,
  pidsPtr: usize,
  count: usize,
  scoresPtr: usize,
): void {
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const unitsPtr: usize = <usize>load<u32>(query, QUERY_NUMBERS) + rowsPadded * 20 + (firstRow << 2)
  const bestPtr: usize = <usize>load<u32>(query, QUERY_SCRATCH) + BEST
  const startsPtr: usize = load<u32>(segment, SEGMENT_TOKEN_STARTS)
  assert(((pidsPtr | scoresPtr | startsPtr) & 3) == 0 && firstRow < rowsPadded && firstRow % ROW_BLOCK == 0)
  for (let candidate: usize = 0; candidate < count; candidate++) {
    const pid: usize = load<u32>(pidsPtr + (candidate << 2))
    const start: usize = load<u32>(startsPtr + (pid << 2))
    const tokens: usize = <usize>load<u32>(startsPtr + (pid << 2), 4) - start
    let score: f32 = firstRow == 0 ? 0 : load<f32>(scoresPtr + (candidate << 2))
    if (tokens > 0) {
      bestOfTokens(segment, query, firstRow, start, tokens, pid)
      for (let row: usize = 0; row < <usize>ROW_BLOCK; row++) {
        score += load<f32>(bestPtr + (row << 2)) * load<f32>(unitsPtr + (row << 2))
      }
    }
    store<f32>(scoresPtr + (candidate << 2), score)
  }
}

/** Writes f32[ROW_BLOCK]: the largest token(i, t) of a passage. Two tokens at a time; of an odd number the last one twice. */
function bestOfTokens(segment: usize, query: usize, firstRow: usize, start: usize, tokens: usize, pid: usize): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const codeBytes: usize = load<u32>(segment, SEGMENT_CODE_BYTES)
  const residualBytes: usize = (dim * <usize>load<u32>(segment, SEGMENT_NBITS)) >> 3
  const stride: usize = (<usize>load<u32>(query, QUERY_ROWS_PADDED)) << 2
  const pairsPtr: usize = <usize>load<u32>(query, QUERY_FINE_PAIRS) + (firstRow << 2)
  const scratchPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const inverseNormsPtr: usize = load<u32>(segment, SEGMENT_INVERSE_NORMS)
  const blockPtr: usize = <usize>load<u32>(segment, SEGMENT_ROWS) + start * (codeBytes + 1 + residualBytes) + (pid << 2)
  const normsPtr = blockPtr + tokens * codeBytes
  const residualsPtr = normsPtr + tokens
  for (let row: usize = 0; row < <usize>ROW_BLOCK; row += 4) {
    v128.store(scratchPtr + BEST + (row << 2), f32x4.splat(-Infinity))
  }
  for (let token: usize = 0; token < tokens; token += 2) {
    const other: usize = min(token + 1, tokens - 1)
    decode(segment, dim, codeAt(blockPtr, token, codeBytes), residualsPtr + token * residualBytes, scratchPtr)
    decode(
      segment,
      dim,
      codeAt(blockPtr, other, codeBytes),
      residualsPtr + other * residualBytes,
      scratchPtr + (dim << 1),
    )
    dot2x16Rows(scratchPtr, dim, pairsPtr, stride, scratchPtr + DOTS, 128)
    dot2x16Rows(scratchPtr, dim, pairsPtr + 64, stride, scratchPtr + DOTS + 64, 128)
    raiseBest(scratchPtr, scratchPtr + DOTS, inverseNormsPtr + ((<usize>load<u8>(normsPtr + token)) << 1))
    raiseBest(scratchPtr, scratchPtr + DOTS + 128, inverseNormsPtr + ((<usize>load<u8>(normsPtr + other)) << 1))
  }
}

function codeAt(blockPtr: usize, token: usize, codeBytes: usize): usize {
  return codeBytes == 2 ? <usize>load<u16>(blockPtr + (token << 1)) : <usize>load<u32>(blockPtr + (token << 2))
}

function raiseBest(scratchPtr: usize, dotsPtr: usize, normPtr: usize): void {
  const norm_f32x4 = f32x4.splat(<f32>(<i32>load<i16>(normPtr)))
  for (let at: usize = 0; at < (<usize>ROW_BLOCK) << 2; at += 16) {
    const score_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr + at)), norm_f32x4)
    v128.store(scratchPtr + BEST + at, f32x4.max(v128.load(scratchPtr + BEST + at), score_f32x4))
  }
}

/** Writes v_t, i16[dim], at outPtr. A byte of a residual is the number of an entry of fine values. */
function decode(segment: usize, dim: usize, code: usize, residualPtr: usize, outPtr: usize): void {
  const nbits: usize = load<u32>(segment, SEGMENT_NBITS)
  const valuesPtr: usize = load<u32>(segment, SEGMENT_FINE_VALUES)
  const outEnd = outPtr + (dim << 1)
  if (nbits == 4) {
    for (let ptr = outPtr; ptr < outEnd; ptr += 4) {
      store<u32>(ptr, load<u32>(valuesPtr + ((<usize>load<u8>(residualPtr++)) << 2)))
    }
  } else if (nbits == 2) {
    for (let ptr = outPtr; ptr < outEnd; ptr += 8) {
      store<u64>(ptr, load<u64>(valuesPtr + ((<usize>load<u8>(residualPtr++)) << 3)))
    }
  } else {
    for (let ptr = outPtr; ptr < outEnd; ptr += 16) {
      v128.store(ptr, v128.load(valuesPtr + ((<usize>load<u8>(residualPtr++)) << 4)))
    }
  }
  const scalesPtr: usize = load<u32>(segment, SEGMENT_CENTROID_SCALES)
  const factor_f32x4 = f32x4.splat(load<f32>(scalesPtr + (code << 2)) * load<f32>(segment, SEGMENT_FINE_SCALE))
  let centroidPtr: usize = <usize>load<u32>(segment, SEGMENT_CENTROIDS) + code * dim
  for (let ptr = outPtr; ptr < outEnd; ptr += 16) {
    const centroid_i16x8 = v128.load8x8_s(centroidPtr)
    const low_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(centroid_i16x8)), factor_f32x4)
    const high_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(centroid_i16x8)), factor_f32x4)
    const rounded_i16x8 = i16x8.narrow_i32x4_s(
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(low_f32x4)),
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(high_f32x4)),
    )
    v128.store(ptr, i16x8.add(v128.load(ptr), rounded_i16x8))
    centroidPtr += 8
  }
}
