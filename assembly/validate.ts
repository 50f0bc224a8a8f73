/** Checksums, and the check of all row blocks when an index is opened. */
import {
  SEGMENT_CODE_BYTES,
  SEGMENT_DIM,
  SEGMENT_NBITS,
  SEGMENT_PASSAGE_COUNT,
  SEGMENT_ROWS,
  SEGMENT_TOKEN_STARTS,
} from './layout'

/**
 * CRC32C (Castagnoli, reflected polynomial 0x82f63b78; RFC 3720 §12.1) of `length` bytes, continued from `previous` (0 at first).
 * Sixteen bytes a step with one table a byte: Kounavis and Berry, "A systematic approach to building high performance
 * software-based CRC generators", 2005.
 *
 *   tablesPtr  u32[16][256], tables[0] the byte table, tables[n][b] = tables[0][tables[n-1][b] & 255] ^ tables[n-1][b] >> 8
 *
 * Reads exactly `length` bytes at ptr, no alignment needed.
 */
export function crc32c(ptr: usize, length: usize, previous: u32, tablesPtr: usize): u32 {
  assert((tablesPtr & 3) == 0)
  let crc: u32 = ~previous
  const end: usize = ptr + length
  const wideEnd: usize = ptr + (length & ~15)
  for (; ptr < wideEnd; ptr += 16) {
    // What does not wait for the step before comes first and apart, or the sums would be one long chain.
    const late =
      entry(tablesPtr, 7, load<u8>(ptr, 8)) ^
      entry(tablesPtr, 6, load<u8>(ptr, 9)) ^
      entry(tablesPtr, 5, load<u8>(ptr, 10)) ^
      entry(tablesPtr, 4, load<u8>(ptr, 11)) ^
      entry(tablesPtr, 3, load<u8>(ptr, 12)) ^
      entry(tablesPtr, 2, load<u8>(ptr, 13)) ^
      entry(tablesPtr, 1, load<u8>(ptr, 14)) ^
      entry(tablesPtr, 0, load<u8>(ptr, 15))
    const middle =
      entry(tablesPtr, 11, load<u8>(ptr, 4)) ^
      entry(tablesPtr, 10, load<u8>(ptr, 5)) ^
      entry(tablesPtr, 9, load<u8>(ptr, 6)) ^
      entry(tablesPtr, 8, load<u8>(ptr, 7))
    const first = load<u32>(ptr) ^ crc
    const early = entry(tablesPtr, 15, first & 255) ^ entry(tablesPtr, 14, (first >> 8) & 255)
    crc = early ^ (entry(tablesPtr, 13, (first >> 16) & 255) ^ entry(tablesPtr, 12, first >> 24)) ^ (late ^ middle)
  }
  for (; ptr < end; ptr++) crc = entry(tablesPtr, 0, (crc ^ <u32>load<u8>(ptr)) & 255) ^ (crc >> 8)
  return ~crc
}

function entry(tablesPtr: usize, table: usize, byte: u32): u32 {
  return load<u32>(tablesPtr + (table << 10) + ((<usize>byte) << 2))
}

/** The first pid whose block does not match its CRC32C, or N when all do. Reads token starts and whole blocks. */
export function validateBlocks(segment: usize, tablesPtr: usize): u32 {
  const passageCount: usize = load<u32>(segment, SEGMENT_PASSAGE_COUNT)
  for (let pid: usize = 0; pid < passageCount; pid++) {
    const ptr = blockPtr(segment, pid)
    const length = tokensOf(segment, pid) * tokenBytesOf(segment)
    if (crc32c(ptr, length, 0, tablesPtr) != load<u32>(ptr + length)) return <u32>pid
  }
  return <u32>passageCount
}

function tokenBytesOf(segment: usize): usize {
  const packedBytes = (load<u32>(segment, SEGMENT_DIM) * load<u32>(segment, SEGMENT_NBITS)) >> 3
  return <usize>(load<u32>(segment, SEGMENT_CODE_BYTES) + 1 + packedBytes)
}

function tokensOf(segment: usize, pid: usize): usize {
  const startsPtr: usize = <usize>load<u32>(segment, SEGMENT_TOKEN_STARTS) + (pid << 2)
  return <usize>(load<u32>(startsPtr, 4) - load<u32>(startsPtr))
}

/** Blocks lie one after another, each with the 4 bytes of its CRC. */
function blockPtr(segment: usize, pid: usize): usize {
  const start: usize = load<u32>(<usize>load<u32>(segment, SEGMENT_TOKEN_STARTS) + (pid << 2))
  return <usize>load<u32>(segment, SEGMENT_ROWS) + start * tokenBytesOf(segment) + (pid << 2)
}
