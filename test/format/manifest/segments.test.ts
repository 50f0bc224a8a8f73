/** Indexes of several segments: how manifests grow by generations, and what verify makes of ids and tombstones. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { crc32c } from '../../../format/container/crc32c.ts'
import { FormatError, InputError, TartanError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { extendManifest } from '../../../format/indexWriter.ts'
import { decodeTombstones } from '../../../format/items/tombstones.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME, type Manifest } from '../../../format/manifest/manifest.ts'
import { verifyIndex } from '../../../format/verify.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { someTiers } from '../someTiers.ts'
import { fragmentOf, grown, type TinyIndex, tinyIndex } from '../tinyIndex.ts'

const verify = async (index: TinyIndex) => {
  const files = memoryFiles('tiny', index.files)
  const { manifest } = await readIndex(files)
  return verifyIndex(files, manifest)
}

/** What the sections of a segment hold, wherever they stand. */
const contentOf = async ({ files }: TinyIndex, segment: number) => {
  const reader = await readIndex(memoryFiles('tiny', files))
  const entry = reader.manifest.segments[segment]!
  const sections = entry.sections.map(async ({ name }) => [name, await reader.section(entry, name)] as const)
  return new Map(await Promise.all(sections))
}

const deletedOf = async (index: TinyIndex, segment: number) => {
  const { passages, deleted } = index.manifest.segments[segment]!
  return [...decodeTombstones((await contentOf(index, segment)).get('tombstones')!, passages, deleted)]
}

const abc = () => tinyIndex({ lengths: [2, 1, 3], ids: ['a', 'b', 'c'] })

