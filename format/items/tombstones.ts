/** The deleted passages of a segment (SPEC.md §5.4). */
import { crc32c } from '../container/crc32c.ts'
import { ChecksumError, FormatError } from '../errors.ts'

export function encodeTombstones(pids: Uint32Array, passages: number): Uint8Array {
  const bytes = new Uint8Array(1 + Math.ceil(passages / 8) + 4)
  bytes[0] = 1
  for (const pid of pids) bytes[1 + (pid >> 3)] = (bytes[1 + (pid >> 3)] ?? 0) | (1 << (pid & 7))
  new DataView(bytes.buffer).setUint32(bytes.length - 4, crc32c(bytes.subarray(0, -4)), true)
  return bytes
}

export function decodeTombstones(bytes: Uint8Array, passages: number): Uint32Array {
  if (bytes.length !== 1 + Math.ceil(passages / 8) + 4) throw new FormatError('tombstones', 'a bitmap', bytes.length)
  const expected = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 4, true)
  const got = crc32c(bytes.subarray(0, -4))
  if (got !== expected) throw new ChecksumError('tombstones', expected, got)
  const pids: number[] = []
  for (let pid = 0; pid < passages; pid++) if (((bytes[1 + (pid >> 3)] ?? 0) >> (pid & 7)) & 1) pids.push(pid)
  return Uint32Array.from(pids)
}
