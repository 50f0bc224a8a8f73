/**
 * Answers a text question: encodes it, searches, reads the texts of the hits, marks the words that answer. HTTP, the command and
 * every host go through `ask`; nothing else of Tartan puts these steps together.
 */
import type { EncodedText, Encoder, QueryEncoder } from '../../encoder/encoder.ts'
import { assertSameEncoder } from '../../encoder/fingerprint.ts'
import { encodedTextOf, readablePassage } from '../../encoder/passageText.ts'
import { AbortedError, InputError, NotFoundError, StorageError } from '../../format/errors.ts'
import type { TierName } from '../../format/manifest/tiers.ts'
import { type Names, requireKnownOptions } from '../knownOptions.ts'
import { requireTierName } from '../search/tiers.ts'
import type {
  IndexInfo,
  MetadataValue,
  QueryVectors,
  SearchAnswer,
  Searcher,
  SearchOptions,
  StoredPassage,
  TokenMatch,
} from '../searcher.ts'
import { createSlices, pause } from '../waiting/pause.ts'
import { type PassageMarks, passageFit, passageMarks, type QueryMatch } from './marks.ts'

/** An encoder that a search can ask with. One without `passageSpans` (it runs elsewhere) can mark no words. */
export type QuestionEncoder = QueryEncoder & Partial<Pick<Encoder, 'encodePassages' | 'countTokens' | 'passageSpans'>>

/** A text, or query vectors that were made elsewhere by the encoder of the index. */
export type Question = string | QueryVectors

export interface AskOptions extends SearchOptions {
  /** Whether hits carry title, text and metadata. Default true. */
  readonly texts?: boolean
  /** Whether hits carry `marks`, the words that answer. Default false. Needs a text as question, and an encoder on this host. */
  readonly highlight?: boolean
  /** Ends the question between two of its steps with an AbortedError. With a signal each step lets other events in first. */
  readonly signal?: AbortSignal | undefined
}

/** A stored passage. Fields that it does not have are absent, all but the id when the index was built without texts. */
export interface Passage {
  readonly id: string
  readonly title?: string
  readonly text?: string
  readonly metadata?: Readonly<Record<string, MetadataValue>>
}

export interface AnswerHit extends Passage {
  /** 1-based. */
  readonly rank: number
  /** MaxSim of the compressed passage, about [-rows, rows]. Comparable within one answer only. */
  readonly score: number
  /** A number for clients that want one, such as ColBERT's. It means another passage once the index is built anew; `id` does not. */
  readonly pid: number
  /** Words of title and text that answer, as half-open ranges of UTF-16 code units. With `highlight`. */
  readonly marks?: PassageMarks
  /**
   * How well the question's words are answered: their mean similarity to the words of the passage, function words left out. In [-1, 1], and
   * comparable between questions: good answers are above 0.6, below 0.55 nothing fits. With `highlight`.
   */
  readonly fit?: number
}

/** Milliseconds by step; a step that was not needed is absent. */
export interface AskTimes {
  readonly encode?: number
  readonly search?: number
  readonly texts?: number
  readonly marks?: number
}

export interface TextAnswer extends Omit<SearchAnswer, 'hits'> {
  /** Best first. */
  readonly hits: readonly AnswerHit[]
  /** The text has more words than the encoder reads, in as many rows as a query may have; the rest was left out. Absent when all was read. */
  readonly truncated?: true
  readonly ms: AskTimes
}

export interface TextSearch {
  readonly info: IndexInfo
  /**
   * `deadlineMs` counts from when the search begins, after the text was encoded.
   *
   * @throws InputError when the question cannot be answered as it is: blank, no encoder, a wrong dim, an option out of range, or after `close`
   * @throws ModelError when the encoder is not the index's, AbortedError by `signal`, StorageError, FormatError and its kin
   */
  ask(question: Question, options?: AskOptions): Promise<TextAnswer>
  /** @throws NotFoundError when no passage has this id */
  passage(id: string): Promise<Passage>
  /** Answers what is under way, then gives back what was opened with it. A second call does nothing more. */
  close(): Promise<void>
}

