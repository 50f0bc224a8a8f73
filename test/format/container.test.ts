import fc from 'fast-check'
import { Unpackr } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { decodeHead, encodeHead, encodePart, headLength, sectionTable } from '../../format/container/container.ts'
import { crc32c } from '../../format/container/crc32c.ts'
import { TartanError, VersionError } from '../../format/errors.ts'

const sections = fc.array(
  fc.record({ name: fc.string({ maxLength: 20 }), payload: fc.uint8Array({ maxLength: 300 }) }),
  { maxLength: 8 },
)

describe('crc32c', () => {
  it('gives the published check value of CRC-32C (RFC 3720, appendix B.4)', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
  })

  it('continues from a seed wherever the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, at) => {
        expect(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at)))).toBe(crc32c(bytes))
      }),
    )
  })
})

describe('a part', () => {
  it('is one valid MessagePack document of prelude, header and bins, whatever its sections', () => {
    fc.assert(
      fc.property(sections, (input) => {
        const { bytes } = encodePart(input)
        const document = new Unpackr({ useRecords: false }).unpack(bytes) as unknown[]
        expect(document).toHaveLength(2 + input.length)
        input.forEach(({ payload }, i) => {
          const bin = document[i + 2] as Uint8Array
          expect([...bin.subarray(0, payload.length)]).toEqual([...payload])
          expect(bin.subarray(payload.length).every((byte) => byte === 0)).toBe(true)
        })
      }),
    )
  })

  it('has payloads at multiples of 64, each followed by at least 16 zero bytes in the file', () => {
    fc.assert(
      fc.property(sections, (input) => {
        const { bytes, entries } = encodePart(input)
        for (const { offset, length } of entries) {
          expect(offset % 64).toBe(0)
          expect(bytes.length).toBeGreaterThanOrEqual(offset + length + 16)
        }
        const table = sectionTable(decodeHead(bytes, 'part', 'p'), 'p', bytes.length)
        expect(table).toEqual(entries)
      }),
    )
  })

  it('is refused when cut at any byte of its head, with a TartanError', () => {
    const { bytes } = encodePart([{ name: 'ids', payload: Uint8Array.of(1, 2, 3) }])
    const headBytes = headLength(bytes, 'part', 'p')
    for (let length = 0; length < headBytes; length++) {
      expect(() => decodeHead(bytes.slice(0, length), 'part', 'p'), `cut at ${length}`).toThrow(TartanError)
    }
  })

  it('is refused when any bit of its head is flipped', () => {
    const { bytes } = encodePart([{ name: 'ids', payload: Uint8Array.of(1, 2, 3) }])
    const headBytes = headLength(bytes, 'part', 'p')
    for (let bit = 0; bit < headBytes * 8; bit++) {
      const at = bit >> 3
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << (bit & 7)
      expect(() => sectionTable(decodeHead(flipped, 'part', 'p'), 'p', bytes.length), `bit ${bit}`).toThrow(TartanError)
    }
  })
})

describe('a head', () => {
  const forged = (change: (view: DataView, bytes: Uint8Array) => void) => {
    const bytes = encodeHead('manifest', { a: 1 }, 0)
    const view = new DataView(bytes.buffer)
    change(view, bytes)
    view.setUint32(24, crc32c(bytes.subarray(0, 24)), true)
    return bytes
  }

  it.each([
    [7, /format version 7.* reads version 2.*Update tartan-search/],
    [1, /format version 1.* reads version 2.*tartan build CORPUS --out INDEX --force/],
  ])('of version %i is refused with both versions and the cure', (version, message) => {
    const bytes = forged((view) => view.setUint16(12, version, true))
    const decode = () => decodeHead(bytes, 'manifest', 'index.msgpack')
    expect(decode).toThrow(VersionError)
    expect(decode).toThrow(message)
  })

  it('reads a file of a newer minor version', () => {
    expect(
      decodeHead(
        forged((view) => view.setUint16(14, 3, true)),
        'manifest',
        'm',
      ).minor,
    ).toBe(3)
  })

  it('refuses a header longer than the file and one beyond the limit', () => {
    expect(() =>
      decodeHead(
        forged((view) => view.setUint32(16, 5000, true)),
        'manifest',
        'm',
      ),
    ).toThrow(/a head of/)
    expect(() =>
      decodeHead(
        forged((view) => view.setUint32(16, 2 ** 31, true)),
        'manifest',
        'm',
      ),
    ).toThrow(/at most 67108864/)
  })

  it('refuses a file of another kind by name', () => {
    expect(() => decodeHead(encodePart([]).bytes, 'manifest', 'm')).toThrow(/kind "manifest"/)
  })
})
