/**
 * Opens something once for many requests, where a request may not wait for a promise of another one: Workers tie a promise's I/O
 * to the request that began it, and let it hang when that request is cancelled. So the value is shared, never the promise.
 */

/** How often those who wait look whether it is there. */
const POLL_MS = 20
/** After so long whoever opens is taken for dead, and the next one opens. */
const TAKE_OVER_MS_DEFAULT = 15_000

interface Attempt {
  readonly since: number
  failure?: { readonly error: unknown }
}

export interface OpenOnceOptions<T> {
  readonly open: () => Promise<T>
  /** Called with a value that came too late, because another attempt had been begun and was faster. */
  readonly discard?: (value: T) => Promise<void>
  /** Default 15,000. */
  readonly takeOverMs?: number
}

/** `get` opens or waits; `value` is what is open already. */
export interface OpenOnce<T> {
  readonly value: T | undefined
  /** @throws what `open` threw, for all who waited for that attempt; the next call tries again */
  get(): Promise<T>
}

export function createOpenOnce<T extends object>(options: OpenOnceOptions<T>): OpenOnce<T> {
  const { open, discard, takeOverMs = TAKE_OVER_MS_DEFAULT } = options
  let value: T | undefined
  let current: Attempt | undefined

  async function attempt(): Promise<T> {
    const mine: Attempt = { since: performance.now() }
    current = mine
    try {
      const opened = await open()
      if (value) {
        await discard?.(opened)
        return value
      }
      value = opened
      return opened
    } catch (error) {
      mine.failure = { error }
      throw error
    } finally {
      if (current === mine) current = undefined
    }
  }

  return {
    get value() {
      return value
    },
    async get() {
      let awaited = current
      while (!value) {
        if (awaited?.failure) throw awaited.failure.error
        if (!current || performance.now() - current.since > takeOverMs) return attempt()
        awaited = current
        await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      }
      return value
    },
  }
}
