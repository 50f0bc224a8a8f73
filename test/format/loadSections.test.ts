/** How sections are brought in: side by side, a bounded number at a time, each chunk checked, and nothing written after the end. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../format/container/crc32c.ts'
import { ChecksumError, MissingPartError, StorageError } from '../../format/errors.ts'
import { IndexReader, PIECE_BYTES, READS_AT_ONCE, readIndex, type SectionTarget } from '../../format/indexReader.ts'
import { MANIFEST_NAME, type Manifest, type SectionChunk } from '../../format/manifest/manifest.ts'
import type { SectionName } from '../../format/manifest/sections.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { SectionArrays } from '../../format/sectionArrays.ts'
import { countingFiles } from '../../lab/storage/countingFiles.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import { grown, seededBytes, type TinyIndex, tinyIndex } from './tinyIndex.ts'

const updatedIndex = async () => {
  const first = await tinyIndex({ lengths: [9, 30, 4], ids: ['a', 'b', 'c'], partBytes: 65_700 })
  return grown(first, { segment: { lengths: [1, 2], ids: ['b', 'd'] }, deleted: { 0: [1] } })
}

/** All sections of an index, wanted as arrays. */
function allSections(reader: IndexReader) {
  const { quantisers, segments } = reader.manifest
  const arrays = new SectionArrays(reader)
  const wanted = [...quantisers, ...segments].flatMap((owner) =>
    owner.sections.map(({ name, chunks }) => ({ name, chunks, array: arrays.want(owner, name) })),
  )
  return { wanted, targets: arrays.targets }
}

describe('the sections of an index', () => {
  it('come in one round, one read a chunk, once the manifest is there', async () => {
    const { files, manifest } = await updatedIndex()
    expect(manifest.parts.length).toBeGreaterThan(5)
    const counting = countingFiles(memoryFiles('tiny', files))
    const reader = await readIndex(counting)
    expect(counting.take()).toMatchObject({ rounds: 1, reads: 1 })
    const { wanted, targets } = allSections(reader)
    await reader.loadSections(targets)
    const lengths = wanted.flatMap(({ chunks }) => chunks.map(({ length }) => length))
    const bytes = lengths.reduce((sum, length) => sum + length, 0)
    expect(counting.take()).toEqual({ rounds: 1, reads: lengths.filter((length) => length > 0).length, bytes })
    for (const { name, chunks, array } of wanted) {
      const expected = chunks.map(({ part, offset, length }) =>
        files.get(manifest.parts[part]!.name)!.subarray(offset, offset + length),
      )
      expect(Buffer.concat(expected).equals(array), name).toBe(true)
    }
  })

  it('are refused when any byte of any chunk is another, by the name of the section', async () => {
    const { files, manifest } = await updatedIndex()
    const owners = [...manifest.quantisers, ...manifest.segments]
    const places = owners.flatMap(({ sections }) =>
      sections.flatMap(({ name, chunks }) => chunks.map((chunk) => ({ name, chunk }))),
    )
    for (const { name, chunk } of places) {
      const part = manifest.parts[chunk.part]!.name
      for (const at of [chunk.offset, chunk.offset + chunk.length - 1]) {
        const damaged = new Map(files).set(part, files.get(part)!.with(at, files.get(part)![at]! ^ 4))
        const reader = await readIndex(memoryFiles('tiny', damaged))
        const failure = await reader.loadSections(allSections(reader).targets).catch((error: unknown) => error)
        expect(failure, name).toBeInstanceOf(ChecksumError)
        expect((failure as ChecksumError).detail.section).toBe(name)
      }
    }
  })

  it('say which part is missing', async () => {
    const { files, manifest } = await updatedIndex()
    const { name } = manifest.parts.at(-1)!
    const reader = await readIndex(memoryFiles('tiny', files))
    files.delete(name)
    await expect(reader.loadSections(allSections(reader).targets)).rejects.toThrow(MissingPartError)
    await expect(reader.loadSections(allSections(reader).targets)).rejects.toThrow(name)
  })
})

/** One part of random bytes, and a section of it in chunks of these lengths. */
function madeSection(lengths: readonly number[], seed = 1) {
  const chunks: SectionChunk[] = []
  const next = seededBytes(seed)
  const size = lengths.reduce((sum, length) => sum + Math.ceil(length / 64) * 64, 64)
  const bytes = Uint8Array.from({ length: size }, next)
  let offset = 64
  for (const length of lengths) {
    const crc = crc32c(bytes.subarray(offset, offset + length))
    chunks.push({ part: 0, offset, length, crc32c: crc, items: 1 })
    offset += Math.ceil(length / 64) * 64
  }
  const manifest = { parts: [{ name: 'part', bytes: size }] } as unknown as Manifest
  const content = Buffer.concat(chunks.map((chunk) => bytes.subarray(chunk.offset, chunk.offset + chunk.length)))
  return { bytes, manifest, owner: { sections: [{ name: 'rows' as SectionName, chunks }] }, content }
}

