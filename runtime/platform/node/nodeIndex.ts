/** Opens an index from disk on Node: files by path, kernels from the package. */
import { readFile } from 'node:fs/promises'
import { StorageError } from '../../../format/errors.ts'
import type { OpenedIndex } from '../../searchers/indexSearcher.ts'
import { openIndexFiles, openSearcher } from '../../searchers/openIndexFiles.ts'
import type { PipelineName } from '../../searchers/pipeline.ts'
import { filesAtPath } from './nodeFiles.ts'

/**
 * @param path - an index folder or a pack, or the address of one: `https://…`, `s3://bucket/prefix`
 * @throws InputError (no index there), FormatError and its kin, StorageError
 */
export async function openIndex(path: string): Promise<OpenedIndex> {
  const kernels = await compileKernels()
  return openSearcher(await filesAtPath(path), { kernels })
}

/**
 * As `openIndex`, by the pipeline asked for. 'auto': resident where the whole index fits half of the memory that is free.
 * @throws as openIndex; InputError when the pipeline does not fit
 */
export async function openIndexBy(path: string, pipeline: PipelineName | 'auto'): Promise<OpenedIndex> {
  const kernels = await compileKernels()
  const memoryMax = Math.floor(process.availableMemory() / 2)
  return openIndexFiles(await filesAtPath(path), { kernels, pipeline, memoryMax })
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
