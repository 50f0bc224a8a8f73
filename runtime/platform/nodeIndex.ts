/** Opens an index from disk on Node: files by path, kernels from the package. */
import { readFile } from 'node:fs/promises'
import { StorageError } from '../../format/errors.ts'
import { openSearcher, type ResidentSearcher } from '../openSearcher.ts'
import { openIndexPath } from './nodeFiles.ts'

export type NodeSearcher = ResidentSearcher

/**
 * @param path - an index folder or a pack
 * @throws InputError (no index there), FormatError and its kin, StorageError
 */
export async function openIndex(path: string): Promise<NodeSearcher> {
  const kernels = await compileKernels()
  return openSearcher(await openIndexPath(path), { kernels })
}

/** The package's kernels as a module. @throws StorageError when a checkout has not built them */
export async function compileKernels(
  name: 'kernels.wasm' | 'kernels.shared.wasm' = 'kernels.wasm',
): Promise<WebAssembly.Module> {
  const file = new URL(`../../assembly/build/${name}`, import.meta.url)
  const bytes = await readFile(file).catch((cause: Error) => {
    throw new StorageError('the kernels are not built: run `npm run build:kernels` (npm ci does it).', {}, { cause })
  })
  return WebAssembly.compile(bytes)
}
