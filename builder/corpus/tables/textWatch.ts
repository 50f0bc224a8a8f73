/** Watches that no text of a table goes unsearched in silence: columns of text beside the one that is taken, and one that is empty. */
import { InputError } from '../../../format/errors.ts'
import { type Place, problemError } from '../entry.ts'
import { type ColumnOptions, type Columns, guessColumns, listed } from './columns.ts'

/** Rows that are looked at to know what columns hold. */
export const SAMPLE_ROWS = 20

/** Told once of what is read but not as a text. */
export type NoteTexts = (line: number, reason: string) => void

/** Two words, or several characters of a script that writes no blanks. */
const PROSE =
  /\p{L}\S*\s+(?:\S+\s+)*?\S*\p{L}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]{6}/u
const LOOKED_AT_CHARACTERS = 300

/** Whether a value reads as words in a row, so that somebody may search for them. */
export function isProse(value: string): boolean {
  return PROSE.test(value.slice(0, LOOKED_AT_CHARACTERS))
}

/** What is said of texts that are found under known names beside the one that is taken. */
export function unsearchedNote(names: readonly string[]): string {
  return `${listed(names)} kept as metadata and not searched; --text-column takes several`
}

export class TextWatch {
  readonly #columns: Columns
  readonly #options: ColumnOptions
  readonly #header: Place
  #rows = 0
  #hasText = false
  #hasTitle = false
  readonly #prose = new Set<number>()

  /** @param header - where the first row stands */
  constructor(columns: Columns, options: ColumnOptions, header: Place) {
    this.#columns = columns
    this.#options = options
    this.#header = header
  }

  /** Whether rows are to be looked at before the first is read: there is a title and no text. */
  get isSampleNeeded(): boolean {
    return this.#columns.texts.length === 0
  }

  /**
   * @param rows - some that follow the header
   * @throws InputError where titles would be all that is searched, though other columns hold texts
   */
  checkHeader(rows: readonly (readonly string[])[], note: NoteTexts): void {
    const { names, id, title, texts } = this.#columns
    if (texts.length > 0) {
      if (this.#options.textColumns) return
      const others = guessColumns(names).texts.filter((i) => i !== id && i !== title && !texts.includes(i))
      if (others.length > 0) note(this.#header.line, unsearchedNote(others.map((i) => names[i] ?? '')))
      return
    }
    const lengthOf = (i: number) => rows.reduce((sum, cells) => sum + (cells[i]?.length ?? 0), 0)
    const found = this.#others()
      .filter((i) => rows.some((cells) => isProse(cells[i] ?? '')))
      .sort((a, b) => lengthOf(b) - lengthOf(a))
    if (found.length === 0) return
    throw problemError(this.#header, titleAlone(names[title ?? -1] ?? '', names, names[found[0] ?? 0] ?? ''))
  }

  see(cells: readonly string[]): void {
    this.#rows++
    if (this.#hasText) return
    const { title, texts } = this.#columns
    this.#hasText = texts.some((i) => (cells[i] ?? '').trim() !== '')
    this.#hasTitle ||= title !== undefined && (cells[title] ?? '').trim() !== ''
    for (const i of this.#others()) if (isProse(cells[i] ?? '')) this.#prose.add(i)
  }

  /** @throws InputError at the end of a file whose column of texts was empty in all rows */
  checkTexts(): void {
    const { names, texts } = this.#columns
    if (this.#hasText || this.#rows === 0 || texts.length === 0 || (this.#hasTitle && this.#prose.size === 0)) return
    throw new InputError(
      `reading "${this.#header.file}": expected a text in ${listed(texts.map((i) => names[i] ?? ''))}, got none in ${this.#rows === 1 ? 'the only row' : `all ${this.#rows} rows`}. The columns are ${listed(names)}: name the one that holds the texts, --text-column NAME.`,
      { file: this.#header.file },
    )
  }

  /** Columns without a role. */
  #others(): readonly number[] {
    const { names, id, title, texts } = this.#columns
    return [...names.keys()].filter((i) => names[i] !== '' && i !== id && i !== title && !texts.includes(i))
  }
}

/** What is wrong where a title is the only text, and other columns or fields hold texts that nothing would search. */
export function titleAlone(title: string, names: readonly string[], text: string) {
  const quoted = (name: string) => (/^[\w.-]+$/.test(name) ? name : JSON.stringify(name))
  return {
    reason: `expected the texts under a known name (text, content, body, description, details or the like), got only the title ${JSON.stringify(title)} of ${listed(names)}`,
    cure: `Name what holds the texts, such as --text-column ${quoted(text)}; --text-column ${quoted(title)} searches the titles alone.`,
  }
}
