/** From checked requests to what the library answers, and from its answers to bodies. Knows nothing of Hono. */
import type { EncodedText } from '../../encoder/encoder.ts'
import { isLongerThan, QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { AbortedError, InputError, NotFoundError } from '../../format/errors.ts'
import { maxSim } from '../ask/maxSim.ts'
import type { Passage, Question, QuestionEncoder, TextAnswer } from '../ask/textSearch.ts'
import { encodeBase64F32 } from '../encoders/vectorText.ts'
import type { QueryVectors } from '../searcher.ts'
import { pause } from '../waiting/pause.ts'
import type { Catalog, NamedSearch } from './catalog.ts'
import type {
  EncodeAnswerBody,
  EncodeRequest,
  EncoderAnswerBody,
  RerankAnswerBody,
  RerankRequest,
} from './encodeSchemas.ts'
import {
  type ColbertAnswer,
  hasWord,
  K_DEFAULT,
  type SearchAnswerBody,
  type SearchHitBody,
  type SearchRequest,
  VECTOR_VALUE_MAX,
  VECTOR_VALUE_MIN,
} from './schemas.ts'

/** A body, and of the answer how long its steps took, for the Server-Timing header, and whether it is whole, for caches. */
export interface Answered<Body> extends Pick<TextAnswer, 'ms' | 'skipped'> {
  readonly body: Body
}

/** Measures a stage by name, for the same header. */
export type Timed = <T>(stage: string, work: () => Promise<T>) => Promise<T>

/** @throws InputError when the request cannot be answered as it is: no encoder, wrong dim, no texts */
export async function answerSearch(
  { name, search }: NamedSearch,
  request: SearchRequest,
  signal?: AbortSignal,
): Promise<Answered<SearchAnswerBody>> {
  const started = performance.now()
  const { query, vectors, index: _, k = K_DEFAULT, ...options } = request
  const answer = await search.ask(questionOf(query, vectors, search.info.dim), { ...asGiven(options), k, signal })
  const { generation, skipped, counts, truncated } = answer
  const { k: asked, ...parameters } = answer.parameters
  const body = {
    ...{ index: name, generation, k: asked, parameters, counts: { ...counts } },
    ...(skipped ? { skipped: { ...skipped, reasons: [...skipped.reasons] } } : {}),
    ...(truncated ? { truncated } : {}),
    tookMs: tenths(started),
    hits: answer.hits.map(({ id, rank, score, marks, fit, ...passage }): SearchHitBody => {
      const shown = marks && {
        marks: { title: [...marks.title], text: [...marks.text] },
        ...(fit === undefined ? {} : { fit }),
      }
      return { id, rank, score, ...fieldsOf(passage), ...shown }
    }),
  }
  return answered(body, answer)
}

function answered<Body>(body: Body, { ms, skipped }: TextAnswer): Answered<Body> {
  return { body, ms, ...(skipped ? { skipped } : {}) }
}

/**
 * The answer of ColBERT's own server (server.py of stanford-futuredata/ColBERT): `prob` is the softmax over the scores
 * returned, and a title stands before the text as in its TSV collections.
 *
 * @param longTexts - adds `long_text`, which DSPy's client expects from POST and adds itself after GET
 */
export async function answerColbert(
  { name, search }: NamedSearch,
  { query, k = K_DEFAULT }: { readonly query: string; readonly k?: number | undefined },
  longTexts: boolean,
  signal?: AbortSignal,
): Promise<Answered<ColbertAnswer>> {
  if (!search.info.hasTexts) {
    throw new InputError(
      `/api/search answers with texts, and index "${name}" was built without them. Use /v1/search, or rebuild with texts.`,
    )
  }
  const answer = await search.ask(query, { k, signal })
  const { hits, truncated } = answer
  const probabilities = softmax(hits.map((hit) => hit.score))
  const topk = hits.map(({ pid, rank, score, title, text = '' }, i) => {
    const whole = title ? `${title} | ${text}` : text
    return { text: whole, ...(longTexts ? { long_text: whole } : {}), pid, rank, score, prob: probabilities[i] ?? 0 }
  })
  return answered({ query, topk, ...(truncated ? { truncated } : {}) }, answer)
}

/** The fields of a stored passage that an answer shows, absent ones left out. */
export function fieldsOf({
  title,
  text,
  metadata,
}: Omit<Passage, 'id'>): Pick<SearchHitBody, 'title' | 'text' | 'metadata'> {
  return {
    ...(title === undefined ? {} : { title }),
    ...(text === undefined ? {} : { text }),
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
  }
}

export interface EncodeSources {
  readonly encoder: QuestionEncoder | undefined
  readonly timed: Timed
  /** Fires when nobody waits for the answer any more: no text is begun afterwards. */
  readonly signal: AbortSignal
}

export interface RerankSources extends EncodeSources {
  readonly catalog: Catalog
  readonly report: (answer: Pick<TextAnswer, 'ms' | 'skipped'>) => void
}

/** @throws NotFoundError when the server has no encoder */
export function answerEncoder(encoder: QuestionEncoder | undefined): EncoderAnswerBody {
  const { fingerprint } = requireEncoder(encoder)
  return { fingerprint: { ...fingerprint, skipList: [...fingerprint.skipList] } }
}

function requireEncoder(encoder: QuestionEncoder | undefined): QuestionEncoder {
  if (encoder) return encoder
  throw new NotFoundError('This server has no encoder. The operator has to start it with a model.')
}

/** @throws InputError when a text cannot be encoded, saying which; NotFoundError when the server has no encoder */
export async function answerEncode(sources: EncodeSources, request: EncodeRequest): Promise<EncodeAnswerBody> {
  const started = performance.now()
  const { texts, kind = 'query', encodingFormat = 'float' } = request
  const encoder = requireEncoder(sources.encoder)
  const encoded = await sources.timed('encode', () =>
    kind === 'query' ? encodeQueries(sources, encoder, texts) : encodePassages(sources, encoder, texts),
  )
  const results = encoded.map(({ vectors, rows, dim, truncated }) => {
    const shown = encodingFormat === 'base64' ? encodeBase64F32(vectors) : rowsOf(vectors, dim)
    return { rows, vectors: shown, ...(truncated ? { truncated } : {}) }
  })
  return { ...answerEncoder(encoder), results, tookMs: tenths(started) }
}

/**
 * By id the score is what a search gives the passage: every id is a candidate and every candidate is rescored. By text it is
 * MaxSim of the text's own vectors, not compressed.
 *
 * @throws InputError when the request cannot be answered as it is: no encoder, wrong dim
 */
export async function answerRerank(sources: RerankSources, request: RerankRequest): Promise<RerankAnswerBody> {
  const started = performance.now()
  const { ids, texts, index, k = Number.POSITIVE_INFINITY } = request
  const answer = ids ? await rerankIds(sources, request, ids) : await rerankTexts(sources, request, texts ?? [])
  const scored = answer.scored.sort((a, b) => b.score - a.score || a.position - b.position).slice(0, k)
  return {
    ...(ids ? { index: sources.catalog.choose(index).name, missing: answer.missing } : {}),
    ...(answer.truncated ? { truncated: answer.truncated } : {}),
    results: scored.map(({ position, score, id }, i) => {
      return { position, ...(id === undefined ? {} : { id }), rank: i + 1, score }
    }),
    tookMs: tenths(started),
  }
}

interface Scored {
  readonly scored: { readonly position: number; readonly score: number; readonly id?: string }[]
  readonly missing: string[]
  /** Of the query. */
  readonly truncated?: true | undefined
}

async function rerankIds(sources: RerankSources, request: RerankRequest, ids: readonly string[]): Promise<Scored> {
  const { search } = sources.catalog.choose(request.index)
  const question = questionOf(request.query, request.vectors, search.info.dim)
  const unique = [...new Set(ids)]
  if (unique.length === 0) return { scored: [], missing: [] }
  // As many results as are allowed: both pipelines then score all of them.
  const answer = await search.ask(question, {
    ...{ filter: unique, k: unique.length, texts: false },
    signal: sources.signal,
  })
  sources.report(answer)
  const { hits, truncated } = answer
  const scores = new Map(hits.map(({ id, score }) => [id, score]))
  const scored = ids.flatMap((id, position) => {
    const score = scores.get(id)
    return score === undefined ? [] : [{ position, id, score }]
  })
  return { scored, missing: unique.filter((id) => !scores.has(id)), truncated }
}

async function rerankTexts(sources: RerankSources, request: RerankRequest, texts: readonly string[]): Promise<Scored> {
  const { encoder } = sources
  if (!encoder) {
    throw new InputError(
      'This server has no encoder, so it cannot read "texts". Send "ids" of an index, or have the operator start it with a model.',
    )
  }
  const question = questionOf(request.query, request.vectors, encoder.fingerprint.dim)
  const query: QueryVectors & Pick<EncodedText, 'truncated'> =
    typeof question === 'string' ? await sources.timed('encode', () => encoder.encodeQuery(question)) : question
  const passages = await sources.timed('passages', () => encodePassages(sources, encoder, texts))
  const scored = passages.map((passage, position) => ({ position, score: maxSim(query, passage) }))
  return { scored, missing: [], truncated: query.truncated }
}

/** One run a text: what an int8 model gives for a text depends on its batch, and clients expect what a search would use. */
async function encodeQueries(
  sources: EncodeSources,
  encoder: QuestionEncoder,
  texts: readonly string[],
): Promise<readonly EncodedText[]> {
  const wrong = texts.findIndex((text) => isLongerThan(text, QUERY_CHARACTERS_MAX) || !hasWord(text))
  if (wrong >= 0) {
    throw new InputError(
      `"texts"[${wrong}]: expected a query of at most ${QUERY_CHARACTERS_MAX} characters with at least one word.`,
    )
  }
  return inTurn(sources, texts, (text) => encoder.encodeQuery(text))
}

async function encodePassages(
  sources: EncodeSources,
  encoder: QuestionEncoder,
  texts: readonly string[],
): Promise<readonly EncodedText[]> {
  const encode = encoder.encodePassages
  if (!encode) {
    throw new InputError('The encoder of this server takes queries only. Encode passages where the model runs.')
  }
  return inTurn(sources, texts, async (text) => (await encode.call(encoder, [text]))[0] as EncodedText)
}

/**
 * One text after another. In WebAssembly the network runs on the only thread, so other requests get it between two texts, and
 * nothing is begun for a client that has been told that it took too long.
 */
async function inTurn(
  { signal }: EncodeSources,
  texts: readonly string[],
  encode: (text: string) => Promise<EncodedText>,
): Promise<readonly EncodedText[]> {
  const encoded: EncodedText[] = []
  for (const text of texts) {
    if (encoded.length > 0) await pause()
    if (signal.aborted) throw new AbortedError('encoding was stopped: nobody waits for it any more')
    encoded.push(await encode(text))
  }
  return encoded
}

/** What is asked: the text, or the rows of numbers. The schemas let exactly one of the two through. */
function questionOf(
  query: string | undefined,
  rows: readonly (readonly number[])[] | undefined,
  dim: number,
): Question {
  return query ?? queryVectorsOf(rows ?? [], dim)
}

/** @throws InputError on ragged rows, a wrong dim, rows of zeros, or values that are not finite as f32 or far from unit length */
function queryVectorsOf(rows: readonly (readonly number[])[], dim: number): QueryVectors {
  const vectors = new Float32Array(rows.length * dim)
  for (const [i, row] of rows.entries()) {
    if (row.length !== dim) {
      throw new InputError(`"vectors"[${i}]: expected ${dim} values, the dim of the index, got ${row.length}`)
    }
    const wrong = row.findIndex((value) => !(Math.abs(value) <= VECTOR_VALUE_MAX))
    if (wrong >= 0) {
      throw new InputError(
        `"vectors"[${i}][${wrong}]: expected a finite 32-bit float of a row of unit length, got ${row[wrong]}`,
      )
    }
    if (!row.some((value) => Math.abs(value) >= VECTOR_VALUE_MIN)) {
      throw new InputError(
        `"vectors"[${i}]: expected a row of unit length, got one of zeros, which is near to nothing. Leave it out.`,
      )
    }
    vectors.set(row, i * dim)
  }
  return { vectors, rows: rows.length, dim }
}

/** Parsed requests have keys that are undefined; options that are absent must be absent. */
function asGiven<T extends object>(options: T): { [Name in keyof T]: Exclude<T[Name], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [Name in keyof T]: Exclude<T[Name], undefined> }
}

function rowsOf(vectors: Float32Array, dim: number): number[][] {
  return Array.from({ length: vectors.length / dim }, (_, row) => [...vectors.subarray(row * dim, (row + 1) * dim)])
}

/** exp(score) normalised; the largest is subtracted first, as a score of 1,000 would overflow. */
function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** Milliseconds since then, in tenths: all that browsers and Workers let anyone see. */
function tenths(started: number): number {
  return Math.round((performance.now() - started) * 10) / 10
}
