/** What the variants of the study share. */
export function clearBest(bestPtr: usize): void {
  const least_i16x8 = i16x8.splat(-32768)
  store8(bestPtr, least_i16x8, least_i16x8, least_i16x8, least_i16x8)
}

export function store8(outPtr: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(outPtr, a)
  v128.store(outPtr, b, 16)
  v128.store(outPtr, c, 32)
  v128.store(outPtr, d, 48)
}
