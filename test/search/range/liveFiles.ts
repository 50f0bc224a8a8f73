/** Index files that can change and fail under a searcher: an object store in small. */
import { NotFoundError } from '../../../format/errors.ts'
import { checkRange, type IndexFiles } from '../../../format/rangeReader.ts'

export interface ReadAsked {
  readonly name: string
  readonly offset: number
  readonly length: number
  readonly signal?: AbortSignal
}

export interface LiveFiles extends IndexFiles {
  /** What is stored now; may be changed at any time. */
  readonly stored: Map<string, Uint8Array>
  /** Names of files that were opened and not closed. */
  readonly open_: string[]
  /** Reads so far, parts only. */
  readonly asked: ReadAsked[]
  /** Comes between storage and reader: gets what is asked and what is stored, gives what is answered. */
  answer: (asked: ReadAsked, bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

export function liveFiles(stored: Map<string, Uint8Array>): LiveFiles {
  const bytesOf = (name: string) => {
    const bytes = files.stored.get(name)
    if (!bytes) throw new NotFoundError(`there is no "${name}".`, { name })
    return bytes
  }
  const files: LiveFiles = {
    key: 'live',
    stored,
    open_: [],
    asked: [],
    answer: (_, bytes) => bytes,
    async open(name) {
      const size = bytesOf(name).length
      files.open_.push(name)
      return {
        key: `live/${name}`,
        size,
        async read(offset, length, signal) {
          checkRange(name, offset, length, size)
          await new Promise((resolve) => setImmediate(resolve))
          const asked = { name, offset, length, ...(signal ? { signal } : {}) }
          if (name !== 'index.msgpack') files.asked.push(asked)
          return files.answer(asked, bytesOf(name).slice(offset, offset + length))
        },
        async close() {
          files.open_.splice(files.open_.indexOf(name), 1)
        },
      }
    },
  }
  return files
}
