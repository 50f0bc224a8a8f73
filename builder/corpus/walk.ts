/** All files below a folder, in the order of their paths, whatever bytes their names are made of. */
import { Buffer, isUtf8 } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'
import { InputError } from '../../format/errors.ts'
import { MANIFEST_NAME, PART_NAME } from '../../format/manifest/manifest.ts'
import { isStagedName } from '../publish/owner.ts'

/** Folders of tools, not of their users. */
const IGNORED_FOLDERS = new Set(['node_modules'])

export interface FoundFile {
  /** Relative to the folder, with "/". Bytes of a name that are no UTF-8 are written as `%FF`, and so are control characters. */
  readonly path: string
  /** Where it is read: as bytes, since a name need not be text. */
  readonly location: Buffer
}

export interface WalkOptions {
  /** Whether links that leave the folder are followed, those to folders too. Default false. */
  readonly followLinks?: boolean
  /** Told of what is not gone into, and why. */
  readonly onSkipped: (path: string, reason: string) => void
}

/** What a walk remembers. */
interface Walk extends WalkOptions {
  readonly folder: string
  readonly root: Buffer
  /** Real paths of the folders that links have led to: each is read once. */
  readonly visited: Set<string>
}

/**
 * Links to files inside the folder are followed. Those that leave it only when asked for: a folder of a stranger's may
 * link to files of whoever builds. Names that begin with "." are passed over.
 *
 * @throws InputError when a folder cannot be read
 */
export async function* walkFolder(folder: string, options: WalkOptions): AsyncGenerator<FoundFile> {
  const root = await realpath(Buffer.from(folder), 'buffer').catch(unreadable(folder))
  yield* walk({ ...options, folder, root, visited: new Set() }, '', root)
}

function unreadable(folder: string) {
  return (cause: Error) => {
    throw new InputError(`reading the folder "${folder}": ${cause.message}`, { file: folder }, { cause })
  }
}

interface Entry {
  readonly name: string
  readonly path: string
  readonly location: Buffer
  readonly kind: 'file' | 'folder' | { readonly reason: string }
}

async function* walk(walked: Walk, prefix: string, location: Buffer): AsyncGenerator<FoundFile> {
  const { folder, onSkipped } = walked
  const dirents = await readdir(location, { withFileTypes: true, encoding: 'buffer' }).catch(
    unreadable(join(folder, prefix)),
  )
  const names = textNames(dirents.map(({ name }) => name))
  if (prefix !== '' && isIndex(names)) {
    onSkipped(join(folder, prefix), 'a Tartan index')
    return
  }
  const entries: Entry[] = []
  for (const [i, dirent] of dirents.entries()) {
    const name = names[i] ?? ''
    // The very build that reads may have its unfinished index here: that is nothing of the corpus to speak of.
    if (isStagedName(name)) continue
    const place = Buffer.concat([location, Buffer.from(sep), dirent.name])
    const kind = name.startsWith('.') ? { reason: 'hidden' } : await kindOf(walked, dirent, place)
    // With its "/" a folder sorts among files as its whole paths do: "a.md" < "a/b.md".
    const isFolder = kind === 'folder' || dirent.isDirectory()
    entries.push({ name, path: `${prefix}${name}${isFolder ? '/' : ''}`, location: place, kind })
  }
  entries.sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const { name, path, location: place, kind } of entries) {
    if (typeof kind === 'object') onSkipped(join(folder, path), kind.reason)
    else if (kind === 'file') yield { path, location: place }
    else if (IGNORED_FOLDERS.has(name)) onSkipped(join(folder, path), 'not documentation')
    else yield* walk(walked, path, place)
  }
}

/** An index that was built before beside the pages: it is named as one thing, not file by file. */
function isIndex(names: readonly string[]): boolean {
  return names.includes(MANIFEST_NAME) && names.every((name) => name === MANIFEST_NAME || PART_NAME.test(name))
}

async function kindOf(walked: Walk, entry: Dirent<Buffer>, location: Buffer): Promise<Entry['kind']> {
  if (!entry.isSymbolicLink()) {
    if (entry.isDirectory()) return 'folder'
    return entry.isFile() ? 'file' : { reason: 'neither a file nor a folder' }
  }
  const target = await stat(location).catch(() => undefined)
  const real = await realpath(location, 'buffer').catch(() => undefined)
  if (!target || !real) return { reason: 'a link to nothing' }
  const isInside = isWithin(real, walked.root)
  if (target.isDirectory()) return folderLink(walked, real, isInside)
  if (!target.isFile()) return { reason: 'neither a file nor a folder' }
  return isInside || walked.followLinks ? 'file' : { reason: 'a link that leaves the folder (--follow-links reads it)' }
}

/** A folder inside is met at its own place, and one outside once: so links cannot form a ring. */
function folderLink({ followLinks, visited, root }: Walk, real: Buffer, isInside: boolean): Entry['kind'] {
  if (isInside) return { reason: 'a link to a folder that is read at its own place' }
  if (!followLinks) return { reason: 'a link that leaves the folder (--follow-links reads it)' }
  if (isWithin(root, real)) return { reason: 'a link to a folder around this one' }
  const key = real.toString('latin1')
  if (visited.has(key)) return { reason: 'a link to a folder that another link led to' }
  visited.add(key)
  return 'folder'
}

function isWithin(path: Buffer, root: Buffer): boolean {
  const folder = root.toString().endsWith(sep) ? root : Buffer.concat([root, Buffer.from(sep)])
  return path.equals(root) || path.subarray(0, folder.length).equals(folder)
}

/** Names as texts, all different: those that had to be escaped give way. */
function textNames(names: readonly Buffer[]): readonly string[] {
  const texts = names.map(textName)
  const taken = new Set(texts.filter((text, i) => isPlain(text, names[i])))
  return texts.map((text, i) => {
    if (isPlain(text, names[i])) return text
    const extension = extname(text)
    let free = text
    while (taken.has(free)) free = `${free.slice(0, free.length - extension.length)}~${extension}`
    taken.add(free)
    return free
  })
}

function isPlain(text: string, name: Buffer | undefined): boolean {
  return name?.equals(Buffer.from(text)) ?? false
}

/** Longest UTF-8 sequence. */
const SEQUENCE_BYTES = 4

function textName(name: Buffer): string {
  let text = ''
  for (let at = 0; at < name.length; ) {
    const length = sequenceLength(name, at)
    const character = name.toString('utf8', at, at + length)
    const isText = length > 0 && !/\p{Cc}/u.test(character)
    const byte = name[at] ?? 0
    text += isText ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
    at += isText ? length : 1
  }
  return text
}

/** Bytes of the character that begins at `at`; 0 where none does. */
function sequenceLength(name: Buffer, at: number): number {
  for (let length = 1; length <= SEQUENCE_BYTES && at + length <= name.length; length++) {
    if (isUtf8(name.subarray(at, at + length))) return length
  }
  return 0
}
