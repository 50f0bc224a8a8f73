/** Sections that are wanted as arrays, collected first and read together: opening waits for storage once, however many there are. */
import type { IndexReader, SectionTarget } from './indexReader.ts'
import type { HasSections } from './manifest/manifest.ts'
import type { SectionName } from './manifest/sections.ts'

export class SectionArrays {
  readonly #reader: IndexReader
  readonly #targets: SectionTarget[] = []

  /**
   * @param reader - with the parts of what will be wanted open, and so their sizes checked: memory is reserved for what a manifest
   *   claims to be in them
   */
  constructor(reader: IndexReader) {
    this.#reader = reader
  }

  /** The array that the section will be in once `targets` are loaded; empty when its owner has none of this name. */
  want(owner: HasSections, name: SectionName): Uint8Array<ArrayBuffer> {
    const array = new Uint8Array(this.#reader.sectionLength(owner, name))
    this.#targets.push({ owner, name, view: (offset, length) => array.subarray(offset, offset + length) })
    return array
  }

  get targets(): readonly SectionTarget[] {
    return this.#targets
  }
}
