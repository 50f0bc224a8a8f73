/** Tables whose first row names no column that is known: what their columns are by the places that options give, or by what stands in them. */
import { type EntryProblem, type Place, problemError } from '../entry.ts'
import { type ColumnOptions, type Columns, chosenColumns, isLikeName, listed } from './columns.ts'

type Rows = readonly (readonly string[])[]

const ADDRESS = /^(?:[a-z][a-z\d+.-]*:\/\/|www\.|\/)\S+$/i

/**
 * ColBERT's columns or those of MS MARCO's documents.
 * @param rows - the first of the file; the first one decides how many columns there are
 */
export function usualColumns(rows: Rows, { numberIds }: ColumnOptions): Columns | EntryProblem {
  const [cells = []] = rows
  const isAddressSecond = ADDRESS.test(cells[1] ?? '')
  if (numberIds && cells.length === 1) return { names: ['text'], id: undefined, title: undefined, texts: [0] }
  if (cells.length === 2) return { names: ['id', 'text'], id: 0, title: undefined, texts: [1] }
  if (cells.length === 3 && isAddressSecond)
    return { names: ['id', 'url', 'text'], id: 0, title: undefined, texts: [2] }
  if (cells.length === 3 && isTitleSecond(rows)) return { names: ['id', 'title', 'text'], id: 0, title: 1, texts: [2] }
  if (cells.length === 3) return { names: ['id', 'text', 'title'], id: 0, title: 2, texts: [1] }
  if (cells.length === 4 && isAddressSecond)
    return { names: ['id', 'url', 'title', 'text'], id: 0, title: 2, texts: [3] }
  if (cells.length < 2) {
    return {
      reason: 'expected "id<tab>text", got a line without a tab',
      cure: 'Separate id and text by a tab character; --number-ids takes a file of texts alone.',
    }
  }
  return {
    reason: `expected 2 or 3 columns (id, text, title) or a header that names the columns, got ${cells.length} columns`,
    cure: 'Begin the file with a line such as "id<tab>url<tab>title<tab>text", or give their places: --id-column 1 --text-column 4. Tabs inside a text are to be replaced by blanks.',
  }
}

/**
 * Columns that options give by their places. Those without a role are metadata under their places.
 * @throws InputError where no place is that of the texts, or a place is beyond the last
 */
export function placedColumns(cells: readonly string[], options: ColumnOptions, place: Place): Columns {
  const first = options.numberIds ? undefined : 0
  const columns = chosenColumns(
    cells.map(() => ''),
    options,
    place,
  )
  if (columns.texts.length === 0) {
    throw problemError(place, {
      reason: 'expected a column with the texts, got a file without a header and none named',
      cure: 'Name it by its place as well, such as --text-column 2.',
    })
  }
  return {
    ...columns,
    names: cells.map((_, i) => `column ${i + 1}`),
    id: options.idColumn === undefined ? first : columns.id,
  }
}

/** ColBERT has the title last. Where what is last is far longer, it is the text. */
function isTitleSecond(rows: Rows): boolean {
  const whole = rows.filter((cells) => cells.length === 3)
  const lengthOf = (column: number) => whole.reduce((sum, cells) => sum + (cells[column]?.length ?? 0), 0)
  return lengthOf(2) > 2 * lengthOf(1)
}

/** Whether the first row has names where those after it have numbers for ids, and single words where those have sentences. */
export function isLikeHeader(rows: Rows): boolean {
  const [names = [], ...others] = rows
  if (names.length < 2 || others.length < 2) return false
  const isNames = names.every(isLikeName)
  if (!isNames || !others.every((cells) => cells.length === names.length && /^\d+$/.test(cells[0]?.trim() ?? '')))
    return false
  return names.some((name, i) => i > 0 && others.every((cells) => (cells[i] ?? '').length > 2 * name.length))
}

export function unknownHeader(names: readonly string[]): EntryProblem {
  return {
    reason: `expected a header with known names (id, title, text) or a passage, got what looks like the header ${listed(names)}`,
    cure: `Name its columns: --id-column NAME --text-column NAME. If it is a passage, give their places: --id-column 1 --text-column 2.`,
  }
}
