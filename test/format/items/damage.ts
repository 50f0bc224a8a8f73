/** Every way to damage a few bytes that one cut or one flip allows, for decoders of untrusted bytes. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { ChecksumError, FormatError } from '../../../format/errors.ts'

/** Bytes without their last one, two, … */
export function cuts(bytes: Uint8Array): readonly Uint8Array[] {
  return Array.from(bytes, (_, length) => bytes.slice(0, length))
}

/** The bytes with one of them changed, each in turn. @param mask - in [1, 255] */
export function flips(bytes: Uint8Array, mask: number): readonly Uint8Array[] {
  return Array.from(bytes, (byte, at) => bytes.with(at, byte ^ mask))
}

/** What the decoder makes of bytes; undefined when it refuses them on purpose, and a failure of the test when otherwise. */
export function refusedOr<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof ChecksumError)) throw error
    return undefined
  }
}

/** Every cut and every flip of sound bytes is refused. */
export function expectDamageRefused(bytes: Uint8Array, decode: (damaged: Uint8Array) => unknown, mask = 1): void {
  for (const damaged of [...cuts(bytes), ...flips(bytes, mask)]) {
    expect(
      refusedOr(() => decode(damaged)),
      `${damaged}`,
    ).toBeUndefined()
  }
}

/** A number of passages and some of their pids, ascending, each once. */
export const somePids = fc
  .record({ passages: fc.integer({ min: 1, max: 3000 }), picks: fc.array(fc.nat(), { maxLength: 200 }) })
  .map(({ passages, picks }) => ({
    passages,
    pids: [...new Set(picks.map((pick) => pick % passages))].sort((a, b) => a - b),
  }))
