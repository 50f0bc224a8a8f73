/**
 * Takes the weights out of an ONNX file without copying them: the graph alone is written anew, and says of each weight where
 * in the file it lies ("external data" of the ONNX specification, docs/ExternalData.md). ONNX Runtime then copies every weight
 * once, from the file's bytes into its own memory. Given whole, a file is held three times while it is opened (the bytes, the
 * parsed message, the tensors), and WebAssembly memory never shrinks: 81 MB against 38 MB for tartan-small
 * (bench/results/edge-encode.json), of the 128 MB that a Worker has.
 */
import { ModelError } from '../../format/errors.ts'

/** Shorter tensors stay in the graph: shapes and axes have to be known while the graph is checked, weights need not. */
const WEIGHT_BYTES_MIN = 1024

/** Field numbers of onnx.proto. */
const MODEL_GRAPH = 7
const GRAPH_INITIALIZER = 5
const TENSOR_RAW_DATA = 9
const TENSOR_EXTERNAL_DATA = 13
const TENSOR_DATA_LOCATION = 14
const ENTRY_KEY = 1
const ENTRY_VALUE = 2
/** Value of TensorProto.DataLocation. */
const LOCATION_EXTERNAL = 1

/** Wire types of Protocol Buffers. */
const VARINT = 0
const FIXED64 = 1
const LENGTH_DELIMITED = 2
const FIXED32 = 5

/** A field of a message: `[start, end)` with its tag, `[valueStart, end)` without tag and length. */
interface Field {
  readonly number: number
  readonly wireType: number
  readonly start: number
  readonly valueStart: number
  readonly end: number
}

/**
 * @param model - an ONNX file
 * @param location - the name under which ONNX Runtime is given `model` as external data
 * @returns the model without its weights, a new array of a few hundred kilobytes; positions in it refer to `model`
 * @throws ModelError when `model` is no ONNX file
 */
export function withoutWeights(model: Uint8Array, location: string): Uint8Array {
  const pieces: Uint8Array[] = []
  let graphs = 0
  for (const field of fieldsOf(model, 0, model.length)) {
    if (field.number === MODEL_GRAPH && field.wireType === LENGTH_DELIMITED) {
      graphs++
      pieces.push(...message(MODEL_GRAPH, graphPieces(model, field, location)))
    } else {
      pieces.push(model.subarray(field.start, field.end))
    }
  }
  if (graphs !== 1) throw notOnnx(`${graphs} graphs`)
  return joined(pieces)
}

function graphPieces(model: Uint8Array, graph: Field, location: string): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (const field of fieldsOf(model, graph.valueStart, graph.end)) {
    const isInitializer = field.number === GRAPH_INITIALIZER && field.wireType === LENGTH_DELIMITED
    const tensor = isInitializer ? externalTensor(model, field, location) : undefined
    if (tensor) pieces.push(...message(GRAPH_INITIALIZER, tensor))
    else pieces.push(model.subarray(field.start, field.end))
  }
  return pieces
}

/** The tensor with a reference in place of its bytes; `undefined` when it has too few to matter. */
function externalTensor(model: Uint8Array, tensor: Field, location: string): Uint8Array[] | undefined {
  const pieces: Uint8Array[] = []
  let raw: Field | undefined
  for (const field of fieldsOf(model, tensor.valueStart, tensor.end)) {
    if (field.number === TENSOR_RAW_DATA) raw = field
    else pieces.push(model.subarray(field.start, field.end))
  }
  if (!raw || raw.end - raw.valueStart < WEIGHT_BYTES_MIN) return undefined
  const entries: readonly [string, string][] = [
    ['location', location],
    ['offset', String(raw.valueStart)],
    ['length', String(raw.end - raw.valueStart)],
  ]
  for (const [key, value] of entries) {
    pieces.push(...message(TENSOR_EXTERNAL_DATA, [...text(ENTRY_KEY, key), ...text(ENTRY_VALUE, value)]))
  }
  pieces.push(Uint8Array.from([(TENSOR_DATA_LOCATION << 3) | VARINT, LOCATION_EXTERNAL]))
  return pieces
}

/** The fields of the message at `[start, end)`, in order. @throws ModelError when they are not fields, or leave the range */
function* fieldsOf(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  for (let position = start; position < end; ) {
    const fieldStart = position
    const tag = varint(bytes, position, end)
    const wireType = tag.value & 7
    let valueStart = tag.end
    let length: number
    if (wireType === VARINT) {
      length = varint(bytes, valueStart, end).end - valueStart
    } else if (wireType === LENGTH_DELIMITED) {
      const size = varint(bytes, valueStart, end)
      valueStart = size.end
      length = size.value
    } else if (wireType === FIXED64 || wireType === FIXED32) {
      length = wireType === FIXED64 ? 8 : 4
    } else {
      throw notOnnx(`wire type ${wireType} at byte ${fieldStart}`)
    }
    position = valueStart + length
    if (position > end) throw notOnnx(`a field of ${length} bytes at byte ${fieldStart}, beyond the end`)
    yield { number: Math.floor(tag.value / 8), wireType, start: fieldStart, valueStart, end: position }
  }
}

/** A varint of at most 10 bytes. Its value is exact below 2^53, which no length in a file exceeds. */
function varint(bytes: Uint8Array, start: number, end: number): { readonly value: number; readonly end: number } {
  let value = 0
  for (let i = 0; i < 10 && start + i < end; i++) {
    const byte = bytes[start + i] ?? 0
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, end: start + i + 1 }
  }
  throw notOnnx(`an unfinished number at byte ${start}`)
}

function message(number: number, pieces: readonly Uint8Array[]): Uint8Array[] {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  return [Uint8Array.from([...varintBytes(number * 8 + LENGTH_DELIMITED), ...varintBytes(length)]), ...pieces]
}

function text(number: number, value: string): Uint8Array[] {
  return message(number, [new TextEncoder().encode(value)])
}

function varintBytes(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  bytes.push(rest)
  return bytes
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let position = 0
  for (const piece of pieces) {
    whole.set(piece, position)
    position += piece.length
  }
  return whole
}

function notOnnx(got: string): ModelError {
  return new ModelError(`reading the model: expected an ONNX file, got ${got}. Copy the model folder again.`, { got })
}
