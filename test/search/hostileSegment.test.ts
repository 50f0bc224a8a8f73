/** Hostile sections give a FormatError that names the section, and never a trap, a hang, or memory that is not given back. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { ChecksumError, FormatError } from '../../format/errors.ts'
import type { SegmentData } from '../../format/manifest/segment.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import { residentOf } from '../../lab/search/residentOf.ts'
import { instantiateKernels } from '../../runtime/kernels/kernels.ts'
import { defaultParameters } from '../../runtime/search/parameters.ts'
import type { IndexSource } from '../../runtime/search/resident/indexSource.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'

const valid = randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 5, lengths: [3, 0, 2, 9] })
const query = { vectors: randomQuery(2, 5, 32), rows: 5, dim: 32 }

function changed<T extends { slice(): T; [index: number]: number }>(values: T, index: number, value: number): T {
  const copy = values.slice()
  copy[index] = value
  return copy
}

/** The valid segment with the list of cell 0 replaced; the others are empty. */
function withList(...bytes: number[]): SegmentData {
  const postings = Uint8Array.from(bytes)
  return { ...valid, postings, postingOffsets: Uint32Array.from([0, 1, 1, 1, 1, 1], (flag) => flag * postings.length) }
}

const last = valid.postingOffsets.length - 1
const codec = valid.codec
const crc = [0, 0, 0, 0]
const cases: [string, string, SegmentData][] = [
  ['a dim that is no multiple of 16', 'codec', { ...valid, dim: 40 }],
  ['a dim above 256', 'codec', { ...valid, dim: 272 }],
  ['3 bits', 'codec', { ...valid, codec: { ...codec, nbits: 3 as 2 } }],
  ['a missing bucket weight', 'codec', { ...valid, codec: { ...codec, bucketWeights: new Float32Array(3) } }],
  [
    'an infinite bucket weight',
    'codec',
    { ...valid, codec: { ...codec, bucketWeights: changed(codec.bucketWeights, 1, 1 / 0) } },
  ],
  ['an inverse norm that is not a number', 'codec', { ...valid, codec: { ...codec, inverseNormStep: Number.NaN } }],
  ['no centroids', 'centroidScales', { ...valid, centroidScales: new Float32Array(0) }],
  ['a negative centroid scale', 'centroidScales', { ...valid, centroidScales: changed(valid.centroidScales, 2, -1) }],
  [
    'a NaN centroid scale',
    'centroidScales',
    { ...valid, centroidScales: changed(valid.centroidScales, 2, Number.NaN) },
  ],
  ['half a centroid', 'centroids', { ...valid, centroids: valid.centroids.subarray(16) }],
  ['a longer passage than rows', 'rows', { ...valid, passageLengths: changed(valid.passageLengths, 1, 1) }],
  ['a shorter passage than rows', 'rows', { ...valid, passageLengths: changed(valid.passageLengths, 3, 8) }],
  ['rows cut off', 'rows', { ...valid, rows: valid.rows.subarray(0, -1) }],
  ['one byte after the rows', 'rows', { ...valid, rows: new Uint8Array([...valid.rows, 0]) }],
  ['a code that is not below K', 'rows', { ...valid, rows: changed(valid.rows, 2, 5) }],
  ['a missing posting offset', 'postingOffsets', { ...valid, postingOffsets: valid.postingOffsets.subarray(1) }],
  [
    'a first posting offset above 0',
    'postingOffsets',
    { ...valid, postingOffsets: changed(valid.postingOffsets, 0, 1) },
  ],
  ['falling posting offsets', 'postingOffsets', { ...valid, postingOffsets: changed(valid.postingOffsets, 1, 4e9) }],
  ['postings cut off', 'postingOffsets', { ...valid, postings: valid.postings.subarray(0, -1) }],
  [
    'an offset past the postings',
    'postingOffsets',
    { ...valid, postingOffsets: changed(valid.postingOffsets, last, 4e9) },
  ],
  ['a list without room for a posting', 'postingOffsets', withList(...crc)],
  ['a pid that is not below N', 'postings', withList(4, ...crc)],
  ['a pid beyond u32', 'postings', withList(0, 0xff, 0xff, 0xff, 0xff, 0x7f, ...crc)],
  ['a varint that is cut off', 'postings', withList(0, 0x80, ...crc)],
  ['a varint of six bytes', 'postings', withList(0x80, 0x80, 0x80, 0x80, 0x80, 0, ...crc)],
  ['a varint not in shortest form', 'postings', withList(0x80, 0, ...crc)],
]

