import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeastRecentlyUsed } from '../../runtime/readers/leastRecentlyUsed.ts'

/** What an entry counts besides its bytes. */
const ENTRY = 256
const bytesOf = (length: number, value = 1) => new Uint8Array(length).fill(value)

describe('the least recently used', () => {
  it('leave first, and what was just read stays', () => {
    const kept = new LeastRecentlyUsed(3 * (100 + ENTRY))
    for (const key of ['a', 'b', 'c']) kept.put(key, bytesOf(100))
    expect(kept.get('a')).toEqual(bytesOf(100))
    kept.put('d', bytesOf(100))
    expect(['a', 'b', 'c', 'd'].map((key) => kept.get(key) !== undefined)).toEqual([true, false, true, true])
  })

  it('are copies: the read that they came from may go, and may change', () => {
    const kept = new LeastRecentlyUsed(10_000)
    const read = bytesOf(5000)
    kept.put('a', read.subarray(10, 12))
    read.fill(9)
    expect([...kept.get('a')!]).toEqual([1, 1])
    expect(kept.get('a')!.buffer.byteLength).toBe(2)
  })

  it('are replaced under the same key, and counted once', () => {
    const kept = new LeastRecentlyUsed(10_000)
    kept.put('a', bytesOf(1000))
    kept.put('a', bytesOf(10, 2))
    expect(kept.get('a')).toEqual(bytesOf(10, 2))
    expect(kept.bytes).toBe(10 + ENTRY)
  })

  it('are never larger together than allowed, and hold what was last put where it fits', () => {
    const puts = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), length: fc.nat(900) }))
    fc.assert(
      fc.property(puts, fc.nat(2500), (items, bytesMax) => {
        const kept = new LeastRecentlyUsed(bytesMax)
        for (const { key, length } of items) {
          kept.put(key, bytesOf(length))
          expect(kept.get(key)?.length).toBe(length + ENTRY <= bytesMax ? length : undefined)
          expect(kept.bytes).toBeLessThanOrEqual(bytesMax)
        }
      }),
    )
  })
})
