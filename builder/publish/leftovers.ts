/** What killed builds left behind: found by its name, removed when its process is gone, named when nobody can tell. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type OwnedName, ownerState, parseOwnedName, temporaryPath } from './owner.ts'

/** Something unfinished that a build came upon. */
export interface Leftover {
  readonly path: string
  /**
   * 'removed'; 'restored' to `target`, for an index that a killed build had just put aside; 'left', since nobody here knows whether it is
   * needed; 'running', of another process that goes on making the same thing.
   */
  readonly fate: 'removed' | 'restored' | 'left' | 'running'
  readonly bytes: number
  readonly target?: string
}

export type OnLeftover = (leftover: Leftover) => void

/** What may still be worked on elsewhere is not worth a word before it has lain for so long. */
const OLD_MS = 24 * 3600 * 1000

/**
 * Removes what killed builds left in a folder, by its names alone; whatever else lies there is not looked at.
 * @param target - name of what is about to be made in the folder: another process at the same thing is told as well
 */
export async function sweepLeftovers(
  folder: string,
  onLeftover: OnLeftover = () => undefined,
  target?: string,
): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  const found = names.flatMap((name) => {
    const owned = parseOwnedName(name)
    return owned ? [{ path: join(folder, name), owned }] : []
  })
  // What was put aside first: whether it is still needed is seen by whether its place is taken.
  found.sort((a, b) => Number(b.owned.isOld) - Number(a.owned.isOld))
  for (const { path, owned } of found) {
    const leftover = await sweepOne(folder, path, owned).catch(() => undefined)
    if (leftover && (leftover.fate !== 'running' || owned.target === target)) onLeftover(leftover)
  }
}

async function sweepOne(
  folder: string,
  path: string,
  { owner, isOld, target }: OwnedName,
): Promise<Leftover | undefined> {
  const state = owner ? await ownerState(owner) : 'elsewhere'
  if (state === 'running') return target === undefined ? undefined : { path, fate: 'running', bytes: 0 }
  const bytes = await bytesOf(path)
  if (state === 'elsewhere') {
    const { mtimeMs } = await stat(path)
    return Date.now() - mtimeMs > OLD_MS ? { path, fate: 'left', bytes } : undefined
  }
  const place = target === undefined ? undefined : join(folder, target)
  if (isOld && place !== undefined && !(await stat(place).catch(() => undefined))) {
    await rename(path, place)
    return { path, fate: 'restored', bytes, target: place }
  }
  await rm(path, { recursive: true, force: true })
  return { path, fate: 'removed', bytes }
}

async function bytesOf(path: string): Promise<number> {
  const { size } = await stat(path)
  const names = await readdir(path, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(names.map((name) => stat(join(path, name)).catch(() => undefined)))
  return sizes.reduce((sum, entry) => sum + (entry?.isFile() ? entry.size : 0), names.length > 0 ? 0 : size)
}

/** A folder for what is only needed meanwhile, private to its owner, after what killed builds left there has gone. */
export async function makeTemporary(parent: string, onLeftover?: OnLeftover): Promise<string> {
  await sweepLeftovers(parent, onLeftover)
  const path = await temporaryPath(parent)
  await mkdir(path, { mode: 0o700 })
  return path
}
