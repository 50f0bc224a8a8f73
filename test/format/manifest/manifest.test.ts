/** Rules of the manifest (SPEC.md §4), each broken alone: what a writer got wrong is refused by name. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { encodeHead } from '../../../format/container/container.ts'
import { FormatError, VersionError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { extendManifest } from '../../../format/indexWriter.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../../format/manifest/manifest.ts'
import { verifyIndex } from '../../../format/verify.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { grown, type TinyIndex, tinyIndex } from '../tinyIndex.ts'

/** A manifest as its bytes have it, every key of it open to change. */
interface RawChunk {
  part: number
  offset: number
  length: number
  items: number
}
interface RawOwner {
  [key: string]: unknown
  sections: { name: string; chunks: RawChunk[] }[]
}
interface RawManifest {
  [key: string]: unknown
  requires: unknown[]
  quantisers: RawOwner[]
  segments: RawOwner[]
}

describe('a manifest of two segments over one quantiser', () => {
  let index: TinyIndex
  beforeAll(async () => {
    const first = await tinyIndex({ lengths: [2, 1, 3], ids: ['a', 'b', 'c'] })
    index = await grown(first, { segment: { lengths: [1, 2], ids: ['b', 'd'] }, deleted: { 0: [1] } })
  })

  const decodeChanged = (change: (manifest: RawManifest) => void): Manifest => {
    const raw = structuredClone(index.manifest) as unknown as RawManifest
    change(raw)
    return decodeManifest(encodeManifest(raw as unknown as Manifest))
  }
  const sectionOf = (owner: RawOwner | undefined, name: string) =>
    owner!.sections.find((section) => section.name === name)!
  const chunkOf = (owner: RawOwner | undefined, name: string) => sectionOf(owner, name).chunks[0]!

  it('comes back as it was written', () => {
    expect(decodeManifest(encodeManifest(index.manifest))).toEqual(index.manifest)
    expect(index.manifest).toMatchObject({
      generation: 2,
      requires: ['sharedQuantisers', 'tombstones'],
      quantisers: [{ centroids: 5 }],
      segments: [
        { quantiser: 0, passages: 3, tokens: 6, deleted: 1 },
        { quantiser: 0, passages: 2, tokens: 3, deleted: 0 },
      ],
    })
  })

  it('is refused when it requires what this version does not know, by name and with the cure', () => {
    const decode = () => decodeChanged(({ requires }) => requires.push('waveletPostings'))
    expect(decode).toThrow(VersionError)
    expect(decode).toThrow(/"waveletPostings".*Update tartan-search/)
  })

  it('is refused for that before anything else in it is looked at', () => {
    const bytes = encodeHead('manifest', { requires: ['later'], dim: 'unheard of', segments: 7 }, 0)
    expect(() => decodeManifest(bytes)).toThrow(VersionError)
    expect(() => decodeManifest(encodeHead('manifest', { requires: [], dim: 'unheard of' }, 0))).toThrow(FormatError)
  })

  it('may require more than it needs', () => {
    const raw = { ...index.manifest, segments: index.manifest.segments.slice(1) }
    expect(decodeManifest(encodeManifest(raw)).requires).toEqual(['sharedQuantisers', 'tombstones'])
  })

  it('may have keys and sections that this version does not know', () => {
    const changed = decodeChanged((raw) => {
      raw.colour = 'red'
      for (const owner of [...raw.quantisers, ...raw.segments]) {
        owner.colour = 'red'
        owner.sections.push({ name: 'later', chunks: [] })
      }
    })
    expect(changed).toEqual(index.manifest)
  })

  const segment = (raw: RawManifest, number: number) => raw.segments[number]!
  const without = (owner: RawOwner, name: string) => {
    owner.sections = owner.sections.filter((section) => section.name !== name)
  }
  type Change = (raw: RawManifest) => void
  const rules: readonly (readonly [string, RegExp, Change])[] = [
    ['no requires', /manifest\.requires/, (raw) => delete (raw as { requires?: unknown }).requires],
    ['requires that are no list', /manifest\.requires/, (raw) => Object.assign(raw, { requires: 'tombstones' })],
    ['a required number', /requires\[0\]/, (raw) => raw.requires.unshift(5)],
    ['a required name without letters', /requires\[0\]/, (raw) => raw.requires.unshift('')],
    ['a requirement twice', /different names/, (raw) => raw.requires.push('tombstones')],
    [
      'tombstones that are not required',
      /requires.*"tombstones"/,
      (raw) => Object.assign(raw, { requires: ['sharedQuantisers'] }),
    ],
    [
      'a shared quantiser that is not required',
      /requires.*"sharedQuantisers"/,
      (raw) => Object.assign(raw, { requires: ['tombstones'] }),
    ],
    ['deleted passages without tombstones', /tombstones where/, (raw) => without(segment(raw, 0), 'tombstones')],
    [
      'tombstones without deleted passages',
      /tombstones where/,
      (raw) => Object.assign(segment(raw, 0), { deleted: 0 }),
    ],
    ['more deleted than passages', /deleted/, (raw) => Object.assign(segment(raw, 0), { deleted: 4 })],
    ['no number of deleted passages', /deleted/, (raw) => delete segment(raw, 1).deleted],
    ['the number of no quantiser', /quantiser/, (raw) => Object.assign(segment(raw, 1), { quantiser: 1 })],
    ['a quantiser below 0', /quantiser/, (raw) => Object.assign(segment(raw, 1), { quantiser: -1 })],
    ['no quantisers', /quantiser/, (raw) => Object.assign(raw, { quantisers: [] })],
    ['a segment without passages', /passages/, (raw) => Object.assign(segment(raw, 1), { passages: 0 })],
    [
      'a section of a quantiser in a segment',
      /a section of a segment/,
      (raw) => segment(raw, 1).sections.push(structuredClone(raw.quantisers[0]!.sections[0]!)),
    ],
    [
      'a section of a segment in a quantiser',
      /a section of a quantiser/,
      (raw) => raw.quantisers[0]!.sections.push(structuredClone(segment(raw, 0).sections[0]!)),
    ],
    ['no centroids', /one section "centroids"/, (raw) => without(raw.quantisers[0]!, 'centroids')],
    ['no rows', /one section "rows"/, (raw) => without(segment(raw, 1), 'rows')],
    ['ids twice', /one section "ids"/, (raw) => segment(raw, 1).sections.push(sectionOf(segment(raw, 1), 'ids'))],
    ['rows of another length', /rows.*bytes/, (raw) => void chunkOf(segment(raw, 1), 'rows').length--],
    ['other centroids', /centroids.*items/, (raw) => void chunkOf(raw.quantisers[0], 'centroids').items++],
    ['a chunk of no part', /chunks\[0\]\.part/, (raw) => Object.assign(chunkOf(segment(raw, 1), 'ids'), { part: 2 })],
    ['a chunk that is not aligned', /multiple of 64/, (raw) => void chunkOf(segment(raw, 1), 'ids').offset++],
    [
      'a chunk that two segments share',
      /overlap/,
      ({ segments: [a, b] }) => {
        sectionOf(b, 'texts').chunks = structuredClone(sectionOf(a, 'texts').chunks)
      },
    ],
    [
      'a chunk that a quantiser and a segment share',
      /overlap/,
      ({ segments: [, b], quantisers: [a] }) => {
        const { part, offset } = chunkOf(a, 'centroids')
        Object.assign(chunkOf(b, 'idOrder'), { part, offset })
      },
    ],
  ]
  it.each(rules)('with %s is refused', (_, message, change) => {
    expect(() => decodeChanged(change)).toThrow(FormatError)
    expect(() => decodeChanged(change)).toThrow(message)
  })

  it('of several quantisers gives each segment the shape of its own', async () => {
    const other = await tinyIndex({ lengths: [4, 1], ids: ['x', 'y'], nbits: 4, centroids: 9 })
    const fragment = {
      ...{ parts: other.manifest.parts, quantisers: other.manifest.quantisers, tombstones: [] },
      segments: other.manifest.segments.map((entry) => ({ ...entry, quantiser: 1 })),
    }
    const joined = extendManifest(index.manifest, fragment)
    expect(decodeManifest(encodeManifest(joined))).toEqual(joined)
    const files = memoryFiles('joined', new Map([...index.files, ...other.files]))
    await expect(verifyIndex(files, joined)).resolves.toMatchObject({ passages: 6, deleted: 1, tokens: 14 })
    const wrong = { ...joined, segments: joined.segments.map((entry) => ({ ...entry, quantiser: 0 })) }
    expect(() => decodeManifest(encodeManifest(wrong))).toThrow(FormatError)
  })
})

describe('a manifest of format 1', () => {
  const bytes = new Uint8Array(readFileSync(new URL('../../golden/index/version1/index.msgpack', import.meta.url)))

  it('is refused with both versions and how to rebuild the index', async () => {
    expect(() => decodeManifest(bytes)).toThrow(VersionError)
    const opened = readIndex(memoryFiles('old', new Map([['index.msgpack', bytes]])))
    await expect(opened).rejects.toThrow(/format version 1.* reads version 2.*tartan build CORPUS --out INDEX --force/)
  })
})
