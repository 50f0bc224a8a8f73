/** Second pass over a corpus: spooled passages through the encoder into a vector store, in length-sorted batches. */
import type { EncodedText, Encoder } from '../encoder/encoder.ts'
import { encodedTextOf } from '../encoder/passageText.ts'
import { AbortedError } from '../format/errors.ts'
import type { VectorStoreWriter } from './index/vectorStore.ts'
import type { OnProgress } from './progress.ts'
import type { Spool } from './spool.ts'

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

/**
 * Appends the vectors of all passages to `store`, in corpus order. Memory holds one window of passages.
 */
export async function encodeCorpus(
  spool: Spool,
  encoder: Encoder,
  store: VectorStoreWriter,
  options: EncodeOptions = {},
): Promise<void> {
  const total = spool.ids.length
  let done = 0
  let window: string[] = []
  const flush = async () => {
    const encoded = await encodeWindow(window, encoder, options, (count) =>
      options.onProgress?.({ stage: 'encode', done: done + count, total, unit: 'passages' }),
    )
    for (const { vectors, rows } of encoded) await store.append(vectors, rows)
    done += window.length
    window = []
  }
  options.onProgress?.({ stage: 'encode', done: 0, total, unit: 'passages' })
  for (let block = 0; block < spool.blocks.length; block++) {
    for (const record of await spool.readRecords(block)) {
      window.push(encodedTextOf(record))
      if (window.length === WINDOW_PASSAGES) await flush()
    }
  }
  if (window.length > 0) await flush()
}

/** Batches of similar length waste little padding; results return to the order of `texts`. */
async function encodeWindow(
  texts: readonly string[],
  encoder: Encoder,
  { batchSize = BATCH_SIZE_DEFAULT, signal }: EncodeOptions,
  onBatch: (done: number) => void,
): Promise<readonly EncodedText[]> {
  const lengths = texts.map((text) => encoder.countPassageTokens(text))
  // Sorting is stable, so equal lengths keep corpus order and batches are the same on every run.
  const order = [...texts.keys()].sort((a, b) => (lengths[a] ?? 0) - (lengths[b] ?? 0))
  const results: EncodedText[] = new Array(texts.length)
  for (let start = 0; start < order.length; start += batchSize) {
    if (signal?.aborted) throw new AbortedError()
    const batch = order.slice(start, start + batchSize)
    const encoded = await encoder.encodePassages(batch.map((index) => texts[index] ?? ''))
    batch.forEach((index, i) => {
      const result = encoded[i]
      if (result) results[index] = result
    })
    onBatch(Math.min(start + batchSize, order.length))
  }
  return results
}
