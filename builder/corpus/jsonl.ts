/** BEIR's corpus.jsonl: one object a line with `_id` (or `id`), `title`, `text`; every further field is metadata. */
import {
  type CorpusEntry,
  type EntryProblem,
  excerpt,
  METADATA_DEPTH_MAX,
  type Metadata,
  nestsTooDeep,
  type RawPassage,
} from './entry.ts'
import type { Line } from './lines.ts'
import { type ColumnOptions, guessColumns, joinTexts, listed } from './tables/columns.ts'
import { isProse, type NoteTexts, titleAlone, unsearchedNote } from './tables/textWatch.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Fields of an object that hold what. */
interface Fields {
  /** Undefined: the number of the line is the id. */
  readonly id: string | undefined
  readonly title: string
  readonly texts: readonly string[]
  /** Where options name no texts: all fields that are called as texts are, the best-known first. One of them is taken. */
  readonly candidates: readonly string[]
  readonly options: ColumnOptions
}

/** Files have few kinds of objects; more than these are not remembered. */
const SHAPES_MAX = 1000

/** Yields one entry a line; blank lines are passed over. */
export async function* readJsonl(
  lines: AsyncIterable<Line>,
  file: string,
  options: ColumnOptions = {},
  note: NoteTexts = () => {},
): AsyncGenerator<CorpusEntry> {
  const shapes = new Map<string, Fields>()
  const told = new Set<string>()
  for await (const { number, text, problem } of lines) {
    const place = { file, line: number }
    if (problem) {
      yield { place, problem }
      continue
    }
    if (text.trim() === '') continue
    const parsed = parseJsonObject(text)
    if ('problem' in parsed) {
      yield { place, problem: parsed.problem }
      continue
    }
    const fields = takenText(parsed.object, fieldsOf(parsed.object, options, shapes))
    const passage = passageOf(parsed.object, fields, number)
    const others = 'reason' in passage ? [] : otherTexts(parsed.object, fields).filter((name) => !told.has(name))
    if (others.length > 0) note(number, unsearchedNote(others))
    for (const name of others) told.add(name)
    yield 'reason' in passage ? { place, problem: passage } : { place, passage }
  }
}

/** What an object's names tell, for each kind of object once. */
function fieldsOf(object: JsonObject, options: ColumnOptions, shapes: Map<string, Fields>): Fields {
  const names = Object.keys(object)
  const shape = JSON.stringify(names)
  const known = shapes.get(shape)
  if (known) return known
  const fields = guessedFields(object, names, options)
  if (shapes.size < SHAPES_MAX) shapes.set(shape, fields)
  return fields
}

/** Guesses by names; what none is called is looked for under its usual name. */
function guessedFields(object: JsonObject, names: readonly string[], options: ColumnOptions): Fields {
  const guess = guessColumns(names)
  const named = (place: number | undefined) => (place === undefined ? undefined : names[place])
  const isNamed = (name: string | undefined) => name !== undefined && options.textColumns?.includes(name)
  // `_id` wins; a second field `id` beside it is then the user's own and stays in the metadata.
  const usualId = Object.hasOwn(object, 'id') || Object.hasOwn(object, '_id') ? '_id' : (named(guess.id) ?? '_id')
  const title = Object.hasOwn(object, 'title') ? 'title' : (named(guess.title) ?? 'title')
  const usual = Object.hasOwn(object, 'text') ? ['text'] : []
  const isFree = (name: string) => name !== options.idColumn && name !== options.titleColumn
  const texts = [...new Set([...usual, ...guess.texts.map((place) => names[place] ?? '')])].filter(isFree)
  return {
    id: options.numberIds ? undefined : (options.idColumn ?? usualId),
    title: options.titleColumn ?? (isNamed(title) ? '' : title),
    texts: options.textColumns ?? [texts[0] ?? 'text'],
    candidates: options.textColumns ? [] : texts,
    options,
  }
}

const hasWords = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''

/** Of several fields that are called as texts are, the best-known one that has a text. */
function takenText(object: JsonObject, fields: Fields): Fields {
  const { candidates, texts } = fields
  if (candidates.length < 2 || hasWords(object[texts[0] ?? ''])) return fields
  const taken = candidates.find((name) => hasWords(object[name]) && name !== fields.id && name !== fields.title)
  return taken === undefined ? fields : { ...fields, texts: [taken] }
}

/** Fields that are called as texts are, have a text and are not the one that is taken. */
function otherTexts(object: JsonObject, { candidates, texts, id, title }: Fields): readonly string[] {
  return candidates.filter((name) => hasWords(object[name]) && !texts.includes(name) && name !== id && name !== title)
}