describe('the next generation', () => {
  it('adds a segment, leaves what was there as it was, and requires what that makes necessary', async () => {
    const first = await abc()
    const second = await grown(first, { segment: { lengths: [5, 0], ids: ['d', 'e'] } })
    expect(first.manifest).toMatchObject({ generation: 1, requires: [] })
    expect(second.manifest).toMatchObject({ generation: 2, requires: ['sharedQuantisers'] })
    expect(second.manifest.segments[0]).toEqual(first.manifest.segments[0])
    expect(second.manifest.quantisers).toEqual(first.manifest.quantisers)
    expect(await verify(second)).toMatchObject({ passages: 5, deleted: 0, tokens: 11 })
    for (const { name } of first.manifest.parts) expect(second.files.get(name)).toEqual(first.files.get(name))
  })

  it('numbers parts anew, so that segments read the same however many parts come before and in them', async () => {
    const first = await tinyIndex({ lengths: [9, 30, 4], ids: ['a', 'b', 'c'], partBytes: 65_700 })
    const segment = { lengths: [20, 7, 11], ids: ['d', 'e', 'f'], seed: 8 }
    const inOne = await grown(first, { segment })
    const inMany = await grown(first, { segment: { ...segment, partBytes: 65_700 } })
    expect(inMany.manifest.parts.length).toBeGreaterThan(inOne.manifest.parts.length + 2)
    expect(await contentOf(inMany, 1)).toEqual(await contentOf(inOne, 1))
    expect(await contentOf(inMany, 0)).toEqual(await contentOf(first, 0))
    expect(await verify(inMany)).toMatchObject({ passages: 6, tokens: 81 })
  })

  it('knows a part by its name, and does not name it twice', async () => {
    const { manifest, files } = await abc()
    const { parts, segments } = manifest
    const before: Manifest = { ...manifest, segments: [] }
    const next = extendManifest(before, { parts, segments, quantisers: [], tombstones: [] })
    expect(next).toEqual({ ...manifest, generation: 2 })
    expect(await verifyIndex(memoryFiles('tiny', files), next)).toMatchObject({ passages: 3 })
  })

  it('replaces tombstones, and no longer names the part that the old ones were in', async () => {
    const one = await grown(await abc(), { deleted: { 0: [1] } })
    const two = await grown(one, { deleted: { 0: [0, 1] } })
    expect(one.manifest).toMatchObject({ generation: 2, requires: ['tombstones'] })
    expect(two.manifest).toMatchObject({ generation: 3, requires: ['tombstones'] })
    expect(await deletedOf(one, 0)).toEqual([1])
    expect(await deletedOf(two, 0)).toEqual([0, 1])
    expect(two.manifest.segments[0]!.sections.filter(({ name }) => name === 'tombstones')).toHaveLength(1)
    expect(two.manifest.parts).toHaveLength(one.manifest.parts.length)
    expect(await verify(one)).toMatchObject({ passages: 2, deleted: 1, tokens: 6 })
    expect(await verify(two)).toMatchObject({ passages: 1, deleted: 2, tokens: 6 })
  })

  it('deletes the same pids in two segments, one after the other, though their tombstones are the same bytes', async () => {
    const two = await grown(await abc(), { segment: { lengths: [1, 1, 1], ids: ['d', 'e', 'f'] } })
    const once = await grown(two, { deleted: { 0: [2] } })
    const twice = await grown(once, { deleted: { 1: [2] } })
    expect(await deletedOf(twice, 0)).toEqual([2])
    expect(await deletedOf(twice, 1)).toEqual([2])
    expect(await verify(twice)).toMatchObject({ passages: 4, deleted: 2 })
  })

  it('adds once more, with the same bytes, what was deleted', async () => {
    const segment = { lengths: [4, 2], ids: ['d', 'e'], seed: 3 }
    const added = await grown(await abc(), { segment })
    const gone = await grown(added, { deleted: { 1: [0, 1] } })
    const again = await grown(gone, { segment })
    expect(new Set(again.manifest.parts.map(({ name }) => name)).size).toBe(again.manifest.parts.length)
    expect((await contentOf(again, 2)).get('rows')).toEqual((await contentOf(added, 1)).get('rows'))
    expect(await verify(again)).toMatchObject({ passages: 5, deleted: 2 })
  })

  it('keeps name, encoder and tiers', async () => {
    const first = await abc()
    const tuned = { ...first.manifest, name: 'Tuned', tiers: someTiers }
    const next = extendManifest(tuned, await fragmentOf(tuned, { deleted: { 0: [0] } }, new Map(first.files)))
    expect(next).toMatchObject({ name: 'Tuned', tiers: someTiers, generation: 2 })
    expect(decodeManifest(encodeManifest(next))).toEqual(next)
  })

  it('is the same bytes for the same change', async () => {
    const change = { segment: { lengths: [5, 1], ids: ['d', 'e'] }, deleted: { 0: [0, 2] } }
    const [one, two] = [await grown(await abc(), change), await grown(await abc(), change)]
    expect([...one.files]).toEqual([...two.files])
  })

  it('cannot delete in a segment that is not there, nor nothing, nor what is no passage', async () => {
    const first = await abc()
    await expect(grown(first, { deleted: { 1: [0] } })).rejects.toThrow(/no segment 1/)
    for (const pids of [[], [3], [1, 0], [1, 1]]) {
      await expect(grown(first, { deleted: { 0: pids } })).rejects.toThrow(InputError)
    }
  })
})

