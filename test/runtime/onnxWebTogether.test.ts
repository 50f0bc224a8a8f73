/** Two encoders that start ONNX Runtime at once. In a file, and so a process, of its own: it can be started only once. */
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { compileOnnxWeb, folderFiles } from '../../runtime/platform/node.ts'
import { openWebEncoder } from '../../runtime/webEncoder.ts'

it('encoders opened at once share one start, and leave WebAssembly as it was', async () => {
  const { instantiate } = WebAssembly
  const files = folderFiles(fileURLToPath(new URL('../../models/tartan-small/', import.meta.url)))
  const wasm = await compileOnnxWeb()
  const [one, two] = await Promise.all([
    openWebEncoder({ files, ort: { wasm } }),
    openWebEncoder({ files, ort: { wasm } }),
  ])
  expect(WebAssembly.instantiate).toBe(instantiate)
  expect((await one.encodeQuery('twill')).vectors).toEqual((await two.encodeQuery('twill')).vectors)
  await Promise.all([one.close(), two.close()])
  // What others instantiate is none of our business, before and after.
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  expect((await WebAssembly.instantiate(empty)).instance).toBeInstanceOf(WebAssembly.Instance)
})
