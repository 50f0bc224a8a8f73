/** `RangeReader` and `IndexFiles` over bytes that are in memory already: bundled packs, tests, uploads. */
import { NotFoundError } from '../../format/errors.ts'
import { checkRange, type IndexFiles, type RangeReader } from '../../format/rangeReader.ts'

/** @param key - for messages and caches */
export function memoryReader(key: string, bytes: Uint8Array): RangeReader {
  return {
    key,
    size: bytes.length,
    async read(offset, length) {
      checkRange(key, offset, length, bytes.length)
      // A copy: the caller may keep and change what it gets.
      return bytes.slice(offset, offset + length)
    },
  }
}

export function memoryFiles(key: string, files: ReadonlyMap<string, Uint8Array>): IndexFiles {
  return {
    key,
    async open(name) {
      const bytes = files.get(name)
      if (!bytes) throw new NotFoundError(`"${key}" has no file "${name}".`, { name })
      return memoryReader(`${key}/${name}`, bytes)
    },
  }
}
