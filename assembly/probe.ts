/**
 * Probe: the query against every centroid, and the best cells of each row. PLAID stage 1 (Santhanam et al., CIKM 2022, §4.1).
 */
import { dotRows } from './dot'
import {
  QUERY_BYTE_STRIDE,
  QUERY_CELL_BYTES,
  QUERY_CELL_SCORES,
  QUERY_NATURAL,
  QUERY_ROWS,
  QUERY_ROWS_PADDED,
  QUERY_SCALES,
  QUERY_SCRATCH,
  QUERY_SURVIVES,
  SEGMENT_CENTROID_COUNT,
  SEGMENT_CENTROID_SCALES,
  SEGMENT_CENTROIDS,
  SEGMENT_DIM,
} from './layout'

/**
 * S[k][i] = fround(fround(dot(centroid k, query i) * centroidScale[k]) * queryScale[i])
 * U[k][i] = clamp(fround(fround(S + 1) * 127), 0, 254) rounded half to even; 0 in padded rows
 * survives[k] = max over rows of S[k][i] >= threshold, compared in f32
 *
 * Reads centroids, centroid scales, the natural query and its scales. Writes cell scores, cell bytes, survives and scratch,
 * all exactly as long as layout.ts says. Blocks are checked by runtime/kernels/blocks.ts when it writes them. Scales are finite
 * and so small that no score is NaN (segmentPlacement.ts), which makes pmin and pmax, one instruction each, right here.
 */
