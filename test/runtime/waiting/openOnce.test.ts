/** Opening once for many, where no promise may be shared. */
import { describe, expect, it } from 'vitest'
import { createOpenOnce } from '../../../runtime/waiting/openOnce.ts'

/** An `open` whose calls are ended by hand, one after another. */
function byHand() {
  const calls: { resolve(value: { name: string }): void; reject(error: unknown): void }[] = []
  const open = () => new Promise<{ name: string }>((resolve, reject) => calls.push({ resolve, reject }))
  return { calls, open }
}

describe('createOpenOnce', () => {
  it('opens once for all who ask meanwhile, and not again afterwards', async () => {
    const { calls, open } = byHand()
    const once = createOpenOnce({ open })
    const all = [once.get(), once.get(), once.get()]
    expect([calls.length, once.value]).toEqual([1, undefined])
    const value = { name: 'a' }
    calls[0]!.resolve(value)
    for (const got of await Promise.all(all)) expect(got).toBe(value)
    expect(await once.get()).toBe(value)
    expect([calls.length, once.value]).toEqual([1, value])
  })

  it('tells a failure to all who waited for it, and tries again for the next', async () => {
    const { calls, open } = byHand()
    const once = createOpenOnce({ open })
    const all = Promise.allSettled([once.get(), once.get()])
    const error = new Error('storage is down')
    calls[0]!.reject(error)
    expect(await all).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
    const again = once.get()
    calls[1]!.resolve({ name: 'b' })
    expect(await again).toEqual({ name: 'b' })
  })

  it('takes over from one that hangs, and gives back what comes too late', async () => {
    const { calls, open } = byHand()
    const discarded: unknown[] = []
    const once = createOpenOnce({ open, takeOverMs: 30, discard: async (value) => void discarded.push(value) })
    const hanging = once.get()
    const waiting = once.get()
    while (calls.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    calls[1]!.resolve({ name: 'second' })
    expect(await waiting).toEqual({ name: 'second' })
    calls[0]!.resolve({ name: 'first' })
    expect(await hanging).toEqual({ name: 'second' })
    expect(discarded).toEqual([{ name: 'first' }])
  })
})
