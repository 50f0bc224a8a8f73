/** A folder of Markdown, HTML and text files as a corpus: one file in memory at a time, in the order of their paths. */
import { Buffer } from 'node:buffer'
import { extname, join } from 'node:path'
import { AbortedError, InputError } from '../../format/errors.ts'
import type { CorpusEntry, EntryProblem, Place } from './entry.ts'
import { tableFormat } from './formats.ts'
import { LINE_BYTES_MAX_DEFAULT, readLines } from './lines.ts'
import { HtmlSite } from './pages/html/site.ts'
import { parseMarkdown, parseMdx } from './pages/markdown.ts'
import { type Page, type PageWords, pagePassages, type SplitOptions } from './pages/page.ts'
import { FolderIds } from './pages/passageIds.ts'
import { readBytes } from './source.ts'
import { type FoundFile, walkFolder } from './walk.ts'

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

export interface FolderOptions {
  readonly split: SplitOptions
  /** Longest file, in bytes. Default LINE_BYTES_MAX_DEFAULT. */
  readonly fileBytesMax?: number
  readonly signal?: AbortSignal
  /** Whether links that leave the folder are followed. Default false. */
  readonly followLinks?: boolean
  /** Told of every file that gives no passage, and why; with a line, of a part of a file that is not read as what it is. */
  readonly onFileSkipped: (file: string, reason: string, line?: number) => void
  /** Told of every HTML page: how many words a reader sees, and how many of them are left out, by why. */
  readonly onPage?: (file: string, words: PageWords) => void
}

/**
 * Yields the passages of all pages below `folder`, sorted by path; what is gone into is `walkFolder`'s to say.
 *
 * @throws InputError when no file has one of PAGE_EXTENSIONS
 */
export async function* readFolder(folder: string, options: FolderOptions): AsyncGenerator<CorpusEntry> {
  const { onFileSkipped: onSkipped, followLinks } = options
  let pages = 0
  let table: string | undefined
  const site = await surveySite(folder, options)
  const ids = new FolderIds()
  for await (const found of walkFolder(folder, { followLinks, onSkipped })) {
    const file = join(folder, found.path)
    const parse = parserOf(found.path)
    if (parse) {
      pages++
      yield* readPage({ ...found, file, ids }, parse === 'html' ? site : parse, options)
    } else if (tableFormat(found.path)) {
      table ??= file
      onSkipped(file, 'no page but a table: name the file itself to index it')
    } else {
      onSkipped(file, `not one of ${PAGE_EXTENSIONS.join(' ')}`)
    }
  }
  if (pages > 0) return
  const cure =
    table === undefined ? 'Name another folder.' : `To index the table in it, name the file itself: "${table}".`
  throw new InputError(
    `reading the folder "${folder}": expected files with the extension ${PAGE_EXTENSIONS.join(', ')}, got none. ${cure}`,
    { file: folder },
  )
}

/** A page, and its name in messages. */
interface PageFile extends FoundFile {
  readonly file: string
}

/** A page that is read for its passages. */
interface ReadFile extends PageFile {
  /** Those of the pages before. */
  readonly ids: FolderIds
}

function parserOf(path: string): ((source: string) => Page) | 'html' | undefined {
  const extension = extname(path).toLowerCase()
  return HTML_EXTENSIONS.includes(extension) ? 'html' : PARSERS[extension]
}

/** What many pages share is found before the first is read: the paths of all are held, of pages a few at a time. */
async function surveySite(folder: string, options: FolderOptions): Promise<HtmlSite> {
  const files = new Map<string, PageFile>()
  for await (const found of walkFolder(folder, { followLinks: options.followLinks, onSkipped: () => {} })) {
    if (parserOf(found.path) === 'html') files.set(found.path, { ...found, file: join(folder, found.path) })
  }
  return HtmlSite.survey([...files.keys()], async (path) => {
    if (options.signal?.aborted) throw new AbortedError()
    const file = files.get(path)
    const bytes = file && (await readWhole(file, options).catch(() => undefined))
    return bytes instanceof Uint8Array ? bytes : undefined
  })
}

async function* readPage(
  found: ReadFile,
  parse: ((source: string) => Page) | HtmlSite,
  options: FolderOptions,
): AsyncGenerator<CorpusEntry> {
  const { file, path } = found
  let page: Page | { readonly place: Place; readonly problem: EntryProblem }
  try {
    page = await (parse instanceof HtmlSite ? htmlPage(found, parse, options) : textPage(found, parse, options))
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
  for (const { line, passage } of pagePassages(page, path, options.split, found.ids)) {
    count++
    yield { place: { file, line }, passage }
  }
  if (count === 0) options.onFileSkipped(file, 'no text in it')
}

async function htmlPage(found: PageFile, site: HtmlSite, options: FolderOptions) {
  const { file, path } = found
  const bytes = await readWhole(found, options)
  if (!(bytes instanceof Uint8Array)) return bytes
  const read = site.read(path, bytes)
  if (read.problem) return { place: { file, line: 1 }, problem: read.problem }
  if (read.note !== undefined) options.onFileSkipped(file, read.note, 1)
  return read.page
}

async function textPage(found: PageFile, parse: (source: string) => Page, options: FolderOptions) {
  const source = await readText(found, options)
  return typeof source === 'string' ? parse(source) : source
}

async function readWhole(
  { file, location }: PageFile,
  options: FolderOptions,
): Promise<Uint8Array | { place: Place; problem: EntryProblem }> {
  const fileBytesMax = options.fileBytesMax ?? LINE_BYTES_MAX_DEFAULT
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of readBytes(file, { ...options, location })) {
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
  { file, location }: PageFile,
  options: FolderOptions,
): Promise<string | { place: Place; problem: EntryProblem }> {
  const fileBytesMax = options.fileBytesMax ?? LINE_BYTES_MAX_DEFAULT
  const lines: string[] = []
  let length = 0
  for await (const line of readLines(readBytes(file, { ...options, location }), { file, lineBytesMax: fileBytesMax })) {
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
