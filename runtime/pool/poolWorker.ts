/** A worker's side of a pool: searches segments that lie in shared memory, one query at a time. Hosts give it its port. */
import { instantiateKernels } from '../kernels/kernels.ts'
import { ResidentSegment } from '../search/resident/residentSegment.ts'
import { searchSegments } from '../search/resident/segmentsEngine.ts'
import type { FromWorker, ToWorker } from './messages.ts'
import { sentError } from './sentError.ts'

/** @returns what to do with a message from the pool; it never throws */
export function createPoolWorker(send: (message: FromWorker) => void): (message: ToWorker) => Promise<void> {
  let segments: readonly ResidentSegment[] = []
  return async (message) => {
    try {
      if (message.kind === 'open') {
        const kernels = await instantiateKernels(message.kernels, { memory: message.memory, others: true })
        segments = message.segments.map(({ block, scales }) => new ResidentSegment(kernels, block, scales, 0))
        send({ kind: 'ready' })
      } else {
        send({ kind: 'answers', answers: searchSegments(segments, message.query) })
      }
    } catch (error) {
      send({ kind: 'failed', error: sentError(error) })
    }
  }
}
