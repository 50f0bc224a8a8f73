/**
 * Probe: the query against every centroid, and the best cells of each row. PLAID stage 1 (Santhanam et al., CIKM 2022, §4.1).
 */
import { dot2x16Rows } from './dot'
import {
  QUERY_CELL_BYTES,
  QUERY_CELL_SCORES,
  QUERY_NUMBERS,
  QUERY_PAIRS,
  QUERY_ROWS,
  QUERY_ROWS_PADDED,
  QUERY_SCRATCH,
  QUERY_SURVIVES,
  ROW_BLOCK,
  SEGMENT_CENTROID_COUNT,
  SEGMENT_CENTROID_SCALES,
  SEGMENT_CENTROIDS,
  SEGMENT_DIM,
} from './layout'

/**
 * S[k][i] = fround(fround(fround(dot(centroid k, query i) * centroidScale[k]) * cellFactor[i]) + cellOffset[i])
 *           - 1.5 * 2^23, an integer in i16: cell offsets are 1.5 * 2^23 and an integer, so the last addition rounds half to even
 * U[k][i] = ((S * byteFactor[i] + 2^14) >> 15) + byteOffset[i], clamped to [0, 255]; 0 in padded rows
 * survives[k] = max over rows of U[k][i] >= threshold
 *
 * Reads centroids, centroid scales, the paired query and the numbers of its rows. Writes cell scores, cell bytes, survives and
 * scratch, all exactly as long as layout.ts says. Factors are such that S fits (units.ts).
 */
export function scoreCentroids(segment: usize, query: usize, threshold: i32): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const vectorsPtr: usize = load<u32>(query, QUERY_SCRATCH)
  const queryPtr: usize = load<u32>(query, QUERY_PAIRS)
  const numbersPtr: usize = load<u32>(query, QUERY_NUMBERS)
  const scoresPtr: usize = load<u32>(query, QUERY_CELL_SCORES)
  const bytesPtr: usize = load<u32>(query, QUERY_CELL_BYTES)
  const survivesPtr: usize = load<u32>(query, QUERY_SURVIVES)
  const scalesPtr: usize = load<u32>(segment, SEGMENT_CENTROID_SCALES)
  const count: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  let centroidPtr: usize = load<u32>(segment, SEGMENT_CENTROIDS)
  const dotsPtr = vectorsPtr + (dim << 2)
  assert(dim % 16 == 0 && dim >= 32 && dim <= 256 && threshold >= 0 && threshold <= 255)
  assert(rowsPadded % ROW_BLOCK == 0 && rowsPadded > 0)
  assert(((query | vectorsPtr | queryPtr | numbersPtr | scoresPtr | bytesPtr) & 15) == 0)

  memory.fill(survivesPtr, 0, count)
  for (let cell: usize = 0; cell < count; cell += 2) {
    // The last of an odd number is scored twice.
    const other = min<usize>(cell + 1, count - 1)
    widen(centroidPtr, dim, vectorsPtr)
    widen(centroidPtr + (other - cell) * dim, dim, vectorsPtr + (dim << 1))
    for (let row: usize = 0; row < rowsPadded; row += 16) {
      dot2x16Rows(vectorsPtr, dim, queryPtr + (row << 2), rowsPadded << 2, dotsPtr, 64)
      for (let one = cell; ; one = other) {
        const scale_f32x4 = v128.load32_splat(scalesPtr + (one << 2))
        const at = one * rowsPadded + row
        const dots = dotsPtr + ((one - cell) << 6)
        const bytes_u8x16 = scoreRows(dots, scale_f32x4, numbersPtr, rowsPadded, row, scoresPtr + (at << 1))
        v128.store(bytesPtr + at, bytes_u8x16)
        const reaches = v128.any_true(i8x16.ge_u(bytes_u8x16, i8x16.splat(<i8>threshold)))
        store<u8>(survivesPtr + one, load<u8>(survivesPtr + one) | u8(reaches))
        if (one == other) break
      }
    }
    centroidPtr += dim << 1
  }
}

