/** What every host does in the encoder tests, with nothing of any host in it: open the model from a URL, encode queries. */
import { createRemoteEncoder } from '../../runtime/remoteEncoder.ts'
import { encodeBase64F32 } from '../../runtime/vectorText.ts'
import { type ModelCache, openWebEncoder } from '../../runtime/webEncoder.ts'
import { urlFiles } from './urlFiles.ts'

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
  /** WebAssembly memory of ONNX Runtime after the last query. */
  readonly memoryBytes: number
  readonly rows: number
  readonly dim: number
}

export interface HostParts {
  readonly ortWasm: WebAssembly.Module
  readonly threads?: number
  readonly threadScript?: string
  readonly cache?: ModelCache
}

export async function encodeAll({ modelUrl, queries, remoteUrl }: EncodeTask, host: HostParts): Promise<EncodeReport> {
  const { ortWasm: wasm, threads, threadScript, cache } = host
  const encoder = await openWebEncoder({ files: urlFiles(modelUrl), ort: { wasm, threads, threadScript }, cache })
  const index = { name: 'any', encoder: encoder.fingerprint }
  const remote = remoteUrl ? createRemoteEncoder({ url: remoteUrl, index, timeoutMs: 30_000 }) : undefined
  const vectors: string[] = []
  const remoteVectors: string[] = []
  for (const query of queries) {
    vectors.push(encodeBase64F32((await encoder.encodeQuery(query)).vectors))
    if (remote) remoteVectors.push(encodeBase64F32((await remote.encodeQuery(query)).vectors))
  }
  const { queryLength: rows, dim } = encoder.fingerprint
  const report = { vectors, remoteVectors, threads: encoder.threads, memoryBytes: encoder.memoryBytes, rows, dim }
  await encoder.close()
  return report
}
