/** The integer kernels one by one: published checksums, hostile posting lists, counting selection, bitmaps, and the arena. */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { InputError } from '../../format/errors.ts'
import { postingList, seededRandom } from '../../lab/data/randomSegment.ts'
import * as twin from '../../reference/kernels.ts'
import { Arena } from '../../runtime/kernels/arena.ts'
import { type SegmentPointer, segmentLengths } from '../../runtime/kernels/blocks.ts'
import { createChecksum } from '../../runtime/kernels/checksum.ts'
import { bitmapBytes, instantiateKernels, type Kernels } from '../../runtime/kernels/kernels.ts'
import * as layout from '../../runtime/kernels/layout.ts'
import { builds, kernelsModule } from './guardedMemory.ts'

/** Copies bytes flush against the end of memory. */
function placeAtEnd(kernels: Kernels, values: Uint8Array | Uint32Array): number {
  const address = kernels.memory.buffer.byteLength - values.byteLength
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  new Uint8Array(kernels.memory.buffer).set(bytes, address)
  return address
}

/** Gathers one list that ends where memory ends: the kernel's status. Pids are set in the bitmap. */
function gatherAtEnd(kernels: Kernels, list: Uint8Array, bitmap: number, passageCount: number): number {
  const { arena, memory } = kernels
  const { top } = arena
  const shape = { dim: 32, nbits: 1, centroidCount: 1, passageCount, tokenCount: 0, distinctCount: 0 } as const
  const lengths = segmentLengths({ ...shape, postingsLength: list.length })
  // Of all regions gather reads postings and their offsets only: the others may lie on each other.
  const unread = arena.allocate(Math.max(...Object.values(lengths)))
  const regions = Object.fromEntries(Object.keys(lengths).map((name) => [name, unread])) as Record<
    SegmentPointer,
    number
  >
  const [postingOffsets, marks] = [arena.allocate(8), arena.allocate(1)]
  const address = arena.allocate(layout.SEGMENT_BLOCK_BYTES)
  new Uint32Array(memory.buffer, postingOffsets, 2).set([0, list.length])
  new Uint8Array(memory.buffer, marks, 1).fill(1)
  const places = { ...regions, postingOffsets, postings: placeAtEnd(kernels, list), postingsLength: list.length }
  const segment = kernels.writeSegment(address, { ...shape, ...places, fineScale: 0 })
  const { status } = kernels.gather(segment, marks, bitmap)
  arena.reset(top)
  return status
}

