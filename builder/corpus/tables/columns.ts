/** Which column or field of a corpus holds what: told by options, else by the names that files usually have. */
import { InputError } from '../../../format/errors.ts'
import { type Place, problemError, type RawPassage } from '../entry.ts'

/** Names of columns (CSV, TSV) or fields (JSONL). A whole number that names no column is its place, from 1. */
export interface ColumnOptions {
  readonly idColumn?: string
  readonly titleColumn?: string
  /** Several are joined, in this order. */
  readonly textColumns?: readonly string[]
  /** Ids are the numbers of the lines that passages begin at. */
  readonly numberIds?: boolean
}

/** Places of columns, 0-based. */
export interface Columns {
  /** As the header has them, without white space around; empty for a column without a name. */
  readonly names: readonly string[]
  /** Undefined: the number of the line is the id. */
  readonly id: number | undefined
  readonly title: number | undefined
  readonly texts: readonly number[]
}

// In lower case, without blanks, "_", "-" and "."; the first that is there is taken.
const ID_NAMES = split(
  'id pid docid docno passageid documentid paragraphid chunkid recordid itemid articleid productid sku asin isbn uuid guid identifier key code handle slug url uri link permalink',
)
const TITLE_NAMES = split('title doctitle pagetitle')
/** Titles too, unless the text stands under its own name: there a name may be the author's. */
const TITLE_GUESSES = split('name productname heading headline subject question')
const TEXT_NAMES = split(
  'text passage content contents body passagetext doctext documenttext fulltext bodytext maintext',
)
const TEXT_GUESSES = split(
  'document paragraph chunk sentence description longdescription fulldescription productdescription itemdescription details detail definition abstract summary answer explanation message comment review overview shortdescription excerpt synopsis',
)
/** Ids by names that are hardly a word of a text, so that they tell a header by themselves. */
const HEADER_IDS = new Set(ID_NAMES.filter((name) => !/^(?:key|code|handle|slug|link|identifier)$/.test(name)))
/** One to three words without a digit, as names of columns are. */
const NAME = /^[\p{L}_][\p{L}_.-]*(?: [\p{L}_.-]+){0,2}$/u
const NAME_CHARACTERS_MAX = 40
const KNOWN = new Set([...ID_NAMES, ...TITLE_NAMES, ...TITLE_GUESSES, ...TEXT_NAMES, ...TEXT_GUESSES])

function split(names: string): readonly string[] {
  return names.split(' ')
}

function keyOf(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]+/g, '')
}

/** The places of the wanted names that are there, the best-known first; of `_id` and `id` the first, which is BEIR's. */
function findNames(names: readonly string[], wanted: readonly string[]): readonly number[] {
  const keys = names.map(keyOf)
  return wanted.flatMap((key) => {
    const found = keys.flatMap((other, i) => (other === key ? [i] : []))
    const place = found.find((i) => names[i]?.startsWith('_')) ?? found[0]
    return place === undefined ? [] : [place]
  })
}

/** Guesses by names alone. */
export function guessColumns(names: readonly string[]) {
  const isPlain = findNames(names, ['text', 'passage']).length > 0
  const texts = findNames(names, [...TEXT_NAMES, ...TEXT_GUESSES])
  return {
    id: findNames(names, ID_NAMES)[0],
    title: findNames(names, isPlain ? TITLE_NAMES : [...TITLE_NAMES, ...TITLE_GUESSES])[0],
    text: texts[0],
    /** All that texts are known to be called, the best-known first. */
    texts,
  }
}

/** Whether a cell may be the name of a column: a few words, no number and no sentence. */
export function isLikeName(cell: string): boolean {
  return cell.length <= NAME_CHARACTERS_MAX && NAME.test(cell.trim())
}

/** Whether a row begins with what ids are called and goes on with what may be names: a header, whatever the names mean. */
function isNamedRow(names: readonly string[]): boolean {
  const [first = '', ...others] = names
  return others.length > 0 && HEADER_IDS.has(keyOf(first)) && others.every((name) => name === '' || isLikeName(name))
}

