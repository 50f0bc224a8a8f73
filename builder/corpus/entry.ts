/**
 * What a reader hands to `readCorpus` for every line, row or section: a passage as it was found, or what is wrong with it.
 * The rules that hold for passages of every format are checked here, once.
 */
import { Buffer } from 'node:buffer'
import { InputError } from '../../format/errors.ts'
import { ID_BYTES_MAX, PASSAGE_TEXT_BYTES_MAX } from '../../format/limits.ts'
import type { MetadataValue } from '../../runtime/searcher.ts'
import type { CorpusPassage } from './passage.ts'

/** Nested lists and objects in a passage's metadata. Deeper ones are refused before a recursive writer meets them. */
export const METADATA_DEPTH_MAX = 32

/** Where in the source something stands. */
export interface Place {
  readonly file: string
  /** 1-based. */
  readonly line: number
}

/** Why one entry cannot be used: "expected …, got …", and how to mend it. */
export interface EntryProblem {
  readonly reason: string
  readonly cure: string
}

export type Metadata = Readonly<Record<string, MetadataValue>>

/** A passage before the checks that all formats share. */
export interface RawPassage {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly metadata?: Metadata
}

/** A passage, or a problem that concerns this entry alone: reading may go on after it. */
export type CorpusEntry =
  | { readonly place: Place; readonly passage: RawPassage; readonly problem?: undefined }
  | { readonly place: Place; readonly problem: EntryProblem; readonly passage?: undefined }

/** The problem as an error that names file and line. */
export function problemError(place: Place, problem: EntryProblem): InputError {
  return new InputError(`reading "${place.file}", line ${place.line}: ${problem.reason}. ${problem.cure}`, {
    file: place.file,
    line: place.line,
  })
}

/** A value as it appears in a message: JSON, at most 60 characters. */
export function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`
}

/**
 * The passage with the promises of `CorpusPassage` kept, or what breaks them. A passage with a title but no text is
 * indexed by its title, which becomes the text. One without either is no mistake: BEIR's FiQA has such, and judgements name their ids.
 */
export function checkPassage(raw: RawPassage): CorpusPassage | EntryProblem {
  const problem = idProblem(raw.id) ?? textProblem(raw) ?? metadataProblem(raw.metadata)
  if (problem) return problem
  const hasText = raw.text.trim() !== '' || raw.title.trim() === ''
  const hasMetadata = raw.metadata && Object.keys(raw.metadata).length > 0
  return {
    id: raw.id,
    title: hasText ? raw.title : '',
    text: hasText ? raw.text : raw.title,
    ...(hasMetadata ? { metadata: raw.metadata } : {}),
  }
}

/** What is wrong with an id, wherever it stands: corpora, queries and judgements share these rules. */
export function idProblem(id: string): EntryProblem | undefined {
  if (id.trim() === '') {
    return { reason: `expected a passage id, got ${excerpt(id)}`, cure: 'Give every passage an id of its own.' }
  }
  const bytes = Buffer.byteLength(id)
  if (bytes > ID_BYTES_MAX) {
    return {
      reason: `expected an id of at most ${ID_BYTES_MAX} bytes, got ${bytes}: ${excerpt(id)}`,
      cure: 'Shorten it, for example to a hash.',
    }
  }
  // Rankings and TSV corpora are separated by tabs and line ends; an id that holds one could never be written back.
  if (hasControlCharacter(id)) {
    return { reason: `expected an id without control characters, got ${excerpt(id)}`, cure: 'Remove them.' }
  }
  return wellFormedProblem(id, 'the id')
}

function textProblem({ title, text, metadata }: RawPassage): EntryProblem | undefined {
  for (const [name, value] of [['the title', title] as const, ['the text', text] as const]) {
    if (value.includes('\0')) {
      return { reason: `expected text, got a NUL character in ${name}`, cure: 'Remove it; is this a text file?' }
    }
    const problem = wellFormedProblem(value, name)
    if (problem) return problem
  }
  const metadataBytes = metadata ? Buffer.byteLength(JSON.stringify(metadata)) : 0
  const bytes = Buffer.byteLength(title) + Buffer.byteLength(text) + metadataBytes
  if (bytes <= PASSAGE_TEXT_BYTES_MAX) return undefined
  return {
    reason: `expected title, text and metadata of at most ${PASSAGE_TEXT_BYTES_MAX} bytes, got ${bytes}`,
    cure: 'Split the passage.',
  }
}

function metadataProblem(metadata: Metadata | undefined): EntryProblem | undefined {
  for (const [name, value] of Object.entries(metadata ?? {})) {
    const problem = nameProblem(name, 'a field name') ?? valueProblem(value, `field ${excerpt(name)}`)
    if (problem) return problem
  }
  return undefined
}

/** Strings deep inside one metadata value. `nestsTooDeep` was asked before, so the recursion is bounded. */
function valueProblem(value: MetadataValue, name: string): EntryProblem | undefined {
  if (typeof value === 'string') return wellFormedProblem(value, name)
  if (value === null || typeof value !== 'object') return undefined
  for (const [key, inner] of Object.entries(value)) {
    const problem = nameProblem(key, name) ?? valueProblem(inner, name)
    if (problem) return problem
  }
  return undefined
}

/** MessagePack's decoder answers with another name for this one, lest an object gets another prototype: it would not come back as it went in. */
function nameProblem(key: string, name: string): EntryProblem | undefined {
  if (key !== '__proto__') return wellFormedProblem(key, name)
  return { reason: 'expected field names other than "__proto__", got it in the metadata', cure: 'Rename the field.' }
}

/** JSON can spell half a surrogate pair ("\ud800"), which no UTF-8 text can hold: it would not come back as it went in. */
function wellFormedProblem(value: string, name: string): EntryProblem | undefined {
  if (value.isWellFormed()) return undefined
  return {
    reason: `expected Unicode text, got half a surrogate pair (such as "\\ud800") in ${name}`,
    cure: 'Repair the program that wrote the file: it cut a character in two.',
  }
}

/** Whether a JSON value nests deeper than METADATA_DEPTH_MAX. Stops at that depth, so it cannot overflow the stack. */
export function nestsTooDeep(value: unknown, depthLeft = METADATA_DEPTH_MAX): boolean {
  if (value === null || typeof value !== 'object') return false
  if (depthLeft === 0) return true
  return Object.values(value).some((inner) => nestsTooDeep(inner, depthLeft - 1))
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || unit === 0x7f) return true
  }
  return false
}
