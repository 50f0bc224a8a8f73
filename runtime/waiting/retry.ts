/** Tries again what may work the next time: exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", 2015). */

export interface RetryOptions {
  /** Tries after the first. */
  readonly retries: number
  /** The first pause is random in [0, this], the next in [0, twice this], and so on. */
  readonly backoffMs: number
  /** No pause is longer, whatever a server asks for. */
  readonly pauseMaxMs: number
}

/** Thrown by the work to be tried again. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError'
  /** What is thrown when no try is left. */
  readonly failure: Error
  /** The least pause, as a server asked for it (`Retry-After`). */
  readonly pauseMs: number

  constructor(failure: Error, pauseMs = 0) {
    super(failure.message, { cause: failure })
    this.failure = failure
    this.pauseMs = pauseMs
  }
}

/** @throws what `work` throws, or the `failure` of the last RetryableError */
export async function withRetry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RetryableError)) throw error
      if (attempt >= options.retries) throw error.failure
      const jittered = Math.random() * options.backoffMs * 2 ** attempt
      const pauseMs = Math.min(options.pauseMaxMs, Math.max(jittered, error.pauseMs))
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
