/** Index files that count what is read through them, independently of what a searcher says about itself. */
import type { IndexFiles } from '../../format/rangeReader.ts'

export interface ReadCount {
  /** Byte ranges asked for. */
  reads: number
  bytes: number
  /** Times that reading began while nothing was under way: storage rounds, where no limit keeps reads waiting for each other. */
  rounds: number
}

export interface CountingFiles extends IndexFiles {
  /** What was read since this was last called. */
  take(): ReadCount
}

/** Each read takes at least one turn of the event loop, so that reads that are started together are seen together. */
export function countingFiles(files: IndexFiles): CountingFiles {
  let count: ReadCount = { reads: 0, bytes: 0, rounds: 0 }
  let underWay = 0
  const counted = async <T>(length: number, read: () => Promise<T>): Promise<T> => {
    if (underWay++ === 0) count.rounds++
    count.reads++
    count.bytes += length
    try {
      await new Promise((resolve) => setImmediate(resolve))
      return await read()
    } finally {
      underWay--
    }
  }
  return {
    key: files.key,
    take() {
      const taken = count
      count = { reads: 0, bytes: 0, rounds: 0 }
      return taken
    },
    async open(name, size) {
      const reader = await files.open(name, size)
      return {
        key: reader.key,
        size: reader.size,
        read: (offset, length, signal) => counted(length, () => reader.read(offset, length, signal)),
        close: async () => reader.close?.(),
      }
    },
    close: async () => files.close?.(),
  }
}
