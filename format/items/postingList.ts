/**
 * Posting lists: the pids that have a token vector with a centroid's code, as gaps with a CRC32C (SPEC.md §5.2). A list writes, checks,
 * reads, counts and locates itself here.
 */
import { crc32c as crc32cOf } from '../container/crc32c.ts'
import { ChecksumError, FormatError } from '../errors.ts'
import { countAscending, eachAscending, GAP_BYTES_MAX, writeAscending } from './ascendingIntegers.ts'

/** After the gaps of each list that is not empty. */
const CRC_BYTES = 4
/** Of a list that is not empty: one pid and the CRC. */
const LIST_BYTES_MIN = 1 + CRC_BYTES

/** Bytes that the list of so many pids has at the most. */
export function postingListBytesMax(pids: number): number {
  return pids * GAP_BYTES_MAX + CRC_BYTES
}

/**
 * Writes one list with its CRC. An empty list has no bytes at all.
 * @param pids - strictly ascending u32
 * @param target - has room for `postingListBytesMax` bytes from `at` on
 * @returns where the list ends
 */
export function writePostingList(pids: ArrayLike<number>, target: Uint8Array, at: number): number {
  if (pids.length === 0) return at
  const end = writeAscending(pids, target, at)
  const crc = crc32cOf(target.subarray(at, end))
  new DataView(target.buffer, target.byteOffset, target.byteLength).setUint32(end, crc, true)
  return end + CRC_BYTES
}

/** `writePostingList` into bytes of its own. */
export function encodePostingList(pids: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(postingListBytesMax(pids.length))
  return bytes.slice(0, writePostingList(pids, bytes, 0))
}

/**
 * Compares a list that is not empty with its CRC32C.
 * @param cell - names the list in errors
 * @throws FormatError when it is shorter than any list, ChecksumError
 */
export function requirePostingList(
  list: Uint8Array,
  cell: number,
  crc32c: (bytes: Uint8Array) => number = crc32cOf,
): void {
  if (list.length < LIST_BYTES_MIN)
    throw new FormatError(listName(cell), `at least ${LIST_BYTES_MIN} bytes`, list.length)
  const end = list.length - CRC_BYTES
  const expected = new DataView(list.buffer, list.byteOffset, list.byteLength).getUint32(end, true)
  const got = crc32c(list.subarray(0, end))
  if (got !== expected) throw new ChecksumError(listName(cell), expected, got)
}

/**
 * Calls with each pid of a list, ascending. Does not look at the CRC: `requirePostingList` does.
 *
 * @param list - with its CRC; an empty one has no pids
 * @param cell - names the list in errors
 * @throws FormatError when the gaps are not as SPEC.md §5.2 says, or a pid is not below `passages`
 */
export function eachPid(list: Uint8Array, cell: number, passages: number, use: (pid: number) => void): void {
  eachAscending(gapsOf(list), passages, listName(cell), use)
}

/** Pids of a list. */
export function countPids(list: Uint8Array): number {
  return countAscending(gapsOf(list))
}

/**
 * Where the list of a centroid stands in the section `postings`. Length 0: it is empty.
 * @param offsets - the section `postingOffsets`, u32[K + 1]
 */
export function locatePostingList(
  offsets: Uint32Array,
  cell: number,
): { readonly offset: number; readonly length: number } {
  const offset = offsets[cell] ?? 0
  return { offset, length: (offsets[cell + 1] ?? offset) - offset }
}

/**
 * Checks the section `postingOffsets`: it starts at 0, never falls, and gives every list no bytes or as many as a list has at least.
 * @param postingsBytes - length of the section `postings`, where the last list ends
 * @throws FormatError
 */
export function requirePostingOffsets(offsets: Uint32Array, postingsBytes: number): void {
  let previous = 0
  for (const [cell, offset] of offsets.entries()) {
    const bytes = offset - previous
    const isSound = cell === 0 ? offset === 0 : bytes === 0 || bytes >= LIST_BYTES_MIN
    if (!isSound) {
      const expected = `a start at 0, and lists of no or at least ${LIST_BYTES_MIN} bytes`
      throw new FormatError('postingOffsets', expected, `${bytes} bytes before offset ${cell}`)
    }
    previous = offset
  }
  if (previous !== postingsBytes) throw new FormatError('postingOffsets', `an end at ${postingsBytes}`, previous)
}

function gapsOf(list: Uint8Array): Uint8Array {
  return list.subarray(0, Math.max(0, list.length - CRC_BYTES))
}

function listName(cell: number): string {
  return `posting list ${cell}`
}
