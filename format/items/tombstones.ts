/**
 * Tombstones: the deleted passages of a segment, whose other sections still hold them (SPEC.md §5.4). The first byte tells which of two
 * encodings follows, the CRC32C of all bytes before it comes last:
 *
 *   0, then the pids as gaps, exactly as in a posting list
 *   1, then a bitmap u8[ceil(N / 8)]; bit pid % 8 of byte pid / 8, least significant first, is 1 for a deleted passage
 */
import { crc32c as crc32cOf } from '../container/crc32c.ts'
import { ChecksumError, FormatError, InputError } from '../errors.ts'
import { ascendingBytes, countAscending, eachAscending, writeAscending } from './ascendingIntegers.ts'

const SECTION = 'tombstones'
const KIND_GAPS = 0
const KIND_BITMAP = 1
const KIND_BYTES = 1
const CRC_BYTES = 4

/**
 * The smaller of the two encodings; of two as large as each other the gaps.
 *
 * @param deletedPids - strictly ascending, each below `passages`
 * @param passages - N
 * @throws InputError when the pids are not so
 */
export function encodeTombstones(deletedPids: ArrayLike<number>, passages: number): Uint8Array {
  requireAscending(deletedPids, passages)
  const gapBytes = ascendingBytes(deletedPids)
  const bitmapBytes = Math.ceil(passages / 8)
  const isBitmap = bitmapBytes < gapBytes
  const bytes = new Uint8Array(KIND_BYTES + (isBitmap ? bitmapBytes : gapBytes) + CRC_BYTES)
  if (isBitmap) {
    bytes[0] = KIND_BITMAP
    setBits(deletedPids, bytes.subarray(KIND_BYTES))
  } else {
    bytes[0] = KIND_GAPS
    writeAscending(deletedPids, bytes, KIND_BYTES)
  }
  const end = bytes.length - CRC_BYTES
  new DataView(bytes.buffer).setUint32(end, crc32cOf(bytes.subarray(0, end)), true)
  return bytes
}

/**
 * Checks the section and reads it. Takes either encoding, the larger one too.
 *
 * @param bytes - the section `tombstones`
 * @param passages - N
 * @param count - of deleted passages, where it is known from elsewhere (`items` in the manifest); the section must agree
 * @returns pids of the deleted passages, strictly ascending
 * @throws FormatError, ChecksumError
 */
export function decodeTombstones(
  bytes: Uint8Array,
  passages: number,
  count?: number,
  crc32c: (bytes: Uint8Array) => number = crc32cOf,
): Uint32Array {
  const end = bytes.length - CRC_BYTES
  if (end < KIND_BYTES) throw new FormatError(SECTION, `at least ${KIND_BYTES + CRC_BYTES} bytes`, bytes.length)
  const expected = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(end, true)
  const got = crc32c(bytes.subarray(0, end))
  if (got !== expected) throw new ChecksumError(SECTION, expected, got)
  const kind = bytes[0] ?? 0
  const content = bytes.subarray(KIND_BYTES, end)
  if (kind !== KIND_GAPS && kind !== KIND_BITMAP) {
    throw new FormatError(SECTION, `an encoding ${KIND_GAPS} or ${KIND_BITMAP}`, kind)
  }
  const pids = kind === KIND_GAPS ? decodeGaps(content, passages) : decodeBitmap(content, passages)
  if (count !== undefined && pids.length !== count) throw new FormatError(SECTION, `${count} passages`, pids.length)
  return pids
}

function requireAscending(pids: ArrayLike<number>, passages: number): void {
  let previous = -1
  for (let i = 0; i < pids.length; i++) {
    const pid = pids[i] ?? -1
    if (!Number.isInteger(pid) || pid <= previous || pid >= passages) {
      throw new InputError(
        `deleting passages: expected ascending pids below ${passages}, each once, got ${pid} after ${previous}.`,
        { pid, previous, passages },
      )
    }
    previous = pid
  }
}

function setBits(pids: ArrayLike<number>, bitmap: Uint8Array): void {
  for (let i = 0; i < pids.length; i++) {
    const pid = pids[i] ?? 0
    const byte = pid >>> 3
    bitmap[byte] = (bitmap[byte] ?? 0) | (1 << (pid & 7))
  }
}

function decodeGaps(gaps: Uint8Array, passages: number): Uint32Array {
  const pids = new Uint32Array(countAscending(gaps))
  let count = 0
  eachAscending(gaps, passages, SECTION, (pid) => {
    pids[count++] = pid
  })
  return pids
}

function decodeBitmap(bitmap: Uint8Array, passages: number): Uint32Array {
  const length = Math.ceil(passages / 8)
  if (bitmap.length !== length) throw new FormatError(SECTION, `a bitmap of ${length} bytes`, bitmap.length)
  const strayBits = passages % 8 === 0 ? 0 : (bitmap[length - 1] ?? 0) >>> (passages % 8)
  if (strayBits !== 0) throw new FormatError(SECTION, `no bit from ${passages} on`, 'some that are set')
  const pids = new Uint32Array(bitmap.reduce((sum, bits) => sum + countBits(bits), 0))
  let count = 0
  for (const [byte, bits] of bitmap.entries()) {
    // `left & -left` is the lowest bit that is set, `left & (left - 1)` all the others.
    for (let left = bits; left !== 0; left &= left - 1) pids[count++] = byte * 8 + 31 - Math.clz32(left & -left)
  }
  return pids
}

function countBits(byte: number): number {
  let count = 0
  for (let left = byte; left !== 0; left &= left - 1) count++
  return count
}
