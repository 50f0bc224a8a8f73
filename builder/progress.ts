/** How long work tells how far it is. The CLI draws it; libraries pass their own function or none. */

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
