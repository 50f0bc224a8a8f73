/** What every step that runs long or on a device takes: progress to report, a signal to stop at. */
import { AbortedError } from '../../format/errors.ts'
import type { OnProgress } from '../progress.ts'

export interface IndexRunOptions {
  readonly onProgress?: OnProgress
  /** Looked at between chunks. */
  readonly signal?: AbortSignal
}

/** @throws AbortedError when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError()
}
