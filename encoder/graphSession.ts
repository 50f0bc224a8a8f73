/**
 * The encoder's network as an ONNX graph: what every ONNX Runtime offers, and the `EncoderSession` over it. onnxruntime-node
 * (runtime/platform/node/onnxNode.ts) and onnxruntime-web (runtime/encoders/onnxWeb.ts) stand behind it.
 */
import { ModelError } from '../format/errors.ts'
import type { EncoderSession } from './encoder.ts'
import type { ModelManifest } from './modelManifest.ts'

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array

export interface NamedTensor {
  readonly type: 'float32' | 'int64' | 'int32' | 'uint8' | 'int8'
  readonly data: TensorData
  readonly dims: readonly number[]
}

/** An ONNX model that is ready to run. */
export interface GraphSession {
  run(feeds: Readonly<Record<string, NamedTensor>>): Promise<Record<string, NamedTensor>>
  close(): Promise<void>
}

/** Runs an encoder's graph as the port wants it. Closing it closes the graph's session. */
export function encoderSession(graph: GraphSession, manifest: ModelManifest): EncoderSession {
  const { inputIds: idsName, attentionMask: maskName, tokenVectors } = manifest.graph
  return {
    async run(inputIds, attentionMask, batch, tokens) {
      const dims = [batch, tokens]
      const outputs = await graph.run({
        [idsName]: { type: 'int64', data: inputIds, dims },
        [maskName]: { type: 'int64', data: attentionMask, dims },
      })
      const output = outputs[tokenVectors]
      const expected = `float32[${batch}][${tokens}][${manifest.dim}]`
      const got =
        output === undefined ? `only ${Object.keys(outputs).join(', ')}` : `${output.type}[${output.dims.join('][')}]`
      if (got !== expected || !(output?.data instanceof Float32Array)) {
        throw new ModelError(
          `running the model "${manifest.model}": expected the output "${tokenVectors}" to be ${expected}, got ${got}. The model file does not fit its manifest: copy the model folder again.`,
          { output: tokenVectors, expected, got },
        )
      }
      return output.data
    },
    close: () => graph.close(),
  }
}