describe('creating a resident segment', () => {
  let module: WebAssembly.Module
  beforeAll(async () => {
    module = await kernelsModule('kernels.debug.wasm')
  })

  it.each(cases)('refuses %s and names section %s', async (_, section, data) => {
    const kernels = await instantiateKernels(module)
    const { top } = kernels.arena
    const error = await residentOf(data, kernels).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(FormatError)
    expect((error as FormatError).detail.section).toBe(section)
    expect(kernels.arena.top).toBe(top)
    // Nothing was allocated on the word of a hostile length.
    expect(kernels.memory.buffer.byteLength).toBeLessThan(1e6)
  })

  it('finds a changed byte in a row block or a posting list when it verifies blocks', async () => {
    const rows = changed(valid.rows, 12, valid.rows[12]! ^ 1)
    const postings = changed(valid.postings, valid.postings.length - 1, valid.postings.at(-1)! ^ 1)
    const create = async (data: SegmentData) =>
      residentOf(data, await instantiateKernels(module), { verifyBlocks: true })
    await expect(create({ ...valid, rows })).rejects.toThrow('another CRC in passage 0')
    await expect(create({ ...valid, postings })).rejects.toThrow(ChecksumError)
    await expect(create(valid)).resolves.toBeDefined()
  })

  it.each([1, 7, 64, 1000])('loads rows and postings in pieces of %i bytes while memory grows', async (size) => {
    const kernels = await instantiateKernels(module)
    const inPieces = (source: IndexSource): IndexSource => ({
      ...source,
      async load(targets) {
        const arrays = targets.map(({ length }) => new Uint8Array(length))
        await source.load(
          targets.map((target, i) => ({ ...target, view: (at, length) => arrays[i]!.subarray(at, at + length) })),
        )
        for (const [i, { view }] of targets.entries()) {
          for (let at = 0; at < arrays[i]!.length; at += size) {
            if (at % 5 === 0) kernels.memory.grow(1)
            const piece = arrays[i]!.subarray(at, at + size)
            view(at, piece.length).set(piece)
            await Promise.resolve()
          }
        }
      },
    })
    const loaded = await residentOf(valid, kernels, { verifyBlocks: true, source: inPieces })
    const whole = await residentOf(valid, await instantiateKernels(module))
    const parameters = defaultParameters(10)
    expect(loaded.search(query, parameters, 10)).toEqual(whole.search(query, parameters, 10))
  })

  it('never traps or hangs on random bytes: it refuses them or searches them', async () => {
    const bytes = fc.uint8Array({ minLength: valid.postings.length, maxLength: valid.postings.length })
    const edit = fc.record({ index: fc.nat(valid.rows.length - 1), value: fc.nat(255) })
    const arbitrary = fc.record({ postings: fc.option(bytes), edits: fc.array(edit, { maxLength: 4 }) })
    const property = fc.asyncProperty(arbitrary, async ({ postings, edits }) => {
      const rows = valid.rows.slice()
      for (const { index, value } of edits) rows[index] = value
      const data = { ...valid, rows, postings: postings ?? valid.postings }
      try {
        const segment = await residentOf(data, await instantiateKernels(module))
        const { pids } = segment.search(query, defaultParameters(10), 10)
        expect([...pids].every((pid) => pid < valid.passageLengths.length)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError)
      }
    })
    await fc.assert(property, { seed: 1, numRuns: 300 })
  })
})
