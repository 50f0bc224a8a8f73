/**
 * A folder that appears under its final name whole or not at all: it is written beside, verified, then renamed.
 */
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError, StorageError } from '../../format/errors.ts'
import { MANIFEST_NAME, PART_NAME } from '../../format/manifest/manifest.ts'
import type { IndexSink } from '../../format/writer.ts'
import { type OnLeftover, sweepLeftovers } from './leftovers.ts'
import { parseOwnedName, stagedPath } from './owner.ts'

export interface StagedFolder extends IndexSink {
  /** Where the files are until `commit`. */
  readonly path: string
  /** Put the folder under its final name. An old index of that name goes only when the new one is in place. */
  commit(): Promise<void>
  /** Remove everything that was staged. Safe to call twice, and after `commit`. */
  discard(): Promise<void>
}

/** What may be at the target already. */
export interface StageOptions {
  /** Whether a folder of the same kind that is there may be replaced. */
  readonly replace: boolean
  /** File by which a folder of the kind is known. */
  readonly marker: string
  /** Whether a file of this name is part of such a folder. One that holds anything else is not replaced: nothing of a user is deleted. */
  readonly isOwn: (name: string) => boolean
  /** The kind in messages, e.g. "a Tartan index". */
  readonly kind: string
  /** Told of what killed builds left beside the target. */
  readonly onLeftover?: OnLeftover
}

/** Stages an index at `out`. @throws InputError when `out` is taken */
export function stageIndex(out: string, replace: boolean, onLeftover?: OnLeftover): Promise<StagedFolder> {
  // A manifest that a killed `tartan tune` left unfinished is part of the index as well.
  const isOwn = (name: string) =>
    name === MANIFEST_NAME || PART_NAME.test(name) || parseOwnedName(name)?.target === MANIFEST_NAME
  return stageFolder(out, { replace, marker: MANIFEST_NAME, isOwn, kind: 'a Tartan index', onLeftover })
}

/**
 * @param out - final path of the folder
 * @throws InputError when `out` is taken by something that may not be replaced
 */
export async function stageFolder(out: string, options: StageOptions): Promise<StagedFolder> {
  const target = resolve(out)
  // First of all, since it may put back an index that a killed build had put aside.
  await sweepLeftovers(dirname(target), options.onLeftover, basename(target))
  await checkTarget(target, out, options)
  await makeFolder(dirname(target)).catch(writeFailure(dirname(target)))
  const path = await stagedPath(target)
  await mkdir(path, { mode: 0o700 }).catch(writeFailure(target))
  let staged = true
  return {
    path,
    write: (name, bytes) => writeDurably(join(path, name), bytes),
    async commit() {
      // Unfinished, the folder is private to its owner; an index is for a web server to read.
      await chmod(path, 0o755)
      // Somebody else may have put something there meanwhile: it is theirs unless it is what may be replaced.
      await checkTarget(target, out, options)
      const old = `${path}-old`
      const hadOld = await rename(target, old).then(
        () => true,
        () => false,
      )
      await rename(path, target).catch(async (cause: Error) => {
        if (hadOld) await rename(old, target)
        throw writeFailure(target)(cause)
      })
      staged = false
      if (hadOld) await rm(old, { recursive: true, force: true })
    },
    async discard() {
      if (staged) await rm(path, { recursive: true, force: true })
      staged = false
    },
  }
}

/** @throws InputError when something that must not be overwritten is at the target */
async function checkTarget(target: string, out: string, { replace, marker, isOwn, kind }: StageOptions): Promise<void> {
  const found = await stat(target).catch(() => undefined)
  if (!found) return
  const isKind = found.isDirectory() && (await stat(join(target, marker)).catch(() => undefined)) !== undefined
  if (!isKind) {
    throw new InputError(`"${out}" exists and is not ${kind}, so it will not be overwritten. Choose another --out.`, {
      out,
    })
  }
  if (!replace) {
    throw new InputError(
      `"${out}" exists already. Add --force to replace it once the new one is ready, or choose another --out.`,
      { out },
    )
  }
  const other = (await readdir(target)).find((name) => !isOwn(name))
  if (other !== undefined) {
    throw new InputError(
      `"${out}" holds "${other}", which is not part of ${kind} and would be deleted. Move it elsewhere, or choose another --out.`,
      { out },
    )
  }
}

/** As `mkdir -p`; Node's own recursive mkdir never ends where a parent cannot be made, as under /proc. */
async function makeFolder(path: string): Promise<void> {
  const failure = (await mkdir(path).catch((error: NodeJS.ErrnoException) => error)) as
    | NodeJS.ErrnoException
    | undefined
  if (!failure || failure.code === 'EEXIST') return
  if (failure.code !== 'ENOENT' || dirname(path) === path) throw failure
  await makeFolder(dirname(path))
  await mkdir(path)
}

/** Write and flush to the device: after the rename the bytes must be there even if the power goes. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w').catch(writeFailure(path))
  try {
    await handle.writeFile(bytes).catch(writeFailure(path))
    await handle.sync().catch(writeFailure(path))
  } finally {
    await handle.close()
  }
}

/** Turns an errno into a StorageError with its cure. */
export function writeFailure(path: string): (cause: Error) => never {
  return (cause) => {
    const code = (cause as NodeJS.ErrnoException).code
    const cure =
      code === 'ENOSPC'
        ? 'The disk is full: free some space, or build on another disk (--out, --temp).'
        : code === 'EACCES' || code === 'EROFS'
          ? 'Choose a folder that you may write to.'
          : ''
    throw new StorageError(
      `"${path}" cannot be written: ${cause.message}. Nothing was left behind. ${cure}`.trim(),
      { path },
      { cause },
    )
  }
}

/** Whether the disk, not the program, is at fault. */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' || code === 'EROFS' || code === 'EACCES'
}
