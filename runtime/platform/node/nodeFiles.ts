/** Index files on disk for Node (also Bun and Deno's node compatibility): a folder, or a pack. */
import { open, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { FormatError, InputError, NotFoundError, StorageError } from '../../../format/errors.ts'
import { openPack } from '../../../format/indexReader.ts'
import { MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import { checkRange, type IndexFiles, type RangeReader } from '../../../format/rangeReader.ts'
import { filesAtUrl, isIndexUrl } from '../urlFiles.ts'
import { fileProblem, folderProblem } from './notAnIndex.ts'

/**
 * Open one file for reading by range. Holds a file handle until `close`.
 * @throws NotFoundError, StorageError
 */
export async function fileReader(path: string): Promise<RangeReader & { close(): Promise<void> }> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new NotFoundError(`there is no file "${path}".`, { path }, { cause })
    throw new StorageError(`"${path}" cannot be opened: ${cause.message}`, { path }, { cause })
  })
  const { size } = await handle.stat()
  const fill = async (offset: number, target: Uint8Array<ArrayBuffer>) => {
    const { length } = target
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(target, done, length - done, offset + done).catch((cause: Error) => {
        throw new StorageError(`"${path}" cannot be read: ${cause.message}`, { path }, { cause })
      })
      if (bytesRead === 0) {
        throw new StorageError(`"${path}" got shorter while it was read: ${done} of ${length} bytes at ${offset}.`, {
          path,
          offset,
        })
      }
      done += bytesRead
    }
  }
  return {
    key: path,
    size,
    async read(offset, length) {
      checkRange(path, offset, length, size)
      const bytes = new Uint8Array(length)
      await fill(offset, bytes)
      return bytes
    },
    async readInto(offset, target) {
      checkRange(path, offset, target.length, size)
      await fill(offset, target)
    },
    close: () => handle.close(),
  }
}

export function folderFiles(folder: string): IndexFiles {
  return {
    key: folder,
    open: (name) => fileReader(join(folder, name)),
    async version(name) {
      const found = await stat(join(folder, name), { bigint: true }).catch(() => undefined)
      return found && `${found.ino}-${found.size}-${found.mtimeNs}`
    },
  }
}

/**
 * The files of an index at a path: a folder with `index.msgpack`, or a pack file; or at an address (urlFiles.ts).
 * @throws InputError when the path is neither, saying what it is
 */
export async function filesAtPath(path: string): Promise<IndexFiles> {
  if (isIndexUrl(path)) return filesAtUrl(path)
  const found = await stat(path).catch(() => undefined)
  if (!found) {
    throw new InputError(
      `there is no index at "${path}". Build one with: tartan build CORPUS --out ${/^[^\s'"]+$/.test(path) ? path : 'INDEX'}`,
      { path },
    )
  }
  // Whoever names the manifest means its folder.
  if (basename(path) === MANIFEST_NAME && !found.isDirectory()) return folderFiles(dirname(path))
  if (!found.isDirectory()) return packFile(path)
  if (!(await stat(join(path, MANIFEST_NAME)).catch(() => undefined))) throw await folderProblem(path)
  return folderFiles(path)
}

async function packFile(path: string): Promise<IndexFiles> {
  const reader = await fileReader(path)
  try {
    return await openPack(reader)
  } catch (error) {
    await reader.close()
    throw error instanceof FormatError ? await fileProblem(path, error) : error
  }
}
