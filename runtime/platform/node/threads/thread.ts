/** A thread of Node, Deno or Bun that answers messages. While it has nothing to do it does not keep the process alive. */
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'

export interface ThreadEvents<Answer> {
  readonly message: (message: Answer) => void
  /** It died: an error that nobody caught, or an exit. Called once, and not after `terminate`. */
  readonly ended: (reason: string) => void
}

export interface Thread<Message> {
  post(message: Message, transfer?: readonly ArrayBuffer[]): void
  /** While busy it keeps the process alive: whoever posts waits for an answer. */
  setBusy(isBusy: boolean): void
  /** Ends it at once. */
  terminate(): Promise<void>
}

/** @param name - of a file of this folder without its suffix, which is that of this file: TypeScript in a checkout, JavaScript in the package */
export function startThread<Message, Answer>(name: string, { message, ended }: ThreadEvents<Answer>): Thread<Message> {
  const file = new URL(`./${name}${extname(import.meta.url)}`, import.meta.url)
  // Flags of the main thread (--input-type, --inspect-brk …) are not for workers.
  const worker = new Worker(file, { execArgv: [] })
  let isOver = false
  const end = (reason: string) => {
    if (!isOver) ended(reason)
    isOver = true
  }
  worker.on('message', (sent: Answer) => message(sent))
  worker.on('messageerror', (error: Error) => end(`its message cannot be read: ${error.message}`))
  worker.on('error', (error: Error) => end(error.message))
  worker.on('exit', (code: number) => end(`it exited with code ${code}`))
  return {
    post: (sent, transfer = []) => worker.postMessage(sent, [...transfer]),
    setBusy: (isBusy) => (isBusy ? worker.ref() : worker.unref()),
    async terminate() {
      isOver = true
      await worker.terminate()
    },
  }
}