/** i8[dim] to i16[dim]; dim % 16 == 0, so 16-byte loads end with the centroid. */
function widen(fromPtr: usize, dim: usize, toPtr: usize): void {
  for (let at: usize = 0; at < dim; at += 16) {
    const values_i8x16 = v128.load(fromPtr + at)
    v128.store(toPtr + (at << 1), i16x8.extend_low_i8x16_s(values_i8x16))
    v128.store(toPtr + (at << 1), i16x8.extend_high_i8x16_s(values_i8x16), 16)
  }
}

/** Dot products of one centroid with 16 rows to S, which it stores at scoresPtr, and U, which it returns. */
function scoreRows(
  dotsPtr: usize,
  centroidScale_f32x4: v128,
  numbersPtr: usize,
  rowsPadded: usize,
  row: usize,
  scoresPtr: usize,
): v128 {
  const factorsPtr = numbersPtr + (row << 2)
  const offsetsPtr = factorsPtr + (rowsPadded << 2)
  const byteFactorsPtr = numbersPtr + (rowsPadded << 4) + (row << 1)
  const byteOffsetsPtr = byteFactorsPtr + (rowsPadded << 1)
  const score0_i16x8 = scoreEight(dotsPtr, centroidScale_f32x4, factorsPtr, offsetsPtr)
  const score1_i16x8 = scoreEight(dotsPtr + 32, centroidScale_f32x4, factorsPtr + 32, offsetsPtr + 32)
  v128.store(scoresPtr, score0_i16x8)
  v128.store(scoresPtr, score1_i16x8, 16)
  const scaled0_i16x8 = i16x8.q15mulr_sat_s(score0_i16x8, v128.load(byteFactorsPtr))
  const scaled1_i16x8 = i16x8.q15mulr_sat_s(score1_i16x8, v128.load(byteFactorsPtr, 16))
  return i8x16.narrow_i16x8_u(
    i16x8.add_sat_s(scaled0_i16x8, v128.load(byteOffsetsPtr)),
    i16x8.add_sat_s(scaled1_i16x8, v128.load(byteOffsetsPtr, 16)),
  )
}

function scoreEight(dotsPtr: usize, centroidScale_f32x4: v128, factorsPtr: usize, offsetsPtr: usize): v128 {
  const dot0_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr)), centroidScale_f32x4)
  const dot1_f32x4 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(dotsPtr, 16)), centroidScale_f32x4)
  const shifted0_f32x4 = f32x4.add(f32x4.mul(dot0_f32x4, v128.load(factorsPtr)), v128.load(offsetsPtr))
  const shifted1_f32x4 = f32x4.add(f32x4.mul(dot1_f32x4, v128.load(factorsPtr, 16)), v128.load(offsetsPtr, 16))
  // 0x4b400000 are the bits of 1.5 * 2^23; from there on consecutive floats are consecutive integers.
  return i16x8.narrow_i32x4_s(
    i32x4.sub(shifted0_f32x4, i32x4.splat(0x4b400000)),
    i32x4.sub(shifted1_f32x4, i32x4.splat(0x4b400000)),
  )
}

/**
 * Marks the `ncells` best cells of every row whose cell factor is not 0; equal scores go to the lower cell.
 * One pass over S with a heap a row, so that the worst order of scores costs log(ncells) an entry and not ncells.
 *
 *   heapsPtr   u8[R * 6 + 8 * rows * ncells]:  i16[R] entry bars, u32[R] counts,
 *              {i32 score, u32 cell}[rows][ncells] heaps whose root is the entry to drop first
 *   marksPtr   u8[K]: set to 1 for a probed cell, 0 for others
 *
 * Preconditions: 1 <= ncells <= K; heapsPtr 8-byte aligned. Differs from ColBERT: rows of zeros probe nothing, where
 * an argmax over equal zeros would probe an arbitrary cell.
 */
