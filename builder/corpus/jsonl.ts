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

export type JsonObject = Readonly<Record<string, unknown>>

/** Yields one entry a line; blank lines are passed over. */
export async function* readJsonl(lines: AsyncIterable<Line>, file: string): AsyncGenerator<CorpusEntry> {
  for await (const { number, text, problem } of lines) {
    const place = { file, line: number }
    if (problem) {
      yield { place, problem }
      continue
    }
    if (text.trim() === '') continue
    const parsed = parseJsonPassage(text)
    yield 'reason' in parsed ? { place, problem: parsed.reason } : { place, passage: parsed.passage }
  }
}

function parseJsonPassage(line: string): { passage: RawPassage } | { reason: EntryProblem } {
  const parsed = parseJsonObject(line)
  if ('problem' in parsed) return { reason: parsed.problem }
  // `_id` wins; a second field `id` beside it is then the user's own and stays in the metadata.
  const { title, text, _id, ...others } = parsed.object
  const { id: plainId, ...rest } = others
  const id = parseId(_id ?? plainId, Object.keys(parsed.object))
  if (typeof id !== 'string') return { reason: id }
  for (const [name, value] of [['title', title] as const, ['text', text] as const]) {
    if (value === undefined || value === null || typeof value === 'string') continue
    return { reason: { reason: `expected "${name}" to be a string, got ${excerpt(value)}`, cure: 'Put it in quotes.' } }
  }
  if (text === undefined && title === undefined) {
    const got = excerpt(Object.keys(parsed.object))
    return { reason: { reason: `expected a field "text", got the fields ${got}`, cure: 'Name the field "text".' } }
  }
  const metadata = flattenMetadata(_id === undefined || _id === null ? rest : others)
  if (nestsTooDeep(metadata)) {
    const reason = `expected metadata nested at most ${METADATA_DEPTH_MAX} deep, got more`
    return { reason: { reason, cure: 'Remove the nested fields.' } }
  }
  return {
    passage: {
      id,
      title: (title as string | null | undefined) ?? '',
      text: (text as string | null | undefined) ?? '',
      metadata,
    },
  }
}

/** One line as an object, or what is wrong with it. */
export function parseJsonObject(line: string): { object: JsonObject } | { problem: EntryProblem } {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    const cure = 'Write one complete JSON object on each line.'
    return { problem: { reason: `expected JSON, got ${excerpt(line)} (${(error as Error).message})`, cure } }
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return { object: value as JsonObject }
  return { problem: { reason: `expected a JSON object, got ${excerpt(value)}`, cure: 'Write {"_id": …, "text": …}.' } }
}

/** Ids are strings; whole numbers are taken as they would be written. */
export function parseId(id: unknown, fields: readonly string[]): string | EntryProblem {
  if (typeof id === 'string') return id
  if (id === undefined || id === null) {
    return {
      reason: `expected a field "_id" or "id", got the fields ${excerpt(fields)}`,
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
