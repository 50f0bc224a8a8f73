/**
 * Builds ONNX graphs node by node. Values are named by the builder and passed around as strings, so a graph reads like
 * the formula it computes; mistakes (a value nobody made, a name used twice, a node nobody reads) fail here with the
 * node's name rather than inside ONNX Runtime.
 */
import { ModelError } from '../format/errors.ts'
import {
  ATTRIBUTE_TYPES,
  ELEMENT_TYPES,
  type ElementType,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from './model.ts'

/** Name of a value (input, initializer or node output) in the graph under construction. */
export type Value = string

/** One attribute; the key says its ONNX type, because `1` alone could be an int or a float. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }

/** A number fixes a dimension; a string names a free one, equal names meaning equal sizes. */
export type Dimension = number | string

export type ElementArray = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array | Uint16Array

const IR_VERSION = 8
const OPSET_DEFAULT = 17
const OPSET_MIN = 17
const ELEMENT_BYTES: Record<ElementType, number> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
}

export class GraphBuilder {
  readonly #name: string
  readonly #opset: number
  readonly #nodes: OnnxNode[] = []
  readonly #initializers: OnnxTensor[] = []
  readonly #inputs: OnnxValueInfo[] = []
  readonly #outputs: OnnxValueInfo[] = []
  /** Every value, and whether something reads it. */
  readonly #used = new Map<Value, boolean>()

  /** @throws ModelError for an operator set below 17, whose operators differ from those documented here */
  constructor(name: string, options: { readonly opset?: number } = {}) {
    this.#name = name
    this.#opset = options.opset ?? OPSET_DEFAULT
    if (this.#opset < OPSET_MIN) this.#fail(`expected operator set ${OPSET_MIN} or newer, got ${this.#opset}`)
  }

  /** A tensor the caller feeds. */
  input(name: string, type: ElementType, dims: readonly Dimension[]): Value {
    this.#define(name)
    this.#inputs.push(valueInfo(name, type, dims))
    return name
  }

  /**
   * A constant, stored in the model as little-endian bytes.
   * @throws ModelError when `data` has not exactly the bytes that `type` and `dims` say
   */
  initializer(name: string, type: ElementType, dims: readonly number[], data: ElementArray): Value {
    const expected = dims.reduce((product, size) => product * size, 1) * ELEMENT_BYTES[type]
    if (data.byteLength !== expected) {
      this.#fail(`initializer "${name}": expected ${expected} bytes for ${type}[${dims}], got ${data.byteLength}`)
    }
    this.#define(name)
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    this.#initializers.push({ name, dims: [...dims], dataType: ELEMENT_TYPES[type], rawData })
    return name
  }

  /** A one-element constant without dimensions. */
  scalar(name: string, value: number): Value {
    return this.initializer(name, 'float32', [], Float32Array.of(value))
  }

  /** A constant list of 64-bit integers: shapes, axes, starts and ends. */
  integers(name: string, values: readonly number[]): Value {
    return this.initializer(name, 'int64', [values.length], BigInt64Array.from(values, BigInt))
  }

  /**
   * Adds an operator with one output.
   * @param output - name of its output, which is also the node's name; unique in the graph
   * @param inputs - in the operator's order; '' for an optional input left out
   * @returns `output`
   */
  node(
    output: string,
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): Value {
    this.#addNode([output], opType, inputs, attributes)
    return output
  }

  /** Adds an operator with several outputs; the first names the node. Outputs named '' are not computed. */
  nodeOf(
    outputs: readonly string[],
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): readonly Value[] {
    this.#addNode(outputs, opType, inputs, attributes)
    return outputs
  }

  /** Makes a value an output of the graph. */
  output(value: Value, type: ElementType, dims: readonly Dimension[]): void {
    this.#use(value, 'output')
    if (this.#outputs.some((info) => info.name === value)) this.#fail(`output "${value}" is declared twice`)
    this.#outputs.push(valueInfo(value, type, dims))
  }

  /** @throws ModelError when there is no output, or some value is never read */
  build(): OnnxModel {
    if (this.#outputs.length === 0) this.#fail('expected at least one output, got none')
    for (const [name, used] of this.#used) {
      if (!used) this.#fail(`"${name}" is computed but nothing reads it; make it an output or remove it`)
    }
    return {
      irVersion: IR_VERSION,
      producerName: 'tartan',
      opsetImport: [{ domain: '', version: this.#opset }],
      graph: {
        name: this.#name,
        node: [...this.#nodes],
        initializer: [...this.#initializers],
        input: [...this.#inputs],
        output: [...this.#outputs],
      },
    }
  }

  #addNode(
    outputs: readonly string[],
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, AttributeValue>>,
  ): void {
    const [name] = outputs
    if (!name) this.#fail(`node ${opType}: expected a named first output, got none`)
    for (const input of inputs) if (input !== '') this.#use(input, `node "${name}" (${opType})`)
    for (const output of outputs) if (output !== '') this.#define(output)
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value))
    this.#nodes.push({ name, opType, input: [...inputs], output: [...outputs], attribute })
  }

  #define(name: string): void {
    if (name === '') this.#fail('expected a name, got an empty string')
    if (this.#used.has(name)) this.#fail(`the name "${name}" is used twice`)
    this.#used.set(name, false)
  }

  #use(value: Value, by: string): void {
    if (!this.#used.has(value)) this.#fail(`${by} reads "${value}", which nothing before it makes`)
    this.#used.set(value, true)
  }

  #fail(what: string): never {
    throw new ModelError(`building the graph "${this.#name}": ${what}`, { graph: this.#name })
  }
}

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): OnnxValueInfo {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim } } } }
}

function attributeOf(name: string, value: AttributeValue): OnnxAttribute {
  if ('int' in value) return { name, type: ATTRIBUTE_TYPES.int, i: value.int }
  if ('ints' in value) return { name, type: ATTRIBUTE_TYPES.ints, ints: [...value.ints] }
  if ('float' in value) return { name, type: ATTRIBUTE_TYPES.float, f: value.float }
  if ('floats' in value) return { name, type: ATTRIBUTE_TYPES.floats, floats: [...value.floats] }
  return { name, type: ATTRIBUTE_TYPES.string, s: new TextEncoder().encode(value.string) }
}
