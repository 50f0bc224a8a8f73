/** A whole index: written, read back, packed, damaged in every way that one byte allows. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChecksumError, FormatError, TartanError } from '../../format/errors.ts'
import { openPack, readIndex } from '../../format/indexReader.ts'
import { IdTable } from '../../format/items/ids.ts'
import { decodeTextBlock, decodeTextBlockEntries } from '../../format/items/textBlocks.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import type { Nbits } from '../../format/manifest/segment.ts'
import { encodePack } from '../../format/pack.ts'
import { verifyIndex } from '../../format/verify.ts'
import { memoryFiles, memoryReader } from '../../runtime/readers/memory.ts'
import { grown, seededBytes, type TinyIndex, tinyIndex } from './tinyIndex.ts'

const verify = async (index: TinyIndex) => {
  const files = memoryFiles('tiny', index.files)
  const reader = await readIndex(files)
  return verifyIndex(files, reader.manifest)
}

const packOf = async ({ files, manifest }: TinyIndex) => {
  const pieces = []
  for await (const piece of encodePack(memoryFiles('tiny', files), manifest)) pieces.push(piece)
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer())
}

/** Every section of every quantiser and segment. */
const readAll = async (index: TinyIndex) => {
  const reader = await readIndex(memoryFiles('tiny', index.files))
  const { quantisers, segments } = reader.manifest
  const wanted = [...quantisers, ...segments].flatMap((owner) => owner.sections.map(({ name }) => ({ owner, name })))
  const sections = await Promise.all(wanted.map(({ owner, name }) => reader.section(owner, name)))
  return sections.map((bytes, i) => `${wanted[i]?.name} ${Buffer.from(bytes).toString('base64')}`)
}

/** Two segments over one quantiser, the first with tombstones; an id of a deleted passage lives on in the second. */
const updatedIndex = async () => {
  const first = await tinyIndex({ lengths: [2, 1, 3], ids: ['a', 'b', 'c'], texts: false })
  const segment = { lengths: [1, 2], ids: ['b', 'd'], texts: false }
  return grown(first, { segment, deleted: { 0: [1] } })
}