function passageOf(object: JsonObject, fields: Fields, line: number): RawPassage | EntryProblem {
  const idField = fields.id === '_id' && (object._id === undefined || object._id === null) ? 'id' : fields.id
  const id = idField === undefined ? String(line) : idOf(object, idField)
  if (typeof id !== 'string') return id
  const titleText = textField(object, fields.title, fields.options.titleColumn !== undefined)
  if (typeof titleText === 'object') return titleText
  const texts: string[] = []
  let isMissing = true
  for (const name of fields.texts) {
    const text = textField(object, name, fields.options.textColumns !== undefined)
    if (typeof text === 'object') return text
    isMissing &&= text === undefined
    texts.push(text ?? '')
  }
  if (isMissing && (titleText === undefined || fields.options.textColumns)) return missingText(object, fields)
  if (isMissing && titleText !== undefined) {
    const unused = Object.keys(object).filter((name) => name !== idField && name !== fields.title)
    const prose = unused.find((name) => typeof object[name] === 'string' && isProse(object[name]))
    if (prose !== undefined) return titleAlone(fields.title, Object.keys(object), prose)
  }
  const used = new Set([idField, fields.title, ...fields.texts])
  const metadata = flattenMetadata(
    Object.fromEntries(Object.entries(object).filter(([name]) => !used.has(name) && !isBlankId(name, object, used))),
  )
  if (nestsTooDeep(metadata)) {
    const reason = `expected metadata nested at most ${METADATA_DEPTH_MAX} deep, got more`
    return { reason, cure: 'Remove the nested fields.' }
  }
  return { id, title: titleText ?? '', text: joinTexts(texts), metadata }
}

/** `"_id": null` beside the `id` that stands for it is nothing of the user's. */
function isBlankId(name: string, object: JsonObject, used: ReadonlySet<string | undefined>): boolean {
  return name === '_id' && used.has('id') && (object._id === undefined || object._id === null)
}

function idOf(object: JsonObject, field: string): string | EntryProblem {
  const id = ownField(object, field)
  const fields = Object.keys(object)
  if (id !== undefined && id !== null) return parseId(id, fields)
  const wanted = /^_?id$/.test(field) ? '"_id" or "id"' : JSON.stringify(field)
  return {
    reason: `expected a field ${wanted}, got the fields ${listed(fields)}`,
    cure: 'Give every line an id, or name the field that holds it: --id-column NAME. Where none does, --number-ids takes the numbers of the lines.',
  }
}

function ownField(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined
}

/** A field's text; undefined where the field is not there. Numbers are no texts, but where the user names the field. */
function textField(object: JsonObject, name: string, isNamed: boolean): string | undefined | EntryProblem {
  const value = ownField(object, name)
  if (value === undefined) return undefined
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (isNamed && (typeof value === 'number' || typeof value === 'boolean')) return String(value)
  if (isNamed && Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join('\n')
  return { reason: `expected "${name}" to be a string, got ${excerpt(value)}`, cure: 'Put it in quotes.' }
}

function missingText(object: JsonObject, { texts, options }: Fields): EntryProblem {
  const wanted = texts.map((name) => JSON.stringify(name)).join(' or ')
  return {
    reason: `expected a field ${wanted}${options.textColumns ? ' (--text-column)' : ''}, got the fields ${listed(Object.keys(object))}`,
    cure: options.textColumns ? 'Name one of these.' : 'Name the field that holds the text: --text-column NAME.',
  }
}

/** One line as an object, or what is wrong with it. */
export function parseJsonObject(line: string): { object: JsonObject } | { problem: EntryProblem } {
  let value: unknown
  try {
    value = parsedJson(line)
  } catch (error) {
    const cure = 'Write one complete JSON object on each line.'
    return { problem: { reason: `expected JSON, got ${excerpt(line)} (${(error as Error).message})`, cure } }
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { object: value as JsonObject }
  return { problem: { reason: `expected a JSON object, got ${excerpt(value)}`, cure: 'Write {"_id": …, "text": …}.' } }
}

/** JSON, also as Python writes what is missing (pandas): `NaN`, `Infinity` and `-Infinity`, which JSON has not, are read as null. */
function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    const strict = withoutNaN(line)
    if (strict === line) throw error
    return JSON.parse(strict)
  }
}

/** The line with null for what Python writes outside of strings. */
function withoutNaN(line: string): string {
  let strict = ''
  for (let at = 0; at < line.length; ) {
    const quote = line.indexOf('"', at)
    const outside = quote < 0 ? line.length : quote
    strict += line.slice(at, outside).replace(/(?<![\w.+-])(?:NaN|-?Infinity)(?![\w.+-])/g, 'null')
    let end = outside
    if (quote >= 0) {
      end++
      while (end < line.length && line[end] !== '"') end += line[end] === '\\' ? 2 : 1
      end++
    }
    strict += line.slice(outside, end)
    at = Math.max(end, outside)
  }
  return strict
}

/** Ids are strings; whole numbers are taken as they would be written. */
export function parseId(id: unknown, fields: readonly string[]): string | EntryProblem {
  if (typeof id === 'string') return id
  if (id === undefined || id === null) {
    return {
      reason: `expected a field "_id" or "id", got the fields ${listed(fields)}`,
      cure: 'Give every line an id.',
    }
  }
  if (Number.isSafeInteger(id)) return String(id)
  // JSON.parse has already rounded 12345678901234567890 and dropped the last zero of 1.50.
  return {
    reason: `expected an id that is a string or a whole number below 2^53, got ${excerpt(id)}`,
    cure: 'Put it in quotes.',
  }
}

/** BEIR keeps further fields inside an object `metadata`: they join the fields beside it, which win. */
function flattenMetadata(fields: JsonObject): Metadata {
  const { metadata, ...rest } = fields
  if (metadata === null || typeof metadata !== 'object' || Array.isArray(metadata)) return fields as Metadata
  return { ...metadata, ...rest } as Metadata
}
