/**
 * Ascending integers as gaps: each as LEB128 of `value - previous - 1`, in its shortest form, where `previous` starts at -1 (SPEC.md §5.2).
 * Posting lists and tombstones are written so.
 */
import { FormatError } from '../errors.ts'

/** Bytes of the longest number, LEB128 of a u32. */
export const GAP_BYTES_MAX = 5

/** The place value of a number's fifth byte: there is no sixth. */
const LAST_SCALE = 2 ** 28

/**
 * @param values - strictly ascending u32
 * @param target - has room for `GAP_BYTES_MAX` bytes a value from `at` on
 * @returns where the bytes end
 */
export function writeAscending(values: ArrayLike<number>, target: Uint8Array, at: number): number {
  let end = at
  let previous = -1
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    let gap = value - previous - 1
    previous = value
    while (gap > 127) {
      target[end++] = (gap & 127) | 128
      gap >>>= 7
    }
    target[end++] = gap
  }
  return end
}

/** Bytes that `writeAscending` writes. */
export function ascendingBytes(values: ArrayLike<number>): number {
  let bytes = 0
  let previous = -1
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0
    for (let gap = value - previous - 1; gap > 127; gap = Math.floor(gap / 128)) bytes++
    bytes++
    previous = value
  }
  return bytes
}

/** How many integers the bytes hold: a number ends with the one byte that is below 128. */
export function countAscending(bytes: Uint8Array): number {
  let count = 0
  for (const byte of bytes) if (byte < 128) count++
  return count
}

/**
 * Calls with each integer, ascending.
 *
 * @param bytes - of the numbers and nothing else
 * @param limit - every integer is below it
 * @param section - names the bytes in errors
 * @throws FormatError when a number is cut off, longer than need be or than five bytes, or when an integer is not below the limit
 */
export function eachAscending(bytes: Uint8Array, limit: number, section: string, use: (value: number) => void): void {
  const { length } = bytes
  let value = -1
  for (let at = 0; at < length; ) {
    let gap = 0
    let scale = 1
    let byte = 0x80
    while (byte & 0x80) {
      if (at >= length || scale > LAST_SCALE) throw new FormatError(section, 'LEB128 values below 2^32', 'a longer one')
      byte = bytes[at++] ?? 0
      gap += (byte & 0x7f) * scale
      scale *= 128
    }
    if (byte === 0 && scale > 128) throw new FormatError(section, 'LEB128 values in shortest form', 'a zero at the end')
    value += gap + 1
    if (value >= limit) throw new FormatError(section, `integers below ${limit}`, value)
    use(value)
  }
}
