/**
 * Caches above any files: blocks in memory, and ranges in a cache of the Cache API. Values are kept, never promises: on Workers one
 * request must not wait for the I/O of another. Two requests may read the same block twice; that costs a read.
 */
import { InputError, StorageError } from '../../format/errors.ts'
import { MANIFEST_NAME, PART_NAME } from '../../format/manifest/manifest.ts'
import { checkRange, type IndexFiles, type RangeReader } from '../../format/rangeReader.ts'
import { LeastRecentlyUsed } from './leastRecentlyUsed.ts'
import { memoryReader } from './memory.ts'

export interface CachedFilesOptions {
  /** What is read at a time, a power of two. Default 32 KiB. */
  readonly blockBytes?: number
  /** Bytes of blocks kept. Default 16 MiB. */
  readonly bytesMax?: number
}

/** @returns the same files, with the blocks that were read last in memory */
export function cachedFiles(files: IndexFiles, options: CachedFilesOptions = {}): IndexFiles {
  const { blockBytes = 32 * 1024, bytesMax = 16 * 1024 * 1024 } = options
  if (!(Number.isInteger(Math.log2(blockBytes)) && bytesMax >= 0)) {
    throw new InputError(
      `caching files: expected blockBytes to be a power of two and bytesMax from 0 on, got ${blockBytes} and ${bytesMax}.`,
    )
  }
  const cache = new LeastRecentlyUsed(bytesMax)
  return {
    key: files.key,
    open: async (name, size) => cachedReader(await files.open(name, size), cache, blockBytes),
    ...(files.close && { close: () => files.close?.() ?? Promise.resolve() }),
  }
}

function cachedReader(reader: RangeReader, cache: LeastRecentlyUsed, blockBytes: number): RangeReader {
  const { key, size } = reader
  return {
    key,
    size,
    async read(offset, length, signal) {
      checkRange(key, offset, length, size)
      const first = Math.floor(offset / blockBytes)
      const end = Math.ceil((offset + length) / blockBytes)
      const blocks = Array.from({ length: end - first }, (_, i) => cache.get(`${key} ${first + i}`))
      for (const [from, to] of missingRuns(blocks)) {
        const start = (first + from) * blockBytes
        const bytes = await reader.read(start, Math.min((first + to) * blockBytes, size) - start, signal)
        for (let i = from; i < to; i++) {
          const block = bytes.subarray((i - from) * blockBytes, (i - from + 1) * blockBytes)
          blocks[i] = block
          cache.put(`${key} ${first + i}`, block)
        }
      }
      const result = new Uint8Array(length)
      for (const [i, block] of blocks.entries()) {
        const at = (first + i) * blockBytes - offset
        const part = block?.subarray(Math.max(0, -at), Math.min(blockBytes, length - at))
        if (part) result.set(part, Math.max(0, at))
      }
      return result
    },
    ...(reader.close && { close: () => reader.close?.() ?? Promise.resolve() }),
  }
}

/** `[from, to)` of neighbours that are not there. */
function missingRuns(blocks: readonly (Uint8Array | undefined)[]): readonly (readonly [number, number])[] {
  const runs: [number, number][] = []
  for (const [i, block] of blocks.entries()) {
    if (block) continue
    const last = runs.at(-1)
    if (last?.[1] === i) last[1] = i + 1
    else runs.push([i, i + 1])
  }
  return runs
}

const IMMUTABLE = 'public, max-age=31536000, immutable'

type CacheLike = Pick<Cache, 'match' | 'put'>

export interface CacheApiOptions {
  /** Whether the last manifest that was read is taken when the storage does not answer: search without a network. Default false. */
  readonly offline?: boolean
}

/**
 * Ranges of parts in a cache of the Cache API (`caches.default` on Workers, `await caches.open('tartan')` in browsers and Deno); the
 * manifest is always asked for. A cache that fails is as one that is empty.
 */
export function cacheApiFiles(
  files: IndexFiles,
  cache: CacheLike,
  { offline = false }: CacheApiOptions = {},
): IndexFiles {
  return {
    key: files.key,
    async open(name, size) {
      if (offline && name === MANIFEST_NAME) return manifestReader(files, cache)
      const reader = await files.open(name, size)
      // Parts are named by their content: what was kept under such a name is right for ever.
      return PART_NAME.test(name) ? cacheApiReader(reader, name, cache) : reader
    },
    ...(files.close && { close: () => files.close?.() ?? Promise.resolve() }),
  }
}

/** The manifest as it is now, or as it was when the storage last answered. */
async function manifestReader(files: IndexFiles, cache: CacheLike): Promise<RangeReader> {
  const url = `https://tartan.invalid/${MANIFEST_NAME}?of=${encodeURIComponent(files.key)}`
  try {
    const reader = await files.open(MANIFEST_NAME)
    const bytes = await reader.read(0, reader.size)
    await reader.close?.()
    await cache.put(url, new Response(bytes.slice())).catch(() => undefined)
    return memoryReader(reader.key, bytes)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    const kept = await cache.match(url).catch(() => undefined)
    if (!kept) throw error
    return memoryReader(`${files.key}/${MANIFEST_NAME}`, new Uint8Array(await kept.arrayBuffer()))
  }
}

function cacheApiReader(reader: RangeReader, name: string, cache: CacheLike): RangeReader {
  const { key, size } = reader
  return {
    key,
    size,
    async read(offset, length, signal) {
      checkRange(key, offset, length, size)
      if (length === 0) return new Uint8Array()
      // Names of a cache are addresses; nothing is ever fetched from this one (.invalid, RFC 2606). The size belongs to the name's content.
      const url = `https://tartan.invalid/${name}?bytes=${offset}-${offset + length - 1}`
      const kept = await cache.match(url).catch(() => undefined)
      const bytes = kept && new Uint8Array(await kept.arrayBuffer())
      if (bytes?.length === length) return bytes
      const read = await reader.read(offset, length, signal)
      await cache
        .put(url, new Response(read.slice(), { headers: { 'cache-control': IMMUTABLE } }))
        .catch(() => undefined)
      return read
    },
    ...(reader.close && { close: () => reader.close?.() ?? Promise.resolve() }),
  }
}
