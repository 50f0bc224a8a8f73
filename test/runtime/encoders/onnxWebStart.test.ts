/** What goes wrong when ONNX Runtime starts. In a file, and so a process, of its own: it can be started only once. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openWebEncoder } from '../../../runtime/encoders/webEncoder.ts'
import { folderFiles } from '../../../runtime/platform/node.ts'

it('a module that is not ONNX Runtime is refused, and WebAssembly is left as it was', async () => {
  const { instantiate } = WebAssembly
  const kernels = await readFile(new URL('../../../assembly/build/kernels.wasm', import.meta.url))
  const files = folderFiles(fileURLToPath(new URL('../../../models/tartan-small/', import.meta.url)))
  const opened = openWebEncoder({ files, ort: { wasm: await WebAssembly.compile(kernels) } })
  await expect(opened).rejects.toMatchObject({
    code: 'DEVICE',
    message: expect.stringMatching(/starting the model in WebAssembly.*of one version/),
  })
  expect(WebAssembly.instantiate).toBe(instantiate)
})
