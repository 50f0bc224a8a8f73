/**
 * The cells of a TSV row. ColBERT's files know no quoting, so a text may begin with a quote; pandas and DPR quote cells that hold tabs, line ends or
 * quotes. A cell is taken for a quoted one only where it reads as one to its end and something in it needed the quotes.
 */
import type { Line } from '../lines.ts'
import type { LookAhead } from './lookAhead.ts'

/** Lines that a quoted cell may go on over; a quote that is still open then is a sign of the text. */
const CELL_LINES_MAX = 1000

/** A quoted cell, one that is open at the end of the line, or a plain one. */
const CELL = /"[^"]*(?:""[^"]*)*"(?=\t|$)|"[^"]*(?:""[^"]*)*$|[^\t]*/y
const OPEN_CELL = /^"[^"]*(?:""[^"]*)*$/

export function isQuoted(cell: string): boolean {
  return cell.length >= 2 && /^"[^"]*(?:""[^"]*)*"$/.test(cell)
}

export function unquoted(cell: string): string {
  return cell.slice(1, -1).replaceAll('""', '"')
}

/**
 * @param columns - how many cells the row should have
 * @param isAllQuoted - whether quotes around a cell never belong to it
 * @param following - the lines after it; those that a quoted cell goes on over are taken
 */
export async function readRow(
  text: string,
  columns: number,
  isAllQuoted: boolean,
  following: LookAhead<Line>,
): Promise<readonly string[]> {
  const cells = text.split('\t')
  if (!text.includes('"')) return cells
  const plain = (cell: string) =>
    isQuoted(cell) && (isAllQuoted || /""|[\t\n]/.test(cell.slice(1, -1))) ? unquoted(cell) : cell
  const quoted = quotedCells(text)
  const isOpen = OPEN_CELL.test(quoted.at(-1) ?? '')
  const whole = isOpen ? await joinLines(text, columns, following) : undefined
  if (whole) return whole.map(plain)
  return (cells.length !== columns && !isOpen && quoted.length === columns ? quoted : cells).map(plain)
}

/**
 * The cells of the first rows of a file, of which nobody knows yet how many they are. Quotes of the first row count where one of its cells
 * holds a tab between them, unless other rows have as many columns as it has without.
 */
export function sameCells(rows: readonly string[]): readonly (readonly string[])[] {
  const plain = rows.map((row) => row.split('\t'))
  const quoted = rows.map((row) => (row.includes('"') ? quotedCells(row) : row.split('\t')))
  const [first = []] = plain
  const [joined = []] = quoted
  if (joined.length === first.length || !joined.every((cell) => !cell.includes('\t') || isQuoted(cell))) return plain
  const others = plain.slice(1)
  const isPlain = others.some((cells) => cells.length === first.length)
  if (isPlain && !others.some((cells) => cells.length === joined.length)) return plain
  return plain.map((cells, i) => (cells.length === joined.length ? cells : (quoted[i] ?? cells)))
}

function quotedCells(text: string): readonly string[] {
  const cells: string[] = []
  for (let at = 0; at <= text.length; ) {
    CELL.lastIndex = at
    const cell = CELL.exec(text)?.[0] ?? ''
    cells.push(cell)
    at += cell.length + 1
  }
  return cells
}

/** The row with the lines that its open cell goes on over, when it then has its columns. A line that is a row itself ends the search. */
async function joinLines(
  text: string,
  columns: number,
  following: LookAhead<Line>,
): Promise<readonly string[] | undefined> {
  let joined = text
  for (let count = 0; count < CELL_LINES_MAX; count++) {
    const line = await following.peek(count)
    if (line?.text === undefined || line.text.split('\t').length >= columns) return undefined
    joined += `\n${line.text}`
    if (!line.text.includes('"')) continue
    const cells = quotedCells(joined)
    if (OPEN_CELL.test(cells.at(-1) ?? '')) continue
    if (cells.length !== columns) return undefined
    for (let taken = 0; taken <= count; taken++) await following.next()
    return cells
  }
  return undefined
}
