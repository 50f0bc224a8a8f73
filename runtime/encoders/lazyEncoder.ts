/**
 * An encoder that is opened by the first text: a page or a Worker starts at once, answers requests with ready vectors meanwhile, and
 * those that never see a text never read the model.
 */
import type { Encoder, QueryEncoder } from '../../encoder/encoder.ts'
import { assertEncoderOfIndex, type EncodedIndex, encoderOfIndex } from '../../encoder/fingerprint.ts'
import { ModelError } from '../../format/errors.ts'
import { createOpenOnce } from '../waiting/openOnce.ts'

/** A model of 23 MB over a line of 4 Mbit/s takes 46 s. */
const TAKE_OVER_MS = 60_000

export interface LazyEncoderOptions {
  /** The `info` of the index that is searched: it says which encoder it takes before there is one. */
  readonly index: EncodedIndex
  /** E.g. `() => openWebEncoder(...)`. Called again after a failure. */
  readonly open: () => Promise<Encoder>
}

export type LazyEncoder = QueryEncoder &
  Pick<Encoder, 'encodePassages' | 'countTokens' | 'passageSpans'> & {
    /** Whether it has been opened. */
    readonly isOpen: boolean
  }

/**
 * Each call that needs the encoder opens it first, unless it is open. It then throws what `open` throws, or a ModelError when the encoder
 * that was opened is not the one the index was built with.
 * @throws ModelError when the index does not say what it was built with
 */
export function createLazyEncoder({ index, open }: LazyEncoderOptions): LazyEncoder {
  const once = createOpenOnce({
    async open() {
      const encoder = await open()
      try {
        assertEncoderOfIndex(index, encoder.fingerprint)
        return encoder
      } catch (error) {
        await encoder.close()
        throw error
      }
    },
    discard: (encoder) => encoder.close(),
    takeOverMs: TAKE_OVER_MS,
  })
  const opened = (): Encoder => {
    if (once.value) return once.value
    throw new ModelError(
      'finding words in a passage: expected an encoder that is open, got one that is not yet. Encode a query first.',
    )
  }
  return {
    fingerprint: encoderOfIndex(index),
    get isOpen() {
      return once.value !== undefined
    },
    encodeQuery: async (text) => (await once.get()).encodeQuery(text),
    encodePassages: async (texts) => (await once.get()).encodePassages(texts),
    countTokens: (text, tokensMax) => opened().countTokens(text, tokensMax),
    passageSpans: (text) => opened().passageSpans(text),
    close: async () => once.value?.close(),
  }
}
