/** Answers `/v1/encode` and `/v1/rerank` from the ports. Knows nothing of HTTP. */
import type { EncodedText } from '../../encoder/encoder.ts'
import { QUERY_CHARACTERS_MAX } from '../../encoder/limits.ts'
import { AbortedError, InputError, NotFoundError } from '../../format/errors.ts'
import { maxSim } from '../ask/maxSim.ts'
import { encodeBase64F32 } from '../encoders/vectorText.ts'
import { encodeQuery, queryVectorsOf, type ServedEncoder, searchIndex, type Timed } from './answer.ts'
import type { NamedSearcher } from './catalog.ts'
import type {
  EncodeAnswerBody,
  EncodeRequest,
  EncoderAnswerBody,
  RerankAnswerBody,
  RerankRequest,
} from './encodeSchemas.ts'

export interface EncodeSources {
  readonly encoder: ServedEncoder | undefined
  readonly timed: Timed
  /** When the client is told that it took too long, on `performance.now()`'s clock: no text is begun afterwards. */
  readonly deadline: number
}

export interface RerankSources extends EncodeSources {
  /** @throws NotFoundError when there is no such index */
  readonly chooseIndex: (name: string | undefined) => NamedSearcher
}

/** @throws NotFoundError when the server has no encoder */
export function answerEncoder(encoder: ServedEncoder | undefined): EncoderAnswerBody {
  const { fingerprint } = requireEncoder(encoder)
  return { fingerprint: { ...fingerprint, skipList: [...fingerprint.skipList] } }
}

function requireEncoder(encoder: ServedEncoder | undefined): ServedEncoder {
  if (encoder) return encoder
  throw new NotFoundError('This server has no encoder. The operator has to start it with a model.')
}

/** @throws InputError when a text cannot be encoded, saying which; NotFoundError when the server has no encoder */
export async function answerEncode(sources: EncodeSources, request: EncodeRequest): Promise<EncodeAnswerBody> {
  const started = performance.now()
  const { texts, kind = 'query', encodingFormat = 'float' } = request
  const encoder = requireEncoder(sources.encoder)
  const encoded = await sources.timed(
    'encode',
    kind === 'query' ? encodeQueries(sources, encoder, texts) : encodePassages(sources, encoder, texts),
  )
  const results = encoded.map(({ vectors, rows, dim }) => {
    return { rows, vectors: encodingFormat === 'base64' ? encodeBase64F32(vectors) : rowsOf(vectors, dim) }
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
    ...(ids ? { index: sources.chooseIndex(index).name, missing: answer.missing } : {}),
    results: scored.map(({ position, score, id }, i) => {
      return { position, ...(id === undefined ? {} : { id }), rank: i + 1, score }
    }),
    tookMs: tenths(started),
  }
}

interface Scored {
  readonly scored: { readonly position: number; readonly score: number; readonly id?: string }[]
  readonly missing: string[]
}

async function rerankIds(sources: RerankSources, request: RerankRequest, ids: readonly string[]): Promise<Scored> {
  const index = sources.chooseIndex(request.index)
  const { dim } = index.searcher.info
  const searched = { ...sources, index }
  const query =
    request.query === undefined
      ? queryVectorsOf(request.vectors ?? [], dim)
      : await encodeQuery(searched, request.query)
  const unique = [...new Set(ids)]
  if (unique.length === 0) return { scored: [], missing: [] }
  // Searching rescores at most a quarter of ndocs.
  const found = await searchIndex(searched, query, { filter: unique, k: unique.length, ndocs: unique.length * 4 })
  const scores = new Map(found.hits.map(({ id, score }) => [id, score]))
  const scored = ids.flatMap((id, position) => {
    const score = scores.get(id)
    return score === undefined ? [] : [{ position, id, score }]
  })
  return { scored, missing: unique.filter((id) => !scores.has(id)) }
}

async function rerankTexts(sources: RerankSources, request: RerankRequest, texts: readonly string[]): Promise<Scored> {
  const { encoder } = sources
  if (!encoder) {
    throw new InputError(
      'This server has no encoder, so it cannot read "texts". Send "ids" of an index, or have the operator start it with a model.',
    )
  }
  const query =
    request.query === undefined
      ? queryVectorsOf(request.vectors ?? [], encoder.fingerprint.dim)
      : await sources.timed('encode', encoder.encodeQuery(request.query))
  const passages = await sources.timed('passages', encodePassages(sources, encoder, texts))
  const scored = passages.map((passage, position) => ({ position, score: maxSim(query, passage) }))
  return { scored, missing: [] }
}

/** One run a text: what an int8 model gives for a text depends on its batch, and clients expect what a search would use. */
async function encodeQueries(
  sources: EncodeSources,
  encoder: ServedEncoder,
  texts: readonly string[],
): Promise<readonly EncodedText[]> {
  const wrong = texts.findIndex((text) => text.length > QUERY_CHARACTERS_MAX || text.trim() === '')
  if (wrong >= 0) {
    throw new InputError(
      `"texts"[${wrong}]: expected a query of at most ${QUERY_CHARACTERS_MAX} characters with at least one word.`,
    )
  }
  return inTurn(sources, texts, (text) => encoder.encodeQuery(text))
}

async function encodePassages(
  sources: EncodeSources,
  encoder: ServedEncoder,
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
  { deadline }: EncodeSources,
  texts: readonly string[],
  encode: (text: string) => Promise<EncodedText>,
): Promise<readonly EncodedText[]> {
  const encoded: EncodedText[] = []
  for (const text of texts) {
    if (encoded.length > 0) await new Promise((resolve) => setTimeout(resolve, 0))
    if (performance.now() > deadline) throw new AbortedError('encoding was stopped: the request took too long')
    encoded.push(await encode(text))
  }
  return encoded
}

function rowsOf(vectors: Float32Array, dim: number): number[][] {
  return Array.from({ length: vectors.length / dim }, (_, row) => [...vectors.subarray(row * dim, (row + 1) * dim)])
}

/** A tenth of a millisecond is all that browsers and Workers let anyone see. */
function tenths(started: number): number {
  return Math.round((performance.now() - started) * 10) / 10
}
