/** Reading and writing ONNX files. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { int64Number, readModel, writeModel } from '../../onnx/model.ts'

/** A model written by hand from the protobuf encoding rules and the field numbers of onnx.proto. */
const HAND_MADE = Uint8Array.from([
  ...[0x08, 8], // ir_version (1, varint) = 8
  ...[0x3a, 22], // graph (7, bytes), 22 bytes:
  ...[0x0a, 14, 0x0a, 1, 0x78, 0x12, 1, 0x79, 0x22, 6, ...new TextEncoder().encode('Negate')], // node x -> y, op_type (4)
  ...[0x12, 4, ...new TextEncoder().encode('hand')], // graph name (2)
  ...[0x42, 4, 0x0a, 0, 0x10, 17], // opset_import (8): domain "", version 17
  ...[0xa2, 0x01, 2, 0xff, 0x07], // field 20, training_info, which the schema does not list
])

describe('ONNX models', () => {
  it('reads the fields of a hand-made model', () => {
    const model = readModel(HAND_MADE)
    expect(int64Number(model.irVersion)).toBe(8)
    expect(model.graph?.name).toBe('hand')
    expect(model.graph?.node).toMatchObject([{ input: ['x'], output: ['y'], opType: 'Negate' }])
    expect(int64Number(model.opsetImport?.[0]?.version)).toBe(17)
  })

  it('writes a hand-made model back byte for byte, the field it does not know included', () => {
    expect(writeModel(readModel(HAND_MADE))).toEqual(HAND_MADE)
  })

  it('writes the embedded int8 encoder, made by onnx.quantize, back byte for byte', () => {
    const bytes = readFileSync(new URL('../../models/tartan-small/model_int8.onnx', import.meta.url))
    const model = readModel(bytes)
    expect(model.graph?.node?.length).toBeGreaterThan(100)
    expect(Buffer.compare(writeModel(model), bytes)).toBe(0)
  })

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['a text', new TextEncoder().encode('<!doctype html>')],
    ['a cut file', HAND_MADE.subarray(0, 20)],
    ['a model without a graph', HAND_MADE.subarray(0, 2)],
  ])('rejects %s with a ModelError', (_, bytes) => {
    expect(() => readModel(bytes)).toThrow(expect.objectContaining({ code: 'MODEL' }))
  })

  it('refuses a 64-bit integer that a number cannot hold', () => {
    expect(() => int64Number(2 ** 53)).toThrow(expect.objectContaining({ code: 'MODEL' }))
  })
})
