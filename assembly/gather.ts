/**
 * Gather: posting lists of probed cells to candidate passages. PLAID stage 2. Safe for hostile postings: every read is
 * inside the section, and malformed lists give a status.
 */
import {
  SEGMENT_CENTROID_COUNT,
  SEGMENT_PASSAGE_COUNT,
  SEGMENT_POSTING_OFFSETS,
  SEGMENT_POSTINGS,
  SEGMENT_POSTINGS_LENGTH,
  STATUS_BITS,
  STATUS_LENGTH,
  STATUS_OFFSETS,
  STATUS_OK,
  STATUS_PID,
  STATUS_VARINT,
} from './layout'

/**
 * Sets in the bitmap the pids of every list whose cell is marked.
 *
 *   marksPtr    u8[K], not 0 for a probed cell
 *   bitmapPtr   u32[4 * ceil(N / 128)]: bit p % 32 of word p / 32 is pid p; bits are only ever set
 *
 * Reads marks, posting offsets and the marked lists. Returns STATUS_OK, or `cell << STATUS_BITS | status` of the first bad
 * list; the bitmap then holds a part of the pids, all below N.
 */
export function gather(segment: usize, marksPtr: usize, bitmapPtr: usize): u32 {
  const count: usize = load<u32>(segment, SEGMENT_CENTROID_COUNT)
  const passageCount: u32 = load<u32>(segment, SEGMENT_PASSAGE_COUNT)
  const offsetsPtr: usize = load<u32>(segment, SEGMENT_POSTING_OFFSETS)
  const postingsPtr: usize = load<u32>(segment, SEGMENT_POSTINGS)
  const postingsLength: u32 = load<u32>(segment, SEGMENT_POSTINGS_LENGTH)
  assert(((offsetsPtr | bitmapPtr) & 3) == 0)

  for (let cell: usize = 0; cell < count; cell++) {
    if (load<u8>(marksPtr + cell) == 0) continue
    const start = load<u32>(offsetsPtr + (cell << 2))
    const end = load<u32>(offsetsPtr + (cell << 2), 4)
    let status: u32 = STATUS_OFFSETS
    if (start <= end && end <= postingsLength) {
      status = gatherList(postingsPtr + <usize>start, <usize>(end - start), bitmapPtr, passageCount)
    }
    if (status != STATUS_OK) return ((<u32>cell) << STATUS_BITS) | status
  }
  return STATUS_OK
}

/**
 * Sets in the bitmap the pids of one list: LEB128 of `pid - previous - 1`, then a CRC32C that is not looked at here.
 * Reads listLength - 4 bytes at listPtr. Returns a status without a cell.
 */
function gatherList(listPtr: usize, listLength: usize, bitmapPtr: usize, passageCount: u32): u32 {
  if (listLength == 0) return STATUS_OK
  if (listLength < 5) return STATUS_LENGTH
  const end: usize = listPtr + listLength - 4
  let pid: u64 = 0 // the smallest pid that may come next
  while (listPtr < end) {
    let byte: u32 = load<u8>(listPtr++)
    if (byte < 128) {
      pid += byte
    } else {
      let value: u64 = byte & 127
      let shift: u64 = 7
      do {
        if (listPtr == end || shift > 28) return STATUS_VARINT
        byte = load<u8>(listPtr++)
        value |= (<u64>(byte & 127)) << shift
        shift += 7
      } while (byte >= 128)
      if (byte == 0) return STATUS_VARINT
      pid += value
    }
    if (pid >= <u64>passageCount) return STATUS_PID
    const wordPtr = bitmapPtr + ((<usize>pid >> 5) << 2)
    store<u32>(wordPtr, load<u32>(wordPtr) | ((<u32>1) << (<u32>pid & 31)))
    pid += 1
  }
  return STATUS_OK
}

/** Pids in bitmap AND filter; filterPtr 0 means no filter. Both u32[4 * ceil(passageCount / 128)], 16-byte aligned. */
export function countPids(bitmapPtr: usize, filterPtr: usize, passageCount: usize): u32 {
  assert(((bitmapPtr | filterPtr) & 15) == 0)
  const bytes: usize = ((passageCount + 127) >> 7) << 4
  let total: u32 = 0
  for (let at: usize = 0; at < bytes; at += 8) {
    let word = load<u64>(bitmapPtr + at)
    if (filterPtr != 0) word &= load<u64>(filterPtr + at)
    total += <u32>popcnt(word)
  }
  return total
}

/** Writes the pids of bitmap AND filter, ascending, to u32[countPids(...)] at pidsPtr. */
export function collectPids(bitmapPtr: usize, filterPtr: usize, passageCount: usize, pidsPtr: usize): void {
  assert(((bitmapPtr | filterPtr) & 15) == 0 && (pidsPtr & 3) == 0)
  const bytes: usize = ((passageCount + 127) >> 7) << 4
  for (let at: usize = 0; at < bytes; at += 8) {
    let word = load<u64>(bitmapPtr + at)
    if (filterPtr != 0) word &= load<u64>(filterPtr + at)
    for (; word != 0; word &= word - 1) {
      store<u32>(pidsPtr, <u32>(at << 3) + <u32>ctz(word))
      pidsPtr += 4
    }
  }
}
