/** How the long steps of building report where they are, and how they are stopped. */
import { AbortedError } from '../../format/errors.ts'

export type IndexStage = 'sample' | 'kmeans' | 'codec' | 'encode' | 'postings'

export interface IndexProgress {
  readonly stage: IndexStage
  /** Tokens done of `total` in this stage (k-means: over all iterations; postings: cells). */
  readonly done: number
  readonly total: number
}

/** Shared by every step that runs long or on a device. */
export interface IndexRunOptions {
  readonly onProgress?: (progress: IndexProgress) => void
  /** Looked at between chunks. */
  readonly signal?: AbortSignal
}

/** @throws AbortedError when the signal has fired */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortedError()
}
