/** Opens an index from disk on Node: files by path, kernels from the package. */
import { type Names, requireKnownOptions } from '../../knownOptions.ts'
import type { OpenedIndex } from '../../searchers/indexSearcher.ts'
import { openIndexFiles } from '../../searchers/openIndexFiles.ts'
import type { PipelineName } from '../../searchers/pipeline.ts'
import { filesAtPath } from './nodeFiles.ts'
import { compileKernels } from './nodeKernels.ts'
import { residentThreads, WAITING_MAX_DEFAULT } from './threads/nodePool.ts'

export interface OpenIndexOptions {
  /** Default 'resident': the whole index in memory. 'auto': so where it fits half of the memory that is free, else by range. */
  readonly pipeline?: PipelineName | 'auto'
  /** Threads that search an index in memory, which they share. Default 0: this thread searches. A query by range waits for storage, in this one. */
  readonly workers?: number
  /** As of `openIndexFiles`. Default: the index is not looked at again. */
  readonly refreshMs?: number
}

const OPTIONS: Names<OpenIndexOptions> = { pipeline: true, workers: true, refreshMs: true }

/**
 * @param path - an index folder or a pack, or the address of one: `https://…`, `s3://bucket/prefix`
 * @throws InputError (no index there, or the pipeline does not fit the memory that is free), FormatError and its kin, StorageError
 */
export async function openIndex(path: string, options: OpenIndexOptions = {}): Promise<OpenedIndex> {
  requireKnownOptions<OpenIndexOptions>('opening an index', options, OPTIONS)
  const { pipeline = 'resident', workers = 0, refreshMs } = options
  const kernels = await compileKernels()
  const threads = workers === 0 ? undefined : await residentThreads({ workers, waitingMax: WAITING_MAX_DEFAULT })
  const share = pipeline === 'resident' ? 1 : 0.5
  const memoryMax = Math.floor(process.availableMemory() * share)
  return openIndexFiles(await filesAtPath(path), { kernels, threads, pipeline, memoryMax, refreshMs })
}
