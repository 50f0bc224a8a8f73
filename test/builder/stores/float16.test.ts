/** Float16 conversion against the JavaScript engine's own (DataView.getFloat16, Math.f16round; Node 24). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFloat16, encodeFloat16, float16Table } from '../../../builder/stores/float16.ts'

describe('float16', () => {
  it('decodes every one of the 65,536 values as the engine does', () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
    const view = new DataView(halves.buffer)
    const decoded = new Float32Array(65_536)
    decodeFloat16(halves, decoded, 65_536, float16Table())
    expect(decoded).toEqual(Float32Array.from(halves, (_, bits) => view.getFloat16(bits * 2, true)))
  })

  it('encodes every float16 value to itself', () => {
    const finite = Uint16Array.from({ length: 65_536 }, (_, bits) => bits).filter((bits) => (bits & 0x7c00) !== 0x7c00)
    const values = new Float32Array(finite.length)
    decodeFloat16(finite, values, finite.length, float16Table())
    const encoded = new Uint16Array(finite.length)
    expect(encodeFloat16(values, encoded)).toBe(-1)
    expect(encoded).toEqual(finite)
  })

  it('rounds any float to the nearest float16, ties to even', () => {
    // Ties and their neighbours are drawn on purpose: halfway between two float16, one f32 step more, one less.
    const halfway = fc.integer({ min: 0, max: 0x7bff }).chain((bits) =>
      fc.constantFrom(-1, 0, 1).map((step) => {
        const view = new DataView(new ArrayBuffer(8))
        view.setUint16(0, bits)
        const low = view.getFloat16(0)
        view.setUint16(0, bits + 1)
        const high = bits === 0x7bff ? 65_536 : view.getFloat16(0)
        view.setFloat32(4, (low + high) / 2)
        view.setUint32(4, view.getUint32(4) + step)
        return view.getFloat32(4)
      }),
    )
    fc.assert(
      fc.property(fc.oneof(halfway, fc.float({ noNaN: true })), fc.boolean(), (magnitude, negative) => {
        const value = negative ? -magnitude : magnitude
        const encoded = new Uint16Array(1)
        encodeFloat16(Float32Array.of(value), encoded)
        expect(new DataView(encoded.buffer).getFloat16(0, true)).toBe(Math.f16round(value))
      }),
      { numRuns: 2000, seed: 16 },
    )
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 65_520, -70_000])(
    'reports %d, which no finite float16 holds',
    (value) => {
      expect(encodeFloat16(Float32Array.of(1, value, 2), new Uint16Array(3))).toBe(1)
    },
  )
})