const ASK_OPTIONS: Names<AskOptions> = {
  ...{ k: true, tier: true, ncells: true, centroidScoreThreshold: true, ndocs: true, lists: true, passages: true },
  ...{ filter: true, budget: true, deadlineMs: true, texts: true, highlight: true, signal: true },
}

export interface TextSearchOptions {
  /** Tier of questions that name none. Default: `balanced` when the index has tiers. */
  readonly tier?: TierName | undefined
  /** What `close` does. Default nothing: searcher and encoder stay the caller's to close. */
  readonly close?: () => Promise<void>
}

/** @param encoder - without it only query vectors can be asked with */
export function createTextSearch(
  searcher: Searcher,
  encoder?: QuestionEncoder,
  options: TextSearchOptions = {},
): TextSearch {
  if (options.tier !== undefined) requireTierName(options.tier)
  let underWay = 0
  let closed: Promise<void> | undefined
  let onIdle = () => {}
  const ask: TextSearch['ask'] = async (question, { texts = true, highlight = false, signal, ...asked } = {}) => {
    if (highlight) requireHighlight(question, searcher.info, encoder)
    const times: { -readonly [Step in keyof AskTimes]: number } = {}
    const step: TimedStep = async (name, work) => {
      await checkpoint(signal)
      const started = performance.now()
      const result = await work()
      times[name] = (times[name] ?? 0) + performance.now() - started
      return result
    }
    const encoded =
      typeof question === 'string'
        ? await step('encode', () => encodeText(question, searcher.info, encoder))
        : undefined
    const query = encoded ?? requireVectors(question)
    const wanted = { options: given({ ...asked, tier: asked.tier ?? options.tier }), texts, highlight }
    const { found, passages, matches, firstPids } = await readAnswer(searcher, query, wanted, step).catch(
      refuseNotFound,
    )
    const { hits, ...facts } = found
    const words = encoded && typeof question === 'string' ? { query: question, querySpans: encoded.spans } : undefined
    const marks = words && highlight ? await step('marks', () => allMarks(passages, matches, words, encoder)) : []
    return {
      ...facts,
      ...(encoded?.truncated ? { truncated: true } : {}),
      hits: hits.map(({ id, rank, score, place }, i): AnswerHit => {
        const passage = passages[i]
        return {
          ...(texts && passage ? passageOf(passage) : {}),
          ...{ id, rank, score, pid: (firstPids[place.segment] ?? 0) + place.pid },
          ...marks[i],
        }
      }),
      ms: times,
    }
  }
  return {
    get info() {
      return searcher.info
    },
    async ask(question, asked) {
      if (closed) throw new InputError(`asking "${searcher.info.name}": this search is closed. Open it again.`)
      requireKnownOptions<AskOptions>('asking', asked, ASK_OPTIONS)
      underWay++
      try {
        return await ask(question, asked)
      } finally {
        if (--underWay === 0) onIdle()
      }
    },
    passage: async (id) => passageOf(await searcher.passage(id)),
    close() {
      closed ??= new Promise<void>((resolve) => {
        onIdle = resolve
        if (underWay === 0) resolve()
      }).then(options.close)
      return closed
    },
  }
}

type TimedStep = <T>(name: keyof AskTimes, work: () => Promise<T>) => Promise<T>

interface Wanted {
  readonly options: SearchOptions
  readonly texts: boolean
  readonly highlight: boolean
}

/** Everything that is read of the index for one question, all of it of one generation. */
function readAnswer(searcher: Searcher, query: QueryVectors, wanted: Wanted, step: TimedStep) {
  const { options, texts, highlight } = wanted
  return searcher.withSnapshot(async (snapshot) => {
    const found = await step('search', () => snapshot.search(query, options))
    const places = found.hits.map(({ place }) => place)
    const passages = texts || highlight ? await step('texts', () => snapshot.passages(places)) : []
    const matches = highlight ? await step('marks', () => snapshot.matchTokens(query, places)) : []
    return { found, passages, matches, firstPids: firstPidsOf(snapshot.info) }
  })
}

/** What comes before each segment when all passages are counted through. */
function firstPidsOf({ segments }: IndexInfo): readonly number[] {
  let first = 0
  return segments.map((passages) => {
    const before = first
    first += passages
    return before
  })
}

