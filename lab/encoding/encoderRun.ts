/** What every host does in the encoder tests, with nothing of any host in it: open the model from a URL, encode queries. */

import { createRemoteEncoder } from '../../runtime/encoders/remoteEncoder.ts'
import { encodeBase64F32 } from '../../runtime/encoders/vectorText.ts'
import { type ModelCache, openWebEncoder } from '../../runtime/encoders/webEncoder.ts'
import { httpFiles } from '../../runtime/readers/http.ts'

export interface EncodeTask {
  /** Of the model folder, with a slash at the end. */
  readonly modelUrl: string
  readonly queries: readonly string[]
  /** Of another Tartan, to be asked the same. */
  readonly remoteUrl?: string
}

export interface EncodeReport {
  /** Base64 of f32[rows][dim] of each query. */
  readonly vectors: readonly string[]
  readonly remoteVectors: readonly string[]
  readonly threads: number
  /** ONNX Runtime's WebAssembly, from where the host has it to a compiled module. */
  readonly compileMs: number
  /** From that module to an encoder: files read and checked, model started. */
  readonly openMs: number
  /** Of each query, the first included. */
  readonly queryMs: readonly number[]
  /** WebAssembly memory of ONNX Runtime after the last query. */
  readonly memoryBytes: number
  readonly rows: number
  readonly dim: number
}

export interface HostParts {
  readonly ortWasm: () => Promise<WebAssembly.Module>
  readonly threads?: number
  readonly threadScript?: string
  readonly cache?: ModelCache
}

export async function encodeAll({ modelUrl, queries, remoteUrl }: EncodeTask, host: HostParts): Promise<EncodeReport> {
  const { threads, threadScript, cache } = host
  const beforeCompiling = performance.now()
  const wasm = await host.ortWasm()
  const started = performance.now()
  const compileMs = started - beforeCompiling
  const encoder = await openWebEncoder({ files: httpFiles(modelUrl), ort: { wasm, threads, threadScript }, cache })
  const openMs = performance.now() - started
  const index = { name: 'any', encoder: encoder.fingerprint }
  const remote = remoteUrl ? createRemoteEncoder({ url: remoteUrl, index, timeoutMs: 30_000 }) : undefined
  const vectors: string[] = []
  const remoteVectors: string[] = []
  const queryMs: number[] = []
  for (const query of queries) {
    const asked = performance.now()
    const encoded = await encoder.encodeQuery(query)
    queryMs.push(performance.now() - asked)
    vectors.push(encodeBase64F32(encoded.vectors))
    if (remote) remoteVectors.push(encodeBase64F32((await remote.encodeQuery(query)).vectors))
  }
  const { queryLength: rows, dim } = encoder.fingerprint
  const { threads: used, memoryBytes } = encoder
  await encoder.close()
  return { vectors, remoteVectors, threads: used, compileMs, openMs, queryMs, memoryBytes, rows, dim }
}