/** Whether a first row names columns: one for ids and one for texts or titles, or those that options name. */
export function isHeader(cells: readonly string[], options: ColumnOptions): boolean {
  const names = cells.map((cell) => cell.trim())
  const wanted = namedColumns(options)
  if (wanted.some(({ name }) => !isPlace(name)))
    return wanted.every(({ name }) => findColumn(names, name) !== undefined)
  const { id, title, text } = guessColumns(names)
  if (isNamedRow(names)) return true
  const hasIds = id !== undefined || options.numberIds === true || unnamedFirst(names) !== undefined
  return hasIds && (text !== undefined || title !== undefined)
}

interface NamedColumn {
  readonly option: string
  readonly name: string
}

function namedColumns({ idColumn, titleColumn, textColumns = [] }: ColumnOptions): readonly NamedColumn[] {
  return [
    ...(idColumn === undefined ? [] : [{ option: '--id-column', name: idColumn }]),
    ...(titleColumn === undefined ? [] : [{ option: '--title-column', name: titleColumn }]),
    ...textColumns.map((name) => ({ option: '--text-column', name })),
  ]
}

const isPlace = (name: string) => /^[1-9]\d{0,3}$/.test(name.trim())

/** Whether options name columns by their places alone, so that no header is needed. */
export function areColumnsPlaces(options: ColumnOptions): boolean {
  const named = namedColumns(options)
  return named.length > 0 && named.every(({ name }) => isPlace(name))
}

/** Whether the first row can only be a passage: columns are told by places, and it does not name them so. A cell that is "1" may be an id. */
export function isPlacedRow(cells: readonly string[], options: ColumnOptions): boolean {
  if (!areColumnsPlaces(options) || isHeader(cells, options)) return false
  const names = cells.map((cell) => cell.trim())
  const named = namedColumns(options)
  return named.length < 2 || !named.every(({ name }) => names.includes(name.trim()))
}

function findColumn(names: readonly string[], wanted: string): number | undefined {
  const name = wanted.trim()
  const exact = names.indexOf(name)
  const found = exact >= 0 ? exact : names.findIndex((other) => other.toLowerCase() === name.toLowerCase())
  if (found >= 0) return found
  const place = isPlace(name) ? Number(name) - 1 : names.length
  return place < names.length ? place : undefined
}

/**
 * The columns of a file whose first row is a header.
 * @throws InputError when a name is there twice, or what holds ids or texts can neither be told nor guessed
 */
export function headerColumns(header: readonly string[], options: ColumnOptions, place: Place): Columns {
  const names = header.map((name) => name.trim())
  const fail = (reason: string, cure: string) => problemError(place, { reason, cure })
  const keys = names.map((name) => name.toLowerCase())
  const twice = keys.find((key, i) => key !== '' && keys.indexOf(key) !== i)
  if (twice !== undefined) {
    throw fail(`expected distinct column names, got ${JSON.stringify(twice)} twice`, 'Rename one of the two.')
  }
  const columns = chosenColumns(names, options, place)
  if (columns.id === undefined && !options.numberIds) {
    throw fail(
      `expected a column with the ids, named id, _id, pid, docid, docno, sku or the like, got the columns ${listed(names)}`,
      `${dataCure(names)}Name the column that holds the ids: --id-column NAME. Where none does, --number-ids takes the numbers of the lines.`,
    )
  }
  if (columns.texts.length === 0 && columns.title === undefined) {
    throw fail(
      `expected a column with the texts, named text, passage, content, body, description or the like, got the columns ${listed(names)}`,
      `${dataCure(names)}Name the column that holds the texts: --text-column NAME, once for each.`,
    )
  }
  return columns
}

