/**
 * Puts another manifest into an index that is there, whole or not at all: written beside, flushed, renamed. Parts are not touched,
 * so a reader that has the index open goes on with what it read.
 */
import { createWriteStream } from 'node:fs'
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AbortedError, InputError } from '../../format/errors.ts'
import { FORMAT_VERSION_MAJOR, FORMAT_VERSION_MINOR } from '../../format/limits.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import { encodePack } from '../../format/pack.ts'
import type { IndexFiles } from '../../format/rangeReader.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { memoryReader } from '../../runtime/readers/memory.ts'
import { writeDurably, writeFailure } from './indexFolder.ts'
import { sweepLeftovers } from './leftovers.ts'
import { stagedPath } from './owner.ts'

/** A manifest as it stood in the index, to know later whether it still stands there. */
export interface ReadManifest {
  readonly manifest: Manifest
  readonly bytes: Uint8Array
}

/** Where the prelude has the minor version (SPEC.md §3.1). */
const MINOR_OFFSET = 14

/**
 * @throws InputError when there is no index, or a newer minor version wrote it: what this one does not know would be lost in
 *   writing it again
 * @throws FormatError and its kin, StorageError
 */
export async function readIndexManifest(path: string): Promise<ReadManifest> {
  const files = await filesAtPath(path)
  try {
    const bytes = await manifestBytes(files)
    const manifest = decodeManifest(bytes)
    const minor = new DataView(bytes.buffer, bytes.byteOffset).getUint16(MINOR_OFFSET, true)
    if (minor > FORMAT_VERSION_MINOR) {
      throw new InputError(
        `"${path}" was written in format ${FORMAT_VERSION_MAJOR}.${minor}, this version knows ${FORMAT_VERSION_MAJOR}.${FORMAT_VERSION_MINOR}: what is new there would be lost. Tune it with a newer tartan-search.`,
        { minor },
      )
    }
    return { manifest, bytes }
  } finally {
    await files.close?.()
  }
}

/**
 * @param path - index folder or pack
 * @param before - what `manifest` was made from
 * @throws InputError when the index is another by now, StorageError, AbortedError; the index is then as it was
 */
export async function replaceManifest(
  path: string,
  before: ReadManifest,
  manifest: Manifest,
  signal?: AbortSignal,
): Promise<void> {
  const bytes = encodeManifest(manifest)
  // What cannot be read back must not take the place of what can.
  decodeManifest(bytes)
  const isFolder = (await stat(path)).isDirectory()
  const target = isFolder ? join(path, MANIFEST_NAME) : path
  await sweepLeftovers(dirname(target))
  const temporary = await stagedPath(target)
  try {
    if (isFolder) await writeDurably(temporary, bytes)
    else await writePack(path, temporary, { bytes, manifest }, signal)
    await requireUnchanged(path, before)
    if (signal?.aborted) throw new AbortedError()
    await rename(temporary, target)
    if (isFolder) await flushFolder(dirname(target))
  } catch (error) {
    await rm(temporary, { force: true })
    if (signal?.aborted) throw new AbortedError()
    if ((error as NodeJS.ErrnoException).syscall) throw writeFailure(target)(error as Error)
    throw error
  }
}

async function manifestBytes(files: IndexFiles): Promise<Uint8Array> {
  const reader = await files.open(MANIFEST_NAME)
  try {
    return await reader.read(0, reader.size)
  } finally {
    await reader.close?.()
  }
}

/** The same pack with another manifest: parts are copied, a part at a time in memory. */
async function writePack(path: string, target: string, { bytes, manifest }: ReadManifest, signal?: AbortSignal) {
  const files = await filesAtPath(path)
  const changed: IndexFiles = {
    key: files.key,
    open: async (name) => (name === MANIFEST_NAME ? memoryReader(MANIFEST_NAME, bytes) : files.open(name)),
  }
  try {
    await pipeline(Readable.from(encodePack(changed, manifest)), createWriteStream(target, { flush: true }), { signal })
  } finally {
    await files.close?.()
  }
}

async function requireUnchanged(path: string, before: ReadManifest): Promise<void> {
  const files = await filesAtPath(path)
  try {
    if (Buffer.compare(await manifestBytes(files), before.bytes) === 0) return
  } finally {
    await files.close?.()
  }
  throw new InputError(
    `the index "${path}" was changed by something else meanwhile, so it was left as it is. Try again.`,
    {
      path,
    },
  )
}

/** So that the rename, too, outlives a loss of power; not every system lets a folder be flushed. */
async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
