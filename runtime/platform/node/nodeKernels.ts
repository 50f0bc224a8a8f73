/** The package's kernels, from its own files. */
import { readFile } from 'node:fs/promises'
import { StorageError } from '../../../format/errors.ts'

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
