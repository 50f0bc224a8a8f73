/** CSV (RFC 4180, read by csv-parse), its columns separated by commas, semicolons, tabs or bars. A header names them, or options give their places. */
import { Readable } from 'node:stream'
import { type CsvError, type OptionsWithColumns, parse } from 'csv-parse'
import { InputError } from '../../../format/errors.ts'
import { type CorpusEntry, type EntryProblem, problemError } from '../entry.ts'
import type { Line } from '../lines.ts'
import {
  type ColumnOptions,
  type Columns,
  guessColumns,
  headerColumns,
  isHeader,
  isPlacedRow,
  passageOfCells,
} from './columns.ts'
import { placedColumns } from './headerless.ts'
import { LookAhead } from './lookAhead.ts'
import { type NoteTexts, SAMPLE_ROWS, TextWatch } from './textWatch.ts'

const DELIMITERS = [',', ';', '\t', '|']
/** A first line by which spreadsheets tell the separator. */
const SEPARATOR_LINE = /^"?sep=(\\t|.)"?$/i

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
  options: ColumnOptions = {},
  note: NoteTexts = () => {},
): AsyncGenerator<CorpusEntry> {
  const ahead = new LookAhead(lines)
  const delimiter = await findDelimiter(ahead, options)
  const rows = new LookAhead(parseRows(ahead.rest(), file, rowBytesMax, delimiter))
  let columns: Columns | undefined
  let watch: TextWatch | undefined
  for await (const { cells, line } of rows.rest()) {
    const place = { file, line }
    if (cells.every((cell) => cell === '')) continue
    if (!columns || !watch) {
      const isPlaced = isPlacedRow(cells, options)
      columns = isPlaced ? placedColumns(cells, options, place) : headerColumns(cells, options, place)
      watch = new TextWatch(columns, options, place)
      if (!isPlaced) {
        if (watch.isSampleNeeded) watch.checkHeader(await sample(rows), note)
        else watch.checkHeader([], note)
        continue
      }
    }
    const problem = rowProblem(cells, columns, delimiter)
    if (!problem) watch.see(cells)
    yield problem ? { place, problem } : { place, passage: passageOfCells(cells, columns, line) }
  }
  watch?.checkTexts()
}

/** Some rows that follow, left where they are. */
async function sample(rows: LookAhead<Row>): Promise<readonly (readonly string[])[]> {
  const found: (readonly string[])[] = []
  for (let count = 0; count < SAMPLE_ROWS; count++) {
    const row = await rows.peek(count)
    if (!row) break
    found.push(row.cells)
  }
  return found
}

/** What a line `sep=;` says, which is then taken; else what makes the header one. */
async function findDelimiter(lines: LookAhead<Line>, options: ColumnOptions): Promise<string> {
  let first = await lines.peek()
  const told = SEPARATOR_LINE.exec(first?.text ?? '')?.[1]
  if (told !== undefined) {
    await lines.next()
    return told === '\\t' ? '\t' : told
  }
  for (let skipped = 1; first?.text?.trim() === ''; skipped++) first = await lines.peek(skipped)
  const header = first?.text ?? ''
  const ranked = DELIMITERS.map((delimiter) => ({ delimiter, ...rankOf(headerCells(header, delimiter), options) }))
  ranked.sort((a, b) => b.rank - a.rank || b.columns - a.columns)
  return ranked[0]?.delimiter ?? ','
}

function rankOf(cells: readonly string[], options: ColumnOptions): { readonly rank: number; readonly columns: number } {
  const { id, title, text } = guessColumns(cells)
  const known = [id, title, text].filter((column) => column !== undefined).length
  return { rank: (isHeader(cells, options) ? 3 : 0) + known, columns: cells.length }
}

/** Names in a header, near enough to choose among delimiters. */
function headerCells(header: string, delimiter: string): readonly string[] {
  const cells = [...header.matchAll(/"(?:[^"]|"")*"|[^"]+|"/g)].map(([piece]) =>
    piece.startsWith('"') ? piece.replaceAll(delimiter, ' ') : piece,
  )
  return cells
    .join('')
    .split(delimiter)
    .map((cell) =>
      cell
        .trim()
        .replace(/^"(.*)"$/, '$1')
        .trim(),
    )
}

async function* parseRows(
  lines: AsyncIterable<Line>,
  file: string,
  rowBytesMax: number,
  delimiter: string,
): AsyncGenerator<Row> {
  let firstLine = 1
  let line = 1
  const options: Pick<
    OptionsWithColumns<Row, string[]>,
    'delimiter' | 'relax_column_count' | 'max_record_size' | 'record_delimiter' | 'on_record'
  > = {
    // Counting columns is left to parseRow: there a wrong row is one entry's problem, in csv-parse it ends the stream.
    relax_column_count: true,
    delimiter,
    max_record_size: rowBytesMax,
    record_delimiter: '\n',
    // Called while parsing, so that `line` is the failing row's own when csv-parse throws.
    on_record: (cells: string[], info): Row => {
      const row = { cells, line: line + firstLine - 1 }
      line = info.lines + 1
      return row
    },
  }
  // The declarations know on_record with another type of row only together with `columns`.
  const parser = parse(options as OptionsWithColumns<Row, string[]>)
  const input = Readable.from(
    joinLines(lines, file, (number) => {
      firstLine = number
    }),
  )
  input.on('error', (error) => parser.destroy(error))
  input.pipe(parser)
  try {
    yield* parser as AsyncIterable<Row>
  } catch (error) {
    throw csvError(error, file, line + firstLine - 1)
  } finally {
    input.destroy()
  }
}

async function* joinLines(
  lines: AsyncIterable<Line>,
  file: string,
  onFirst: (number: number) => void,
): AsyncGenerator<string> {
  let isFirst = true
  for await (const { number, text, problem } of lines) {
    if (isFirst) onFirst(number)
    isFirst = false
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

/** Rows of spreadsheets may go on with empty cells. */
function rowProblem(cells: readonly string[], { names }: Columns, delimiter: string): EntryProblem | undefined {
  const isWhole = cells.length >= names.length && cells.slice(names.length).every((cell) => cell.trim() === '')
  if (isWhole) return undefined
  return {
    reason: `expected ${names.length} columns as in the ${names[0] === 'column 1' ? 'first row' : 'header'}, got ${cells.length}`,
    cure: `Quote cells that hold ${delimiter === '\t' ? 'a tab' : `"${delimiter}"`}.`,
  }
}
