/** CSV with a header line (RFC 4180, read by csv-parse): id and text by their usual names, other columns are metadata. */
import { Readable } from 'node:stream'
import { type CsvError, type OptionsWithColumns, parse } from 'csv-parse'
import { InputError } from '../../format/errors.ts'
import { type CorpusEntry, type EntryProblem, excerpt, type Place, problemError, type RawPassage } from './entry.ts'
import type { Line } from './lines.ts'

const ID_NAMES = ['_id', 'id', 'pid']
const TITLE_NAMES = ['title']
const TEXT_NAMES = ['text', 'passage', 'content', 'body']

/** Which column holds what; -1 where there is none. */
interface Columns {
  readonly names: readonly string[]
  readonly id: number
  readonly title: number
  readonly text: number
}

interface Row {
  readonly cells: readonly string[]
  /** 1-based line the row begins at; a quoted cell may go on over several. */
  readonly line: number
}

/**
 * Yields one entry a row. A line end inside a quoted cell is kept, as "\n".
 *
 * @throws InputError when the header has no id or no text, or the quoting is broken: nothing after it can be trusted
 */
export async function* readCsv(
  lines: AsyncIterable<Line>,
  file: string,
  rowBytesMax: number,
): AsyncGenerator<CorpusEntry> {
  let columns: Columns | undefined
  for await (const { cells, line } of parseRows(lines, file, rowBytesMax)) {
    const place = { file, line }
    if (cells.length === 1 && cells[0] === '') continue
    if (!columns) {
      columns = findColumns(cells, place)
      continue
    }
    const parsed = parseRow(cells, columns)
    yield 'reason' in parsed ? { place, problem: parsed } : { place, passage: parsed }
  }
}

async function* parseRows(lines: AsyncIterable<Line>, file: string, rowBytesMax: number): AsyncGenerator<Row> {
  let line = 1
  const options: Pick<
    OptionsWithColumns<Row, string[]>,
    'relax_column_count' | 'max_record_size' | 'record_delimiter' | 'on_record'
  > = {
    // Counting columns is left to parseRow: there a wrong row is one entry's problem, in csv-parse it ends the stream.
    relax_column_count: true,
    max_record_size: rowBytesMax,
    record_delimiter: '\n',
    // Called while parsing, so that `line` is the failing row's own when csv-parse throws.
    on_record: (cells: string[], info): Row => {
      const row = { cells, line }
      line = info.lines + 1
      return row
    },
  }
  // The declarations know on_record with another type of row only together with `columns`.
  const parser = parse(options as OptionsWithColumns<Row, string[]>)
  const input = Readable.from(joinLines(lines, file))
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  try {
    yield* parser as AsyncIterable<Row>
  } catch (error) {
    throw csvError(error, file, line)
  } finally {
    input.destroy()
  }
}

async function* joinLines(lines: AsyncIterable<Line>, file: string): AsyncGenerator<string> {
  for await (const { number, text, problem } of lines) {
    if (problem) throw problemError({ file, line: number }, problem)
    yield `${text}\n`
  }
}

function csvError(error: unknown, file: string, line: number): unknown {
  const code = (error as Partial<CsvError>).code
  if (error instanceof InputError || typeof code !== 'string' || !/^(CSV_|INVALID_)/.test(code)) return error
  const problem: Record<string, EntryProblem> = {
    CSV_QUOTE_NOT_CLOSED: {
      reason: 'expected every quoted cell to end, got a row whose quote is never closed',
      cure: 'Close it; a quote inside a cell is written twice.',
    },
    CSV_MAX_RECORD_SIZE: {
      reason: 'expected a shorter row, got one beyond the limit of a line',
      cure: 'Is a quote left open in this row?',
    },
  }
  const other = {
    reason: `expected CSV, got a misplaced quote (${(error as Error).message})`,
    cure: 'Quote the whole cell and double quotes inside.',
  }
  return problemError({ file, line }, problem[code] ?? other)
}

function findColumns(header: readonly string[], place: Place): Columns {
  const names = header.map((name) => name.trim())
  const keys = names.map((name) => name.toLowerCase())
  const fail = (reason: string, cure: string) => problemError(place, { reason, cure })
  const twice = keys.find((key, i) => keys.indexOf(key) !== i)
  if (twice !== undefined) throw fail(`expected distinct column names, got ${excerpt(twice)} twice`, 'Rename one.')
  const find = (wanted: readonly string[]) => keys.indexOf(wanted.find((name) => keys.includes(name)) ?? '\n')
  const columns = { names, id: find(ID_NAMES), title: find(TITLE_NAMES), text: find(TEXT_NAMES) }
  if (columns.id < 0) {
    throw fail(
      `expected a column named ${ID_NAMES.join(', ')}, got ${excerpt(names)}`,
      'Begin the file with a header line.',
    )
  }
  if (columns.text < 0 && columns.title < 0) {
    throw fail(
      `expected a column named ${TEXT_NAMES.join(', ')}, got ${excerpt(names)}`,
      'Rename the column with the text.',
    )
  }
  return columns
}

function parseRow(cells: readonly string[], columns: Columns): RawPassage | EntryProblem {
  const { names, id, title, text } = columns
  if (cells.length !== names.length) {
    return {
      reason: `expected ${names.length} columns as in the header, got ${cells.length}`,
      cure: 'Quote cells that hold commas.',
    }
  }
  const others = names
    .map((name, i) => [name, cells[i] ?? ''] as const)
    .filter((_, i) => i !== id && i !== title && i !== text)
  return {
    id: cells[id] ?? '',
    title: cells[title] ?? '',
    text: cells[text] ?? '',
    metadata: Object.fromEntries(others),
  }
}
