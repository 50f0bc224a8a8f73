/**
 * CRC-32C (Castagnoli), the checksum of every section: polynomial 0x1EDC6F41 reflected, initial value and final xor
 * 0xFFFFFFFF, as in RFC 3720 §12.1. Eight bytes a step ("slicing-by-8", Kounavis & Berry, ISCC 2005).
 * The runtime has the same function as a WASM kernel; this one serves where no kernels are loaded.
 */

const POLYNOMIAL_REFLECTED = 0x82f63b78
const TABLES = crc32cTables(8)

/**
 * @param bytes - any bytes
 * @param seed - CRC of the bytes before these, so that `crc32c(b, crc32c(a))` equals the CRC of a then b
 * @returns u32
 */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  let crc = ~seed
  const length = bytes.length
  const wideEnd = length - (length % 8)
  const t = TABLES
  let at = 0
  // The `?? 0` never happens: indices are bytes and tables have 256 entries. It costs nothing once compiled.
  for (; at < wideEnd; at += 8) {
    const low = crc ^ read32(bytes, at)
    const high = read32(bytes, at + 4)
    crc =
      (t[1792 + (low & 255)] ?? 0) ^
      (t[1536 + ((low >>> 8) & 255)] ?? 0) ^
      (t[1280 + ((low >>> 16) & 255)] ?? 0) ^
      (t[1024 + (low >>> 24)] ?? 0) ^
      (t[768 + (high & 255)] ?? 0) ^
      (t[512 + ((high >>> 8) & 255)] ?? 0) ^
      (t[256 + ((high >>> 16) & 255)] ?? 0) ^
      (t[high >>> 24] ?? 0)
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[at] ?? 0)) & 255] ?? 0)
  return ~crc >>> 0
}

function read32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
  )
}

/**
 * @param count - bytes a step: 8 here, 16 in the kernel
 * @returns u32[count][256]: table j advances a byte's CRC over j further zero bytes
 */
export function crc32cTables(count: number): Uint32Array {
  const tables = new Uint32Array(count * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL_REFLECTED : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0
    tables[at] = (before >>> 8) ^ (tables[before & 255] ?? 0)
  }
  return tables
}
