/**
 * One section more is a row in the table of sections, and whoever writes and reads its bytes: here this file. Nothing else names it, and
 * it is written, read, checked, shown and counted.
 */
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { openingReads } from '../../../deploy/reads.ts'
import { ChecksumError, FormatError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import type { SegmentWriter } from '../../../format/indexWriter.ts'
import { decodeManifest, encodeManifest, type Manifest } from '../../../format/manifest/manifest.ts'
import type { SectionName, SectionRow } from '../../../format/manifest/sections.ts'
import { summariseIndex } from '../../../format/manifest/summary.ts'
import { verifyIndex } from '../../../format/verify.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { rangeNeed, residentNeed } from '../../../runtime/searchers/memoryNeed.ts'
import { grown, type TinyIndex, tinyIndex } from '../tinyIndex.ts'

const COLOURS = 'colours' as SectionName
const SHADES = 'shades' as SectionName

vi.mock('../../../format/manifest/sections.ts', async (importOriginal) => {
  const sections = await importOriginal<typeof import('../../../format/manifest/sections.ts')>()
  const colours: SectionRow = {
    ...{ owner: 'segment', resident: 'opening', range: 'opening', isSearched: true, isOptional: true },
    items: ({ passages }) => passages,
    bytes: ({ passages }) => passages * 3,
  }
  const shades: SectionRow = { ...colours, resident: 'pieces', range: 'pieces', isSearched: false }
  Object.assign(sections.SECTIONS, { colours, shades })
  return sections
})

const colours = Uint8Array.from({ length: 9 }, (_, i) => i * 7)
const shades = Uint8Array.from({ length: 9 }, (_, i) => i * 5)
const withBoth = async (segment: SegmentWriter) => {
  await segment.appendSection(COLOURS, colours, 3)
  await segment.appendSection(SHADES, shades, 3)
}
const BYTES_MAX = 300_000

/** The manifest without one section. */
function without(manifest: Manifest, gone: SectionName): Manifest {
  const segments = manifest.segments.map((segment) => ({
    ...segment,
    sections: segment.sections.filter(({ name }) => name !== gone),
  }))
  return { ...manifest, segments }
}

describe('a section that is new in the table', () => {
  let index: TinyIndex
  beforeAll(async () => {
    index = await tinyIndex({ lengths: [2, 1, 3], extra: withBoth })
  })

  it('is written and read back', async () => {
    const reader = await readIndex(memoryFiles('tiny', index.files))
    const [segment] = reader.manifest.segments
    expect(await reader.section(segment!, COLOURS)).toEqual(colours)
    expect(await reader.sectionRange(segment!, SHADES, 3, 3)).toEqual(shades.subarray(3, 6))
  })

  it('may be absent', async () => {
    const { manifest } = await tinyIndex({ lengths: [2, 1, 3] })
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest)
    expect(summariseIndex(manifest).sections.map(({ name }) => name)).not.toContain(COLOURS)
  })

  it.each([
    ['bytes', (segment: SegmentWriter) => segment.appendSection(COLOURS, colours.subarray(1), 3)],
    ['items', (segment: SegmentWriter) => segment.appendSection(COLOURS, colours, 2)],
  ])('is refused with another number of %s than its row says', async (what, extra) => {
    const { manifest } = await tinyIndex({ lengths: [2, 1, 3], extra })
    const decode = () => decodeManifest(encodeManifest(manifest))
    expect(decode).toThrow(FormatError)
    expect(decode).toThrow(new RegExp(`colours.* ${what}`))
  })

  it('is refused in a quantiser', () => {
    const { manifest } = index
    const section = manifest.segments[0]!.sections.find(({ name }) => name === COLOURS)!
    const quantisers = manifest.quantisers.map((entry) => ({ ...entry, sections: [...entry.sections, section] }))
    const moved = { ...without(manifest, COLOURS), quantisers }
    expect(() => decodeManifest(encodeManifest(moved))).toThrow(/a section of a quantiser/)
  })

  it('is verified byte for byte', async () => {
    const files = memoryFiles('tiny', index.files)
    await expect(verifyIndex(files, index.manifest)).resolves.toMatchObject({ passages: 3 })
    const [chunk] = index.manifest.segments[0]!.sections.find(({ name }) => name === COLOURS)!.chunks
    const { name } = index.manifest.parts[chunk!.part]!
    const part = index.files.get(name)!
    const damaged = new Map(index.files).set(name, part.with(chunk!.offset, 255))
    await expect(verifyIndex(memoryFiles('tiny', damaged), index.manifest)).rejects.toThrow(ChecksumError)
    const reader = await readIndex(memoryFiles('tiny', damaged))
    await expect(reader.section(reader.manifest.segments[0]!, COLOURS)).rejects.toThrow(/"colours"/)
  })

  it('is shown, with what it costs', () => {
    const { sections, bytesPerToken } = summariseIndex(index.manifest)
    expect(sections).toContainEqual({ name: COLOURS, bytes: 9, bytesPerToken: 1.5 })
    expect(sections).toContainEqual({ name: SHADES, bytes: 9, bytesPerToken: 1.5 })
    expect(bytesPerToken - summariseIndex(without(index.manifest, COLOURS)).bytesPerToken).toBeCloseTo(1.5, 10)
    expect(summariseIndex(without(index.manifest, SHADES)).bytesPerToken).toBe(bytesPerToken)
  })

  it('is counted in the memory that an index needs when it is read at opening, and only then', () => {
    const needs = [residentNeed, (manifest: Manifest) => rangeNeed(manifest, BYTES_MAX)]
    for (const need of needs) {
      const { totalBytes } = need(index.manifest)
      expect(totalBytes - need(without(index.manifest, COLOURS)).totalBytes).toBe(9)
      expect(need(without(index.manifest, SHADES))).toEqual(need(index.manifest))
    }
  })

  it.each(['resident', 'range'] as const)(
    'is counted in what opening reads by the %s pipeline, and only then',
    (by) => {
      const all = openingReads(index.manifest, by)
      const manifestBytes = (manifest: Manifest) => encodeManifest(manifest).length
      const saved = (gone: SectionName) => {
        const less = without(index.manifest, gone)
        const reads = openingReads(less, by)
        return {
          requests: all.requests - reads.requests,
          bytes: all.bytes - reads.bytes - (manifestBytes(index.manifest) - manifestBytes(less)),
        }
      }
      expect(saved(COLOURS)).toEqual({ requests: 1, bytes: 9 })
      expect(saved(SHADES)).toEqual({ requests: 0, bytes: 0 })
    },
  )

  it('is kept by the next generation', async () => {
    const { manifest, files } = await grown(index, { deleted: { 0: [1] } })
    const reader = await readIndex(memoryFiles('tiny', files))
    expect(await reader.section(manifest.segments[0]!, COLOURS)).toEqual(colours)
  })
})
