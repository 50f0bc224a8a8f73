/**
 * ONNX models as plain objects: reading, writing, and the few facts about tensors that both need. Field names are those
 * of onnx.proto in camelCase (`op_type` is `opType`); absent optional fields are `undefined` or protobuf's default.
 */
import protobuf from 'protobufjs'
import { ModelError } from '../format/errors.ts'
import { ONNX_SCHEMA } from './schema.ts'

/** protobufjs gives 64-bit integers as `Long`; plain numbers are taken on writing. Read them with `int64Number`. */
export type Int64 = number | { readonly low: number; readonly high: number; toNumber(): number }

/** Element types by ONNX's own numbers (TensorProto.DataType). */
export const ELEMENT_TYPES = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const

export type ElementType = keyof typeof ELEMENT_TYPES

/** Values of AttributeProto.type. */
export const ATTRIBUTE_TYPES = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const

export interface OnnxTensor {
  name?: string
  dims?: Int64[]
  dataType?: number
  /** Little-endian elements; empty or absent when the typed lists below hold them. */
  rawData?: Uint8Array
  floatData?: number[]
  int32Data?: number[]
  int64Data?: Int64[]
  stringData?: Uint8Array[]
  doubleData?: number[]
  uint64Data?: Int64[]
  docString?: string
}

export interface OnnxAttribute {
  name?: string
  type?: number
  f?: number
  i?: Int64
  s?: Uint8Array
  t?: OnnxTensor
  g?: OnnxGraph
  floats?: number[]
  ints?: Int64[]
  strings?: Uint8Array[]
  tensors?: OnnxTensor[]
  graphs?: OnnxGraph[]
  docString?: string
}

export interface OnnxNode {
  name?: string
  opType?: string
  domain?: string
  input?: string[]
  output?: string[]
  attribute?: OnnxAttribute[]
  docString?: string
}

export interface OnnxValueInfo {
  name?: string
  type?: {
    tensorType?: { elemType?: number; shape?: { dim?: { dimValue?: Int64; dimParam?: string; denotation?: string }[] } }
    denotation?: string
  }
  docString?: string
}

export interface OnnxGraph {
  name?: string
  node?: OnnxNode[]
  initializer?: OnnxTensor[]
  input?: OnnxValueInfo[]
  output?: OnnxValueInfo[]
  valueInfo?: OnnxValueInfo[]
  docString?: string
}

export interface OnnxModel {
  irVersion?: Int64
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: Int64
  docString?: string
  graph?: OnnxGraph
  opsetImport?: { domain?: string; version?: Int64 }[]
  metadataProps?: { key?: string; value?: string }[]
}

/**
 * @param bytes - a whole .onnx file; `rawData` of its tensors are views into it
 * @throws ModelError when it is not a protobuf of an ONNX model with a graph
 */
export function readModel(bytes: Uint8Array): OnnxModel {
  const reader = protobuf.Reader.create(bytes)
  // Kept as raw bytes and written back: fields this schema does not list (functions, training information).
  reader.discardUnknown = false
  let model: OnnxModel
  try {
    model = modelType().decode(reader) as unknown as OnnxModel
  } catch (cause) {
    throw new ModelError(
      `reading an ONNX model of ${bytes.length} bytes: expected protobuf, got "${(cause as Error).message}". Copy the file again.`,
      { bytes: bytes.length },
      { cause },
    )
  }
  if (!model.graph || !model.opsetImport?.length) {
    throw new ModelError(
      `reading an ONNX model of ${bytes.length} bytes: expected a graph and its operator sets, got neither or one. Is it an .onnx file?`,
      { bytes: bytes.length },
    )
  }
  return model
}

/** Bytes of an .onnx file. Fields are written in the order of their numbers, so equal models give equal bytes. */
export function writeModel(model: OnnxModel): Uint8Array {
  // A copy: protobufjs answers with a Buffer that may lie in a shared pool; callers are free to keep or transfer theirs.
  return new Uint8Array(modelType().encode(model).finish())
}

/** @throws ModelError beyond 2^53, where a number is no longer exact */
export function int64Number(value: Int64 | undefined): number {
  const number = typeof value === 'number' ? value : (value?.toNumber() ?? 0)
  if (!Number.isSafeInteger(number)) {
    throw new ModelError(`reading a 64-bit integer of an ONNX model: expected at most 2^53, got ${number}`, {})
  }
  return number
}

/** Parsed on each use: a hundred lines, against models of megabytes, and no state is kept at module level. */
function modelType(): protobuf.Type {
  return protobuf.parse(ONNX_SCHEMA).root.lookupType('onnx.ModelProto')
}
