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
  readonly since: number
  readonly kind: string
  begin(): void
  refuse(error: Error): void
}

const WAITING_MAX_DEFAULT = 1024
const WAIT_MAX_MS_DEFAULT = 10_000
/** Weight of the newest piece of work, at least, in the running mean of how long its kind takes. */
const NEWEST_SHARE = 0.05
/** What is told of less work than this is too little to refuse anybody by: the first of a server takes longer than the rest. */
const KNOWN_LEAST = 8
/** Who waits already is refused before the time is up only where the estimate says so by far. */
const HOPELESS = 1.5
const KINDS_MAX = 256
const TOO_MUCH = 'The server has more to do than it can do in time.'

/** How long work of a kind takes in a lane: the running mean, and of how many. */
interface Known {
  meanMs: number
  count: number
}

export class Admission {
  readonly #lanes: number
  readonly #waitingMax: number
  readonly #waitMaxMs: number
  readonly #queue = new Set<Waiting>()
  #underWay = 0
  readonly #known = new Map<string, Known>()
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
   * @param kind - equal for work that takes about as long: by it, it is told how long those ahead will take
   * @throws BusyError when it cannot begin in time; AbortedError by `signal`; what `work` throws
   */
  async run<T>(work: (turn: Turn) => Promise<T>, signal: AbortSignal, kind = ''): Promise<T> {
    const since = performance.now()
    if (signal.aborted) throw new AbortedError('the request was withdrawn before its turn came')
    if (this.#underWay < this.#lanes && this.#queue.size === 0 && !this.#closed) this.#underWay++
    else await this.#lane(signal, since, kind)
    const began = performance.now()
    try {
      const result = await work({ signal, waitedMs: began - since })
      // Not of work that failed or was given up: it tells nothing of how long the rest will take.
      this.#learn(kind, performance.now() - began)
      return result
    } finally {
      this.#underWay--
      this.#beginNext()
      this.#refuseHopeless()
    }
  }

  /** Whoever waits is refused, and all who come later; work under way goes on. */
  close(): void {
    this.#closed = true
    for (const waiting of [...this.#queue]) waiting.refuse(this.#busy('The server is about to stop.'))
  }

  /** Resolves with a lane taken: counted before anyone else can take it. */
  async #lane(signal: AbortSignal, since: number, kind: string): Promise<void> {
    if (this.#closed) throw this.#busy('The server is about to stop.')
    const aheadMs = this.#aheadMs()
    if (this.#queue.size >= this.#waitingMax || aheadMs > this.#waitMaxMs) throw this.#busy(TOO_MUCH, aheadMs)
    return new Promise<void>((resolve, reject) => {
      const over = () => {
        this.#queue.delete(waiting)
        clearTimeout(timer)
        signal.removeEventListener('abort', leave)
      }
      const waiting: Waiting = {
        since,
        kind,
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
      const late = () => waiting.refuse(this.#busy(TOO_MUCH, this.#aheadMs()))
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

  #learn(kind: string, ms: number): void {
    const known = this.#known.get(kind)
    if (!known) {
      // Kinds are few; who makes many up is not to fill the memory.
      if (this.#known.size < KINDS_MAX) this.#known.set(kind, { meanMs: ms, count: 1 })
      return
    }
    known.count++
    known.meanMs += (ms - known.meanMs) * Math.max(NEWEST_SHARE, 1 / known.count)
  }

  /** As long as work of the kind takes; 0 where that is not known. */
  #expectedMs(kind: string): number {
    const known = this.#known.get(kind)
    return known && known.count >= KNOWN_LEAST ? known.meanMs : 0
  }

  /** Until all who wait have begun, and one more could. */
  #aheadMs(): number {
    let sum = 0
    for (const { kind } of this.#queue) sum += this.#expectedMs(kind)
    return sum / this.#lanes
  }

  /** What is known now may not have been known when they came. */
  #refuseHopeless(): void {
    let sum = 0
    const now = performance.now()
    for (const waiting of this.#queue) {
      const waitMs = now - waiting.since + sum / this.#lanes
      if (waitMs > this.#waitMaxMs * HOPELESS) waiting.refuse(this.#busy(TOO_MUCH, sum / this.#lanes))
      else sum += this.#expectedMs(waiting.kind)
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
