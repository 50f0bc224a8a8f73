/** Any corpus as a stream of passages: picks the reader by the source's name and checks what it yields. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { AbortedError, InputError } from '../../format/errors.ts'
import { MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import {
  type CorpusEntry,
  checkPassage,
  type EntryProblem,
  excerpt,
  idProblem,
  type Place,
  problemError,
} from './entry.ts'
import { PAGE_EXTENSIONS, readFolder } from './folder.ts'
import { CORPUS_FORMATS, type CorpusFormat, extensionOf, tableFormat } from './formats.ts'
import { readJsonl } from './jsonl.ts'
import { LINE_BYTES_MAX_DEFAULT, readLines } from './lines.ts'
import type { PageWords, SplitOptions } from './pages/page.ts'
import { PART_MARK, partsOf } from './parts.ts'
import type { CorpusPassage } from './passage.ts'
import { SeenIds } from './seenIds.ts'
import { readBytes, STDIN, sourceName } from './source.ts'
import { estimateTokens } from './split.ts'
import { type ColumnOptions, checkColumnOptions, hasColumnOptions } from './tables/columns.ts'
import { readCsv } from './tables/csv.ts'
import { readTsv } from './tables/tsv.ts'

/** Default bound of the tokens of a passage cut from a page. */
export const PAGE_TOKENS_MAX_DEFAULT = 180

/** Something of the source that is not in the corpus. */
export interface SkippedEntry {
  /**
   * A whole file of a folder; one line, row or section; or a part of what is read, that is read otherwise than one may expect: front matter
   * that is broken, a page in another charset, a field of text beside the one that is searched.
   */
  readonly kind: 'file' | 'passage' | 'part'
  readonly file: string
  /** 1-based; absent for a whole file. */
  readonly line?: number
  readonly reason: string
}

export interface CorpusOptions extends ColumnOptions {
  /** Overrides the extension; needed for standard input. A folder has none. */
  readonly format?: CorpusFormat
  /** Stop after so many passages, at least 1. */
  readonly limit?: number
  readonly signal?: AbortSignal
  /** Default 'error': the first bad passage ends the reading. 'skip' leaves it out and tells `onSkipped`. */
  readonly onBadPassage?: 'error' | 'skip'
  /** Files of a folder that give no passage are reported here always, bad passages when they are skipped. */
  readonly onSkipped?: (skipped: SkippedEntry) => void
  /** Told of every HTML page of a folder: how many words a reader sees, and how many of them are left out, by why. */
  readonly onPage?: (file: string, words: PageWords) => void
  /** Longest line, CSV row, or file of a folder, in bytes. Default 64 MiB. */
  readonly lineBytesMax?: number
  /** Bound of the tokens of a passage cut from a page, its title included. Default 180. */
  readonly tokensMax?: number
  /** Counts a text's tokens without cutting it at the encoder's length. Default: an estimate by words. */
  readonly countTokens?: (text: string) => number
  /** Cuts passages of lines and rows that are longer into several: `id`, `id~2`, … Default: they stay whole. */
  readonly split?: SplitOptions
  /** Whether symbolic links that leave the folder are followed, those to folders too. Default false. */
  readonly followLinks?: boolean
  /** What source "-" reads. Default: the standard input of the process. */
  readonly stdin?: Readable
}

/**
 * Streams the passages of a TSV, JSONL or CSV file (plain or gzip), of a folder of pages, or of standard input ("-"), in
 * the order of the source. Memory does not grow with the corpus but for 21 to 43 bytes an id, which find duplicates.
 *
 * @throws InputError at the first entry that breaks the promises of `CorpusPassage` (unless they are skipped), when the
 * source cannot be read, or when it holds no passage at all
 * @throws AbortedError when `signal` fires
 */
export async function* readCorpus(source: string, options: CorpusOptions = {}): AsyncGenerator<CorpusPassage> {
  const { limit = Number.POSITIVE_INFINITY, onBadPassage = 'error', signal } = options
  checkOptions(options)
  const ids = new SeenIds()
  let count = 0
  let skipped = 0
  for await (const entry of await openEntries(source, options)) {
    if (signal?.aborted) throw new AbortedError()
    let isRead = false
    for (const checked of checkedPassages(entry, ids, options.split)) {
      if (!('reason' in checked)) {
        yield checked
        isRead = true
      } else if (onBadPassage === 'skip') {
        skipped++
        options.onSkipped?.({ kind: 'passage', ...entry.place, reason: checked.reason })
      } else {
        throw problemError(entry.place, checked)
      }
    }
    if (isRead && ++count >= limit) return
  }
  if (count > 0) return
  const got = skipped === 0 ? 'none' : `only ${skipped} bad ones`
  throw new InputError(
    `reading "${sourceName(source)}": expected at least one passage, got ${got}. Is this the right source?`,
    {
      file: sourceName(source),
      skipped,
    },
  )
}

/**
 * The format that a file's name tells: its extension, with or without ".gz".
 *
 * @throws InputError for another extension, and for standard input
 */
