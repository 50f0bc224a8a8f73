/** An index that is searched by several threads, on Node, Deno and Bun: all three have node:worker_threads and shared memory. */
import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { InputError } from '../../../format/errors.ts'
import type { IndexFiles } from '../../../format/rangeReader.ts'
import { MEMORY_PAGES_MAX } from '../../kernels/kernels.ts'
import type { FromPoolWorker } from '../../pool/messages.ts'
import { openPoolEngine, type PoolThread, type PoolThreadEvents } from '../../pool/poolEngine.ts'
import type { OpenedIndex } from '../../searchers/indexSearcher.ts'
import { openSearcher } from '../../searchers/openIndexFiles.ts'
import { filesAtPath } from './nodeFiles.ts'
import { compileKernels } from './nodeIndex.ts'

export interface PoolOpenOptions {
  /** Threads that search. Default: as many as the process may use at a time. */
  readonly workers?: number
  /** Queries that may wait for a worker before others are refused. Default 1,024. */
  readonly waitingMax?: number
  /** As of `openIndexFiles`. Each generation has memory and threads of its own. */
  readonly refreshMs?: number
}

const WORKERS_MAX = 256
const WAITING_MAX_DEFAULT = 1024

/**
 * As `openIndex`, with the search spread over threads. The index lies in memory once, whatever their number; each adds what a query
 * needs (a few MB) and a thread of the host. Ids, scores and order are those of one thread, bit for bit.
 *
 * @param index - path of a folder or pack, or files
 * @throws InputError when there is no index or a worker cannot start; FormatError and its kin, StorageError
 */
export async function openPool(index: string | IndexFiles, options: PoolOpenOptions = {}): Promise<OpenedIndex> {
  const {
    workers = Math.min(availableParallelism(), WORKERS_MAX),
    waitingMax = WAITING_MAX_DEFAULT,
    refreshMs,
  } = options
  requireCount('workers', workers, WORKERS_MAX)
  requireCount('waitingMax', waitingMax, 2 ** 20)
  const files = typeof index === 'string' ? await filesAtPath(index) : index
  const kernels = await compileKernels('kernels.shared.wasm')
  return openSearcher(files, {
    kernels,
    refreshMs,
    memory: () => new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES_MAX, shared: true }),
    engine: (placed, memory) => openPoolEngine(placed, { workers, waitingMax, kernels, memory, spawn }),
  })
}

function requireCount(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new InputError(`opening a pool: expected ${name} to be an integer in [1, ${max}], got ${value}.`, {
    [name]: value,
  })
}

function spawn({ message, ended }: PoolThreadEvents): PoolThread {
  // The same suffix as this file: TypeScript in a checkout, JavaScript in the package.
  const file = new URL(`./nodePoolWorker${extname(import.meta.url)}`, import.meta.url)
  // Flags of the main thread (--input-type, --inspect-brk …) are not for workers.
  const worker = new Worker(file, { execArgv: [] })
  let isOver = false
  const end = (reason: string) => {
    if (!isOver) ended(reason)
    isOver = true
  }
  worker.on('message', (sent: FromPoolWorker) => message(sent))
  worker.on('messageerror', (error: Error) => end(`its message cannot be read: ${error.message}`))
  worker.on('error', (error: Error) => end(error.message))
  worker.on('exit', (code: number) => end(`it exited with code ${code}`))
  return {
    post: (sent) => worker.postMessage(sent),
    async terminate() {
      isOver = true
      await worker.terminate()
    },
  }
}