describe('verify', () => {
  it('finds an id that lives in two segments, and names it and them', async () => {
    const index = await grown(await abc(), { segment: { lengths: [1, 1], ids: ['z', 'b'] } })
    await expect(verify(index)).rejects.toThrow(FormatError)
    await expect(verify(index)).rejects.toThrow(/"b" in segments 0 and 1/)
  })

  it('takes an id that is deleted in one segment and lives in another, or that is deleted in both', async () => {
    const segment = { lengths: [1, 1], ids: ['z', 'b'] }
    const moved = await grown(await abc(), { segment, deleted: { 0: [1] } })
    expect(await verify(moved)).toMatchObject({ passages: 4, deleted: 1 })
    const gone = await grown(moved, { deleted: { 1: [1] } })
    expect(await verify(gone)).toMatchObject({ passages: 3, deleted: 2 })
  })

  it('finds an id that lives in two of three segments, whichever is deleted in the other', async () => {
    const segment = (seed: number) => ({ lengths: [1], ids: ['b'], seed })
    const moved = await grown(await abc(), { segment: segment(4), deleted: { 0: [1] } })
    const thrice = await grown(moved, { segment: segment(5) })
    await expect(verify(thrice)).rejects.toThrow(/"b" in segments 1 and 2/)
    expect(await verify(await grown(thrice, { deleted: { 1: [0] } }))).toMatchObject({ passages: 3, deleted: 2 })
  })

  it('finds tombstones that delete another number of passages than the manifest says', async () => {
    const { manifest, files } = await grown(await abc(), { deleted: { 0: [1] } })
    const segments = manifest.segments.map((segment) => ({ ...segment, deleted: 2 }))
    files.set(MANIFEST_NAME, encodeManifest({ ...manifest, segments }))
    await expect(verify({ manifest, files })).rejects.toThrow(/tombstones.*2 passages/)
  })

  it('says which passages live, whatever is added and deleted', async () => {
    const step = fc.record({
      lengths: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
      deletions: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 6 }),
      partBytes: fc.constantFrom(66_000, undefined),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        let index = await abc()
        const deleted: Set<number>[] = [new Set()]
        for (const { lengths, deletions, partBytes } of steps) {
          const sizes = index.manifest.segments.map(({ passages }) => passages)
          for (const [a, b] of deletions) deleted[a % sizes.length]!.add(b % sizes[a % sizes.length]!)
          const changed = [...deleted.entries()].filter(([, pids]) => pids.size > 0)
          const ids = lengths.map((_, pid) => `${sizes.length}/${pid}`)
          index = await grown(index, {
            segment: { lengths, ids, partBytes, texts: false },
            deleted: Object.fromEntries(changed.map(([number, pids]) => [number, [...pids].sort((x, y) => x - y)])),
          })
          deleted.push(new Set())
        }
        const all = index.manifest.segments.reduce((sum, { passages }) => sum + passages, 0)
        const gone = deleted.reduce((sum, { size }) => sum + size, 0)
        expect(await verify(index)).toMatchObject({ passages: all - gone, deleted: gone })
        expect(index.manifest.generation).toBe(steps.length + 1)
      }),
      { numRuns: 25 },
    )
  })
})

describe('a manifest of several segments', () => {
  const flip = (bytes: Uint8Array, bits: readonly number[]) => {
    const flipped = bytes.slice()
    for (const bit of new Set(bits)) flipped[bit >> 3]! ^= 1 << (bit & 7)
    return flipped
  }
  const bitsOf = (from: number, to: number) =>
    fc.array(fc.integer({ min: from * 8, max: to * 8 - 1 }), { minLength: 1, maxLength: 8 })
  const manifestBytes = async () => {
    const segment = { lengths: [1, 2], ids: ['b', 'd'] }
    return (await grown(await abc(), { segment, deleted: { 0: [1] } })).files.get(MANIFEST_NAME)!
  }

  it('is refused whatever bits are flipped', async () => {
    const bytes = await manifestBytes()
    fc.assert(
      fc.property(bitsOf(0, bytes.length), (bits) => {
        expect(() => decodeManifest(flip(bytes, bits))).toThrow(TartanError)
      }),
      { numRuns: 1000 },
    )
  })

  it('is a manifest or refused on purpose when its checksums are forged as well', async () => {
    const bytes = await manifestBytes()
    const headerAt = 5 + bytes[4]!
    fc.assert(
      fc.property(bitsOf(headerAt, bytes.length), (bits) => {
        const forged = flip(bytes, bits)
        const view = new DataView(forged.buffer)
        view.setUint32(20, crc32c(forged.subarray(headerAt)), true)
        view.setUint32(24, crc32c(forged.subarray(0, 24)), true)
        try {
          expect(decodeManifest(forged).segments.length).toBeGreaterThan(0)
        } catch (error) {
          expect(error).toBeInstanceOf(TartanError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})
