/**
 * Writes quantisers, segments and tombstones in SPEC.md's shapes, and makes manifests of them: a new one, or the next generation of
 * one that is there. The builder, updates, tests and benches write through it.
 */
import { InputError } from './errors.ts'
import { encodeIds } from './items/ids.ts'
import { encodeTextBlockEntry, type TextBlock } from './items/textBlocks.ts'
import { encodeTombstones } from './items/tombstones.ts'
import {
  type HasSections,
  type Manifest,
  type PartEntry,
  type QuantiserEntry,
  requiredFeatures,
  type SegmentEntry,
  type StoredSection,
} from './manifest/manifest.ts'
import type { Quantiser, SegmentData } from './manifest/segment.ts'
import { type IndexSink, PartWriter, type SectionsWriter } from './writer.ts'

/** What was written in one go. Part numbers count from its own first part. */
export interface IndexFragment {
  readonly parts: readonly PartEntry[]
  readonly quantisers: readonly QuantiserEntry[]
  readonly segments: readonly SegmentEntry[]
  /** For segments that the manifest has already: they replace the tombstones there. */
  readonly tombstones: readonly WrittenTombstones[]
}

export interface WrittenTombstones {
  /** Index into the manifest's segments. */
  readonly segment: number
  readonly deleted: number
  readonly section: StoredSection
}

/** All that a segment holds but its rows, which are appended as they come. */
export interface SegmentTables extends Pick<SegmentData, 'passageLengths' | 'postingOffsets' | 'postings'> {
  /** String ids of the passages, in order. */
  readonly ids: readonly string[]
}

export class IndexWriter {
  readonly #parts: PartWriter
  readonly #firstQuantiser: number
  readonly #quantisers: Omit<QuantiserEntry, 'sections'>[] = []
  readonly #segments: Omit<SegmentEntry, 'sections'>[] = []
  readonly #tombstones: Omit<WrittenTombstones, 'section'>[] = []
  readonly #sections = new Map<object, SectionsWriter>()

  /**
   * @param options.extends - the manifest that what is written will extend: new segments may refer to its quantisers, by their index
   *   there, and no part that it has is written again
   * @param options.partBytes - size that no part exceeds unless a single item does
   */
  constructor(
    sink: IndexSink,
    options: { readonly partBytes?: number; readonly extends?: Pick<Manifest, 'quantisers' | 'parts'> } = {},
  ) {
    this.#parts = new PartWriter(sink, options.partBytes, options.extends?.parts)
    this.#firstQuantiser = options.extends?.quantisers.length ?? 0
  }

  /** @returns its number, which segments refer to */
  async appendQuantiser({ dim, codec, centroids, centroidScales }: Quantiser): Promise<number> {
    const sections = this.#parts.sections()
    await sections.appendArray('centroids', centroids, dim)
    await sections.appendArray('centroidScales', centroidScales, 4)
    const entry = { centroids: centroidScales.length, codec }
    this.#sections.set(entry, sections)
    return this.#firstQuantiser + this.#quantisers.push(entry) - 1
  }

  /** A segment to be filled: rows first, as they come, then its tables. @param quantiser - its number */
  segment(quantiser: number): SegmentWriter {
    const sections = this.#parts.sections()
    return new SegmentWriter(sections, ({ passageLengths }) => {
      const tokens = passageLengths.reduce((sum, length) => sum + length, 0)
      const entry = { quantiser, passages: passageLengths.length, tokens, deleted: 0 }
      this.#segments.push(entry)
      this.#sections.set(entry, sections)
    })
  }

  /**
   * All deleted passages of a segment that the manifest has already.
   * @param segment - its index there
   * @param pids - ascending, at least one
   * @throws InputError when they are not so
   */
  async appendTombstones(segment: number, pids: Uint32Array, passages: number): Promise<void> {
    if (pids.length === 0) throw new InputError('deleting passages: expected at least one.', { segment })
    const sections = this.#parts.sections()
    await sections.append('tombstones', encodeTombstones(pids, passages), 1)
    const entry = { segment, deleted: pids.length }
    this.#tombstones.push(entry)
    this.#sections.set(entry, sections)
  }

  async finish(): Promise<IndexFragment> {
    const parts = await this.#parts.finish()
    const sectionsOf = (entry: object) => this.#sections.get(entry)?.stored ?? []
    return {
      parts,
      quantisers: this.#quantisers.map((entry) => ({ ...entry, sections: sectionsOf(entry) })),
      segments: this.#segments.map((entry) => ({ ...entry, sections: sectionsOf(entry) })),
      tombstones: this.#tombstones.flatMap((entry) => sectionsOf(entry).map((section) => ({ ...entry, section }))),
    }
  }
}

export class SegmentWriter {
  readonly #sections: SectionsWriter
  readonly #onTables: (tables: SegmentTables) => void

  constructor(sections: SectionsWriter, onTables: (tables: SegmentTables) => void) {
    this.#sections = sections
    this.#onTables = onTables
  }

  /** @param bytes - whole row blocks of the next `passages` passages */
  appendRows(bytes: Uint8Array, passages: number): Promise<void> {
    return this.#sections.append('rows', bytes, passages)
  }

