/** Quantisation and packing, with expected values by hand from the sentences in quantise.ts and SPEC.md §5.1. */
import { expect, it } from 'vitest'
import { InputError } from '../../format/errors.ts'
import { residualBuckets } from '../../reference/kernels.ts'
import * as quantise from '../../runtime/kernels/quantise.ts'

it('quantises each query row with its own scale, halves up', () => {
  // Scale of row 0 is 1 (largest 127), of row 1 2; row 2 is zero. -2.5 rounds up to -2.
  const vectors = Float32Array.of(127, 2.5, -2.5, 0.4, -254, 3, 0, 1.5, 0, 0, 0, 0)
  const { values, scales } = quantise.quantiseQuery(vectors, 3, 4)
  expect([...scales]).toEqual([1, 2, 0])
  expect([...values]).toEqual([127, 3, -2, 0, -127, 2, 0, 1, 0, 0, 0, 0])
})

it.each([Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 21)])('refuses the query value %d', (value) => {
  expect(() => quantise.quantiseQuery(Float32Array.of(0.1, value), 1, 2)).toThrow(InputError)
})

it('reads packed buckets as numpy.packbits wrote them: bits of a value LSB first, values MSB first', () => {
  // 4 bits: 0x1 = 0001 is bucket 8 reversed, 0x8 is bucket 1. 2 bits: 10 is bucket 1, 01 is bucket 2.
  expect([...residualBuckets(Uint8Array.of(0x18, 0xc0), 4)]).toEqual([8, 1, 3, 0])
  expect([...residualBuckets(Uint8Array.of(0b10_01_11_00), 2)]).toEqual([1, 2, 3, 0])
  expect([...residualBuckets(Uint8Array.of(0b1000_0001), 1)]).toEqual([1, 0, 0, 0, 0, 0, 0, 1])
})

it('lists weights by reversed bucket, the rest zero', () => {
  expect([...quantise.weightTable(Int8Array.of(10, 20, 30, 40), 2)].slice(0, 5)).toEqual([10, 30, 20, 40, 0])
})

it('decodes inverse norm bytes in f32 steps', () => {
  const codec = { nbits: 1 as const, bucketCutoffs: new Float32Array(1), bucketWeights: new Float32Array(2) }
  const table = quantise.inverseNormTable({ ...codec, inverseNormMin: 0.5, inverseNormStep: 0.25 })
  expect([table[0], table[1], table[255]]).toEqual([0.5, 0.75, 64.25])
})
