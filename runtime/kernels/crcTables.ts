/** Tables of the crc32c kernel, copied into its memory by whoever uses it. */
import { CRC_TABLES_BYTES } from './layout.ts'

/** CRC32C's polynomial (Castagnoli), bits reflected. */
const POLYNOMIAL = 0x82f63b78

/** @returns u32[16][256]: table n advances a byte's CRC over n bytes of zeros */
export function crcTables(): Uint32Array {
  const tables = new Uint32Array(CRC_TABLES_BYTES / 4)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0)
    tables[byte] = crc
  }
  for (let entry = 256; entry < tables.length; entry++) {
    const before = tables[entry - 256] ?? 0
    tables[entry] = (before >>> 8) ^ (tables[before & 255] ?? 0)
  }
  return tables
}
