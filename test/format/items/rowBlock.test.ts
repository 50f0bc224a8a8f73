import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../format/container/crc32c.ts'
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import {
  codeBytesOf,
  decodeRowBlock,
  encodeRowBlocks,
  locateRowBlock,
  type RowShape,
  requireRowBlock,
  residualBytesOf,
  reverseBits,
  rowBlockBytes,
  rowBlocksBytes,
  rowShapeOf,
  weightsOfBytes,
} from '../../../format/items/rowBlock.ts'
import type { Nbits } from '../../../format/manifest/segment.ts'
import { seededBytes } from '../tinyIndex.ts'
import { expectDamageRefused, refusedOr } from './damage.ts'

const shapes = fc.record({
  dim: fc.constantFrom(32, 48, 96, 256),
  nbits: fc.constantFrom<Nbits>(1, 2, 4),
  centroids: fc.constantFrom(1, 5, 65_536, 65_537, 2 ** 22),
})

function codedTokens(tokens: number, { dim, nbits, centroids }: RowShape, seed: number) {
  const next = seededBytes(seed)
  const residuals = Uint8Array.from({ length: tokens * residualBytesOf(dim, nbits) }, next)
  const codes = Uint32Array.from({ length: tokens }, () => (next() * 65_536 + next() * 256 + next()) % centroids)
  return { codes, inverseNorms: Uint8Array.from({ length: tokens }, next), residuals }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

describe('row blocks', () => {
  it('give back what they were made of, each found where it is said to stand', () => {
    const lengths = fc.array(fc.nat(20), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(shapes, lengths, fc.nat(), (shape, counts, seed) => {
        const coded = codedTokens(sum(counts), shape, seed)
        const width = residualBytesOf(shape.dim, shape.nbits)
        const bytes = encodeRowBlocks(coded, counts, shape)
        expect(bytes.length).toBe(rowBlocksBytes(counts.length, sum(counts), shape))
        for (const [pid, tokens] of counts.entries()) {
          const first = sum(counts.slice(0, pid))
          const { offset, length } = locateRowBlock({ pid, tokensBefore: first, tokens }, shape)
          const parts = requireRowBlock(bytes.subarray(offset, offset + length), { pid, tokens }, shape)
          expect(parts.codes).toEqual(coded.codes.slice(first, first + tokens))
          expect([...parts.inverseNorms]).toEqual([...coded.inverseNorms.slice(first, first + tokens)])
          expect([...parts.residuals]).toEqual([...coded.residuals.slice(first * width, (first + tokens) * width)])
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are laid out as SPEC.md says', () => {
    const shape = { dim: 32, nbits: 1, centroids: 300 } as const
    const coded = {
      codes: Int32Array.of(0x0102, 7),
      inverseNorms: Uint8Array.of(11, 12),
      residuals: Uint8Array.of(21, 22, 23, 24, 31, 32, 33, 34),
    }
    const content = [0x02, 0x01, 7, 0, 11, 12, 21, 22, 23, 24, 31, 32, 33, 34]
    const block = encodeRowBlocks(coded, [2], shape)
    expect([...block.subarray(0, -4)]).toEqual(content)
    expect(new DataView(block.buffer).getUint32(14, true)).toBe(crc32c(Uint8Array.from(content)))
    const wide = encodeRowBlocks({ ...coded, codes: Int32Array.of(0x010203, 7) }, [2], { ...shape, centroids: 65_537 })
    expect([...wide.subarray(0, 8)]).toEqual([3, 2, 1, 0, 7, 0, 0, 0])
  })

  it('store a bucket with its bits reversed, the first dimension in the highest bits of a byte', () => {
    expect([0b0001, 0b0011, 0b0110].map((bucket) => reverseBits(bucket, 4))).toEqual([0b1000, 0b1100, 0b0110])
    expect([0, 1, 2, 3].map((bucket) => reverseBits(bucket, 2))).toEqual([0, 2, 1, 3])
    const weights = Float32Array.of(0, 10, 20, 30)
    const byte = 0b01_10_11_00
    expect([...weightsOfBytes(weights, 2).subarray(byte * 4, byte * 4 + 4)]).toEqual([20, 10, 30, 0])
    const sixteen = Float32Array.from({ length: 16 }, (_, bucket) => bucket)
    expect([...weightsOfBytes(sixteen, 4).subarray(0x18 * 2, 0x18 * 2 + 2)]).toEqual([8, 1])
    expect([...weightsOfBytes(Float32Array.of(5, 6), 1).subarray(0x81 * 8, 0x82 * 8)]).toEqual([6, 5, 5, 5, 5, 5, 5, 6])
  })

  it('of a passage without tokens are a CRC alone', () => {
    const shape = { dim: 96, nbits: 4, centroids: 9 } as const
    const block = encodeRowBlocks(codedTokens(0, shape, 1), [0], shape)
    expect([...block]).toEqual([0, 0, 0, 0])
    expect(requireRowBlock(block, { pid: 0, tokens: 0 }, shape).codes).toHaveLength(0)
  })

  it('have the shape of the segment that they are in', () => {
    expect(rowShapeOf(96, { codec: { nbits: 2 }, centroids: 70_000 })).toEqual({ dim: 96, nbits: 2, centroids: 70_000 })
    expect([codeBytesOf(65_536), codeBytesOf(65_537)]).toEqual([2, 4])
    expect(rowBlockBytes(10, { dim: 96, nbits: 2, centroids: 70_000 })).toBe(10 * (4 + 1 + 24) + 4)
  })

  it('are refused when cut at any byte or changed in any byte', () => {
    const shape = { dim: 32, nbits: 2, centroids: 40 } as const
    const block = encodeRowBlocks(codedTokens(3, shape, 2), [3], shape)
    for (const mask of [1, 0xff]) {
      expectDamageRefused(block, (bytes) => requireRowBlock(bytes, { pid: 4, tokens: 3 }, shape), mask)
    }
    expect(() => requireRowBlock(block.with(2, 99), { pid: 4, tokens: 3 }, shape)).toThrow(ChecksumError)
    expect(() => requireRowBlock(block, { pid: 4, tokens: 2 }, shape)).toThrow(/row block of passage 4/)
  })

  it('are refused when a code is no centroid, though the CRC fits', () => {
    const shape = { dim: 32, nbits: 1, centroids: 40 } as const
    const coded = { ...codedTokens(2, shape, 3), codes: Uint32Array.of(39, 40) }
    const block = encodeRowBlocks(coded, [2], shape)
    expect(() => requireRowBlock(block, { pid: 0, tokens: 2 }, shape)).toThrow(FormatError)
    expect(decodeRowBlock(block, 2, shape).codes).toEqual(coded.codes)
  })

  it('are refused or sound, whatever the bytes and the number of tokens claimed', () => {
    const shape = { dim: 32, nbits: 1, centroids: 3 } as const
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(70_000), (bytes, tokens) => {
        const sealed = new Uint8Array(bytes.length + 4)
        sealed.set(bytes)
        new DataView(sealed.buffer).setUint32(bytes.length, crc32c(bytes), true)
        for (const claimed of [tokens, Math.floor(bytes.length / 7)]) {
          const parts = refusedOr(() => requireRowBlock(sealed, { pid: 0, tokens: claimed }, shape))
          expect([...(parts?.codes ?? [])].every((code) => code < 3)).toBe(true)
        }
      }),
      { numRuns: 500 },
    )
  })
})
