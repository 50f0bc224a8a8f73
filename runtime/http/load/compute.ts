/** When the work of a request is done, and for whom: its time limit, its turn, and others who ask the same. */
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { setMetric } from 'hono/timing'
import { AbortedError } from '../../../format/errors.ts'
import type { Admission } from '../../waiting/admission.ts'
import { Flights } from '../../waiting/flights.ts'
import type { NamedSearch } from '../catalog.ts'

const SIGNAL = 'tartan-signal'
const IS_LATE = 'tartan-is-late'

/** Answers 504 when time is up, and gives the handler a signal that fires then, and when the client goes away. */
export function endsInTime(timeoutMs: number): MiddlewareHandler {
  return async (c, next) => {
    const controller = new AbortController()
    const abort = () => controller.abort()
    const gone: AbortSignal | undefined = c.req.raw.signal
    gone?.addEventListener('abort', abort)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        c.set(IS_LATE, true)
        reject(new HTTPException(504))
        abort()
      }, timeoutMs)
    })
    c.set(SIGNAL, controller.signal)
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
      gone?.removeEventListener('abort', abort)
    }
  }
}

/** What a failure comes from: work that was given up because time was up ends after the 504, and must not take its place. */
export function endOf(error: unknown, c: Context): unknown {
  return error instanceof AbortedError && c.get(IS_LATE) === true ? new HTTPException(504) : error
}

/**
 * Does the work of a request when its turn has come.
 * @param key - equal for equal work, which is done once; undefined: the work is this request's alone
 */
export type Compute = <T>(c: Context, key: string | undefined, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

export function createCompute(admission: Admission | undefined): Compute {
  const flights = new Flights()
  return async (c, key, work) => {
    const signal = c.get(SIGNAL) as AbortSignal
    if (!admission) return work(signal)
    const inTurn = (until: AbortSignal) =>
      admission.run(async (turn) => ({ result: await work(turn.signal), waitedMs: turn.waitedMs }), until)
    const { result, waitedMs } = key === undefined ? await inTurn(signal) : await flights.join(key, signal, inTurn)
    setMetric(c, 'queue', waitedMs)
    return result
  }
}

/** What tells a question from others. Rows of numbers are too long to be compared. */
export function keyOf(
  route: string,
  { name, search }: NamedSearch,
  request: { query?: string | undefined },
): string | undefined {
  return request.query === undefined ? undefined : JSON.stringify([route, name, search.info.revision, request])
}
