/** The planner is arithmetic: reads and bytes of small cases are stated, and what it promises of any case is checked on random ones. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isInside,
  type PlanLimits,
  planReads,
  type ReadPlan,
  type WantedBytes,
} from '../../../runtime/search/range/plan.ts'

const unlimited: PlanLimits = { gapBytes: 0, budget: { reads: 1000, bytes: 1e12 } }
const at = (offset: number, length: number, part = 0): WantedBytes => ({ part, offset, length })
const ranges = ({ reads }: ReadPlan) => reads.map(({ part, offset, length }) => [part, offset, length])

describe('a read plan', () => {
  it('reads nothing for nothing', () => {
    expect(planReads([], unlimited)).toEqual({ reads: [], bytes: 0, taken: 0 })
  })

  it('joins what touches, whatever its order, and keeps what does not apart', () => {
    const plan = planReads([at(30, 10), at(10, 10), at(20, 10), at(41, 5)], unlimited)
    expect(plan).toEqual({
      reads: [
        { part: 0, offset: 10, length: 30, items: [1, 2, 0] },
        { part: 0, offset: 41, length: 5, items: [3] },
      ],
      bytes: 35,
      taken: 4,
    })
  })

  it('reads over a gap of gapBytes, and not over a larger one', () => {
    const wanted = [at(0, 10), at(14, 10), at(29, 10)]
    expect(ranges(planReads(wanted, { ...unlimited, gapBytes: 4 }))).toEqual([
      [0, 0, 24],
      [0, 29, 10],
    ])
    expect(planReads(wanted, { ...unlimited, gapBytes: 5 })).toMatchObject({ bytes: 39, reads: [{ length: 39 }] })
  })

  it('reads over no gap larger than gapBytesMax, and rather leaves out what would need it', () => {
    const wanted = [at(0, 10), at(14, 10), at(100, 10)]
    expect(planReads(wanted, { ...unlimited, budget: { bytes: 1e12, reads: 1 } })).toMatchObject({
      taken: 3,
      bytes: 110,
    })
    const plan = planReads(wanted, { ...unlimited, budget: { bytes: 1e12, reads: 1 }, gapBytesMax: 4 })
    expect(plan).toMatchObject({ taken: 2, bytes: 24, stoppedBy: 'reads' })
  })

  it('tells what comes with the reads, whether wanted or not', () => {
    const plan = planReads([at(10, 10), at(30, 10)], { ...unlimited, gapBytes: 10 })
    expect([at(20, 10), at(10, 30), at(9, 2), at(39, 2), at(20, 10, 1)].map((place) => isInside(plan, place))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  it('never joins two parts, even where their offsets touch', () => {
    expect(ranges(planReads([at(0, 10, 1), at(10, 10, 0), at(10, 10, 1)], unlimited))).toEqual([
      [0, 10, 10],
      [1, 0, 20],
    ])
  })

  it('reads over the smallest gaps when there would be too many reads', () => {
    const wanted = [at(0, 10), at(110, 10), at(140, 10), at(1000, 10)]
    expect(ranges(planReads(wanted, { ...unlimited, budget: { bytes: 1e12, reads: 3 } }))).toEqual([
      [0, 0, 10],
      [0, 110, 40],
      [0, 1000, 10],
    ])
  })

  it('leaves out the last of what is wanted when even that is too much, and says which limit it was', () => {
    const wanted = [at(500, 10), at(0, 10), at(1000, 10)]
    expect(planReads(wanted, { ...unlimited, budget: { bytes: 20, reads: 1000 } })).toMatchObject({
      taken: 2,
      bytes: 20,
      stoppedBy: 'bytes',
    })
    const fewReads = planReads(wanted, { gapBytes: 0, budget: { bytes: 600, reads: 1 } })
    expect(fewReads).toMatchObject({ taken: 2, bytes: 510, stoppedBy: 'reads' })
    expect(planReads([at(0, 10, 0), at(0, 10, 1)], { ...unlimited, budget: { bytes: 1e12, reads: 1 } })).toMatchObject({
      taken: 1,
      stoppedBy: 'reads',
    })
    expect(planReads(wanted, { ...unlimited, budget: { bytes: 1e12, reads: 0 } })).toEqual({
      reads: [],
      bytes: 0,
      taken: 0,
      stoppedBy: 'reads',
    })
  })

  it('gives up a gap that it would like to read over before it gives up an item', () => {
    const wanted = [at(0, 10), at(15, 10)]
    expect(planReads(wanted, { gapBytes: 100, budget: { bytes: 24, reads: 2 } })).toMatchObject({ taken: 2, bytes: 20 })
  })

  it('reads the same bytes once when they are wanted twice, or overlap', () => {
    const plan = planReads([at(0, 10), at(5, 10), at(0, 10), at(2, 3)], unlimited)
    expect(plan).toEqual({ reads: [{ part: 0, offset: 0, length: 15, items: [0, 2, 3, 1] }], bytes: 15, taken: 4 })
  })
})

const wantedBytes = fc.array(
  fc.record({ part: fc.nat(2), offset: fc.nat(2000), length: fc.integer({ min: 1, max: 80 }) }),
  { maxLength: 60 },
)
const limits = fc.record({
  gapBytes: fc.nat(60),
  budget: fc.record({ reads: fc.nat(30), bytes: fc.nat(3000) }),
})

describe('any read plan', () => {
  it('holds every taken item in exactly one read, whole, and no other item', () => {
    fc.assert(
      fc.property(wantedBytes, limits, (wanted, limit) => {
        const { reads, taken } = planReads(wanted, limit)
        const items = reads.flatMap((read) => read.items)
        expect(items.toSorted((a, b) => a - b)).toEqual(Array.from({ length: taken }, (_, i) => i))
        for (const { part, offset, length, items: own } of reads) {
          for (const item of own.map((index) => wanted[index]!)) {
            expect(item.part).toBe(part)
            expect(item.offset).toBeGreaterThanOrEqual(offset)
            expect(item.offset + item.length).toBeLessThanOrEqual(offset + length)
          }
        }
      }),
    )
  })

  it('keeps its limits, says its bytes, and has ascending reads that do not touch', () => {
    fc.assert(
      fc.property(wantedBytes, limits, (wanted, limit) => {
        const { reads, bytes } = planReads(wanted, limit)
        expect(reads.length).toBeLessThanOrEqual(limit.budget.reads)
        expect(bytes).toBeLessThanOrEqual(limit.budget.bytes)
        expect(reads.reduce((sum, { length }) => sum + length, 0)).toBe(bytes)
        for (const [i, read] of reads.entries()) {
          const before = reads[i - 1]
          if (before?.part === read.part) expect(read.offset).toBeGreaterThan(before.offset + before.length)
          else if (before) expect(read.part).toBeGreaterThan(before.part)
        }
      }),
    )
  })

  it('starts and ends each read with something wanted, and spans no gap above gapBytes but for want of reads', () => {
    fc.assert(
      fc.property(wantedBytes, limits, (wanted, limit) => {
        const plan = planReads(wanted, limit)
        for (const { offset, length, items } of plan.reads) {
          const own = items.map((index) => wanted[index]!)
          expect(Math.min(...own.map((item) => item.offset))).toBe(offset)
          expect(Math.max(...own.map((item) => item.offset + item.length))).toBe(offset + length)
        }
        if (plan.reads.length < limit.budget.reads) {
          for (const { items } of plan.reads) {
            let end = -1
            for (const { offset, length } of items.map((index) => wanted[index]!)) {
              if (end >= 0) expect(offset - end).toBeLessThanOrEqual(limit.gapBytes)
              end = Math.max(end, offset + length)
            }
          }
        }
      }),
    )
  })

  it('takes everything, or one more item would break a limit', () => {
    fc.assert(
      fc.property(wantedBytes, limits, (wanted, limit) => {
        const { taken, stoppedBy } = planReads(wanted, limit)
        expect(taken === wanted.length).toBe(stoppedBy === undefined)
        if (taken < wanted.length)
          expect(fewestBytes(wanted.slice(0, taken + 1), limit.budget.reads)).toBeGreaterThan(limit.budget.bytes)
      }),
    )
  })
})

/** By the plainest way there is: mark bytes, then fill the smallest gaps until there are few enough reads. */
function fewestBytes(wanted: readonly WantedBytes[], readsMax: number): number {
  const marked = [0, 1, 2].map((part) => {
    const bytes = new Uint8Array(2100)
    for (const item of wanted) if (item.part === part) bytes.fill(1, item.offset, item.offset + item.length)
    return bytes
  })
  let runs = 0
  const gaps: number[] = []
  for (const bytes of marked) {
    let end = -1
    for (const [at, byte] of bytes.entries()) {
      if (byte === 0 || bytes[at - 1] === 1) continue
      runs++
      if (end >= 0) gaps.push(at - end)
      end = bytes.indexOf(0, at)
    }
  }
  const merges = Math.max(0, runs - readsMax)
  if (merges > gaps.length) return Number.POSITIVE_INFINITY
  const bytes = marked.reduce((sum, part) => sum + part.reduce((ones, byte) => ones + byte, 0), 0)
  return gaps
    .toSorted((a, b) => a - b)
    .slice(0, merges)
    .reduce((sum, gap) => sum + gap, bytes)
}
