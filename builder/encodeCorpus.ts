/** Second pass over a corpus: spooled passages through the encoder into a vector store, in length-sorted batches. */
import { ADDED_TOKENS } from '../encoder/conventions.ts'
import type { EncodedText, Encoder } from '../encoder/encoder.ts'
import { encodedTextOf, readablePassage } from '../encoder/passageText.ts'
import { AbortedError } from '../format/errors.ts'
import type { OnProgress } from './progress.ts'
import { isDiskError, writeFailure } from './publish/indexFolder.ts'
import type { Spool } from './stores/spool.ts'
import type { StoredQueries } from './stores/vectorStore.ts'
import { createVectorStore, type VectorStoreWriter } from './stores/vectorStoreWriter.ts'

export interface EncodeOptions {
  /** Passages encoded together. */
  readonly batchSize?: number
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

/** Fastest with the int8 model on two cores; larger batches pad more and leave the cache (bench/encode). */
export const BATCH_SIZE_DEFAULT = 8
/** Passages sorted by length together. 512 passages x 220 tokens x 96 values x 4 bytes = 43 MB of vectors at most. */
const WINDOW_PASSAGES = 512
/** A passage may have 16 MiB, of which the encoder reads a page: texts of a window are bounded by themselves. */
const WINDOW_CHARACTERS = 1 << 24

/** Passages of a kind: how many there are, and the ids of the first few. */
export interface CountedPassages {
  readonly passages: number
  /** At most 10, in corpus order. */
  readonly ids: readonly string[]
}

/** What encoding did not read, counted: nothing is left out in silence. */
export interface EncodeSummary {
  /** Without a word that the model knows: they have no vectors, are kept under their ids, and no query finds them. */
  readonly wordless: CountedPassages
  /** Longer than the model reads; `tokens` is how many of their tokens were not read. */
  readonly cut: CountedPassages & { readonly tokens: number }
}

/**
 * Encodes a spooled corpus into a vectors folder, for `build` and `encode`.
 * @throws StorageError when the disk takes no more, AbortedError; the folder is then the caller's to remove
 */
export async function encodeToStore(
  spool: Spool,
  encoder: Encoder,
  folder: string,
  options: EncodeOptions & { readonly queries?: StoredQueries } = {},
): Promise<EncodeSummary> {
  const writer = await createVectorStore(folder, encoder.fingerprint.dim)
  try {
    const summary = await encodeCorpus(spool, encoder, writer, options)
    await writer.finish(spool.ids, options.queries)
    return summary
  } catch (error) {
    await writer.abandon()
    throw isDiskError(error) ? writeFailure(folder)(error) : error
  }
}

/**
 * Appends the vectors of all passages to `store`, in corpus order. Memory holds one window of passages.
 */
export async function encodeCorpus(
  spool: Spool,
  encoder: Encoder,
  store: VectorStoreWriter,
  options: EncodeOptions = {},
): Promise<EncodeSummary> {
  const total = spool.ids.length
  const wordless = new PassageCount()
  const cut = new PassageCount()
  let unread = 0
  let done = 0
  let tokens = 0
  let window: WindowText[] = []
  let characters = 0
  const flush = async () => {
    const texts = window.map(({ read }) => read)
    const lengths = texts.map((text) => encoder.countPassageTokens(text))
    const inWindow = lengths.reduce((sum, length) => sum + length, 0)
    const work = (count: number) => ({
      done: tokens + count,
      total: Math.round(((tokens + inWindow) / (done + window.length)) * total),
    })
    const encoded = await encodeWindow({ texts, lengths }, encoder, options, (count, ofTokens) =>
      options.onProgress?.({ stage: 'encode', done: done + count, total, unit: 'passages', work: work(ofTokens) }),
    )
    for (const [i, { vectors, rows }] of encoded.entries()) {
      await store.append(vectors, rows)
      const id = spool.ids[done + i] ?? ''
      if (rows === 0) wordless.add(id)
      const beyond = unreadTokens(window[i], encoder)
      if (beyond > 0) cut.add(id)
      unread += beyond
    }
    done += window.length
    tokens += inWindow
    window = []
    characters = 0
  }
  options.onProgress?.({ stage: 'encode', done: 0, total, unit: 'passages' })
  for (let block = 0; block < spool.blocks.length; block++) {
    for (const record of await spool.readRecords(block)) {
      const whole = encodedTextOf(record)
      window.push({ whole, read: encodedTextOf(readablePassage(record, encoder)) })
      characters += whole.length
      if (window.length === WINDOW_PASSAGES || characters >= WINDOW_CHARACTERS) await flush()
    }
  }
  if (window.length > 0) await flush()
  return { wordless: wordless.report(), cut: { ...cut.report(), tokens: unread } }
}

/** A passage's text, and what of it the encoder is given. */
interface WindowText {
  readonly whole: string
  readonly read: string
}

/** Tokens of a passage that the encoder does not read. */
function unreadTokens(text: WindowText | undefined, encoder: Encoder): number {
  if (!text) return 0
  const { whole, read } = text
  const tokensRead = encoder.countPassageTokens(read) - ADDED_TOKENS
  const isRead = whole === read && tokensRead < encoder.fingerprint.passageLength - ADDED_TOKENS
  return isRead ? 0 : encoder.countTokens(whole) - tokensRead
}

const IDS_NAMED = 10

/** Counts passages of a kind. */
export class PassageCount {
  #passages = 0
  readonly #ids: string[] = []

  add(id: string): void {
    this.#passages += 1
    if (this.#ids.length < IDS_NAMED) this.#ids.push(id)
  }

  report(): CountedPassages {
    return { passages: this.#passages, ids: this.#ids }
  }
}

interface Window {
  readonly texts: readonly string[]
  /** Tokens of each. */
  readonly lengths: readonly number[]
}

/** Batches of similar length waste little padding; results return to the order of `texts`. */
async function encodeWindow(
  { texts, lengths }: Window,
  encoder: Encoder,
  { batchSize = BATCH_SIZE_DEFAULT, signal }: EncodeOptions,
  onBatch: (done: number, tokens: number) => void,
): Promise<readonly EncodedText[]> {
  // Sorting is stable, so equal lengths keep corpus order and batches are the same on every run.
  const order = [...texts.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0))
  const results: EncodedText[] = new Array(texts.length)
  let tokens = 0
  for (let start = 0; start < order.length; start += batchSize) {
    if (signal?.aborted) throw new AbortedError()
    const batch = order.slice(start, start + batchSize)
    const encoded = await encoder.encodePassages(batch.map((index) => texts[index] ?? ''))
    batch.forEach((index, i) => {
      const result = encoded[i]
      if (result) results[index] = result
      tokens += lengths[index] ?? 0
    })
    onBatch(Math.min(start + batchSize, order.length), tokens)
  }
  return results
}
