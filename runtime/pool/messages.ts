/** What a pool and its workers say to each other, as structured clones. */

import type { PlacedIndex } from '../search/resident/placement.ts'
import type { ResidentAnswer, ResidentQuery, SegmentPid } from '../search/resident/residentIndex.ts'
import type { QueryVectors, TokenMatch } from '../searcher.ts'
import type { SentError } from './sentError.ts'

/** What a worker is asked. */
export type PoolTask =
  | { readonly kind: 'search'; readonly query: ResidentQuery }
  | { readonly kind: 'match'; readonly query: QueryVectors; readonly places: readonly SegmentPid[] }

export type ToPoolWorker =
  | {
      readonly kind: 'open'
      /** kernels.shared.wasm. */
      readonly kernels: WebAssembly.Module
      readonly memory: WebAssembly.Memory
      /** Addresses in the memory, and the numbers that belong to them. */
      readonly placed: PlacedIndex
    }
  | PoolTask

export type FromPoolWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: ResidentAnswer | readonly TokenMatch[] }
  | { readonly kind: 'failed'; readonly error: SentError }
