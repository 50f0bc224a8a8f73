/** How long work tells how far it is, and when it stops. The CLI draws it; libraries pass their own function or none. */
import { AbortedError } from '../format/errors.ts'

export type Stage =
  | 'read'
  | 'encode'
  | 'sample'
  | 'kmeans'
  | 'codec'
  | 'order'
  | 'code'
  | 'invert'
  | 'write'
  | 'verify'
  | 'queries'
  | 'exact'
  | 'tune'

export interface ProgressEvent {
  readonly stage: Stage
  readonly done: number
  /** Absent while it is not known, as for a corpus that is being read. */
  readonly total?: number
  /** What `done` and `total` count, e.g. "passages", "tokens". */
  readonly unit: string
}

export type OnProgress = (event: ProgressEvent) => void

/** What every step that runs long or on a device takes. */
export interface RunOptions {
  readonly onProgress?: OnProgress
  /** Looked at between chunks. */
  readonly signal?: AbortSignal
}

/** @throws AbortedError when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError()
}
