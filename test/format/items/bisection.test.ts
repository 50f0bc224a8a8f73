import fc from 'fast-check'
import { expect, it } from 'vitest'
import { lastStartAtOrBefore } from '../../../format/items/bisection.ts'

it('finds the last of the first items that starts at or before a position', () => {
  const lengths = fc.array(fc.nat(3), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(lengths, fc.nat(95), (counts, position) => {
      const starts = [0]
      for (const count of counts) starts.push(starts.at(-1)! + count)
      const expected = counts.findLastIndex((_, i) => starts[i]! <= position)
      expect(lastStartAtOrBefore(Float64Array.from(starts), counts.length, position)).toBe(expected)
    }),
  )
})

it('gives the first item when all start later', () => {
  expect(lastStartAtOrBefore([4, 9], 2, 3)).toBe(0)
})
