/**
 * The encoder where there is no onnxruntime-node: Workers, browsers, Deno, Bun (`tartan-search/web-encoder`). Needs the package
 * onnxruntime-web, which is why nothing else of the runtime imports this file.
 */
import type { Encoder } from '../../encoder/encoder.ts'
import { assertEncoderOfIndex, type EncodedIndex } from '../../encoder/fingerprint.ts'
import { encoderSession } from '../../encoder/graphSession.ts'
import { fingerprintOf } from '../../encoder/modelManifest.ts'
import { createTextEncoder } from '../../encoder/textEncoder.ts'
import { InputError } from '../../format/errors.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { httpFiles } from '../readers/http.ts'
import { cacheApiModels, type ModelCache, readModelContents, readModelManifest } from './modelFiles.ts'
import { type OnnxWebRuntime, openOnnxWebSession } from './onnxWeb.ts'

export { cacheApiModels, type ModelCache } from './modelFiles.ts'
export type { OnnxWebRuntime } from './onnxWeb.ts'

export interface WebEncoderOptions {
  /** The model folder, in any storage that an index can be in. */
  readonly files: IndexFiles
  /** The compiled WebAssembly of ONNX Runtime, and its threads. */
  readonly ort: OnnxWebRuntime
  /** One of the model's precisions. Default: the manifest's. */
  readonly precision?: string
  /** Where the files are kept for the next start. */
  readonly cache?: ModelCache
  /** The `info` of the index that is to be searched: another model is refused before its files are read. */
  readonly index?: EncodedIndex
}

export interface WebEncoder extends Encoder {
  /** Bytes of ONNX Runtime's WebAssembly memory: model, weights, and room to compute. */
  readonly memoryBytes: number
  /** Threads a query is computed by. */
  readonly threads: number
}

/**
 * Reads the manifest, checks it against the index, then reads the model's files and starts it.
 *
 * @throws ModelError when a file is missing or damaged, or the index was built with another model
 * @throws DeviceError when ONNX Runtime does not start; StorageError
 */
export async function openWebEncoder(options: WebEncoderOptions): Promise<WebEncoder> {
  const { files, precision, cache, index } = options
  const manifest = await readModelManifest(files)
  if (index) assertEncoderOfIndex(index, fingerprintOf(manifest, precision))
  const { model, tokenizerJson } = await readModelContents(files, manifest, { precision, cache })
  const onnx = await openOnnxWebSession(model, options.ort)
  try {
    const encoder = createTextEncoder({ manifest, precision, tokenizerJson, session: encoderSession(onnx, manifest) })
    return {
      ...encoder,
      threads: onnx.threads,
      get memoryBytes() {
        return onnx.memoryBytes
      },
    }
  } catch (error) {
    await onnx.close()
    throw error
  }
}

/** What `openEncoderAt` needs to know; `ModelAddresses` of `tartan-search/browser` is one. */
export interface EncoderAddresses {
  /** Address of the model folder, absolute. */
  readonly modelUrl: string
  /** Address of `ort-wasm-simd-threaded.wasm` of onnxruntime-web. */
  readonly onnxUrl: string
  /** Name of a cache of the Cache API that keeps the model's files. */
  readonly cache?: string
}

/**
 * `openEncoder` of a browser's search (`tartan-search/browser`): everything by address.
 *
 * @throws InputError when no addresses are given; else as `openWebEncoder`
 */
export async function openEncoderAt(index: EncodedIndex, model: EncoderAddresses | undefined): Promise<WebEncoder> {
  if (!model) {
    throw new InputError(
      'opening the encoder: expected `model` with modelUrl and onnxUrl, got none. Give it beside `index`.',
    )
  }
  return openWebEncoder({
    files: httpFiles(new URL(model.modelUrl, location.href)),
    ort: { wasm: await WebAssembly.compileStreaming(fetch(model.onnxUrl)) },
    ...(model.cache === undefined ? {} : { cache: cacheApiModels(await caches.open(model.cache)) }),
    index,
  })
}
