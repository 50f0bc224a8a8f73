/**
 * Who is computed for, and when: a queue in front of threads that answer queries. First come, first answered; what cannot be
 * answered in time is refused at once, so that those who wait are answered; who went away is not computed for.
 *
 * Its promises are shared between requests, so it is for hosts with threads (Node, Deno, Bun), not for Workers.
 */
import { AbortedError, BusyError } from '../../format/errors.ts'

export interface AdmissionOptions {
  /** Pieces of work under way at a time, at least 1. */
  readonly lanes: number
  /** Pieces of work that may wait; one more is refused. Default 1,024. */
  readonly waitingMax?: number
  /** Work is refused when it would begin later than this, as far as can be told. Default 10,000. */
  readonly waitMaxMs?: number
}

/** A piece of work whose turn it is. */
export interface Turn {
  /** Fires when nobody waits for the result any more. */
  readonly signal: AbortSignal
  /** Milliseconds from being asked to now. */
  readonly waitedMs: number
}

interface Waiting {
  begin(): void
  refuse(error: Error): void
}

const WAITING_MAX_DEFAULT = 1024
const WAIT_MAX_MS_DEFAULT = 10_000
/** Weight of the newest piece of work in the running mean of how long one takes. */
const NEWEST_SHARE = 0.05

export class Admission {
  readonly #lanes: number
  readonly #waitingMax: number
  readonly #waitMaxMs: number
  readonly #queue = new Set<Waiting>()
  #underWay = 0
  /** Mean milliseconds of a piece of work in a lane; 0 until the first is done. */
  #meanMs = 0
  #refused = 0
  #closed = false

  constructor({ lanes, waitingMax = WAITING_MAX_DEFAULT, waitMaxMs = WAIT_MAX_MS_DEFAULT }: AdmissionOptions) {
    this.#lanes = lanes
    this.#waitingMax = waitingMax
    this.#waitMaxMs = waitMaxMs
  }

  /** Pieces of work that wait for a lane. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Pieces of work in lanes. */
  get underWay(): number {
    return this.#underWay
  }

  /** Refused since the start. */
  get refused(): number {
    return this.#refused
  }

  /**
   * Does the work when its turn has come.
   *
   * @param signal - fires when the result is no longer wanted: work that has not begun never does
   * @throws BusyError when it cannot begin in time; AbortedError by `signal`; what `work` throws
   */
  async run<T>(work: (turn: Turn) => Promise<T>, signal: AbortSignal): Promise<T> {
    const since = performance.now()
    if (signal.aborted) throw new AbortedError('the request was withdrawn before its turn came')
    if (this.#underWay < this.#lanes && this.#queue.size === 0 && !this.#closed) this.#underWay++
    else await this.#lane(signal)
    const began = performance.now()
    try {
      return await work({ signal, waitedMs: began - since })
    } finally {
      this.#underWay--
      const ms = performance.now() - began
      this.#meanMs = this.#meanMs === 0 ? ms : this.#meanMs + (ms - this.#meanMs) * NEWEST_SHARE
      this.#beginNext()
    }
  }

  /** Whoever waits is refused, and all who come later; work under way goes on. */
  close(): void {
    this.#closed = true
    for (const waiting of [...this.#queue]) waiting.refuse(this.#busy('The server is about to stop.'))
  }

  /** Resolves with a lane taken: counted before anyone else can take it. */
  async #lane(signal: AbortSignal): Promise<void> {
    const aheadMs = Math.ceil((this.#queue.size + 1) / this.#lanes) * this.#meanMs
    if (this.#closed) throw this.#busy('The server is about to stop.')
    if (this.#queue.size >= this.#waitingMax || aheadMs > this.#waitMaxMs) {
      throw this.#busy('The server has more to do than it can do in time.', aheadMs)
    }
    return new Promise<void>((resolve, reject) => {
      const over = () => {
        this.#queue.delete(waiting)
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
      }
      const waiting: Waiting = {
        begin: () => {
          over()
          this.#underWay++
          resolve()
        },
        refuse: (error) => {
          over()
          reject(error)
        },
      }
      const leave = () => waiting.refuse(new AbortedError('the request was withdrawn before its turn came'))
      // The estimate may have been wrong: nobody waits longer than was promised.
      const late = () => waiting.refuse(this.#busy('The server has more to do than it can do in time.', aheadMs))
      const timer = setTimeout(late, this.#waitMaxMs)
      signal.addEventListener('abort', leave)
      this.#queue.add(waiting)
    })
  }

  #beginNext(): void {
    for (const next of this.#queue) {
      if (this.#underWay >= this.#lanes) break
      next.begin()
    }
  }

  /** @param aheadMs - work that is ahead now: when it is done, there is room again */
  #busy(why: string, aheadMs = 0): BusyError {
    this.#refused++
    const seconds = Math.max(1, Math.ceil(aheadMs / 2000))
    return new BusyError(`${why} Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`, seconds, {
      waiting: this.#queue.size,
      underWay: this.#underWay,
    })
  }
}
