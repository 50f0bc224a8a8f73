/**
 * Searches an index in several threads. It lies once in a shared memory; each worker has kernels of its
 * own over it and takes scratch for its query from what it adds to the memory itself. Host-neutral: a platform spawns the threads.
 */
import { BusyError, InputError, StorageError } from '../../format/errors.ts'
import type { ResidentEngine } from '../search/resident/engine.ts'
import type { PlacedIndex } from '../search/resident/placement.ts'
import type { ResidentAnswer, ResidentQuery, SegmentPid } from '../search/resident/residentIndex.ts'
import type { QueryVectors, TokenMatch } from '../searcher.ts'
import type { FromPoolWorker, PoolTask, ToPoolWorker } from './messages.ts'
import { receivedError } from './sentError.ts'

/** A thread that runs poolWorker.ts. */
export interface PoolThread {
  post(message: ToPoolWorker): void
  /** While busy it keeps the process alive, where the host makes a difference. */
  setBusy?(isBusy: boolean): void
  /** Ends it at once; `ended` is not called then. */
  terminate(): Promise<void>
}

export interface PoolThreadEvents {
  readonly message: (message: FromPoolWorker) => void
  /** It died: an error that nobody caught, or an exit. */
  readonly ended: (reason: string) => void
}

export interface PoolOptions {
  readonly workers: number
  /** Queries that may wait for a worker; one more is refused. */
  readonly waitingMax: number
  readonly kernels: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly spawn: (events: PoolThreadEvents) => PoolThread
}

/** A worker that keeps dying before it answers anything is not replaced for ever. */
const FRUITLESS_DEATHS_MAX = 3

interface Job {
  readonly task: PoolTask
  readonly resolve: (result: ResidentAnswer | readonly TokenMatch[]) => void
  readonly reject: (error: Error) => void
}

/** One place in the pool: a thread, the next one when it dies, and the job it is at. */
interface Seat {
  thread?: PoolThread
  isReady: boolean
  job?: Job | undefined
  fruitlessDeaths: number
}

/**
 * @param placed - in `options.memory`, placed there by kernels over the same memory
 * @throws InputError when a worker cannot start
 */
export async function openPoolEngine(placed: PlacedIndex, options: PoolOptions): Promise<ResidentEngine> {
  const pool = new Pool(placed, options)
  try {
    await pool.start()
  } catch (error) {
    await pool.terminate()
    throw error
  }
  return pool
}

class Pool implements ResidentEngine {
  /** Two a worker: the next query is there when one is answered. */
  readonly concurrency: number
  readonly #placed: PlacedIndex
  readonly #options: PoolOptions
  readonly #seats: readonly Seat[]
  readonly #waiting: Job[] = []
  readonly #idle: (() => void)[] = []
  #isClosed = false

  constructor(placed: PlacedIndex, options: PoolOptions) {
    this.#placed = placed
    this.#options = options
    this.concurrency = options.workers * 2
    this.#seats = Array.from({ length: options.workers }, () => ({ isReady: false, fruitlessDeaths: 0 }))
  }

  async start(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => this.#seatThread(seat)))
  }

  async search(query: ResidentQuery): Promise<ResidentAnswer> {
    return (await this.#run({ kind: 'search', query: { ...query, query: ownVectors(query.query) } })) as ResidentAnswer
  }

  async matchTokens(query: QueryVectors, places: readonly SegmentPid[]): Promise<readonly TokenMatch[]> {
    return (await this.#run({ kind: 'match', query: ownVectors(query), places })) as readonly TokenMatch[]
  }

  async #run(task: PoolTask): Promise<ResidentAnswer | readonly TokenMatch[]> {
    if (this.#isClosed) throw new InputError('searching in a pool that is closed: open it again.')
    const { waitingMax, workers } = this.#options
    if (this.#waiting.length >= waitingMax) {
      throw new BusyError(
        `The pool is busy: ${waitingMax} queries wait for ${workers} workers already. Try again later, or open it with more workers or a larger waitingMax.`,
        1,
        { waitingMax, workers },
      )
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, resolve, reject })
      this.#dispatch()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#waiting.length > 0 || this.#seats.some(({ job }) => job)) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
    await this.terminate()
  }

  async terminate(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#seats.map(({ thread }) => thread?.terminate()))
  }

  /** Starts a thread for a seat. @returns when it is ready */
  #seatThread(seat: Seat): Promise<void> {
    return new Promise((resolve, reject) => {
      const thread = this.#options.spawn({
        message: (message) => {
          if (message.kind === 'ready') {
            seat.isReady = true
            thread.setBusy?.(false)
            resolve()
            this.#dispatch()
          } else if (seat.isReady) {
            this.#settle(seat, message)
          } else {
            reject(errorOf(message))
          }
        },
        ended: (reason) => {
          const error = new InputError(`a worker of the pool cannot start: ${reason}`, { reason })
          if (seat.isReady) this.#replace(seat, reason)
          else reject(error)
        },
      })
      seat.thread = thread
      const { kernels, memory } = this.#options
      thread.post({ kind: 'open', kernels, memory, placed: this.#placed })
    })
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (!seat.isReady || seat.job) continue
      const job = this.#waiting.shift()
      if (!job) break
      seat.job = job
      seat.thread?.setBusy?.(true)
      seat.thread?.post(job.task)
    }
    if (this.#waiting.length === 0 && !this.#seats.some(({ job }) => job)) {
      for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  #settle(seat: Seat, message: FromPoolWorker): void {
    const { job } = seat
    seat.job = undefined
    seat.thread?.setBusy?.(false)
    seat.fruitlessDeaths = 0
    if (message.kind === 'done') job?.resolve(message.result)
    else job?.reject(errorOf(message))
    this.#dispatch()
  }

  /** Its query is refused, since it may be what killed the worker; those that wait are left to the others and to its successor. */
  #replace(seat: Seat, reason: string): void {
    seat.isReady = false
    seat.fruitlessDeaths += 1
    seat.job?.reject(
      new StorageError(
        `the worker that was searching ended: ${reason}. Its memory is given up; the query may be tried again.`,
        {
          reason,
        },
      ),
    )
    seat.job = undefined
    const giveUp = (why: string) => {
      if (this.#seats.some(({ isReady }) => isReady)) return
      for (const job of this.#waiting.splice(0)) {
        job.reject(new StorageError(`no worker of the pool is left: ${why}. Open it again.`, { reason: why }))
      }
    }
    if (seat.fruitlessDeaths >= FRUITLESS_DEATHS_MAX) giveUp(reason)
    else if (!this.#isClosed || this.#waiting.length > 0) {
      this.#seatThread(seat).catch((error: Error) => {
        giveUp(error.message)
        this.#dispatch()
      })
    }
    this.#dispatch()
  }
}

/** A view is sent with the whole buffer behind it, which may hold thousands of queries. */
function ownVectors(query: QueryVectors): QueryVectors {
  const { vectors } = query
  return vectors.byteLength === vectors.buffer.byteLength ? query : { ...query, vectors: vectors.slice() }
}

function errorOf(message: FromPoolWorker): Error {
  return receivedError(message.kind === 'failed' ? message.error : { message: `an unexpected "${message.kind}"` })
}