/** The question named nothing that could be missing: a part of the index is, which is not the asker's mistake. */
function refuseNotFound(error: unknown): never {
  if (error instanceof NotFoundError) throw new StorageError('a part of the index is missing', {}, { cause: error })
  throw error
}

/** Aborting is an event: without a pause none comes in while one step follows another on the same thread. */
async function checkpoint(signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return
  if (!signal.aborted) await pause()
  if (signal.aborted) throw new AbortedError('the question was withdrawn before it was answered')
}

async function encodeText(text: string, info: IndexInfo, encoder: QuestionEncoder | undefined): Promise<EncodedText> {
  if (!encoder) {
    throw new InputError(
      'There is no query encoder here, so a text cannot be read. Ask with query vectors ("vectors" of POST /v1/search), or open the search (start the server) with a model.',
    )
  }
  if (!info.encoder) {
    throw new InputError(
      `Index "${info.name}" was built from ready vectors of an unknown encoder, so it cannot be searched with a text. Ask with query vectors ("vectors" of POST /v1/search).`,
    )
  }
  assertSameEncoder(info.encoder, encoder.fingerprint)
  return encoder.encodeQuery(text)
}

function requireVectors(question: Question): QueryVectors {
  if (typeof question === 'object' && question !== null) return question
  throw new InputError(`asking: expected a text, or query vectors { vectors, rows, dim }, got ${typeof question}.`)
}

function requireHighlight(question: Question, info: IndexInfo, encoder: QuestionEncoder | undefined): void {
  if (typeof question !== 'string') {
    throw new InputError('"highlight" needs a query text: rows of "vectors" do not say which word they stand for.')
  }
  // That there is no encoder at all is told by encodeText.
  if (encoder && !info.hasTexts) {
    throw new InputError(`"highlight" needs texts, and index "${info.name}" was built without them. Leave it out.`)
  }
  if (encoder && !encoder.passageSpans) {
    throw new InputError('"highlight" needs an encoder on this host, and the encoder runs elsewhere. Leave it out.')
  }
}

/** Whether texts can be asked of an index with this encoder, and `highlight` with them. */
export function canHighlight(info: IndexInfo, encoder: QuestionEncoder | undefined): boolean {
  return encoder?.passageSpans !== undefined && info.encoder !== undefined && info.hasTexts
}

/** An option that is absent must be absent, not undefined: implementations spread them over their defaults. */
function given(options: { readonly [Name in keyof SearchOptions]: SearchOptions[Name] | undefined }): SearchOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** The stored fields, absent ones left out. */
function passageOf({ id, title, text, metadata }: StoredPassage): Passage {
  return {
    id,
    ...(title === undefined ? {} : { title }),
    ...(text === undefined ? {} : { text }),
    ...(metadata === undefined ? {} : { metadata }),
  }
}

/** What the words of each passage say of the question. A passage is tokenized for it, so a thousand would hold the thread for most of a second. */
async function allMarks(
  passages: readonly StoredPassage[],
  matches: readonly TokenMatch[],
  { query, querySpans }: Omit<QueryMatch, 'match'>,
  encoder: QuestionEncoder | undefined,
): Promise<readonly Required<Pick<AnswerHit, 'marks' | 'fit'>>[]> {
  const marked: Required<Pick<AnswerHit, 'marks' | 'fit'>>[] = []
  const nextSlice = createSlices()
  for (const [i, match] of matches.entries()) {
    await nextSlice()
    const passage = passages[i] ?? {}
    // The same words that the index was built from.
    const read = encoder && countsTokens(encoder) ? readablePassage(passage, encoder) : passage
    const passageSpans = encoder?.passageSpans?.(encodedTextOf(read)) ?? []
    const asked = { query, querySpans, match }
    marked.push({ marks: passageMarks({ ...asked, passage: read, passageSpans }), fit: passageFit(asked) })
  }
  return marked
}

function countsTokens(encoder: QuestionEncoder): encoder is QuestionEncoder & Pick<Encoder, 'countTokens'> {
  return encoder.countTokens !== undefined
}
