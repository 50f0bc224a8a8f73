/** Queries to evaluate with: JSONL (BEIR's `_id`, `text`; `qid`, `query`) or a TSV of `qid \t text`; plain or gzip. */
import { stat } from 'node:fs/promises'
import { InputError } from '../../format/errors.ts'
import { type EntryProblem, excerpt, idProblem, type Place, problemError } from '../corpus/entry.ts'
import { parseId, parseJsonObject } from '../corpus/jsonl.ts'
import { readLines } from '../corpus/lines.ts'
import { readBytes, type SourceOptions, STDIN, sourceName } from '../corpus/source.ts'

export interface EvalQuery {
  readonly id: string
  /** May have no word, which whoever encodes it finds out: such a query is counted, and stops nothing. */
  readonly text: string
}

export interface QueryOptions extends SourceOptions {
  /** Default: told by the extension. */
  readonly format?: 'jsonl' | 'tsv'
}

const TSV_HEADER = /^(?:_?id|qid|topic|(?:query|topic)[-_ ]?id)\t(?:text|query|question|title|query[-_ ]?text)$/i
/** Fields of JSON queries, BEIR's first; LoTTE and others name them otherwise. */
const ID_FIELDS = ['_id', 'id', 'qid', 'query_id', 'query-id']
const TEXT_FIELDS = ['text', 'query', 'question']

/**
 * All queries in the order of the file. Empty lines and a first line `id \t text` are passed over.
 *
 * @throws InputError with the line, for a missing id, or an id that occurs twice; and for a file without queries
 */
export async function readQueries(source: string, options: QueryOptions = {}): Promise<readonly EvalQuery[]> {
  const file = sourceName(source)
  // Before its name is looked at: of a file that is not there no extension would help.
  const format = options.format ?? (await queryFormat(source))
  const queries: EvalQuery[] = []
  const lineOf = new Map<string, number>()
  for await (const { number, text, problem } of readLines(readBytes(source, options), { file })) {
    const place: Place = { file, line: number }
    if (problem) throw problemError(place, problem)
    if (text.trim() === '' || (number === 1 && format === 'tsv' && TSV_HEADER.test(text))) continue
    const query = format === 'tsv' ? parseTsvQuery(text) : parseJsonQuery(text)
    const wrong = 'reason' in query ? query : queryProblem(query, lineOf.get(query.id), number)
    if (wrong) throw problemError(place, wrong)
    if ('reason' in query) continue
    lineOf.set(query.id, number)
    queries.push(query)
  }
  if (queries.length > 0) return queries
  throw new InputError(`reading "${file}": expected queries, got none. Is this the right file?`, { file })
}

async function queryFormat(source: string): Promise<'jsonl' | 'tsv'> {
  const name = source.toLowerCase().replace(/\.gz$/, '')
  if (/\.(jsonl|ndjson)$/.test(name)) return 'jsonl'
  if (name.endsWith('.tsv')) return 'tsv'
  if (source !== STDIN && !(await stat(source).catch(() => undefined))) {
    throw new InputError(`reading queries: there is no file "${source}". Check the path.`, { file: source })
  }
  throw new InputError(
    `reading "${source}": expected queries in a file named .jsonl or .tsv (each also .gz). Rename or convert it.`,
    {
      file: source,
    },
  )
}

function parseTsvQuery(line: string): EvalQuery | EntryProblem {
  const [id = '', text, ...more] = line.split('\t')
  if (text !== undefined && more.length === 0) return { id, text }
  return {
    reason: `expected "qid<tab>text", got ${more.length + (text === undefined ? 1 : 2)} columns`,
    cure: 'Use one tab.',
  }
}

function parseJsonQuery(line: string): EvalQuery | EntryProblem {
  const parsed = parseJsonObject(line)
  if ('problem' in parsed) return parsed.problem
  const { object } = parsed
  const fields = Object.keys(object)
  const id = parseId(firstOf(object, ID_FIELDS), fields)
  if (typeof id !== 'string') return id
  const text = firstOf(object, TEXT_FIELDS)
  if (typeof text === 'string') return { id, text }
  const got = text === undefined ? `the fields ${excerpt(fields)}` : excerpt(text)
  return { reason: `expected a field "text" with a string, got ${got}`, cure: 'Name the field "text".' }
}

/** The first of these fields that the object has and that is not null. */
function firstOf(object: Readonly<Record<string, unknown>>, names: readonly string[]): unknown {
  const values = names.map((name) => (Object.hasOwn(object, name) ? object[name] : undefined))
  return values.find((value) => value !== undefined && value !== null)
}

function queryProblem({ id, text }: EvalQuery, lineBefore: number | undefined, line: number): EntryProblem | undefined {
  const problem = idProblem(id)
  if (problem) return problem
  if (!text.isWellFormed())
    return { reason: 'expected Unicode text, got half a surrogate pair', cure: 'Repair the text.' }
  if (lineBefore === undefined) return undefined
  return {
    reason: `expected every id once, got ${excerpt(id)} in lines ${lineBefore} and ${line}`,
    cure: 'Rename one.',
  }
}
