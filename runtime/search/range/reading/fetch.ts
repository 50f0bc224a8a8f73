/** Carries a read plan out: reads in parallel up to a limit, until a deadline. The thin I/O beside the pure plan. */
import { StorageError } from '../../../../format/errors.ts'
import type { PlannedRead } from '../plan.ts'

/** Where the bytes of parts come from. */
export interface PartSource {
  /** @returns `length` bytes at `offset` of a part */
  readPart(part: number, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>
}

export interface FetchOptions {
  /** Reads under way at a time. */
  readonly concurrency: number
  /** On the clock of `Date.now`; reads that are not done by then are given up. */
  readonly deadline?: number
}

/**
 * @returns the bytes of each read, in their order; undefined where the deadline came first
 * @throws what the first failing read throws; the others are given up
 */
export async function fetchReads(
  source: PartSource,
  reads: readonly PlannedRead[],
  { concurrency, deadline = Number.POSITIVE_INFINITY }: FetchOptions,
): Promise<readonly (Uint8Array | undefined)[]> {
  const results: (Uint8Array | undefined)[] = reads.map(() => undefined)
  const stop = new AbortController()
  let next = 0
  const worker = async () => {
    while (!stop.signal.aborted && next < reads.length) {
      const index = next++
      const read = reads[index]
      if (read) results[index] = await fetchOne(source, read, stop.signal)
    }
  }
  const all = Promise.all(Array.from({ length: Math.min(concurrency, reads.length) }, worker))
  try {
    await before(deadline, all)
  } finally {
    stop.abort()
    // After a failure or the deadline the remaining reads fail because they were given up: nobody is to hear of it.
    all.catch(() => undefined)
  }
  // A copy: a read that does not mind being given up may still write its result.
  return [...results]
}

async function fetchOne(source: PartSource, read: PlannedRead, signal: AbortSignal): Promise<Uint8Array> {
  const bytes = await source.readPart(read.part, read.offset, read.length, signal)
  if (bytes.length !== read.length) {
    throw new StorageError(
      `part ${read.part}: expected ${read.length} bytes at ${read.offset}, got ${bytes.length}. The storage answers short.`,
      { part: read.part, offset: read.offset, expected: read.length, got: bytes.length },
    )
  }
  return bytes
}

/** Timers that are set for longer go off at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** Waits for `work`, but no longer than to the deadline. */
async function before(deadline: number, work: Promise<unknown>): Promise<void> {
  if (deadline === Number.POSITIVE_INFINITY) {
    await work
    return
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(TIMER_MAX_MS, Math.max(0, deadline - Date.now())))
  })
  try {
    await Promise.race([work, timeUp])
  } finally {
    clearTimeout(timer)
  }
}