describe('an index', () => {
  it('verifies whatever its shape and whatever the size of its parts', async () => {
    const shape = fc.record({
      lengths: fc.array(fc.nat(40), { minLength: 1, maxLength: 40 }),
      dim: fc.constantFrom(32, 48, 96),
      nbits: fc.constantFrom<Nbits>(1, 2, 4),
      centroids: fc.integer({ min: 1, max: 200 }),
      seed: fc.nat(),
      // 66,000 leaves some 450 bytes of payload a part: nearly every item gets a part of its own.
      partBytes: fc.constantFrom(66_000, 70_000, undefined),
      texts: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(shape, async (input) => {
        const index = await tinyIndex(input)
        const report = await verify(index)
        expect(report.passages).toBe(input.lengths.length)
        expect(decodeManifest(index.files.get(MANIFEST_NAME)!)).toEqual(index.manifest)
      }),
      { numRuns: 40 },
    )
  })

  it('splits only between items, so that sections read the same from many parts as from one', async () => {
    const shape = { lengths: [3, 0, 17, 5, 30, 1, 2], seed: 5 }
    const one = await tinyIndex(shape)
    const many = await tinyIndex({ ...shape, partBytes: 66_000 })
    expect(one.manifest.parts).toHaveLength(1)
    expect(many.manifest.parts.length).toBeGreaterThan(2)
    expect(await readAll(many)).toEqual(await readAll(one))
  })

  it('gives the same bytes for the same input', async () => {
    const shape = { lengths: [4, 9, 2], seed: 9 }
    expect([...(await tinyIndex(shape)).files]).toEqual([...(await tinyIndex(shape)).files])
  })

  it('reads the same through a pack, with payloads aligned to 64 there as well', async () => {
    const index = await tinyIndex({ lengths: [3, 0, 17], partBytes: 66_000 })
    const files = await openPack(memoryReader('tiny.tartan', await packOf(index)))
    const reader = await readIndex(files)
    expect(reader.manifest).toEqual(index.manifest)
    expect(await verifyIndex(files, reader.manifest)).toMatchObject({ passages: 3, tokens: 20 })
    for (const [name, bytes] of index.files) {
      const packed = await files.open(name)
      expect(await packed.read(0, packed.size)).toEqual(bytes)
    }
  })

  it('stores ids and texts so that they come back', async () => {
    const { files, manifest } = await tinyIndex({ lengths: new Array(300).fill(1) })
    const reader = await readIndex(memoryFiles('tiny', files))
    const segment = manifest.segments[0]!
    const read = (name: 'idOffsets' | 'ids' | 'idOrder' | 'textBlocks') => reader.section(segment, name)
    const ids = new IdTable(
      new Uint32Array((await read('idOffsets')).buffer),
      await read('ids'),
      new Uint32Array((await read('idOrder')).buffer),
    )
    for (let pid = 0; pid < 300; pid++) expect(ids.pidOf(ids.idOf(pid))).toBe(pid)
    expect(ids.pidOf('absent')).toBeUndefined()
    const length = reader.sectionLength(segment, 'texts')
    const entries = decodeTextBlockEntries(await read('textBlocks'), 300, length)
    expect(entries.length).toBeGreaterThan(1)
    const first = await decodeTextBlock(
      await reader.sectionRange(segment, 'texts', 0, entries[0]!.compressedBytes),
      entries[0]!,
    )
    expect(first[1]).toEqual({
      title: 'Title 1',
      text: 'Text of passage 1. '.repeat(20),
      metadata: { path: 'a/1.md', page: 1 },
    })
  })
})

describe('a damaged index', () => {
  it('is refused when the manifest is cut at any byte', async () => {
    const index = await updatedIndex()
    const bytes = index.files.get(MANIFEST_NAME)!
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeManifest(bytes.slice(0, length)), `cut at ${length}`).toThrow(TartanError)
    }
    expect(() => decodeManifest(Uint8Array.of(...bytes, 0))).toThrow(FormatError)
  })

  it('is refused when a part is cut at any byte', async () => {
    const index = await updatedIndex()
    expect(index.manifest.parts).toHaveLength(2)
    for (const { name } of index.manifest.parts) {
      const whole = index.files.get(name)!
      for (let length = 0; length < whole.length; length++) {
        index.files.set(name, whole.slice(0, length))
        await expect(readAll(index), `${name} cut at ${length}`).rejects.toThrow(TartanError)
      }
      index.files.set(name, whole)
    }
  })

  it.each([
    ['one segment with texts', () => tinyIndex({ lengths: [2, 1] })],
    ['two segments with tombstones', updatedIndex],
  ])(
    'of %s is refused by verify when any byte of any file is changed, and never read as something else',
    async (_, make) => {
      const index = await make()
      const sound = await readAll(index)
      const next = seededBytes(3)
      for (const [name, whole] of [...index.files]) {
        for (let at = 0; at < whole.length; at++) {
          const flipped = whole.slice()
          flipped[at]! ^= (next() | 1) & 0xff
          index.files.set(name, flipped)
          await expect(verify(index), `${name} byte ${at}`).rejects.toThrow(TartanError)
          const outcome = await readAll(index).catch((error: unknown) => error)
          if (outcome instanceof Error) expect(outcome, `${name} byte ${at}`).toBeInstanceOf(TartanError)
          else expect(outcome, `${name} byte ${at}`).toEqual(sound)
        }
        index.files.set(name, whole)
      }
    },
  )

  it('says which section a flipped bit is in, for every section', async () => {
    const index = await updatedIndex()
    const { parts, quantisers, segments } = index.manifest
    for (const { name, chunks } of [...quantisers, ...segments].flatMap(({ sections }) => sections)) {
      const part = parts[chunks[0]!.part]!
      const whole = index.files.get(part.name)!
      const flipped = whole.slice()
      flipped[chunks[0]!.offset]! ^= 1
      index.files.set(part.name, flipped)
      const failure = await readAll(index).catch((error: unknown) => error)
      expect(failure, name).toBeInstanceOf(ChecksumError)
      expect((failure as ChecksumError).message, name).toContain(`"${name}"`)
      index.files.set(part.name, whole)
    }
  })

  it('is refused when a part is missing, by name', async () => {
    const index = await tinyIndex({ lengths: [2] })
    const { name } = index.manifest.parts[0]!
    index.files.delete(name)
    await expect(readAll(index)).rejects.toThrow(name)
  })

  it('of a later minor version is read without the sections that this reader does not know', async () => {
    const { manifest, files } = await tinyIndex({ lengths: [2, 1] })
    const forged = structuredClone(manifest) as unknown as {
      segments: { sections: { name: string; chunks: unknown[] }[] }[]
    }
    forged.segments[0]!.sections.push({ name: 'futureSection', chunks: [{ anything: 1 }] })
    files.set(MANIFEST_NAME, encodeManifest(forged as never))
    expect(decodeManifest(files.get(MANIFEST_NAME)!)).toEqual(manifest)
  })

  it('cannot claim the same bytes twice, nor have memory reserved for a part that is not as large', async () => {
    const { manifest, files } = await tinyIndex({ lengths: [2, 1] })
    type Forged = {
      parts: { bytes: number }[]
      segments: { sections: { name: string; chunks: { length: number; offset: number }[] }[] }[]
    }
    const twice = structuredClone(manifest) as unknown as Forged
    const texts = twice.segments[0]!.sections.find(({ name }) => name === 'texts')!
    texts.chunks.push({ ...texts.chunks[0]! })
    expect(() => decodeManifest(encodeManifest(twice as never))).toThrow(/overlap/)
    const huge = structuredClone(manifest) as unknown as Forged
    huge.parts[0]!.bytes = 2 ** 32 - 1
    huge.segments[0]!.sections.find(({ name }) => name === 'texts')!.chunks[0]!.length = 2 ** 32 - 2 ** 20
    files.set(MANIFEST_NAME, encodeManifest(huge as never))
    await expect(readAll({ manifest, files })).rejects.toThrow(/4294967295 bytes/)
  })

  it('opens each part once however many read at the same time', async () => {
    const { manifest, files } = await tinyIndex({ lengths: [2, 1] })
    let [opened, closed] = [0, 0]
    const count = (name: string) => {
      if (name !== MANIFEST_NAME) closed++
    }
    const inner = memoryFiles('tiny', files)
    const reader = await readIndex({
      key: 'counting',
      async open(name) {
        opened += name === MANIFEST_NAME ? 0 : 1
        return { ...(await inner.open(name)), close: async () => count(name) }
      },
    })
    await Promise.all(Array.from({ length: 10 }, () => reader.sectionRange(manifest.segments[0]!, 'rows', 0, 1)))
    await reader.close()
    expect(closed).toBe(opened)
  })

  it('survives a forged manifest: any value of any field gives a TartanError or a manifest', async () => {
    const { manifest } = await updatedIndex()
    const odd = fc.constantFrom<unknown>(
      -1,
      0,
      1.5,
      2 ** 40,
      Number.NaN,
      'x',
      '',
      null,
      [],
      {},
      true,
      new Uint8Array(3),
    )
    const paths = pathsOf(manifest)
    fc.assert(
      fc.property(fc.constantFrom(...paths), odd, (path, value) => {
        const forged = structuredClone(manifest) as unknown as Record<string, unknown>
        let parent = forged
        for (const key of path.slice(0, -1)) parent = parent[key] as Record<string, unknown>
        parent[path.at(-1)!] = value
        let bytes: Uint8Array
        try {
          bytes = encodeManifest(forged as never)
        } catch {
          return // The encoder itself could not make it: not a file anyone can send.
        }
        try {
          decodeManifest(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(TartanError)
        }
      }),
      { numRuns: 600 },
    )
  })
})

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return [path]
  const below = Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]))
  return path.length > 0 ? [path, ...below] : below
}
