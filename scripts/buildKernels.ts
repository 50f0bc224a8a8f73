/** Compiles assembly/ to assembly/build/: kernels.wasm, kernels.shared.wasm for threads, and kernels.debug.wasm with assertions for the tests. */
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const root = fileURLToPath(new URL('..', import.meta.url))
const outputBytesMax = 32 * 1024
const common = [
  'assembly/index.ts',
  ...['--runtime', 'stub', '--enable', 'simd', '--importMemory', '--noExportMemory', '--initialMemory', '1'],
  ...['--use', 'abort=', '--baseDir', root],
]
const builds = [
  { output: 'assembly/build/kernels.wasm', flags: ['-O3', '--noAssert'] },
  // The same over a memory that several threads share (runtime/pool/): WebAssembly tells the two apart by type.
  {
    output: 'assembly/build/kernels.shared.wasm',
    flags: ['-O3', '--noAssert', '--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'],
  },
  { output: 'assembly/build/kernels.debug.wasm', flags: ['-O1'] },
]

await mkdir(join(root, 'assembly/build'), { recursive: true })
for (const { output, flags } of builds) {
  const { error, stderr } = await main([...common, ...flags, '--outFile', output])
  if (error) throw new Error(`asc could not compile assembly/ to ${output}:\n${stderr.toString()}`, { cause: error })
  process.stderr.write(stderr.toString())
  const { size } = await stat(join(root, output))
  if (size > outputBytesMax) throw new Error(`${output} has ${size} bytes, more than the ${outputBytesMax} allowed`)
  console.log(`${output} ${size} bytes`)
}
