/** Posting lists against a plain inversion and hand-made bytes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PostingsBuilder } from '../../../builder/segment/postings.ts'
import { decodePostings } from './segmentReading.ts'

describe('PostingsBuilder', () => {
  it('writes gaps as LEB128 with a CRC32C, and nothing for an empty cell', () => {
    const builder = new PostingsBuilder({ centroids: 3, passages: 301 })
    for (let pid = 0; pid < 301; pid++) builder.add(Int32Array.from(pid === 2 || pid === 300 ? [2, 2] : []))
    const { postingOffsets, postings } = builder.finish()
    // pid 2: gap 2 - (-1) - 1 = 2. pid 300: gap 300 - 2 - 1 = 297 = 0b10_0101001, low seven bits first.
    expect(Array.from(postings.subarray(0, 3))).toEqual([2, 0b1010_1001, 0b10])
    expect(Array.from(postingOffsets)).toEqual([0, 0, 0, 7])
  })

  it('holds exactly the cells of each passage, ascending and once', () => {
    const passages = fc.array(fc.array(fc.nat(6), { maxLength: 9 }), { maxLength: 40 })
    fc.assert(
      fc.property(passages, (codes) => {
        const builder = new PostingsBuilder({ centroids: 7, passages: codes.length })
        for (const list of codes) builder.add(Int32Array.from(list))
        const expected = Array.from({ length: 7 }, (_, cell) =>
          codes.flatMap((list, pid) => (list.includes(cell) ? [pid] : [])),
        )
        expect(decodePostings(builder.finish())).toEqual(expected)
      }),
      { seed: 11 },
    )
  })

  it('grows beyond its first buffer', () => {
    const builder = new PostingsBuilder({ centroids: 70_000, passages: 2 })
    const all = Int32Array.from({ length: 70_000 }, (_, cell) => cell)
    builder.add(all)
    builder.add(all)
    const lists = decodePostings(builder.finish())
    expect(lists.length).toBe(70_000)
    expect(lists.every((list) => list.length === 2 && list[0] === 0 && list[1] === 1)).toBe(true)
  })
})
