/** The package's kernels, from its own files. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { StorageError } from '../../../format/errors.ts'

/**
 * The package's kernels as a module.
 *
 * @param from - this module, from which the kernels are three folders up
 * @throws StorageError when they are not there: a checkout has not built them, or a bundler has moved this module and not them
 */
export async function compileKernels(
  name: 'kernels.wasm' | 'kernels.shared.wasm' = 'kernels.wasm',
  from: string = import.meta.url,
): Promise<WebAssembly.Module> {
  const file = new URL(`../../../assembly/build/${name}`, from)
  const bytes = await readFile(file).catch((cause: Error) => {
    const path = fileURLToPath(file)
    throw new StorageError(
      `loading the kernels: expected the file "${path}", got ${cause.message}. In a checkout "npm run build:kernels" makes it (npm ci does that). A program that is bundled leaves tartan-search out of its bundle (--external:tartan-search), or copies assembly/build/${name} of the package there.`,
      { path },
      { cause },
    )
  })
  return WebAssembly.compile(bytes)
}
