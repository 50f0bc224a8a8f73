/** CRC32C by the kernel: of bytes in its memory where they are, of others a chunk at a time through a buffer inside it. */
import { crc32cTables } from '../../format/container/crc32c.ts'
import type { Kernels } from './kernels.ts'
import { CRC_TABLES_BYTES } from './layout.ts'

/** Small enough to stay in a level-2 cache between the copy and the checksum. */
const CHUNK_BYTES = 64 * 1024
/** Bytes of the arena that a checksum keeps. */
export const CHECKSUM_BYTES = CRC_TABLES_BYTES + CHUNK_BYTES

/**
 * @returns a function that continues `previous` (0 at first) with some bytes. It keeps 80 KiB of the arena; make one.
 */
export function createChecksum(kernels: Kernels): (bytes: Uint8Array, previous?: number) => number {
  const tables = placeCrcTables(kernels)
  const chunk = kernels.arena.allocate(CHUNK_BYTES)
  return (bytes, previous = 0) => {
    if (bytes.buffer === kernels.memory.buffer) return kernels.crc32c(bytes.byteOffset, bytes.length, tables, previous)
    let crc = previous
    for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
      const part = bytes.subarray(offset, offset + CHUNK_BYTES)
      new Uint8Array(kernels.memory.buffer, chunk, part.length).set(part)
      crc = kernels.crc32c(chunk, part.length, tables, crc)
    }
    return crc
  }
}

/** @returns address of the tables that the kernel of CRC32C reads, in the arena */
export function placeCrcTables(kernels: Kernels): number {
  const address = kernels.arena.allocate(CRC_TABLES_BYTES)
  new Uint32Array(kernels.memory.buffer, address, CRC_TABLES_BYTES / 4).set(crc32cTables(CRC_TABLES_BYTES / 1024))
  return address
}
