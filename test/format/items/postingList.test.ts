import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../format/container/crc32c.ts'
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import {
  countPids,
  eachPid,
  encodePostingList,
  locatePostingList,
  postingListBytesMax,
  requirePostingList,
  requirePostingOffsets,
  writePostingList,
} from '../../../format/items/postingList.ts'
import { postingList } from '../../../lab/data/randomSegment.ts'
import { expectDamageRefused, refusedOr, somePids } from './damage.ts'

function pidsOf(list: Uint8Array, passages: number): number[] {
  const pids: number[] = []
  eachPid(list, 0, passages, (pid) => pids.push(pid))
  return pids
}

/** Gaps with a CRC that fits, whatever they are. */
function sealed(...gaps: readonly number[]): Uint8Array {
  const crc = crc32c(Uint8Array.from(gaps))
  return Uint8Array.of(...gaps, crc & 255, (crc >>> 8) & 255, (crc >>> 16) & 255, crc >>> 24)
}

describe('a posting list', () => {
  it('holds the pids it was made of, as the plain encoder of the kernels tests writes them', () => {
    fc.assert(
      fc.property(somePids, ({ passages, pids }) => {
        const list = encodePostingList(pids)
        expect([...list]).toEqual(pids.length === 0 ? [] : postingList(pids))
        expect(pidsOf(list, passages)).toEqual(pids)
        expect(countPids(list)).toBe(pids.length)
        expect(list.length).toBeLessThanOrEqual(postingListBytesMax(pids.length))
      }),
    )
  })

  it('has gaps of five bytes where pids are far apart', () => {
    const list = encodePostingList([2 ** 32 - 1])
    expect([...list.subarray(0, -4)]).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f])
    expect(pidsOf(list, 2 ** 32)).toEqual([2 ** 32 - 1])
  })

  it('is written where it is wanted and tells where it ends', () => {
    const target = new Uint8Array(40).fill(7)
    const end = writePostingList([1, 300], target, 5)
    expect(target.subarray(5, end)).toEqual(encodePostingList([1, 300]))
    expect([...target.subarray(0, 5), ...target.subarray(end)].every((byte) => byte === 7)).toBe(true)
    expect(writePostingList([], target, end)).toBe(end)
  })

  it('is refused when cut at any byte or changed in any byte', () => {
    for (const mask of [1, 0x80, 0xff]) {
      expectDamageRefused(encodePostingList([0, 5, 300, 90_000]), (list) => requirePostingList(list, 3), mask)
    }
  })

  it('names its centroid when its CRC does not fit', () => {
    expect(() => requirePostingList(encodePostingList([4]).with(0, 5), 17)).toThrow(ChecksumError)
    expect(() => requirePostingList(encodePostingList([4]).with(0, 5), 17)).toThrow(/posting list 17/)
    expect(() => requirePostingList(encodePostingList([4]).subarray(1), 17)).toThrow(FormatError)
  })

  it('takes another checksum function and gives it the gaps', () => {
    const list = encodePostingList([4, 9])
    expect(() =>
      requirePostingList(list, 0, (bytes) => {
        expect([...bytes]).toEqual([4, 4])
        return new DataView(list.buffer).getUint32(2, true)
      }),
    ).not.toThrow()
  })

  it.each([
    ['a number that is cut off', [0x80], /below 2\^32/],
    ['a number of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x01], /below 2\^32/],
    ['a number that could be shorter', [0x85, 0x00], /shortest/],
    ['a pid that is no passage', [9, 0], /below 10/],
    ['a pid far beyond', [0xff, 0xff, 0xff, 0xff, 0x7f], /below 10/],
  ])('refuses %s though the CRC fits', (_, gaps, message) => {
    const list = sealed(...gaps)
    requirePostingList(list, 0)
    expect(() => pidsOf(list, 10)).toThrow(FormatError)
    expect(() => pidsOf(list, 10)).toThrow(message)
  })

  it('gives ascending pids below the limit or a FormatError, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 500 }), (bytes, passages) => {
        const pids = refusedOr(() => pidsOf(bytes, passages)) ?? []
        expect(pids.every((pid, i) => pid < passages && pid > (pids[i - 1] ?? -1))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('the offsets of posting lists', () => {
  it('locate each list', () => {
    const lists = [encodePostingList([3]), encodePostingList([]), encodePostingList([1, 2])]
    const offsets = Uint32Array.of(0, 5, 5, 11)
    requirePostingOffsets(offsets, 11)
    expect(lists.map(({ length }) => length)).toEqual([5, 0, 6])
    expect([0, 1, 2].map((cell) => locatePostingList(offsets, cell))).toEqual([
      { offset: 0, length: 5 },
      { offset: 5, length: 0 },
      { offset: 5, length: 6 },
    ])
  })

  it.each([
    [[1, 6], 6],
    [[0, 4], 4],
    [[0, 6, 5], 5],
    [[0, 6], 7],
    [[], 1],
  ])('are refused as %j for a section of %i bytes', (offsets, bytes) => {
    expect(() => requirePostingOffsets(Uint32Array.from(offsets), bytes)).toThrow(FormatError)
  })
})
