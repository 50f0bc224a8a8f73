/** Answers one search request from the ports: encode, search, read texts, mark words. Knows nothing of HTTP. */
import type { EncodedText, Encoder, QueryEncoder } from '../../encoder/encoder.ts'
import { assertSameEncoder } from '../../encoder/fingerprint.ts'
import { encodedTextOf } from '../../encoder/passageText.ts'
import { InputError, NotFoundError, StorageError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { type Mark, passageMarks } from '../ask/marks.ts'
import type { QueryVectors, SearchAnswer, SearchOptions, StoredPassage } from '../searcher.ts'
import type { NamedSearcher } from './catalog.ts'

import {
  type ColbertAnswer,
  K_DEFAULT,
  type SearchAnswerBody,
  type SearchHitBody,
  type SearchRequest,
} from './schemas.ts'

/** Measures a stage by name, for the Server-Timing header. */
export type Timed = <T>(stage: string, work: Promise<T>) => Promise<T>

/** What the app asks of an encoder. One that runs elsewhere knows nothing of passages: then nothing is marked or reranked by text. */
export type ServedEncoder = QueryEncoder & Partial<Pick<Encoder, 'encodePassages' | 'passageSpans'>>

export interface AnswerSources {
  readonly index: NamedSearcher
  readonly encoder: ServedEncoder | undefined
  /** For requests that name none. */
  readonly tier?: TierName
  readonly timed: Timed
}

/** @throws InputError when the request cannot be answered as it is: no encoder, wrong dim, no texts */
export async function answerSearch(sources: AnswerSources, request: SearchRequest): Promise<SearchAnswerBody> {
  const started = performance.now()
  const { name, searcher } = sources.index
  const { query, vectors, k = K_DEFAULT, filter, tier, ncells, centroidScoreThreshold, ndocs } = request
  const { texts = true, highlight = false, maxBytes, deadlineMs } = request
  if (highlight) requireHighlight(sources, query)
  const encoded = query === undefined ? undefined : await encodeQuery(sources, query)
  const matrix = encoded ?? queryVectorsOf(vectors ?? [], searcher.info.dim)
  const parametersAsked = { k, filter, tier, ncells, centroidScoreThreshold, ndocs, maxBytes, deadlineMs }
  const found = await searchIndex(sources, matrix, parametersAsked)
  const passages = texts || highlight ? await readTexts(sources, found) : []
  const marks = highlight && encoded ? await marksOf(sources, encoded, found, passages) : []
  const hits = found.hits.map(({ id, rank, score }, i): SearchHitBody => {
    const passage = passages[i]
    return {
      id,
      rank,
      score,
      ...(texts && passage ? fieldsOf(passage) : {}),
      ...(marks[i] ? { marks: marks[i] } : {}),
    }
  })
  const { k: _, ...parameters } = found.parameters
  const { candidates, approximated, rescored } = found.counts
  const counts = { candidates, approximated, rescored }
  // A tenth of a millisecond is all that browsers and Workers let a page see anyway.
  const tookMs = Math.round((performance.now() - started) * 10) / 10
  const { generation, skipped } = found
  const missing = skipped ? { skipped: { ...skipped, reasons: [...skipped.reasons] } } : {}
  return { index: name, generation, k, parameters, counts, ...missing, tookMs, hits }
}

/**
 * The answer of ColBERT's own server (server.py of stanford-futuredata/ColBERT): `prob` is the softmax over the scores
 * returned, and a title stands before the text as in its TSV collections.
 *
 * @param longTexts - adds `long_text`, which DSPy's client expects from POST and adds itself after GET
 */
export async function answerColbert(
  sources: AnswerSources,
  request: { readonly query: string; readonly k?: number },
  longTexts: boolean,
): Promise<ColbertAnswer> {
  const { name, searcher } = sources.index
  if (!searcher.info.hasTexts) {
    throw new InputError(
      `/api/search answers with texts, and index "${name}" was built without them. Use /v1/search, or rebuild with texts.`,
    )
  }
  const { query, k = K_DEFAULT } = request
  const found = await searchIndex(sources, await encodeQuery(sources, query), { k })
  const passages = await readTexts(sources, found)
  const probabilities = softmax(found.hits.map((hit) => hit.score))
  const topk = found.hits.map(({ pid, rank, score }, i) => {
    const { title, text = '' } = passages[i] ?? {}
    const whole = title ? `${title} | ${text}` : text
    return { text: whole, ...(longTexts ? { long_text: whole } : {}), pid, rank, score, prob: probabilities[i] ?? 0 }
  })
  return { query, topk }
}

/** The fields of a stored passage that an answer shows, absent ones left out. */
export function fieldsOf({ title, text, metadata }: StoredPassage): Pick<SearchHitBody, 'title' | 'text' | 'metadata'> {
  return {
    ...(title === undefined ? {} : { title }),
    ...(text === undefined ? {} : { text }),
    ...(metadata === undefined ? {} : { metadata: { ...metadata } }),
  }
}

function requireHighlight({ index, encoder }: AnswerSources, query: string | undefined): void {
  if (query === undefined) {
    throw new InputError('"highlight" needs a query text: rows of "vectors" do not say which word they stand for.')
  }
  if (encoder && !index.searcher.info.hasTexts) {
    throw new InputError(`"highlight" needs texts, and index "${index.name}" was built without them. Leave it out.`)
  }
  if (encoder && !encoder.passageSpans) {
    throw new InputError(
      '"highlight" needs an encoder that runs on this server, and its encoder does not. Leave it out.',
    )
  }
}

export async function encodeQuery({ index, encoder, timed }: AnswerSources, query: string): Promise<EncodedText> {
  if (!encoder) {
    throw new InputError(
      'This server has no query encoder, so it cannot read a query text. Send "vectors" to POST /v1/search, or have the operator start it with a model.',
    )
  }
  const { encoder: built } = index.searcher.info
  if (!built) {
    throw new InputError(
      `Index "${index.name}" was built from ready vectors of an unknown encoder, so it cannot be searched with a text. Send "vectors" to POST /v1/search.`,
    )
  }
  assertSameEncoder(built, encoder.fingerprint)
  return timed('encode', encoder.encodeQuery(query))
}

/** @throws InputError on ragged rows, a wrong dim, or values that are not finite as f32 */
export function queryVectorsOf(rows: readonly (readonly number[])[], dim: number): QueryVectors {
  const vectors = new Float32Array(rows.length * dim)
  for (const [i, row] of rows.entries()) {
    if (row.length !== dim) {
      throw new InputError(`"vectors"[${i}]: expected ${dim} values, the dim of the index, got ${row.length}`)
    }
    vectors.set(row, i * dim)
  }
  const wrong = vectors.findIndex((value) => !Number.isFinite(value))
  if (wrong >= 0) {
    throw new InputError(`"vectors"[${Math.floor(wrong / dim)}][${wrong % dim}]: expected a finite 32-bit float`)
  }
  return { vectors, rows: rows.length, dim }
}

export async function searchIndex(
  { index, tier, timed }: AnswerSources,
  query: QueryVectors,
  options: SearchOptions,
): Promise<SearchAnswer> {
  // An option that is absent must be absent, not undefined: implementations spread them over their defaults.
  const all = { ...options, tier: options.tier ?? tier }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  return timed('search', index.searcher.search(query, given)).catch(refuseNotFound)
}

async function readTexts({ index, timed }: AnswerSources, found: SearchAnswer): Promise<readonly StoredPassage[]> {
  const pids = found.hits.map((hit) => hit.pid)
  return timed('texts', index.searcher.passages(pids)).catch(refuseNotFound)
}

/** The client named nothing that could be missing here: a part of the index is, which is the server's fault, not a 404. */
function refuseNotFound(error: unknown): never {
  if (error instanceof NotFoundError) throw new StorageError('a part of the index is missing', {}, { cause: error })
  throw error
}

async function marksOf(
  { index, encoder, timed }: AnswerSources,
  query: EncodedText,
  found: SearchAnswer,
  passages: readonly StoredPassage[],
): Promise<{ title: Mark[]; text: Mark[] }[]> {
  const pids = found.hits.map((hit) => hit.pid)
  const matches = await timed('marks', index.searcher.matchTokens(query, pids))
  return matches.map((match, i) => {
    const passage = passages[i] ?? {}
    const passageSpans = encoder?.passageSpans?.(encodedTextOf(passage)) ?? []
    const { title, text } = passageMarks({ passage, passageSpans, querySpans: query.spans, match })
    return { title: [...title], text: [...text] }
  })
}

/** exp(score) normalised; the largest is subtracted first, as a score of 1,000 would overflow. */
function softmax(scores: readonly number[]): number[] {
  const largest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - largest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}