export function scoreCentroids(segment: usize, query: usize, threshold: f32): void {
  const dim: usize = load<u32>(segment, SEGMENT_DIM)
  const rows: i32 = load<u32>(query, QUERY_ROWS)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const byteStride: usize = load<u32>(query, QUERY_BYTE_STRIDE)
  const scratch: usize = load<u32>(query, QUERY_SCRATCH)
  const dotsPtr: usize = scratch + (dim << 1) + 16
  const queryPtr: usize = load<u32>(query, QUERY_NATURAL)
  const scalesPtr: usize = load<u32>(query, QUERY_SCALES)
  const survivesPtr: usize = load<u32>(query, QUERY_SURVIVES)
  let scoresPtr: usize = load<u32>(query, QUERY_CELL_SCORES)
  let bytesPtr: usize = load<u32>(query, QUERY_CELL_BYTES)
  let centroidPtr: usize = load<u32>(segment, SEGMENT_CENTROIDS)
  let centroidScalePtr: usize = load<u32>(segment, SEGMENT_CENTROID_SCALES)
  const count: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  assert(dim % 16 == 0 && dim >= 32 && dim <= 256)
  assert(rows >= 1 && rowsPadded % 4 == 0 && byteStride % 16 == 0 && rowsPadded <= byteStride)
  assert(((query | scratch | queryPtr | scalesPtr | scoresPtr | bytesPtr) & 15) == 0)

  for (let cell: usize = 0; cell < count; cell++) {
    widen(centroidPtr, dim, scratch)
    dotRows(scratch, dim, queryPtr, rowsPadded, dotsPtr)
    const best = scaleRows(dotsPtr, load<f32>(centroidScalePtr), scalesPtr, rows, rowsPadded, scoresPtr, bytesPtr)
    for (let row = rowsPadded; row < byteStride; row += 4) store<u32>(bytesPtr + row, 0)
    store<u8>(survivesPtr + cell, u8(best >= threshold))
    centroidPtr += dim
    centroidScalePtr += 4
    scoresPtr += rowsPadded << 2
    bytesPtr += byteStride
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

/** Dot products of one centroid to S and U. @returns the best S over the real rows */
function scaleRows(
  dotsPtr: usize,
  centroidScale: f32,
  scalesPtr: usize,
  rows: i32,
  rowsPadded: usize,
  scoresPtr: usize,
  bytesPtr: usize,
): f32 {
  const centroidScale_f32x4 = f32x4.splat(centroidScale)
  let best_f32x4 = f32x4.splat(-f32.MAX_VALUE)
  for (let row: usize = 0; row < rowsPadded; row += 4) {
    const dot_f32x4 = f32x4.convert_i32x4_s(v128.load(dotsPtr + (row << 2)))
    const scaled_f32x4 = f32x4.mul(dot_f32x4, centroidScale_f32x4)
    const score_f32x4 = f32x4.mul(scaled_f32x4, v128.load(scalesPtr + (row << 2)))
    v128.store(scoresPtr + (row << 2), score_f32x4)
    const real_i32x4 = i32x4.lt_s(i32x4.add(i32x4(0, 1, 2, 3), i32x4.splat(<i32>row)), i32x4.splat(rows))
    best_f32x4 = f32x4.pmax(best_f32x4, v128.bitselect(score_f32x4, f32x4.splat(-f32.MAX_VALUE), real_i32x4))
    const shifted_f32x4 = f32x4.mul(f32x4.add(score_f32x4, f32x4.splat(1)), f32x4.splat(127))
    const clamped_f32x4 = f32x4.pmax(f32x4.splat(0), f32x4.pmin(f32x4.splat(254), shifted_f32x4))
    // Adding 2^23 leaves the integer, rounded half to even, in the low bits: far cheaper than a saturating truncation.
    const byte_i32x4 = v128.and(f32x4.add(clamped_f32x4, f32x4.splat(8388608)), v128.and(real_i32x4, i32x4.splat(255)))
    const byte_i16x8 = i16x8.narrow_i32x4_s(byte_i32x4, byte_i32x4)
    v128.store32_lane(bytesPtr + row, i8x16.narrow_i16x8_u(byte_i16x8, byte_i16x8), 0)
  }
  return max<f32>(
    max<f32>(f32x4.extract_lane(best_f32x4, 0), f32x4.extract_lane(best_f32x4, 1)),
    max<f32>(f32x4.extract_lane(best_f32x4, 2), f32x4.extract_lane(best_f32x4, 3)),
  )
}

/**
 * Marks the `ncells` best cells of every row whose query scale is not 0; equal scores go to the lower cell.
 * One pass over S with a heap a row, so that the worst order of scores costs log(ncells) an entry and not ncells.
 *
 *   heapsPtr   u8[rowsPadded * 8 + rows * ncells * 8]:  f32[rowsPadded] entry bars, u32[rowsPadded] counts,
 *              {f32 score, u32 cell}[rows][ncells] heaps whose root is the entry to drop first
 *   marksPtr   u8[K]: set to 1 for a probed cell, 0 for others
 *
 * Preconditions: 1 <= ncells <= K; heapsPtr 8-byte aligned. Differs from ColBERT: rows of zeros probe nothing, where
 * an argmax over equal zeros would probe an arbitrary cell.
 */
export function topCells(segment: usize, query: usize, ncells: usize, heapsPtr: usize, marksPtr: usize): void {
  const rows: usize = load<u32>(query, QUERY_ROWS)
  const rowsPadded: usize = load<u32>(query, QUERY_ROWS_PADDED)
  const scalesPtr: usize = load<u32>(query, QUERY_SCALES)
  const count: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  const countsPtr: usize = heapsPtr + (rowsPadded << 2)
  const entriesPtr: usize = countsPtr + (rowsPadded << 2)
  assert(ncells >= 1 && ncells <= count && (heapsPtr & 7) == 0)

  for (let row: usize = 0; row < rowsPadded; row++) {
    // No score is above the bar of a row that does not probe, and every score is above that of an empty heap.
    const probes = load<f32>(scalesPtr + (row << 2)) != 0
    store<f32>(heapsPtr + (row << 2), probes ? -Infinity : Infinity)
    store<u32>(countsPtr + (row << 2), 0)
  }
  let scoresPtr: usize = load<u32>(query, QUERY_CELL_SCORES)
  for (let cell: usize = 0; cell < count; cell++) {
    for (let row: usize = 0; row < rowsPadded; row += 4) {
      const above_i32x4 = f32x4.gt(v128.load(scoresPtr + (row << 2)), v128.load(heapsPtr + (row << 2)))
      let lanes = i32x4.bitmask(above_i32x4)
      for (; lanes != 0; lanes &= lanes - 1) {
        const at = row + <usize>ctz(lanes)
        const heap = entriesPtr + at * (ncells << 3)
        const held = insert(heap, load<u32>(countsPtr + (at << 2)), ncells, load<f32>(scoresPtr + (at << 2)), <u32>cell)
        store<u32>(countsPtr + (at << 2), <u32>held)
        if (held == ncells) store<f32>(heapsPtr + (at << 2), load<f32>(heap))
      }
    }
    scoresPtr += rowsPadded << 2
  }
  memory.fill(marksPtr, 0, count)
  for (let row: usize = 0; row < rows; row++) {
    const held: usize = load<u32>(countsPtr + (row << 2))
    const heap = entriesPtr + row * (ncells << 3)
    for (let entry: usize = 0; entry < held; entry++) store<u8>(marksPtr + load<u32>(heap + (entry << 3), 4), 1)
  }
}

/** Adds an entry to a heap of at most `ncells`, in place of its root when it is full. @returns entries held */
function insert(heap: usize, held: usize, ncells: usize, score: f32, cell: u32): usize {
  let at: usize = held
  if (held < ncells) {
    // Sift up: parents that would be kept longer than the new entry move down.
    while (at > 0) {
      const parent = heap + (((at - 1) >> 1) << 3)
      if (!dropsBefore(score, cell, load<f32>(parent), load<u32>(parent, 4))) break
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
        dropsBefore(load<f32>(childPtr, 8), load<u32>(childPtr, 12), load<f32>(childPtr), load<u32>(childPtr, 4))
      ) {
        child += 1
        childPtr += 8
      }
      if (!dropsBefore(load<f32>(childPtr), load<u32>(childPtr, 4), score, cell)) break
      store<u64>(heap + (at << 3), load<u64>(childPtr))
      at = child
    }
  }
  store<f32>(heap + (at << 3), score)
  store<u32>(heap + (at << 3), cell, 4)
  return held
}

function dropsBefore(score: f32, cell: u32, otherScore: f32, otherCell: u32): bool {
  return score < otherScore || (score == otherScore && cell > otherCell)
}
