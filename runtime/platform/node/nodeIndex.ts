/** Opens an index from disk on Node: files by path, kernels from the package. */
import { readFile } from 'node:fs/promises'
import { StorageError } from '../../../format/errors.ts'
import type { OpenedIndex } from '../../searchers/indexSearcher.ts'
import { openIndexFiles } from '../../searchers/openIndexFiles.ts'
import type { PipelineName } from '../../searchers/pipeline.ts'
import { filesAtPath } from './nodeFiles.ts'

export interface OpenIndexOptions {
  /** Default 'resident': the whole index in memory. 'auto': so where it fits half of the memory that is free, else by range. */
  readonly pipeline?: PipelineName | 'auto'
  /** As of `openIndexFiles`. Default: the index is not looked at again. */
  readonly refreshMs?: number
}

/**
 * @param path - an index folder or a pack, or the address of one: `https://…`, `s3://bucket/prefix`
 * @throws InputError (no index there, or the pipeline does not fit the memory that is free), FormatError and its kin, StorageError
 */
export async function openIndex(
  path: string,
  { pipeline = 'resident', refreshMs }: OpenIndexOptions = {},
): Promise<OpenedIndex> {
  const kernels = await compileKernels()
  const share = pipeline === 'resident' ? 1 : 0.5
  const memoryMax = Math.floor(process.availableMemory() * share)
  return openIndexFiles(await filesAtPath(path), { kernels, pipeline, memoryMax, refreshMs })
}

/** The package's kernels as a module. @throws StorageError when a checkout has not built them */
export async function compileKernels(
  name: 'kernels.wasm' | 'kernels.shared.wasm' = 'kernels.wasm',
): Promise<WebAssembly.Module> {
  const file = new URL(`../../../assembly/build/${name}`, import.meta.url)
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new StorageError('the kernels are not built: run `npm run build:kernels` (npm ci does it).', {}, { cause })
  })
  return WebAssembly.compile(bytes)
}