export function topCells(segment: usize, query: usize, ncells: usize, heapsPtr: usize, marksPtr: usize): void {
  const rows: usize = load<u32>(query, QUERY_ROWS)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const factorsPtr: usize = load<u32>(query, QUERY_NUMBERS)
  const count: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  const countsPtr: usize = heapsPtr + (rowsPadded << 1)
  const entriesPtr: usize = countsPtr + (rowsPadded << 2)
  assert(ncells >= 1 && ncells <= count && (heapsPtr & 7) == 0)

  for (let row: usize = 0; row < rowsPadded; row++) {
    // No score is above the bar of a row that does not probe, and every score (see units.ts) is above that of an empty heap.
    const probes = load<f32>(factorsPtr + (row << 2)) != 0
    store<i16>(heapsPtr + (row << 1), probes ? -32768 : 32767)
    store<u32>(countsPtr + (row << 2), 0)
  }
  let scoresPtr: usize = load<u32>(query, QUERY_CELL_SCORES)
  for (let cell: usize = 0; cell < count; cell++) {
    for (let row: usize = 0; row < rowsPadded; row += 16) {
      const scores = scoresPtr + (row << 1)
      const bars = heapsPtr + (row << 1)
      const above0_i16x8 = i16x8.gt_s(v128.load(scores), v128.load(bars))
      const above1_i16x8 = i16x8.gt_s(v128.load(scores, 16), v128.load(bars, 16))
      let lanes = i8x16.bitmask(i8x16.narrow_i16x8_s(above0_i16x8, above1_i16x8))
      for (; lanes != 0; lanes &= lanes - 1) {
        const at = row + <usize>ctz(lanes)
        const heap = entriesPtr + at * (ncells << 3)
        const score: i32 = load<i16>(scoresPtr + (at << 1))
        const held = insert(heap, load<u32>(countsPtr + (at << 2)), ncells, score, <u32>cell)
        store<u32>(countsPtr + (at << 2), <u32>held)
        if (held == ncells) store<i16>(heapsPtr + (at << 1), <i16>load<i32>(heap))
      }
    }
    scoresPtr += rowsPadded << 1
  }
  memory.fill(marksPtr, 0, count)
  for (let row: usize = 0; row < rows; row++) {
    const held: usize = load<u32>(countsPtr + (row << 2))
    const heap = entriesPtr + row * (ncells << 3)
    for (let entry: usize = 0; entry < held; entry++) store<u8>(marksPtr + load<u32>(heap + (entry << 3), 4), 1)
  }
}

/** Adds an entry to a heap of at most `ncells`, in place of its root when it is full. @returns entries held */
function insert(heap: usize, held: usize, ncells: usize, score: i32, cell: u32): usize {
  let at: usize = held
  if (held < ncells) {
    // Sift up: parents that would be kept longer than the new entry move down.
    while (at > 0) {
      const parent = heap + (((at - 1) >> 1) << 3)
      if (!dropsBefore(score, cell, load<i32>(parent), load<u32>(parent, 4))) break
      store<u64>(heap + (at << 3), load<u64>(parent))
      at = (at - 1) >> 1
    }
    held += 1
  } else {
    at = 0
    for (;;) {
      let child = (at << 1) + 1
      if (child >= held) break
      let childPtr = heap + (child << 3)
      if (
        child + 1 < held &&
        dropsBefore(load<i32>(childPtr, 8), load<u32>(childPtr, 12), load<i32>(childPtr), load<u32>(childPtr, 4))
      ) {
        child += 1
        childPtr += 8
      }
      if (!dropsBefore(load<i32>(childPtr), load<u32>(childPtr, 4), score, cell)) break
      store<u64>(heap + (at << 3), load<u64>(childPtr))
      at = child
    }
  }
  store<i32>(heap + (at << 3), score)
  store<u32>(heap + (at << 3), cell, 4)
  return held
}

function dropsBefore(score: i32, cell: u32, otherScore: i32, otherCell: u32): bool {
  return score < otherScore || (score == otherScore && cell > otherCell)
}
