/** Requests are taken up a few at a time. */
import { describe, expect, it } from 'vitest'
import { createIntake } from '../../../runtime/platform/node/intake.ts'

describe('createIntake', () => {
  it('lets few through at once, and many in the order of coming, so many in each turn of the event loop', async () => {
    const intake = createIntake(2)
    const taken: number[] = []
    const turns: number[] = []
    const all = Array.from({ length: 7 }, async (_, i) => {
      await intake()
      taken.push(i)
    })
    while (taken.length < 7) {
      await Promise.resolve()
      await Promise.resolve()
      turns.push(taken.length)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(all)
    expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6])
    for (const [turn, count] of turns.entries()) expect(count).toBeLessThanOrEqual(2 * (turn + 1))
    await new Promise((resolve) => setImmediate(resolve))
    expect(intake()).toBeUndefined()
  })
})
