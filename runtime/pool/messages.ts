/** What a pool and its workers say to each other, as structured clones. */
import type { SegmentBlock } from '../kernels/blocks.ts'
import type { SegmentScales } from '../kernels/units.ts'
import type { SegmentAnswer } from '../search/resident/residentSegment.ts'
import type { SegmentsQuery } from '../search/resident/segmentsEngine.ts'
import type { SentError } from './sentError.ts'

/** A segment that lies in the shared memory: addresses, and the numbers that belong to them. */
export interface SharedSegment {
  readonly block: SegmentBlock
  readonly scales: SegmentScales
}

export type ToWorker =
  | {
      readonly kind: 'open'
      /** kernels.shared.wasm. */
      readonly kernels: WebAssembly.Module
      readonly memory: WebAssembly.Memory
      readonly segments: readonly SharedSegment[]
    }
  | { readonly kind: 'search'; readonly query: SegmentsQuery }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answers'; readonly answers: readonly SegmentAnswer[] }
  | { readonly kind: 'failed'; readonly error: SentError }
