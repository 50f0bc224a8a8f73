/** A folder of Markdown, HTML and text files as a corpus: one file in memory at a time, in the order of their paths. */
import { Buffer } from 'node:buffer'
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { AbortedError, InputError } from '../../format/errors.ts'
import { MANIFEST_NAME, PART_NAME } from '../../format/manifest/manifest.ts'
import { isStagedName } from '../publish/owner.ts'
import type { CorpusEntry, EntryProblem, Place } from './entry.ts'
import { LINE_BYTES_MAX_DEFAULT, readLines } from './lines.ts'
import { HtmlSite } from './pages/html/site.ts'
import { parseMarkdown, parseMdx } from './pages/markdown.ts'
import { type Page, type PageWords, pagePassages, type SplitOptions } from './pages/page.ts'
import { readBytes } from './source.ts'

/** Readers of single files by extension. */
const PARSERS: Readonly<Record<string, (source: string) => Page>> = {
  '.md': parseMarkdown,
  '.markdown': parseMarkdown,
  '.mdown': parseMarkdown,
  '.mkd': parseMarkdown,
  '.mdx': parseMdx,
  '.txt': parseText,
}

/** Pages that name their own charset, and are known by the site around them: read as bytes. */
const HTML_EXTENSIONS: readonly string[] = ['.html', '.htm', '.xhtml']

export const PAGE_EXTENSIONS: readonly string[] = [...Object.keys(PARSERS), ...HTML_EXTENSIONS]

/** Folders of tools, not of their users. */
const IGNORED_FOLDERS = new Set(['node_modules'])

export interface FolderOptions {
  readonly split: SplitOptions
  /** Longest file, in bytes. Default LINE_BYTES_MAX_DEFAULT. */
  readonly fileBytesMax?: number
  readonly signal?: AbortSignal
  /** Told of every file that gives no passage, and why; with a line, of a part of a file that is not read as what it is. */
  readonly onFileSkipped: (file: string, reason: string, line?: number) => void
  /** Told of every HTML page: how many words a reader sees, and how many of them are left out, by why. */
  readonly onPage?: (file: string, words: PageWords) => void
}

/**
 * Yields the passages of all pages below `folder`, sorted by path. Links to files are followed, links to folders are
 * not (they could form a ring); names that begin with "." are passed over.
 *
 * @throws InputError when no file has one of PAGE_EXTENSIONS
 */
export async function* readFolder(folder: string, options: FolderOptions): AsyncGenerator<CorpusEntry> {
  let pages = 0
  const site = await surveySite(folder, options)
  for await (const path of walk(folder, '', options.onFileSkipped)) {
    const parse = parserOf(path)
    if (!parse) {
      options.onFileSkipped(join(folder, path), `not one of ${PAGE_EXTENSIONS.join(' ')}`)
      continue
    }
    pages++
    yield* readPage(folder, path, parse === 'html' ? site : parse, options)
  }
  if (pages > 0) return
  throw new InputError(
    `reading the folder "${folder}": expected files with the extension ${PAGE_EXTENSIONS.join(', ')}, got none. Name another folder.`,
    { file: folder },
  )
}

function parserOf(path: string): ((source: string) => Page) | 'html' | undefined {
  const extension = extname(path).toLowerCase()
  return HTML_EXTENSIONS.includes(extension) ? 'html' : PARSERS[extension]
}

/** What many pages share is found before the first is read: the paths of all are held, of pages a few at a time. */
async function surveySite(folder: string, options: FolderOptions): Promise<HtmlSite> {
  const paths: string[] = []
  for await (const path of walk(folder, '', () => {})) if (parserOf(path) === 'html') paths.push(path)
  return HtmlSite.survey(paths, async (path) => {
    if (options.signal?.aborted) throw new AbortedError()
    const bytes = await readWhole(join(folder, path), options).catch(() => undefined)
    return bytes instanceof Uint8Array ? bytes : undefined
  })
}

