/** Keeps the vectors of the last queries, for a server that is asked the same words again: another page of results, another filter. */
import type { EncodedText } from '../../encoder/encoder.ts'
import type { QuestionEncoder } from '../ask/textSearch.ts'
import { Flights } from '../waiting/flights.ts'

const BYTES_MAX_DEFAULT = 8 * 1024 * 1024

export interface CachedEncoderOptions {
  /** Of the vectors that are kept. Default 8 MiB: some 1,000 queries of 32 rows and 48 dims. */
  readonly bytesMax?: number
}

/**
 * The encoder, with the vectors of its latest queries kept. Equal queries at once are encoded once. For hosts where requests may
 * share promises: not for Workers. Closing it closes the encoder.
 */
export function cachedEncoder(encoder: QuestionEncoder, options: CachedEncoderOptions = {}): QuestionEncoder {
  const { bytesMax = BYTES_MAX_DEFAULT } = options
  const kept = new Map<string, EncodedText>()
  const flights = new Flights()
  const never = new AbortController().signal
  let bytes = 0

  function keep(text: string, encoded: EncodedText): void {
    bytes += bytesOf(text, encoded)
    kept.set(text, encoded)
    for (const [oldest, vectors] of kept) {
      if (bytes <= bytesMax) break
      kept.delete(oldest)
      bytes -= bytesOf(oldest, vectors)
    }
  }

  return {
    fingerprint: encoder.fingerprint,
    ...(encoder.encodePassages ? { encodePassages: (texts) => encodePassagesOf(encoder, texts) } : {}),
    ...(encoder.countTokens ? { countTokens: (text, tokensMax) => encoder.countTokens?.(text, tokensMax) ?? 0 } : {}),
    ...(encoder.passageSpans ? { passageSpans: (text) => encoder.passageSpans?.(text) ?? [] } : {}),
    async encodeQuery(text) {
      const known = kept.get(text)
      if (known) {
        // Set again, it is the newest.
        kept.delete(text)
        kept.set(text, known)
        return known
      }
      return flights.join(text, never, async () => {
        const encoded = await encoder.encodeQuery(text)
        keep(text, encoded)
        return encoded
      })
    },
    close: () => encoder.close(),
  }
}

/** What an entry takes, about: spans are small objects, a string may have two bytes a unit. */
function bytesOf(text: string, { vectors, rows }: EncodedText): number {
  return vectors.byteLength + rows * 48 + text.length * 2
}

async function encodePassagesOf(encoder: QuestionEncoder, texts: readonly string[]) {
  return (await encoder.encodePassages?.(texts)) ?? []
}
