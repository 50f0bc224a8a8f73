/** The encoder: ColBERT's conventions over a session that runs the network. Works wherever a session does. */
import { InputError, ModelError } from '../format/errors.ts'
import { createInputWriter, type EncoderInput, keptSpans, padBatch } from './conventions.ts'
import type { EncodedText, Encoder, EncoderSession } from './encoder.ts'
import { charactersOf, isLongerThan, QUERY_CHARACTERS_MAX } from './limits.ts'
import { fingerprintOf, type ModelManifest } from './modelManifest.ts'
import { createTokenizer } from './tokenizer.ts'

export interface TextEncoderOptions {
  readonly manifest: ModelManifest
  /** Which of `manifest.files` the session runs, e.g. "int8". Default: the manifest's. */
  readonly precision?: string
  /** Contents of the model's tokenizer.json. */
  readonly tokenizerJson: string
  /** Closed with the encoder. */
  readonly session: EncoderSession
}

/** How far from 1 the squared length of a row may be; 16-bit arithmetic on a GPU stays below 0.005. */
const UNIT_TOLERANCE = 0.02

/**
 * The same batch gives the same vectors. With a float model a text's vectors do not depend on its batch either, up to the
 * order of summation; an int8 model scales its activations by the largest of the batch, so there they move a little.
 *
 * @throws ModelError when manifest, tokenizer and precision do not fit each other
 */
export function createTextEncoder(options: TextEncoderOptions): Encoder {
  const { manifest, session } = options
  const fingerprint = fingerprintOf(manifest, options.precision)
  const tokenizer = createTokenizer(options.tokenizerJson)
  const writer = createInputWriter(tokenizer, fingerprint)
  const { dim } = fingerprint

  async function encode(inputs: readonly EncoderInput[]): Promise<readonly EncodedText[]> {
    if (inputs.length === 0) return []
    const { inputIds, attentionMask, batch, tokens } = padBatch(inputs, tokenizer.special.pad)
    const vectors = await session.run(inputIds, attentionMask, batch, tokens)
    if (vectors.length !== batch * tokens * dim) {
      throw new ModelError(
        `encoding with "${manifest.model}": expected f32[${batch}][${tokens}][${dim}] = ${batch * tokens * dim} values from the network, got ${vectors.length}. The model file does not fit its manifest: copy the model folder again.`,
        { expected: batch * tokens * dim, got: vectors.length },
      )
    }
    return inputs.map((input, row) => {
      const start = row * tokens * dim
      return keptRows(input, vectors.subarray(start, start + tokens * dim), dim, manifest.model)
    })
  }

  return {
    fingerprint,
    async encodeQuery(text) {
      if (isLongerThan(text, QUERY_CHARACTERS_MAX)) {
        throw new InputError(
          `encoding a query: expected at most ${QUERY_CHARACTERS_MAX} characters, got ${charactersOf(text)}. Only the first ${fingerprint.queryLength - 3} tokens are read anyway: shorten it.`,
          { characters: charactersOf(text) },
        )
      }
      const input = writer.query(text)
      if (input.spans.every((span) => span === undefined)) {
        throw new InputError(
          'encoding a query: expected at least one word, got a blank text. Give a query with a letter, digit or sign in it.',
        )
      }
      const [encoded] = await encode([input])
      return encoded as EncodedText
    },
    encodePassages: (texts) => encode(texts.map((text) => writer.passage(text))),
    countPassageTokens: (text) => writer.countPassageTokens(text),
    passageSpans: (text) => keptSpans(writer.passage(text)),
    close: () => session.close(),
  }
}

/** @param vectors - f32[tokens][dim], the text's own rows first */
function keptRows(input: EncoderInput, vectors: Float32Array, dim: number, model: string): EncodedText {
  const spans = keptSpans(input)
  const kept = new Float32Array(spans.length * dim)
  let rows = 0
  input.keep.forEach((keep, token) => {
    if (!keep) return
    const row = vectors.subarray(token * dim, (token + 1) * dim)
    assertUnitRow(row, token, model)
    kept.set(row, rows * dim)
    rows++
  })
  return { vectors: kept, rows, dim, spans }
}

function assertUnitRow(row: Float32Array, token: number, model: string): void {
  let squares = 0
  for (const value of row) squares += value * value
  // Written so that NaN fails.
  if (Math.abs(squares - 1) <= UNIT_TOLERANCE) return
  throw new ModelError(
    `encoding with "${model}": expected rows of length 1 from the network, got ${Math.sqrt(squares)} at token ${token}. The model must normalise its rows, and its device must compute it right: try --device cpu.`,
    { token, length: Math.sqrt(squares) },
  )
}
