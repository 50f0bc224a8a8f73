/** The kernels and the host agree on every offset and status: both copies of layout.ts hold the same. */
import { readFile, stat } from 'node:fs/promises'
import { expect, it } from 'vitest'
import * as host from '../../runtime/kernels/layout.ts'

it('assembly/layout.ts and runtime/kernels/layout.ts define the same constants', async () => {
  // Read as text: assembly/ is AssemblyScript and outside of the TypeScript project.
  const text = await readFile(new URL('../../assembly/layout.ts', import.meta.url), 'utf8')
  const kernels = [...text.matchAll(/^export const (\w+) = (\d+)$/gm)].map(([, name, value]) => [name, Number(value)])
  expect(kernels.length).toBe(text.match(/^export /gm)!.length)
  expect(Object.fromEntries(kernels)).toEqual({ ...host })
})

it('kernels.wasm fits 32 KB', async () => {
  const { size } = await stat(new URL('../../assembly/build/kernels.wasm', import.meta.url))
  expect(size).toBeLessThanOrEqual(32 * 1024)
})
