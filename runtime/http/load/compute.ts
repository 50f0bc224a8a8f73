/** When the work of a request is done, and for whom: its time limit, its turn, and others who ask the same. */
import type { Context, MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { setMetric } from 'hono/timing'
import { AbortedError } from '../../../format/errors.ts'
import type { Admission } from '../../waiting/admission.ts'
import { Flights } from '../../waiting/flights.ts'
import type { NamedSearch } from '../catalog.ts'
import { K_DEFAULT } from '../schemas.ts'

const SIGNAL = 'tartan-signal'
const IS_LATE = 'tartan-is-late'

/** Answers 504 when time is up, and gives the handler a signal that fires then, and when the client goes away. */
export function endsInTime(timeoutMs: number): MiddlewareHandler {
  return async (c, next) => {
    const controller = new AbortController()
    const abort = () => controller.abort()
    const gone: AbortSignal | undefined = c.req.raw.signal
    // Who went away before the request was looked at fires no event any more.
    if (gone?.aborted) abort()
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

/** What work is like, besides what it is. */
export interface WorkFacts {
  /** Equal for equal work, which is done once; undefined: the work is this request's alone. */
  readonly key?: string | undefined
  /** Equal for work that takes about as long. */
  readonly kind: string
}

/** Does the work of a request when its turn has come. */
export type Compute = <T>(c: Context, facts: WorkFacts, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

export function createCompute(admission: Admission | undefined): Compute {
  const flights = new Flights()
  return async (c, { key, kind }, work) => {
    const signal = c.get(SIGNAL) as AbortSignal
    if (!admission) return work(signal)
    const inTurn = (until: AbortSignal) =>
      admission.run(async (turn) => ({ result: await work(turn.signal), waitedMs: turn.waitedMs }), until, kind)
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

/** Searches that take about as long: by results and marks, and by rows, in powers of four. */
export function kindOf(route: string, asked: SizedRequest): string {
  const { k = K_DEFAULT, highlight, vectors, texts, ids } = asked
  const sizes = [k, vectors?.length ?? 0, (texts?.length ?? 0) + (ids?.length ?? 0)]
  return [route, ...sizes.map((size) => Math.ceil(Math.log2(size + 1) / 2)), highlight ? 'marks' : ''].join(' ')
}

export interface SizedRequest {
  readonly k?: number | undefined
  readonly highlight?: boolean | undefined
  readonly vectors?: readonly unknown[] | undefined
  readonly texts?: readonly unknown[] | undefined
  readonly ids?: readonly unknown[] | undefined
}
