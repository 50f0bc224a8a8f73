import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../format/container/crc32c.ts'
import { ChecksumError, FormatError, InputError } from '../../../format/errors.ts'
import { decodeTombstones, encodeTombstones } from '../../../format/items/tombstones.ts'
import { postingList } from '../../../lab/data/randomSegment.ts'
import { expectDamageRefused, refusedOr, somePids } from './damage.ts'

/** Content with a CRC that fits, whatever it is. */
function sealed(...content: readonly number[]): Uint8Array {
  const bytes = Uint8Array.of(...content, 0, 0, 0, 0)
  new DataView(bytes.buffer).setUint32(content.length, crc32c(Uint8Array.from(content)), true)
  return bytes
}

describe('tombstones', () => {
  it('give back the deleted pids, in no more bytes than either encoding needs', () => {
    fc.assert(
      fc.property(somePids, ({ passages, pids }) => {
        const bytes = encodeTombstones(pids, passages)
        expect([...decodeTombstones(bytes, passages, pids.length)]).toEqual(pids)
        const gapBytes = postingList(pids).length - 4
        expect(bytes.length).toBe(1 + Math.min(gapBytes, Math.ceil(passages / 8)) + 4)
      }),
    )
  })

  it('of few passages are gaps as in a posting list', () => {
    const bytes = encodeTombstones([2, 300], 100_000)
    expect([...bytes.subarray(0, -4)]).toEqual([0, 2, 0b1010_1001, 0b10])
    expect(new DataView(bytes.buffer).getUint32(4, true)).toBe(crc32c(bytes.subarray(0, 4)))
  })

  it('of many passages are a bitmap, least significant bit first', () => {
    const bytes = encodeTombstones([0, 1, 3, 8, 9], 10)
    expect([...bytes.subarray(0, -4)]).toEqual([1, 0b0000_1011, 0b0000_0011])
  })

  it('may say that none is deleted, or all', () => {
    expect([...encodeTombstones([], 9)]).toEqual([...sealed(0)])
    expect(decodeTombstones(sealed(0), 9, 0)).toHaveLength(0)
    const all = Array.from({ length: 4001 }, (_, pid) => pid)
    expect([...decodeTombstones(encodeTombstones(all, 4001), 4001)]).toEqual(all)
  })

  it('are read in the larger encoding, too', () => {
    expect([...decodeTombstones(sealed(0, 0, 0, 0), 4)]).toEqual([0, 1, 2])
    expect([...decodeTombstones(sealed(1, 0, 0b10), 16)]).toEqual([9])
  })

  it.each([
    [[3, 3], 9],
    [[3, 2], 9],
    [[9], 9],
    [[-1], 9],
    [[1.5], 9],
    [[Number.NaN], 9],
  ])('are not made of %j of %i passages', (pids, passages) => {
    expect(() => encodeTombstones(pids, passages)).toThrow(InputError)
  })

  it('are refused when cut at any byte or changed in any byte', () => {
    for (const bytes of [encodeTombstones([7, 500, 501], 9000), encodeTombstones([1, 2, 3, 4, 5, 6, 12], 13)]) {
      for (const mask of [1, 0x80, 0xff]) {
        expectDamageRefused(bytes, (damaged) => decodeTombstones(damaged, 9000), mask)
      }
    }
    expect(() => decodeTombstones(encodeTombstones([7], 900).with(1, 8), 900)).toThrow(ChecksumError)
  })

  it.each([
    ['another encoding', sealed(2, 0), /encoding/],
    ['no encoding at all', sealed(), /at least 5 bytes/],
    ['a pid that is no passage', sealed(0, 13), /below 13/],
    ['a number that is cut off', sealed(0, 0x80), /below 2\^32/],
    ['a number that could be shorter', sealed(0, 0x81, 0), /shortest/],
    ['a bitmap that is short', sealed(1, 0xff), /2 bytes/],
    ['a bitmap that is long', sealed(1, 0xff, 0, 0), /2 bytes/],
    ['a bit beyond the last passage', sealed(1, 0, 0b0010_0000), /from 13 on/],
  ])('are refused with %s though the CRC fits', (_, bytes, message) => {
    expect(() => decodeTombstones(bytes, 13)).toThrow(FormatError)
    expect(() => decodeTombstones(bytes, 13)).toThrow(message)
  })

  it('are refused when they are not as many as the manifest says', () => {
    expect(() => decodeTombstones(encodeTombstones([1, 2], 900), 900, 3)).toThrow(/expected 3 passages, got 2/)
  })

  it('are refused or ascending and below N, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.integer({ min: 1, max: 300 }), (content, passages) => {
        const forged = sealed((content[0] ?? 0) % 3, ...content.subarray(1))
        for (const bytes of [content, forged]) {
          const pids = [...(refusedOr(() => decodeTombstones(bytes, passages)) ?? [])]
          expect(pids.every((pid, i) => pid < passages && pid > (pids[i - 1] ?? -1))).toBe(true)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
