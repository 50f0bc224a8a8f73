/** Who is computed for, and when. */
import { describe, expect, it } from 'vitest'
import { AbortedError, BusyError } from '../../../format/errors.ts'
import { Admission } from '../../../runtime/waiting/admission.ts'

/** Work that is ended by hand: `begun` has the names of what was begun, `end(name)` ends it. */
function byHand() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const work = (name: string) => () => {
    begun.push(name)
    return new Promise<string>((resolve) => ends.set(name, () => resolve(name)))
  }
  return { begun, work, end: (name: string) => ends.get(name)?.() }
}

const wanted = () => new AbortController().signal
/** Lets all promises that can go on do so. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('Admission', () => {
  it('does as much at a time as it has lanes, in the order of asking', async () => {
    const admission = new Admission({ lanes: 2 })
    const { begun, work, end } = byHand()
    const all = ['a', 'b', 'c', 'd'].map((name) => admission.run(work(name), wanted()))
    expect([begun, admission.underWay, admission.waiting]).toEqual([['a', 'b'], 2, 2])
    end('b')
    await settle()
    expect([begun, admission.underWay, admission.waiting]).toEqual([['a', 'b', 'c'], 2, 1])
    for (const name of ['a', 'c']) end(name)
    await settle()
    end('d')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
    expect([admission.underWay, admission.waiting, admission.refused]).toEqual([0, 0, 0])
  })

  it('lets nobody overtake who waits, also not in the moment when a lane becomes free', async () => {
    const admission = new Admission({ lanes: 1 })
    const { begun, work, end } = byHand()
    void admission.run(work('a'), wanted())
    void admission.run(work('b'), wanted())
    end('a')
    // Asked in the very turn in which "a" ends.
    void admission.run(work('c'), wanted())
    await settle()
    expect([begun, admission.underWay]).toEqual([['a', 'b'], 1])
  })

  it('refuses at once what comes when as many wait as may, and says when to come again', async () => {
    const admission = new Admission({ lanes: 1, waitingMax: 1 })
    const { work } = byHand()
    void admission.run(work('a'), wanted())
    void admission.run(work('b'), wanted())
    const error = await admission.run(work('c'), wanted()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(BusyError)
    expect((error as BusyError).retryAfterSeconds).toBeGreaterThanOrEqual(1)
    expect(admission.refused).toBe(1)
  })

  const taking = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms))

  it('refuses at once what would begin too late, by how long such work took', async () => {
    const admission = new Admission({ lanes: 1, waitMaxMs: 15 })
    for (let i = 0; i < 8; i++) await admission.run(taking(20), wanted())
    const { begun, work, end } = byHand()
    const first = admission.run(work('a'), wanted())
    const second = admission.run(work('b'), wanted())
    // A third would begin after "b", which takes 20 ms.
    await expect(admission.run(work('c'), wanted())).rejects.toBeInstanceOf(BusyError)
    end('a')
    await first
    await settle()
    end('b')
    await second
    expect(begun).toEqual(['a', 'b'])
  })

  it('refuses nobody for work of another kind that took long', async () => {
    const admission = new Admission({ lanes: 1, waitMaxMs: 50 })
    for (let i = 0; i < 8; i++) await admission.run(taking(20), wanted(), 'long')
    for (let i = 0; i < 8; i++) await admission.run(async () => {}, wanted(), 'short')
    const { work, end } = byHand()
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => admission.run(work(name), wanted(), 'short'))
    expect([admission.waiting, admission.refused]).toEqual([4, 0])
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      end(name)
      await settle()
    }
    await Promise.all(all)
    const long = ['a', 'b', 'c', 'd', 'e'].map((name) => admission.run(work(name), wanted(), 'long'))
    // Three that wait are 60 ms: the fifth is one too many.
    await expect(long[4]).rejects.toBeInstanceOf(BusyError)
    expect(admission.waiting).toBe(3)
    for (const name of ['a', 'b', 'c', 'd']) {
      end(name)
      await settle()
    }
    expect(await Promise.all(long.slice(0, 4))).toEqual(['a', 'b', 'c', 'd'])
  })

  it('learns nothing from work that failed', async () => {
    const admission = new Admission({ lanes: 1, waitMaxMs: 15 })
    const failing = () => new Promise<never>((_, reject) => setTimeout(() => reject(new Error('no')), 20))
    for (let i = 0; i < 8; i++) await admission.run(failing, wanted()).catch(() => {})
    const { work, end } = byHand()
    const all = ['a', 'b', 'c'].map((name) => admission.run(work(name), wanted()))
    expect([admission.waiting, admission.refused]).toEqual([2, 0])
    for (const name of ['a', 'b', 'c']) {
      end(name)
      await settle()
    }
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c'])
  })

  it('refuses what waited as long as was promised, if the work before it took longer than expected', async () => {
    const admission = new Admission({ lanes: 1, waitMaxMs: 5 })
    const { begun, work } = byHand()
    void admission.run(work('a'), wanted())
    await expect(admission.run(work('b'), wanted())).rejects.toBeInstanceOf(BusyError)
    expect(begun).toEqual(['a'])
  })

  it('never begins the work of who went away, and gives the place to the next', async () => {
    const admission = new Admission({ lanes: 1 })
    const { begun, work, end } = byHand()
    void admission.run(work('a'), wanted())
    const gone = new AbortController()
    const left = admission.run(work('b'), gone.signal)
    const last = admission.run(work('c'), wanted())
    gone.abort()
    await expect(left).rejects.toBeInstanceOf(AbortedError)
    end('a')
    await settle()
    end('c')
    expect(await last).toBe('c')
    expect(begun).toEqual(['a', 'c'])
    await expect(admission.run(work('d'), gone.signal)).rejects.toBeInstanceOf(AbortedError)
  })

  it('goes on after work that failed', async () => {
    const admission = new Admission({ lanes: 1 })
    const failing = admission.run(() => Promise.reject(new Error('no')), wanted())
    const next = admission.run(async () => 'next', wanted())
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('next')
  })

  it('says how long each waited', async () => {
    const admission = new Admission({ lanes: 1 })
    const waitedMs = ({ waitedMs: ms }: { readonly waitedMs: number }) => Promise.resolve(ms)
    const first = admission.run(() => new Promise((resolve) => setTimeout(resolve, 10)), wanted())
    const second = admission.run(waitedMs, wanted())
    await first
    // Timers may be early by less than a millisecond.
    expect(await second).toBeGreaterThan(8)
  })

  it('refuses who waits and who comes when it is closed, and ends what is under way', async () => {
    const admission = new Admission({ lanes: 1 })
    const { begun, work, end } = byHand()
    const first = admission.run(work('a'), wanted())
    const second = admission.run(work('b'), wanted())
    admission.close()
    await expect(second).rejects.toBeInstanceOf(BusyError)
    await expect(admission.run(work('c'), wanted())).rejects.toBeInstanceOf(BusyError)
    end('a')
    expect(await first).toBe('a')
    expect(begun).toEqual(['a'])
  })
})
