/** onnxruntime-web's WebAssembly from the installed package, for Node, Deno and Bun. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { DeviceError } from '../../../format/errors.ts'

/**
 * `wasm` of `openWebEncoder`. On Node, Deno and Bun onnxruntime-node runs as well, and several times faster
 * (bench/results/edge-encode.json): this is for machines without a build of it.
 *
 * @throws DeviceError when onnxruntime-web is not installed
 */
export async function compileOnnxWeb(): Promise<WebAssembly.Module> {
  try {
    const path = createRequire(import.meta.url).resolve('onnxruntime-web/ort-wasm-simd-threaded.wasm')
    return await WebAssembly.compile(await readFile(path))
  } catch (cause) {
    throw new DeviceError(
      `compiling ONNX Runtime: expected the package onnxruntime-web to be installed, got: ${(cause as Error).message}. Install it: npm install onnxruntime-web`,
      {},
      { cause },
    )
  }
}
