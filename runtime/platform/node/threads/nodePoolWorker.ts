/** The thread of a pool's worker (nodePool.ts). */
import { parentPort } from 'node:worker_threads'
import type { ToPoolWorker } from '../../../pool/messages.ts'
import { createPoolWorker } from '../../../pool/poolWorker.ts'

const work = createPoolWorker((message) => parentPort?.postMessage(message))
parentPort?.on('message', (message: ToPoolWorker) => {
  void work(message)
})
