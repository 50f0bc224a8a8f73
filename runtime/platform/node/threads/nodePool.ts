/** An index that is searched by several threads, on Node, Deno and Bun: all three have node:worker_threads and shared memory. */
import { availableParallelism } from 'node:os'
import { InputError } from '../../../../format/errors.ts'
import type { IndexFiles } from '../../../../format/rangeReader.ts'
import { MEMORY_PAGES_MAX } from '../../../kernels/kernels.ts'
import type { FromPoolWorker, ToPoolWorker } from '../../../pool/messages.ts'
import { openPoolEngine } from '../../../pool/poolEngine.ts'
import type { OpenedIndex } from '../../../searchers/indexSearcher.ts'
import { openSearcher, type ResidentThreads } from '../../../searchers/openIndexFiles.ts'
import { filesAtPath } from '../nodeFiles.ts'
import { compileKernels } from '../nodeKernels.ts'
import { startThread } from './thread.ts'

export interface PoolOpenOptions {
  /** Threads that search. Default: as many as the process may use at a time. */
  readonly workers?: number
  /** Queries that may wait for a worker before others are refused. Default 1,024. */
  readonly waitingMax?: number
  /** As of `openIndexFiles`. Each generation has memory and threads of its own. */
  readonly refreshMs?: number
}

const WORKERS_MAX = 256
export const WAITING_MAX_DEFAULT = 1024

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
  const files = typeof index === 'string' ? await filesAtPath(index) : index
  return openSearcher(files, { ...(await residentThreads({ workers, waitingMax })), refreshMs })
}

/**
 * What searches an index in memory with so many threads.
 * @throws InputError when a number is out of range; StorageError when the kernels are not built
 */
export async function residentThreads(
  options: Required<Pick<PoolOpenOptions, 'workers' | 'waitingMax'>>,
): Promise<ResidentThreads> {
  requireCount('workers', options.workers, WORKERS_MAX)
  requireCount('waitingMax', options.waitingMax, 2 ** 20)
  const kernels = await compileKernels('kernels.shared.wasm')
  return {
    kernels,
    memory: () => new WebAssembly.Memory({ initial: 1, maximum: MEMORY_PAGES_MAX, shared: true }),
    engine: (placed, memory) =>
      openPoolEngine(placed, {
        ...options,
        ...{ kernels, memory },
        spawn: (events) => startThread<ToPoolWorker, FromPoolWorker>('nodePoolWorker', events),
      }),
  }
}

function requireCount(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= max) return
  throw new InputError(`opening a pool: expected ${name} to be an integer in [1, ${max}], got ${value}.`, {
    [name]: value,
  })
}
