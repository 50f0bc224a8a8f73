/** Equal work at once is done once. */
import { describe, expect, it } from 'vitest'
import { AbortedError } from '../../../format/errors.ts'
import { Flights } from '../../../runtime/waiting/flights.ts'

const wanted = () => new AbortController().signal

/** Work that is ended by hand and counts how often it was begun. */
function byHand() {
  const starts: { signal: AbortSignal; resolve(value: string): void; reject(error: Error): void }[] = []
  const start = (signal: AbortSignal) =>
    new Promise<string>((resolve, reject) => starts.push({ signal, resolve, reject }))
  return { starts, start }
}

describe('Flights', () => {
  it('does equal work once for all who ask meanwhile, and anew for who asks later', async () => {
    const flights = new Flights()
    const { starts, start } = byHand()
    const both = [flights.join('a', wanted(), start), flights.join('a', wanted(), start)]
    const other = flights.join('b', wanted(), start)
    expect([starts.length, flights.size]).toEqual([2, 2])
    starts[0]!.resolve('one')
    expect(await Promise.all(both)).toEqual(['one', 'one'])
    const later = flights.join('a', wanted(), start)
    expect(starts.length).toBe(3)
    starts[1]!.resolve('two')
    starts[2]!.resolve('three')
    expect([await other, await later]).toEqual(['two', 'three'])
    expect(flights.size).toBe(0)
  })

  it('lets one leave without harm to the others, and gives up the work when the last has left', async () => {
    const flights = new Flights()
    const { starts, start } = byHand()
    const first = new AbortController()
    const second = new AbortController()
    const both = [flights.join('a', first.signal, start), flights.join('a', second.signal, start)]
    first.abort()
    await expect(both[0]).rejects.toBeInstanceOf(AbortedError)
    expect(starts[0]!.signal.aborted).toBe(false)
    second.abort()
    await expect(both[1]).rejects.toBeInstanceOf(AbortedError)
    expect(starts[0]!.signal.aborted).toBe(true)
    // Who asks now does not get what was given up.
    const third = flights.join('a', wanted(), start)
    starts[1]!.resolve('again')
    expect(await third).toBe('again')
    await expect(flights.join('a', first.signal, start)).rejects.toBeInstanceOf(AbortedError)
  })

  it('tells a failure to all who wait, and tries again for the next', async () => {
    const flights = new Flights()
    const { starts, start } = byHand()
    const both = Promise.allSettled([flights.join('a', wanted(), start), flights.join('a', wanted(), start)])
    starts[0]!.reject(new Error('no'))
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    const again = flights.join('a', wanted(), start)
    starts[1]!.resolve('yes')
    expect(await again).toBe('yes')
  })
})
