/**
 * The same work asked for several times at once is done once. Each who asks may leave; the work is given up when the last one has.
 * Like every shared promise, not for Workers.
 */
import { AbortedError } from '../../format/errors.ts'

interface Flight {
  readonly result: Promise<unknown>
  readonly controller: AbortController
  waiting: number
}

export class Flights {
  readonly #flights = new Map<string, Flight>()

  /** Different pieces of work under way. */
  get size(): number {
    return this.#flights.size
  }

  /**
   * @param key - equal for equal work, which has equal results
   * @param start - called when no such work is under way; its signal fires when nobody waits any more
   * @throws AbortedError by `signal`, while others still get their result; what `start` throws
   */
  async join<T>(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) throw new AbortedError('the request was withdrawn before it was answered')
    const flight = this.#flights.get(key) ?? this.#begin(key, start)
    flight.waiting++
    let leave = () => {}
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(new AbortedError('the request was withdrawn before it was answered'))
      signal.addEventListener('abort', leave)
    })
    try {
      return (await Promise.race([flight.result, left])) as T
    } finally {
      signal.removeEventListener('abort', leave)
      flight.waiting--
      if (flight.waiting === 0) this.#end(key, flight)
    }
  }

  #begin<T>(key: string, start: (signal: AbortSignal) => Promise<T>): Flight {
    const controller = new AbortController()
    const flight: Flight = { result: start(controller.signal), controller, waiting: 0 }
    // Whoever is left is told by the race; a result that nobody waits for may fail unheard.
    flight.result.catch(() => {}).finally(() => this.#forget(key, flight))
    this.#flights.set(key, flight)
    return flight
  }

  #end(key: string, flight: Flight): void {
    flight.controller.abort()
    this.#forget(key, flight)
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }
}