  /** @throws InputError when there is not one id a passage, or an id is empty or too long */
  async appendTables(tables: SegmentTables): Promise<void> {
    const { passageLengths, postingOffsets, postings } = tables
    if (tables.ids.length !== passageLengths.length) {
      throw new InputError(`a segment of ${passageLengths.length} passages has ${tables.ids.length} ids.`)
    }
    await this.#sections.appendArray('passageLengths', passageLengths, 2)
    await this.#sections.appendArray('postingOffsets', postingOffsets, 4)
    await this.#sections.appendItems('postings', postings, postingOffsets)
    const { idOffsets, ids, idOrder } = encodeIds(tables.ids)
    await this.#sections.appendArray('idOffsets', idOffsets, 4)
    await this.#sections.appendItems('ids', ids, idOffsets)
    await this.#sections.appendArray('idOrder', idOrder, 4)
    this.#onTables(tables)
  }

  /** @param blocks - of all passages, in order; gone through twice, for the directory stands before the texts */
  async appendTexts(
    blocks: Iterable<Pick<TextBlock, 'entry'> & { readonly read: () => Promise<Uint8Array> }>,
  ): Promise<void> {
    for (const { entry } of blocks) await this.#sections.append('textBlocks', encodeTextBlockEntry(entry), 1)
    for (const { read } of blocks) await this.#sections.append('texts', await read(), 1)
  }

  /** A section of another kind, as its row in the table of sections says. */
  appendSection(name: Parameters<SectionsWriter['append']>[0], bytes: Uint8Array, items: number): Promise<void> {
    return this.#sections.append(name, bytes, items)
  }
}

/** The manifest of a new index. */
export function createManifest(
  fragment: IndexFragment,
  facts: Pick<Manifest, 'name' | 'dim' | 'builder' | 'encoder'> & { readonly generation?: number },
): Manifest {
  const empty = {
    ...facts,
    generation: (facts.generation ?? 1) - 1,
    requires: [],
    parts: [],
    quantisers: [],
    segments: [],
  }
  return extendManifest(empty, fragment)
}

/**
 * The next generation: what the manifest has, and what was written. Tiers stay, since they are settings that any index may have.
 * Parts that the manifest has already, named by their content, are not named twice.
 *
 * @param manifest - the one that the writer was told to extend: where another writer came first, write anew
 * @throws InputError when tombstones are of a segment that the manifest does not have
 */
export function extendManifest(manifest: Manifest, fragment: IndexFragment): Manifest {
  for (const { segment } of fragment.tombstones) {
    if (!manifest.segments[segment]) {
      throw new InputError(`deleting passages: the index has no segment ${segment}.`, { segment })
    }
  }
  const parts = [...manifest.parts]
  const numbers = fragment.parts.map((part) => {
    const known = parts.findIndex(({ name }) => name === part.name)
    return known === -1 ? parts.push(part) - 1 : known
  })
  const numberOf = (part: number) => numbers[part] ?? part
  const segments = manifest.segments.map((segment, number) => {
    const written = fragment.tombstones.find((tombstones) => tombstones.segment === number)
    if (!written) return segment
    const others = segment.sections.filter(({ name }) => name !== 'tombstones')
    return { ...segment, deleted: written.deleted, sections: [...others, renumberedSection(written.section, numberOf)] }
  })
  const next = {
    ...manifest,
    generation: manifest.generation + 1,
    parts,
    quantisers: [...manifest.quantisers, ...fragment.quantisers.map((entry) => renumbered(entry, numberOf))],
    segments: [...segments, ...fragment.segments.map((entry) => renumbered(entry, numberOf))],
  }
  return withoutUnusedParts({ ...next, requires: requiredFeatures(next) })
}

/** Parts that nothing refers to any more, as those of tombstones that were replaced, are not named: then they may be removed. */
function withoutUnusedParts(manifest: Manifest): Manifest {
  const owners = [...manifest.quantisers, ...manifest.segments]
  const used = new Set(
    owners.flatMap(({ sections }) => sections.flatMap(({ chunks }) => chunks.map(({ part }) => part))),
  )
  const kept = [...manifest.parts.keys()].filter((part) => used.has(part))
  const numbers = new Map(kept.map((part, number) => [part, number]))
  const numberOf = (part: number) => numbers.get(part) ?? part
  return {
    ...manifest,
    parts: manifest.parts.filter((_, part) => used.has(part)),
    quantisers: manifest.quantisers.map((entry) => renumbered(entry, numberOf)),
    segments: manifest.segments.map((entry) => renumbered(entry, numberOf)),
  }
}

function renumbered<Entry extends HasSections>(entry: Entry, numberOf: (part: number) => number): Entry {
  return { ...entry, sections: entry.sections.map((section) => renumberedSection(section, numberOf)) }
}

function renumberedSection({ name, chunks }: StoredSection, numberOf: (part: number) => number): StoredSection {
  return { name, chunks: chunks.map((chunk) => ({ ...chunk, part: numberOf(chunk.part) })) }
}