/** The columns that options name; for the others, guesses. */
export function chosenColumns(names: readonly string[], options: ColumnOptions, place: Place): Columns {
  const guess = guessColumns(names)
  const find = (option: string, name: string | undefined) =>
    name === undefined ? undefined : requireColumn(names, { option, name }, place)
  const named = options.textColumns?.map((name) => requireColumn(names, { option: '--text-column', name }, place))
  const id = options.numberIds ? undefined : (find('--id-column', options.idColumn) ?? guess.id ?? unnamedFirst(names))
  // What is named as a text is none of the guesses.
  const isFree = (column: number | undefined) => column !== undefined && column !== id && !named?.includes(column)
  const title = find('--title-column', options.titleColumn) ?? (isFree(guess.title) ? guess.title : undefined)
  const guessed = guess.text !== undefined && guess.text !== id && guess.text !== title ? [guess.text] : []
  return { names, id, title, texts: [...new Set(named ?? guessed)] }
}

/** The index that pandas writes first, without a name for it. */
function unnamedFirst(names: readonly string[]): number | undefined {
  return names[0] === '' && names.filter((name) => name === '').length === 1 ? 0 : undefined
}

function requireColumn(names: readonly string[], { option, name }: NamedColumn, place: Place): number {
  const found = findColumn(names, name)
  if (found !== undefined) return found
  throw problemError(place, {
    reason: `expected a column ${JSON.stringify(name)} (${option}), got the columns ${listed(names)}`,
    cure: 'Name one of these.',
  })
}

/** A first row of numbers or long texts is rather a passage. */
function dataCure(names: readonly string[]): string {
  const isData =
    !names.some((name) => KNOWN.has(keyOf(name))) && names.some((name) => /^\d+$/.test(name) || name.length > 40)
  if (isData)
    return 'Is this a passage? Then begin the file with a header line that names the columns, such as id,text. '
  return names.length === 1 ? 'If another sign separates the columns, begin the file with a line such as "sep=^". ' : ''
}

const LISTED_CHARACTERS_MAX = 300

/** Names for a message, as many as fit. */
export function listed(names: readonly string[]): string {
  const shown: string[] = []
  let length = 0
  for (const name of names) {
    const text = JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name)
    length += text.length + 2
    if (length > LISTED_CHARACTERS_MAX) return `${shown.join(', ')} and ${names.length - shown.length} more`
    shown.push(text)
  }
  return shown.join(', ')
}

/** A row as a passage: texts joined by lines, columns without a role as metadata. */
export function passageOfCells(cells: readonly string[], columns: Columns, line: number): RawPassage {
  const { names, id, title, texts } = columns
  const others = names.flatMap((name, i) =>
    name === '' || i === id || i === title || texts.includes(i) ? [] : [[name, cells[i] ?? ''] as const],
  )
  return {
    id: id === undefined ? String(line) : (cells[id] ?? ''),
    title: title === undefined ? '' : (cells[title] ?? ''),
    text: joinTexts(texts.map((i) => cells[i] ?? '')),
    metadata: Object.fromEntries(others),
  }
}

export function joinTexts(texts: readonly string[]): string {
  return texts.length === 1 ? (texts[0] ?? '') : texts.filter((text) => text.trim() !== '').join('\n')
}

/** @throws InputError for names that can be no column's, or that contradict each other */
export function checkColumnOptions(options: ColumnOptions): void {
  const fail = (message: string) =>
    new InputError(`reading a corpus: ${message}.`, {
      columns: namedColumns(options)
        .map(({ name }) => name)
        .join(),
    })
  for (const { option, name } of namedColumns(options)) {
    if (name.trim() === '') throw fail(`expected the name of a column, got a blank one (${option})`)
  }
  if (options.numberIds && options.idColumn !== undefined) {
    throw fail('expected --id-column or --number-ids, got both. Leave one out')
  }
}

/** Whether any column is named at all. */
export function hasColumnOptions(options: ColumnOptions): boolean {
  return namedColumns(options).length > 0 || options.numberIds === true
}
