/** The thread of a model (onnxThreads.ts): one session, one run at a time. */
import { parentPort } from 'node:worker_threads'
import { sentError } from '../../../pool/sentError.ts'
import { type OnnxSession, openOnnxSession } from '../onnxNode.ts'
import type { FromOnnxThread, ToOnnxThread } from './onnxThreads.ts'

/** @returns what to do with a message; it never throws */
function createOnnxWorker(): (message: ToOnnxThread) => Promise<FromOnnxThread> {
  let session: OnnxSession | undefined
  return async (message) => {
    try {
      if (message.kind === 'open') {
        session = await openOnnxSession(message.model, message.options)
        return { kind: 'ready' }
      }
      if (!session) throw new Error('a thread was asked to run before it was given a model')
      return { kind: 'done', outputs: await session.run(message.feeds) }
    } catch (error) {
      return { kind: 'failed', error: sentError(error) }
    }
  }
}

const answer = createOnnxWorker()
parentPort?.on('message', (message: ToOnnxThread) => {
  void answer(message).then((result) => parentPort?.postMessage(result))
})
