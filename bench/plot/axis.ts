/** Scales from values to pixels, and round values to write beside them. */

export interface Axis {
  /** Values in [start, end]. */
  readonly start: number
  readonly end: number
  readonly ticks: readonly number[]
  /** Pixel of a value. */
  at(value: number): number
}

export interface PixelRange {
  readonly first: number
  readonly last: number
}

/** Even steps of 1, 2 or 5 times a power of ten; the ends are ticks unless `limits` fixes them. */
export function linearAxis(
  values: readonly number[],
  pixels: PixelRange,
  limits: { min?: number; max?: number } = {},
): Axis {
  const low = limits.min ?? Math.min(...values)
  const high = limits.max ?? Math.max(...values)
  const step = roundStep((high - low || 1) / 5)
  const start = limits.min ?? Math.floor(low / step) * step
  const end = limits.max ?? Math.ceil(high / step) * step
  const count = Math.floor((end - start) / step + 1e-9)
  const ticks = Array.from({ length: count + 1 }, (_, i) => Number((start + i * step).toPrecision(12)))
  return { start, end, ticks, at: (value) => place((value - start) / (end - start), pixels) }
}

/** Logarithmic, with ticks at 1, 2 and 5 times powers of ten. Values above 0. */
export function logAxis(values: readonly number[], pixels: PixelRange): Axis {
  const start = floorTick(Math.min(...values))
  const end = ceilTick(Math.max(...values))
  const ticks: number[] = []
  for (let tick = start; tick <= end * 1.0001; tick = ceilTick(tick * 1.01)) ticks.push(tick)
  const span = Math.log(end / start)
  return { start, end, ticks, at: (value) => place(Math.log(value / start) / span, pixels) }
}

function place(share: number, { first, last }: PixelRange): number {
  return first + share * (last - first)
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step))
  return [1, 2, 5, 10].find((factor) => factor * power >= step)! * power
}

function ceilTick(value: number): number {
  return Number(roundStep(value * 0.9999).toPrecision(6))
}

function floorTick(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value * 1.0001))
  return Number(([5, 2, 1].find((factor) => factor * power <= value * 1.0001)! * power).toPrecision(6))
}
