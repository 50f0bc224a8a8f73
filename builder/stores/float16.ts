/** IEEE 754 binary16 for typed arrays of u16 bits, because Float16Array is missing before Node 24. */

/** f32[65536]: the value of every float16, by its bits. 256 KiB, 1 ms to make. */
export function float16Table(): Float32Array {
  const table = new Float32Array(65_536)
  for (let bits = 0; bits < 65_536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1
    const exponent = (bits >> 10) & 31
    const fraction = bits & 1023
    if (exponent === 31) table[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    else if (exponent === 0) table[bits] = sign * fraction * 2 ** -24
    else table[bits] = sign * (1024 + fraction) * 2 ** (exponent - 25)
  }
  return table
}

/**
 * The first `count` of `halves` as f32 into `target`.
 * @param table - from `float16Table`
 * @returns index of the first value that is not finite, or -1
 */
export function decodeFloat16(halves: Uint16Array, target: Float32Array, count: number, table: Float32Array): number {
  let exponentMax = 0
  for (let at = 0; at < count; at++) {
    const bits = halves[at] ?? 0
    const exponent = bits & 0x7c00
    if (exponent > exponentMax) exponentMax = exponent
    target[at] = table[bits] ?? 0
  }
  if (exponentMax < 0x7c00) return -1
  return halves.findIndex((bits) => (bits & 0x7c00) === 0x7c00)
}

/**
 * All of `values` as float16 into `target`, rounded to nearest, ties to even.
 * @returns index of the first value that is not finite as float16 (NaN, or 65,520 and more), or -1
 */
export function encodeFloat16(values: Float32Array, target: Uint16Array): number {
  // The bits of each value are seen through a second view of the same memory; `values` may start anywhere in its buffer.
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  let firstBad = -1
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? 0
    const half = float16Bits(word)
    if ((half & 0x7c00) === 0x7c00 && firstBad < 0) firstBad = at
    target[at] = half
  }
  return firstBad
}

/** Bits of the float16 nearest to the f32 with these bits. */
function float16Bits(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  // 65,520 and more (0x477ff000) round to infinity; a NaN stays one.
  if (magnitude >= 0x477ff000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 112, then drop 13 bits; adding half of them less one, plus the last bit kept, is
    // round-half-to-even, and a carry runs into the exponent as it should.
    const rebiased = magnitude - 0x38000000
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13)
  }
  // Subnormal: units of 2^-24. At most 25 bits to the right; below half a unit everything is zero.
  const shift = 126 - (magnitude >>> 23)
  if (shift > 24) return sign
  const fraction = (magnitude & 0x7fffff) | 0x800000
  const kept = fraction >>> shift
  const rest = fraction & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (rest > half || (rest === half && kept & 1) ? kept + 1 : kept)
}