export function formatOfName(source: string): CorpusFormat {
  const format = tableFormat(source)
  if (format) return format
  const got = source === STDIN ? 'standard input, which has no name' : `"${source}"`
  const isPage = source !== STDIN && PAGE_EXTENSIONS.includes(`.${extensionOf(source)}`)
  const cure = isPage
    ? 'A page is read with its folder: name the folder.'
    : `Name the format with --format ${CORPUS_FORMATS.join('|')}.`
  throw new InputError(
    `choosing a reader: expected a file named .tsv, .jsonl, .ndjson or .csv (each also .gz) or a folder of ${PAGE_EXTENSIONS.join(' ')} files, got ${got}. ${cure}`,
    { file: source },
  )
}

function checkOptions(options: CorpusOptions): void {
  const { limit = 1, format, tokensMax = 1, lineBytesMax = 1 } = options
  checkColumnOptions(options)
  for (const [name, value] of Object.entries({ limit, tokensMax, lineBytesMax })) {
    if (Number.isInteger(value) && value >= 1) continue
    throw new InputError(`reading a corpus: expected ${name} to be a whole number of at least 1, got ${value}`, {
      [name]: value,
    })
  }
  if (format === undefined || CORPUS_FORMATS.includes(format)) return
  throw new InputError(`reading a corpus: expected the format ${CORPUS_FORMATS.join(', ')}, got ${excerpt(format)}`, {
    format,
  })
}

async function openEntries(source: string, options: CorpusOptions): Promise<AsyncIterable<CorpusEntry>> {
  const { lineBytesMax = LINE_BYTES_MAX_DEFAULT, signal } = options
  const status = source === STDIN ? undefined : await stat(source).catch(() => undefined)
  // A missing "docs" is a missing file, not a file of an unknown format: reading it tells that.
  if (source !== STDIN && !status) await readBytes(source, options).next()
  if (status?.isDirectory()) {
    await refuseIndex(source)
    if (options.format) {
      throw new InputError(
        `reading "${source}": expected a ${options.format} file, got a folder. Leave --format out.`,
        { file: source },
      )
    }
    if (hasColumnOptions(options)) {
      throw new InputError(
        `reading "${source}": expected a TSV, CSV or JSONL file with --id-column, --title-column, --text-column and --number-ids, got a folder, whose pages have no columns. Leave them out.`,
        { file: source },
      )
    }
    const { tokensMax = PAGE_TOKENS_MAX_DEFAULT, countTokens = estimateTokens, onSkipped } = options
    return readFolder(source, {
      split: { tokensMax, countTokens },
      fileBytesMax: lineBytesMax,
      signal,
      followLinks: options.followLinks,
      onFileSkipped: (file, reason, line) =>
        onSkipped?.(line === undefined ? { kind: 'file', file, reason } : { kind: 'part', file, line, reason }),
      onPage: options.onPage,
    })
  }
  const format = options.format ?? formatOfName(source)
  const file = sourceName(source)
  const lines = readLines(readBytes(source, options), { file, lineBytesMax })
  const note = (line: number, reason: string) => options.onSkipped?.({ kind: 'part', file, line, reason })
  if (format === 'csv') return readCsv(lines, file, lineBytesMax, options, note)
  return format === 'tsv' ? readTsv(lines, file, options, note) : readJsonl(lines, file, options, note)
}

/** An index is a folder too, and holds no pages: whoever names it rather meant the corpus beside it. */
async function refuseIndex(folder: string): Promise<void> {
  if (!(await stat(join(folder, MANIFEST_NAME)).catch(() => undefined))?.isFile()) return
  throw new InputError(
    `reading "${folder}": expected a corpus, got a Tartan index: it holds ${MANIFEST_NAME}. Name the corpus that it is built from.`,
    { file: folder },
  )
}

/** The passage of an entry, or its parts; in the place of one that cannot be used, what is wrong with it. */
function* checkedPassages(
  entry: CorpusEntry,
  ids: SeenIds,
  split: SplitOptions | undefined,
): Generator<CorpusPassage | EntryProblem> {
  const checked = entry.problem ?? checkPassage(entry.passage)
  if ('reason' in checked) {
    yield checked
    return
  }
  for (const part of split ? partsOf(checked, split) : [checked]) {
    const problem = idProblem(part.id)
    const lineBefore = problem ? undefined : ids.add(part.id, entry.place.line)
    if (lineBefore !== undefined) yield duplicateProblem(part.id, entry.place, lineBefore, split !== undefined)
    else yield problem ?? part
  }
}

function duplicateProblem(id: string, place: Place, lineBefore: number, isSplit: boolean): EntryProblem {
  const parts = isSplit ? ` (--split names the parts of a passage "id", "id${PART_MARK}2", "id${PART_MARK}3", …)` : ''
  return {
    reason: `expected every id once, got ${excerpt(id)} in lines ${lineBefore} and ${place.line}`,
    cure: `Rename or remove one of the two${parts}.`,
  }
}
