/** Two sessions that start ONNX Runtime at once. In a file, and so a process, of its own: it can be started only once. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { NamedTensor } from '../../../encoder/graphSession.ts'
import { openOnnxWebSession } from '../../../runtime/encoders/onnxWeb.ts'
import { compileOnnxWeb } from '../../../runtime/platform/node.ts'

const model = new Uint8Array(readFileSync(new URL('../../../models/tartan-small/model_int8.onnx', import.meta.url)))

/** Inputs i64[1][4] of one query: [CLS], a word, [SEP]. */
function feeds(word: bigint): Record<string, NamedTensor> {
  const tensor = (values: bigint[]): NamedTensor => ({ type: 'int64', data: BigInt64Array.from(values), dims: [1, 4] })
  return { input_ids: tensor([101n, 1n, word, 102n]), attention_mask: tensor([1n, 1n, 1n, 1n]) }
}

it('sessions opened at once share one start, and leave WebAssembly as it was', async () => {
  const { instantiate } = WebAssembly
  const wasm = await compileOnnxWeb()
  const [one, two] = await Promise.all([openOnnxWebSession(model, { wasm }), openOnnxWebSession(model, { wasm })])
  expect(WebAssembly.instantiate).toBe(instantiate)
  const both = await Promise.all([one.run(feeds(3000n)), two.run(feeds(3000n)), one.run(feeds(4000n))])
  const [a, b, c] = both.map((outputs) => outputs.token_vectors!.data)
  expect(a).toEqual(b)
  expect(a).not.toEqual(c)
  expect([one.memoryBytes, one.threads]).toEqual([two.memoryBytes, 1])
  await Promise.all([one.close(), two.close()])
  // What others instantiate is none of its business.
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  expect((await WebAssembly.instantiate(empty)).instance).toBeInstanceOf(WebAssembly.Instance)
})