describe.each(builds)('%s', (build) => {
  let kernels: Kernels
  beforeEach(async () => {
    kernels = await instantiateKernels(await kernelsModule(build))
  })

  it('computes the CRC32C of the published vectors', () => {
    const checksum = createChecksum(kernels)
    // RFC 3720 appendix B.4, and the check value of the CRC catalogue.
    expect(checksum(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(checksum(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
    expect(checksum(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e)
    expect(checksum(Uint8Array.from({ length: 32 }, (_, index) => 31 - index))).toBe(0x113fdb5c)
    expect(checksum(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    expect(checksum(new Uint8Array(0))).toBe(0)
  })

  it('continues a CRC32C over any split, at any alignment, over several chunks', () => {
    const random = seededRandom(1)
    const bytes = Uint8Array.from({ length: 150_001 }, () => random() * 256)
    const checksum = createChecksum(kernels)
    const expected = twin.crc32c(bytes)
    for (const split of [0, 1, 15, 16, 17, 65_536, 150_001]) {
      expect(checksum(bytes.subarray(split), checksum(bytes.subarray(0, split)))).toBe(expected)
    }
  })

  it.each([0, 1, 15, 16, 17, 33])('reads no byte after a CRC input of %i bytes', (length) => {
    createChecksum(kernels)
    const bytes = Uint8Array.from({ length }, (_, index) => index + 1)
    expect(kernels.crc32c(placeAtEnd(kernels, bytes), length, 64)).toBe(twin.crc32c(bytes))
  })

  it('reads any posting list as the twin does, status for status', () => {
    const passageCount = 70_000
    const bitmap = kernels.arena.allocate(bitmapBytes(passageCount))
    const pids = fc.uniqueArray(fc.nat(passageCount + 20), { maxLength: 40 })
    const wellFormed = pids.map((list) => Uint8Array.from(postingList(list.toSorted((a, b) => a - b))))
    const continued = fc.constantFrom(0, 1, 5, 0x7f, 0x80, 0x81, 0xff)
    const garbage = fc.array(continued, { maxLength: 16 }).map((bytes) => Uint8Array.from(bytes))
    const property = fc.property(fc.oneof(wellFormed, garbage), (list) => {
      const expected = new Uint32Array(bitmapBytes(passageCount) / 4)
      const status = twin.gatherList(list, expected, passageCount)
      new Uint8Array(kernels.memory.buffer, bitmap, bitmapBytes(passageCount)).fill(0)
      expect(gatherAtEnd(kernels, list, bitmap, passageCount)).toBe(status)
      expect(new Uint32Array(kernels.memory.buffer.slice(bitmap, bitmap + expected.byteLength))).toEqual(expected)
    })
    fc.assert(property, { seed: 2, numRuns: 300 })
  })

  it.each([
    ['no room for a posting', layout.STATUS_LENGTH, [0, 0, 0, 0]],
    ['a varint cut off', layout.STATUS_VARINT, [0, 0x80, 0, 0, 0, 0]],
    ['a varint of six bytes', layout.STATUS_VARINT, [0x81, 0x80, 0x80, 0x80, 0x80, 1, 0, 0, 0, 0]],
    ['a varint not in shortest form', layout.STATUS_VARINT, [0x80, 0, 0, 0, 0, 0]],
    ['a pid that is not below 100', layout.STATUS_PID, [99, 0, 0, 0, 0, 0]],
    ['a pid beyond u32', layout.STATUS_PID, [0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0]],
  ])('tells a list with %s by its status', (_, status, bytes) => {
    const bitmap = kernels.arena.allocate(bitmapBytes(100))
    expect(gatherAtEnd(kernels, Uint8Array.from(bytes), bitmap, 100)).toBe(status)
  })

  it('reads pids in the order and of the sizes that LEB128 has', () => {
    const pids = [0, 1, 128, 129, 300, 16_513, 69_999]
    const bitmap = kernels.arena.allocate(bitmapBytes(70_000))
    const regions = { bitmap, passageCount: 70_000 }
    new Uint8Array(kernels.memory.buffer, bitmap, bitmapBytes(70_000)).fill(0)
    const list = Uint8Array.from(postingList(pids))
    expect(gatherAtEnd(kernels, list, bitmap, 70_000)).toBe(layout.STATUS_OK)
    const out = kernels.arena.allocate(4 * pids.length)
    expect(kernels.collectPids(regions, out)).toBe(pids.length)
    expect([...new Uint32Array(kernels.memory.buffer, out, pids.length)]).toEqual(pids)
  })

  it.each([1, 127, 128, 129, 1000])('collects bitmap AND filter of %i passages', (passageCount) => {
    const random = seededRandom(passageCount)
    const flags = () => Array.from({ length: passageCount }, () => random() < 0.4)
    const [bitmapFlags, filterFlags] = [flags(), flags()]
    const place = (values: readonly boolean[]) => {
      const words = new Uint32Array(twin.bitmapWords(passageCount))
      for (const [pid, flag] of values.entries()) if (flag) words[pid >> 5]! |= 1 << (pid & 31)
      const address = kernels.arena.allocate(words.byteLength)
      new Uint32Array(kernels.memory.buffer, address, words.length).set(words)
      return address
    }
    const both = [...bitmapFlags.keys()].filter((pid) => bitmapFlags[pid] && filterFlags[pid])
    const regions = { bitmap: place(bitmapFlags), filter: place(filterFlags), passageCount }
    const out = kernels.memory.buffer.byteLength - both.length * 4
    expect(kernels.collectPids(regions, out)).toBe(both.length)
    expect([...new Uint32Array(kernels.memory.buffer, out, both.length)]).toEqual(both)
  })

  it('selects the best by score, ties to the earlier, in their given order', () => {
    const property = fc.property(fc.array(fc.nat(6), { maxLength: 30 }), fc.nat(32), (scores, wanted) => {
      const pids = Uint32Array.from(scores, (_, index) => index * 3)
      const candidates = {
        pids: kernels.arena.allocate(pids.byteLength),
        scores: placeAtEnd(kernels, Uint32Array.from(scores)),
        count: scores.length,
      }
      new Uint32Array(kernels.memory.buffer, candidates.pids, pids.length).set(pids)
      const counts = kernels.arena.allocate(7 * 4)
      const written = kernels.selectTop(candidates, { wanted, scoreMax: 6, counts, out: candidates.pids })
      const selected = new Uint32Array(kernels.memory.buffer.slice(candidates.pids), 0, written)
      expect(selected).toEqual(twin.selectTop(pids, Uint32Array.from(scores), wanted))
      kernels.arena.reset(64)
    })
    fc.assert(property, { seed: 3, numRuns: 200 })
  })

  it('refuses regions outside memory or out of alignment before the kernel runs', () => {
    const size = kernels.memory.buffer.byteLength
    expect(() => kernels.crc32c(size - 3, 4, 64)).toThrow(RangeError)
    expect(() => kernels.crc32c(-1, 4, 64)).toThrow(RangeError)
    expect(() => kernels.crc32c(64, 4, 66)).toThrow(RangeError)
    expect(() => kernels.countPids({ bitmap: size - 16, passageCount: 129 })).toThrow(RangeError)
  })
})

describe('arena', () => {
  it('gives out disjoint addresses on 64 bytes, grows the memory, and gives back', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 })
    const arena = new Arena(memory)
    const first = arena.allocate(1)
    const { top } = arena
    const second = arena.allocate(100_000)
    expect([first, second]).toEqual([64, 128])
    expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(second + 100_000)
    arena.reset(top)
    expect(arena.allocate(5)).toBe(second)
  })

  it('says so when the memory cannot grow, and keeps what it had', () => {
    const arena = new Arena(new WebAssembly.Memory({ initial: 1, maximum: 2 }))
    const { top } = arena
    expect(() => arena.allocate(200_000)).toThrow(InputError)
    expect(arena.top).toBe(top)
    expect(() => arena.allocate(2 ** 33)).toThrow(InputError)
  })

  it('shares a memory with others: what they hold never overlaps, and each gets back what it gave back', () => {
    const step = fc.record({ arena: fc.nat(2), length: fc.integer({ min: 1, max: 300_000 }), back: fc.boolean() })
    const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000, shared: true })
      const arenas = [new Arena(memory), new Arena(memory, { others: true }), new Arena(memory, { others: true })]
      const held: { arena: number; top: number; start: number; end: number }[] = []
      for (const { arena: index, length, back } of steps) {
        const arena = arenas[index]!
        const last = held.findLastIndex((one) => one.arena === index)
        if (back && last >= 0) {
          arena.reset(held[last]!.top)
          expect(arena.top).toBe(held[last]!.top)
          held.splice(last, 1)
          continue
        }
        const { top } = arena
        const start = arena.allocate(length)
        expect(start % 64).toBe(0)
        expect(start + length).toBeLessThanOrEqual(memory.buffer.byteLength)
        expect(held.filter((one) => start < one.end && one.start < start + length)).toEqual([])
        held.push({ arena: index, top, start, end: start + length })
      }
      // Grown by no more than a run for what each arena ever held at a time.
      expect(memory.buffer.byteLength).toBeLessThanOrEqual(65_536 + 2 * steps.length * (300_000 + 2 ** 20))
    })
    fc.assert(property, { seed: 1, numRuns: 200 })
  })

  it('refuses to reset to where it never was', () => {
    const arena = new Arena(new WebAssembly.Memory({ initial: 1 }))
    expect(() => arena.reset(128)).toThrow('cannot reset')
    expect(() => arena.reset(0)).toThrow('cannot reset')
  })
})
