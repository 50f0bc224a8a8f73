/**
 * TSV: one passage a line, cells separated by tabs. With a header that names its columns they may stand in any order; without one they are
 * ColBERT's (`pid \t passage [\t title]`) or MS MARCO's documents (`docid \t url \t title \t body`).
 */
import { type CorpusEntry, type EntryProblem, type Place, problemError } from '../entry.ts'
import type { Line } from '../lines.ts'
import {
  areColumnsPlaces,
  type ColumnOptions,
  type Columns,
  hasColumnOptions,
  headerColumns,
  isHeader,
  passageOfCells,
} from './columns.ts'
import { isLikeHeader, placedColumns, unknownHeader, usualColumns } from './headerless.ts'
import { LookAhead } from './lookAhead.ts'
import { type NoteTexts, SAMPLE_ROWS, TextWatch } from './textWatch.ts'
import { isQuoted, readRow, sameCells, unquoted } from './tsvRow.ts'

/** How the rows of a file are read. */
interface Layout {
  readonly columns: Columns
  readonly header: boolean
  /** Whether every cell is quoted, as its header is. */
  readonly isQuoted: boolean
}

/** Yields one entry a row; empty lines are passed over. */
export async function* readTsv(
  lines: AsyncIterable<Line>,
  file: string,
  options: ColumnOptions = {},
  note: NoteTexts = () => {},
): AsyncGenerator<CorpusEntry> {
  const rows = new LookAhead(lines)
  let layout: Layout | undefined
  let watch: TextWatch | undefined
  try {
    for (let line = await rows.next(); line; line = await rows.next()) {
      const place = { file, line: line.number }
      if (line.problem) {
        yield { place, problem: line.problem }
        continue
      }
      if (line.text === '') continue
      if (!layout) {
        const first = await firstRows(line.text, rows)
        const found = layoutOf(first, options, place)
        if ('reason' in found) {
          yield { place, problem: found }
          continue
        }
        layout = found
        watch = new TextWatch(layout.columns, options, place)
        if (layout.header) {
          watch.checkHeader(first.slice(1), note)
          continue
        }
      }
      const cells = await readRow(line.text, layout.columns.names.length, layout.isQuoted, rows)
      const problem = rowProblem(cells.length, layout)
      if (!problem) watch?.see(cells)
      yield problem ? { place, problem } : { place, passage: passageOfCells(cells, layout.columns, place.line) }
    }
    watch?.checkTexts()
  } finally {
    await rows.close()
  }
}

/** Cells of the row that is read, and of some that follow, by which its columns are known. */
async function firstRows(text: string, following: LookAhead<Line>): Promise<readonly (readonly string[])[]> {
  const texts = [text]
  for (let count = 0; count < SAMPLE_ROWS; count++) {
    const line = await following.peek(count)
    if (!line) break
    if (line.text) texts.push(line.text)
  }
  return sameCells(texts)
}

function layoutOf(rows: readonly (readonly string[])[], options: ColumnOptions, place: Place): Layout | EntryProblem {
  const [cells = []] = rows
  const isAllQuoted = cells.every(isQuoted)
  const names = isAllQuoted ? cells.map(unquoted) : cells
  const mustHaveHeader = hasColumnOptions(options) && !areColumnsPlaces(options) && cells.length > 1
  if (isHeader(names, options) || mustHaveHeader) {
    return { columns: headerColumns(names, options, place), header: true, isQuoted: isAllQuoted }
  }
  if (!areColumnsPlaces(options) && isLikeHeader(rows)) throw problemError(place, unknownHeader(cells))
  const columns = areColumnsPlaces(options) ? placedColumns(cells, options, place) : usualColumns(rows, options)
  return 'reason' in columns ? columns : { columns, header: false, isQuoted: false }
}

/** A row may end early where only its title or metadata is missing. */
function rowProblem(count: number, { columns, header }: Layout): EntryProblem | undefined {
  const { names, id, title, texts } = columns
  const needed = Math.max(id ?? 0, ...texts, texts.length === 0 ? (title ?? 0) : 0) + 1
  if (count <= names.length && count >= needed) return undefined
  const shape = header ? 'as in the header' : 'as in the first row'
  if (count > names.length) {
    return {
      reason: `expected ${names.length} columns ${shape} (${names.join(', ')}), got ${count}`,
      cure: 'Replace tabs inside a text by blanks, or give every row the same columns.',
    }
  }
  return {
    reason:
      count === 1 && names.length === 2
        ? 'expected "id<tab>text", got a line without a tab'
        : `expected ${names.length} columns ${shape} (${names.join(', ')}), got ${count}`,
    cure: 'Separate the columns by tabs; replace line ends inside a text by blanks.',
  }
}
