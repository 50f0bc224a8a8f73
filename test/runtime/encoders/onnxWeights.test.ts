/** A model without its weights, against what the ONNX reader of onnx/ finds in the whole one; and files that are no models. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { int64Number, readModel } from '../../../onnx/model.ts'
import { withoutWeights } from '../../../runtime/encoders/onnxWeights.ts'

const model = new Uint8Array(readFileSync(new URL('../../../models/tartan-small/model_int8.onnx', import.meta.url)))

/** One field of a message in protobuf's encoding, lengths below 16,384. */
function field(number: number, ...content: (Uint8Array | number)[]): Uint8Array {
  const bytes = content.flatMap((part) => (typeof part === 'number' ? [part] : [...part]))
  return Uint8Array.from([number * 8 + 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7, ...bytes])
}

/** A model of one weight: ModelProto { ir_version 9, graph { initializer { dims, data_type, name, raw_data } } }. */
function tinyModel(weightBytes: number): Uint8Array {
  const tensor = field(5, 0x08, 1, 0x10, 2, field(8, 0x77), field(9, new Uint8Array(weightBytes).fill(7)))
  return Uint8Array.from([0x08, 9, ...field(7, tensor)])
}

describe('withoutWeights', () => {
  it('says of each weight where it lies in the file, and leaves everything else as it is', () => {
    const whole = readModel(model)
    const bare = withoutWeights(model, 'weights')
    expect(bare.length).toBeLessThan(300_000)
    // The reader knows nothing of external data, so what it does not find is what was taken out.
    const graph = readModel(bare).graph!
    const text = new TextDecoder('latin1').decode(bare)
    let taken = 0
    for (const [i, tensor] of whole.graph!.initializer!.entries()) {
      const left = graph.initializer![i]!
      expect([left.name, left.dims?.map(int64Number), left.dataType]).toEqual([
        tensor.name,
        tensor.dims?.map(int64Number),
        tensor.dataType,
      ])
      const raw = tensor.rawData ?? new Uint8Array()
      if (raw.length < 1024) {
        expect(left.rawData).toEqual(tensor.rawData)
        continue
      }
      expect(left.rawData ?? new Uint8Array()).toHaveLength(0)
      const offset = raw.byteOffset - model.byteOffset
      expect(Buffer.compare(model.subarray(offset, offset + raw.length), raw)).toBe(0)
      expect(text).toContain(`offset\x12${String.fromCharCode(String(offset).length)}${offset}`)
      taken += raw.length
    }
    expect(taken).toBeGreaterThan(22_000_000)
    expect(JSON.stringify(graph.node)).toBe(JSON.stringify(whole.graph!.node))
  })

  it('writes the reference of a weight as onnx.proto has it', () => {
    const bare = withoutWeights(tinyModel(1024), 'w')
    // StringStringEntryProto { key, value } three times as field 13, then data_location = EXTERNAL as field 14. The weight
    // is the last of the file: 1,024 of its bytes.
    const entry = (key: string, value: string) => {
      const texts = [key, value].map((text, i) => [i * 8 + 0x0a, text.length, ...new TextEncoder().encode(text)])
      return [0x6a, texts.flat().length, ...texts.flat()]
    }
    const start = String(tinyModel(1024).length - 1024)
    const external = [...entry('location', 'w'), ...entry('offset', start), ...entry('length', '1024'), 0x70, 1]
    // The name has a length of two bytes in the input, and keeps it.
    const tensor = [0x08, 1, 0x10, 2, 0x42, 0x81, 0, 0x77, ...external]
    expect([...bare]).toEqual([0x08, 9, 0x3a, tensor.length + 2, 0x2a, tensor.length, ...tensor])
  })

  it('leaves short tensors in the graph: shapes are read while it is checked', () => {
    expect(withoutWeights(tinyModel(1023), 'w')).toEqual(tinyModel(1023))
  })

  it('refuses a file that ends too early, wherever it ends', () => {
    const whole = tinyModel(1024)
    for (let length = 0; length < whole.length; length++) {
      expect(() => withoutWeights(whole.slice(0, length), 'w'), `${length}`).toThrow(/expected an ONNX file/)
    }
  })

  it.each([
    ['nothing', new Uint8Array()],
    ['a page', new TextEncoder().encode('<!doctype html><title>404</title>')],
    ['a number without end', new Uint8Array(20).fill(0xff)],
    ['two graphs', Uint8Array.from([...tinyModel(1), ...tinyModel(1)])],
    ['a length beyond the end', Uint8Array.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x7f])],
    ['an unknown wire type', Uint8Array.from([0x3b])],
  ])('refuses %s', (_, bytes) => {
    expect(() => withoutWeights(bytes, 'w')).toThrow(expect.objectContaining({ code: 'MODEL' }))
  })
})