/** Relative paths with "/" in the order of their code units. */
async function* walk(
  folder: string,
  prefix: string,
  onSkipped: FolderOptions['onFileSkipped'],
): AsyncGenerator<string> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch((cause: Error) => {
    throw new InputError(`reading the folder "${join(folder, prefix)}": ${cause.message}`, { file: folder }, { cause })
  })
  // With its "/" a folder sorts among files as its whole paths do: "a.md" < "a/b.md".
  const names = entries.map((entry) => ({ entry, path: `${prefix}${entry.name}${entry.isDirectory() ? '/' : ''}` }))
  names.sort((a, b) => (a.path < b.path ? -1 : 1))
  if (prefix !== '' && isIndex(entries.map(({ name }) => name))) {
    onSkipped(join(folder, prefix), 'a Tartan index')
    return
  }
  for (const { entry, path } of names) {
    // The very build that reads may have its unfinished index here: that is nothing of the corpus to speak of.
    if (isStagedName(entry.name)) continue
    if (entry.name.startsWith('.')) onSkipped(join(folder, path), 'hidden')
    else if (entry.isDirectory() && IGNORED_FOLDERS.has(entry.name)) onSkipped(join(folder, path), 'not documentation')
    else if (entry.isDirectory()) yield* walk(folder, path, onSkipped)
    else if (await isFile(entry, join(folder, path))) yield path
    else onSkipped(join(folder, path), 'neither a file nor a link to one')
  }
}

/** An index that was built before beside the pages: it is named as one thing, not file by file. */
function isIndex(names: readonly string[]): boolean {
  return names.includes(MANIFEST_NAME) && names.every((name) => name === MANIFEST_NAME || PART_NAME.test(name))
}

async function isFile(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isFile()
  const target = await stat(path).catch(() => undefined)
  return target?.isFile() ?? false
}

async function* readPage(
  folder: string,
  path: string,
  parse: ((source: string) => Page) | HtmlSite,
  options: FolderOptions,
): AsyncGenerator<CorpusEntry> {
  const file = join(folder, path)
  let page: Page | { readonly place: Place; readonly problem: EntryProblem }
  try {
    page = await (parse instanceof HtmlSite ? htmlPage(file, path, parse, options) : textPage(file, parse, options))
  } catch (error) {
    // The parsers recurse; a file made of brackets only can exhaust the stack.
    if (!(error instanceof RangeError)) throw error
    yield {
      place: { file, line: 1 },
      problem: { reason: 'expected a page, got one nested too deep to read', cure: 'Remove the file.' },
    }
    return
  }
  if ('problem' in page) {
    yield page
    return
  }
  if (page.words) options.onPage?.(file, page.words)
  for (const { line, reason } of page.notes ?? []) options.onFileSkipped(file, reason, line)
  let count = 0
  for (const { line, passage } of pagePassages(page, path, options.split)) {
    count++
    yield { place: { file, line }, passage }
  }
  if (count === 0) options.onFileSkipped(file, 'no text in it')
}

async function htmlPage(file: string, path: string, site: HtmlSite, options: FolderOptions) {
  const bytes = await readWhole(file, options)
  if (!(bytes instanceof Uint8Array)) return bytes
  const read = site.read(path, bytes)
  if (read.problem) return { place: { file, line: 1 }, problem: read.problem }
  if (read.note !== undefined) options.onFileSkipped(file, read.note)
  return read.page
}

async function textPage(file: string, parse: (source: string) => Page, options: FolderOptions) {
  const source = await readText(file, options)
  return typeof source === 'string' ? parse(source) : source
}

async function readWhole(
  file: string,
  options: FolderOptions,
): Promise<Uint8Array | { place: Place; problem: EntryProblem }> {
  const fileBytesMax = options.fileBytesMax ?? LINE_BYTES_MAX_DEFAULT
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readBytes(file, options)) {
    length += chunk.length
    if (length > fileBytesMax) return { place: { file, line: 1 }, problem: tooLong(fileBytesMax) }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLong(fileBytesMax: number): EntryProblem {
  return { reason: `expected a file of at most ${fileBytesMax} bytes, got more`, cure: 'Split it.' }
}

async function readText(
  file: string,
  options: FolderOptions,
): Promise<string | { place: Place; problem: EntryProblem }> {
  const fileBytesMax = options.fileBytesMax ?? LINE_BYTES_MAX_DEFAULT
  const lines: string[] = []
  let length = 0
  for await (const line of readLines(readBytes(file, options), { file, lineBytesMax: fileBytesMax })) {
    const place = { file, line: line.number }
    if (line.problem) return { place, problem: line.problem }
    length += line.text.length + 1
    if (length > fileBytesMax) {
      return { place, problem: tooLong(fileBytesMax) }
    }
    lines.push(line.text)
  }
  return lines.join('\n')
}

/** Plain text: no title, no headings; blank lines separate its blocks. */
function parseText(source: string): Page {
  return { title: '', blocks: source.trim() === '' ? [] : [{ kind: 'text', text: source, line: 1 }] }
}
