/** Writes a pack: a whole index in one file (SPEC.md §7). Streams, so that no more than one part is in memory. */
import { layOutSections, sectionHead, sectionPadding } from './container/container.ts'
import { crc32c } from './container/crc32c.ts'
import { MANIFEST_NAME, type Manifest } from './manifest/manifest.ts'
import type { IndexFiles } from './rangeReader.ts'

/**
 * The bytes of the pack, in order, in pieces.
 * @returns an async iterable; each part is read twice, once for its checksum and once to be copied
 */
export async function* encodePack(files: IndexFiles, manifest: Manifest): AsyncGenerator<Uint8Array> {
  const names = [MANIFEST_NAME, ...manifest.parts.map((part) => part.name)]
  const sections = []
  for (const name of names) {
    const bytes = await readWhole(files, name)
    sections.push({ name, length: bytes.length, crc32c: crc32c(bytes) })
  }
  const { head } = layOutSections('pack', sections)
  yield head
  for (const { name, length } of sections) {
    yield sectionHead(length)
    yield await readWhole(files, name)
    yield new Uint8Array(sectionPadding(length))
  }
}

async function readWhole(files: IndexFiles, name: string): Promise<Uint8Array> {
  const reader = await files.open(name)
  try {
    return await reader.read(0, reader.size)
  } finally {
    await reader.close?.()
  }
}
