/** A worker's side of a pool: searches an index that lies in shared memory, one query at a time. Hosts give it its port. */
import { instantiateKernels } from '../kernels/kernels.ts'
import { ResidentIndex } from '../search/resident/residentIndex.ts'
import type { FromPoolWorker, ToPoolWorker } from './messages.ts'
import { sentError } from './sentError.ts'

/** @returns what to do with a message from the pool; it never throws */
export function createPoolWorker(send: (message: FromPoolWorker) => void): (message: ToPoolWorker) => Promise<void> {
  let index: ResidentIndex | undefined
  return async (message) => {
    try {
      if (message.kind === 'open') {
        const kernels = await instantiateKernels(message.kernels, { memory: message.memory, others: true })
        index = new ResidentIndex(kernels, message.placed)
        send({ kind: 'ready' })
      } else if (!index) {
        throw new Error('a worker of the pool was asked before it was given an index')
      } else if (message.kind === 'search') {
        send({ kind: 'done', result: index.search(message.query) })
      } else {
        send({ kind: 'done', result: index.matchTokens(message.query, message.places) })
      }
    } catch (error) {
      send({ kind: 'failed', error: sentError(error) })
    }
  }
}
