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
  /** The same in what takes the time, where that is something else: passages differ in length. `total` is a guess until all is done. */
  readonly work?: { readonly done: number; readonly total: number }
  /** Where the stage stands in the whole; only builds know that. */
  readonly overall?: Overall
}

/** A stage among all stages of a build, and what is left of them together. */
export interface Overall {
  /** From 1 on. Small steps that belong together count as one stage. */
  readonly step: number
  readonly steps: number
  /** An estimate; absent until something has been measured to estimate it by. */
  readonly secondsLeft?: number
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