/** Files whose reads wait until they are let go, in any order. */
function heldFiles(bytes: Uint8Array) {
  const held: { readonly offset: number; go(): void; fail(error: Error): void }[] = []
  let begun = 0
  const files: IndexFiles = {
    key: 'held',
    open: async () => ({
      ...{ key: 'held', size: bytes.length },
      read: (offset, length) => {
        begun++
        return new Promise((resolve, reject) => {
          held.push({ offset, go: () => resolve(bytes.slice(offset, offset + length)), fail: reject })
        })
      },
    }),
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return { files, held, begun: () => begun, settled }
}

const targetOf = (section: ReturnType<typeof madeSection>, array: Uint8Array): SectionTarget => ({
  ...{ owner: section.owner, name: 'rows' },
  view: (offset, length) => array.subarray(offset, offset + length),
})

describe('a section of several pieces', () => {
  it('is whole and checked in whatever order its pieces come', async () => {
    const section = madeSection([3 * PIECE_BYTES + 17, 0, PIECE_BYTES, 1])
    const orders = fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 6 })
    await fc.assert(
      fc.asyncProperty(orders, async (order) => {
        const { files, held, settled } = heldFiles(section.bytes)
        const array = new Uint8Array(section.content.length)
        const loading = new IndexReader(files, section.manifest).loadSections([targetOf(section, array)])
        await settled()
        expect(held).toHaveLength(6)
        for (const read of order) {
          held[read]!.go()
          await settled()
        }
        await loading
        expect(section.content.equals(array)).toBe(true)
      }),
      { numRuns: 8 },
    )
  })

  it('is refused when one byte of its last piece is another, though that comes first', async () => {
    const section = madeSection([2 * PIECE_BYTES + 5])
    const at = 64 + 2 * PIECE_BYTES + 4
    const { files, held, settled } = heldFiles(section.bytes.with(at, section.bytes[at]! ^ 1))
    const array = new Uint8Array(section.content.length)
    const loading = new IndexReader(files, section.manifest).loadSections([targetOf(section, array)])
    const outcome = loading.catch((error: unknown) => error)
    await settled()
    for (const read of held.toReversed()) {
      read.go()
      await settled()
    }
    expect(await outcome).toBeInstanceOf(ChecksumError)
  })

  it('is read a bounded number of pieces at a time', async () => {
    const section = madeSection(new Array(3 * READS_AT_ONCE).fill(100))
    const { files, held, begun, settled } = heldFiles(section.bytes)
    const array = new Uint8Array(section.content.length)
    const loading = new IndexReader(files, section.manifest).loadSections([targetOf(section, array)])
    await settled()
    for (let done = 0; done < 3 * READS_AT_ONCE; done++) {
      expect(begun()).toBe(Math.min(3 * READS_AT_ONCE, done + READS_AT_ONCE))
      held[done]!.go()
      await settled()
    }
    await loading
    expect(section.content.equals(array)).toBe(true)
  })

  it('fails with what failed first, begins no more reads, and ends when those under way have', async () => {
    const section = madeSection(new Array(3 * READS_AT_ONCE).fill(100))
    const { files, held, begun, settled } = heldFiles(section.bytes)
    const array = new Uint8Array(section.content.length)
    const loading = new IndexReader(files, section.manifest).loadSections([targetOf(section, array)])
    let outcome: unknown
    const ended = loading.catch((error: unknown) => {
      outcome = error
    })
    await settled()
    held[2]!.fail(new StorageError('the line is cut'))
    await settled()
    for (const [i, read] of held.entries()) {
      expect(outcome, `while ${READS_AT_ONCE - i} reads are under way`).toBeUndefined()
      if (i !== 2) read.go()
      await settled()
    }
    await ended
    expect(outcome).toBeInstanceOf(StorageError)
    expect(begun()).toBe(READS_AT_ONCE)
    const before = array.slice()
    await settled()
    expect(array).toEqual(before)
  })
})

describe('an index whose manifest is gone', () => {
  it('is told from one whose parts are', async () => {
    const { files }: TinyIndex = await updatedIndex()
    files.delete(MANIFEST_NAME)
    const failure = await readIndex(memoryFiles('tiny', files)).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'NOT_FOUND' })
    expect(failure).not.toBeInstanceOf(MissingPartError)
  })
})
