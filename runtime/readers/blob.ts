/** An index in a Blob or File: what a page was given, or has in a store of its own. */
import { StorageError } from '../../format/errors.ts'
import { checkRange, type RangeReader } from '../../format/rangeReader.ts'

/** @param key - for messages and caches, e.g. the file's name */
export function blobReader(key: string, blob: Blob): RangeReader {
  return {
    key,
    size: blob.size,
    async read(offset, length) {
      checkRange(key, offset, length, blob.size)
      const buffer = await blob
        .slice(offset, offset + length)
        .arrayBuffer()
        .catch((cause: Error) => {
          throw new StorageError(`"${key}" cannot be read: ${cause.message}`, { key, offset, length }, { cause })
        })
      return new Uint8Array(buffer)
    },
  }
}
