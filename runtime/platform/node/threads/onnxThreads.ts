/**
 * ONNX Runtime in threads of their own. Its binding for Node runs a network synchronously: on the event loop, nothing else would
 * happen meanwhile. Each thread has a session of one thread, so that many queries keep many cores busy and none spins for another.
 */
import type { GraphSession, NamedTensor } from '../../../../encoder/graphSession.ts'
import { DeviceError, InputError, StorageError } from '../../../../format/errors.ts'
import { receivedError, type SentError } from '../../../pool/sentError.ts'
import { disableTelemetry, type OnnxSession, type OnnxSessionOptions } from '../onnxNode.ts'
import { startThread, type Thread } from './thread.ts'

export type Tensors = Readonly<Record<string, NamedTensor>>

export type ToOnnxThread =
  | { readonly kind: 'open'; readonly model: Uint8Array; readonly options: OnnxSessionOptions }
  | { readonly kind: 'run'; readonly feeds: Tensors }

export type FromOnnxThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly outputs: Tensors }
  | { readonly kind: 'failed'; readonly error: SentError }

interface Job {
  readonly feeds: Tensors
  readonly resolve: (outputs: Record<string, NamedTensor>) => void
  readonly reject: (error: Error) => void
}

/** A thread and the run it is at. */
interface Seat {
  readonly thread: Thread<ToOnnxThread>
  job: Job | undefined
  /** Called when it is at no run any more. */
  onIdle?: () => void
}

/**
 * @param model - bytes of an ONNX model; each thread has a copy
 * @param workers - threads, at least 1, each of which runs one feed at a time
 * @throws as `openOnnxSession`
 */
export async function openOnnxThreads(
  model: Uint8Array,
  workers: number,
  options: OnnxSessionOptions,
): Promise<OnnxSession> {
  disableTelemetry()
  const threads = new OnnxThreads(model, { threads: 1, ...options })
  try {
    await threads.start(workers)
  } catch (error) {
    await threads.close()
    throw error
  }
  return threads
}

class OnnxThreads implements OnnxSession, GraphSession {
  readonly device: OnnxSession['device']
  readonly #model: Uint8Array
  readonly #options: OnnxSessionOptions
  readonly #seats = new Set<Seat>()
  readonly #waiting: Job[] = []
  #isClosed = false

  constructor(model: Uint8Array, options: OnnxSessionOptions) {
    this.device = options.device ?? 'cpu'
    this.#model = model
    this.#options = options
  }

  async start(workers: number): Promise<void> {
    await Promise.all(Array.from({ length: workers }, () => this.#open()))
  }

  async run(feeds: Tensors): Promise<Record<string, NamedTensor>> {
    if (this.#isClosed) throw new InputError('encoding with a model that is closed: open it again.')
    return new Promise((resolve, reject) => {
      this.#waiting.push({ feeds, resolve, reject })
      this.#dispatch()
    })
  }

  /**
   * What waits is refused; what runs is waited for. A thread is never ended in the middle of a run: ONNX Runtime's binding then has
   * nobody to give its result to, and ends the whole process.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const job of this.#waiting.splice(0))
      job.reject(new InputError('encoding with a model that was closed meanwhile.'))
    await Promise.all(
      Array.from(this.#seats, async (seat) => {
        if (seat.job) await new Promise<void>((resolve) => Object.assign(seat, { onIdle: resolve }))
        await seat.thread.terminate()
      }),
    )
    this.#seats.clear()
  }

  #dispatch(): void {
    for (const seat of this.#seats) {
      if (seat.job) continue
      const job = this.#waiting.shift()
      if (!job) return
      seat.job = job
      seat.thread.setBusy(true)
      seat.thread.post({ kind: 'run', feeds: job.feeds })
    }
  }

  #settle(seat: Seat, message: FromOnnxThread): void {
    const { job } = seat
    seat.job = undefined
    seat.thread.setBusy(false)
    if (message.kind === 'done') job?.resolve(message.outputs)
    else if (message.kind === 'failed') job?.reject(receivedError(message.error))
    seat.onIdle?.()
    this.#dispatch()
  }

  /** Opens one thread. @returns when its session is ready */
  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      let seat: Seat | undefined
      const thread = startThread<ToOnnxThread, FromOnnxThread>('onnxThreadWorker', {
        message: (message) => {
          if (seat) this.#settle(seat, message)
          else if (message.kind === 'failed') reject(receivedError(message.error))
          else {
            seat = { thread, job: undefined }
            thread.setBusy(false)
            resolve()
            // Another one failed to open meanwhile, or all were closed.
            if (this.#isClosed) return void thread.terminate()
            this.#seats.add(seat)
            this.#dispatch()
          }
        },
        ended: (reason) => {
          if (seat) this.#replace(seat, reason)
          else reject(new DeviceError(`a thread for the model cannot start: ${reason}`, {}))
        },
      })
      thread.post({ kind: 'open', model: this.#model, options: this.#options })
    })
  }

  /** What it ran is refused, since it may be what ended the thread; what waits is left to the others and to its successor. */
  #replace(seat: Seat, reason: string): void {
    this.#seats.delete(seat)
    seat.job?.reject(new StorageError(`the thread that was encoding ended: ${reason}. Try again.`, { reason }))
    seat.onIdle?.()
    if (this.#isClosed) return
    this.#open().catch((error: Error) => {
      if (this.#seats.size > 0) return
      for (const job of this.#waiting.splice(0)) job.reject(error)
    })
  }
}
