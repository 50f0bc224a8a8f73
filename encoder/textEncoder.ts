/** The encoder: ColBERT's conventions over a session that runs the network. Works wherever a session does. */
import { InputError, ModelError } from '../format/errors.ts'
import { QUERY_ROWS_MAX } from '../format/limits.ts'
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

  async function encodePassages(texts: readonly string[]): Promise<readonly EncodedText[]> {
    const inputs = texts.map((text) => writer.passage(text))
    const worded = [...inputs.keys()].filter((i) => writer.hasWord(texts[i] ?? '', inputs[i] as EncoderInput))
    const encoded = await encode(worded.map((i) => inputs[i] as EncoderInput))
    const results: EncodedText[] = texts.map(() => ({ vectors: new Float32Array(0), rows: 0, dim, spans: [] }))
    worded.forEach((i, at) => {
      const isCut = writer.cutsPassage(texts[i] ?? '')
      results[i] = { ...(encoded[at] as EncodedText), ...(isCut ? { truncated: true } : {}) }
    })
    return results
  }

  return {
    fingerprint,
    async encodeQuery(text, { rowsMax = QUERY_ROWS_MAX } = {}) {
      if (isLongerThan(text, QUERY_CHARACTERS_MAX)) {
        throw new InputError(
          `encoding a query: expected at most ${QUERY_CHARACTERS_MAX} characters, got ${charactersOf(text)}. Shorten it.`,
          { characters: charactersOf(text) },
        )
      }
      const { windows, truncated } = writer.queryWindows(text, rowsMax)
      if (windows.every(({ spans }) => spans.every((span) => span === undefined))) {
        throw new InputError(
          'encoding a query: expected at least one word, got a blank text. Give a query with a letter, digit or sign in it.',
        )
      }
      const encoded: EncodedText[] = []
      // One run each: what an int8 model gives depends on its batch, and a window should get what it would get alone.
      for (const window of windows) {
        // In WebAssembly the network runs on the only thread: between two windows others get it.
        if (encoded.length > 0) await new Promise((resolve) => setTimeout(resolve, 0))
        encoded.push(...(await encode([window])))
      }
      return { ...joinedRows(encoded, dim), ...(truncated ? { truncated } : {}) }
    },
    encodePassages,
    countPassageTokens: (text) => writer.countPassageTokens(text),
    countTokens: (text, tokensMax) => tokenizer.tokenize(text, tokensMax).ids.length,
    passageSpans(text) {
      const input = writer.passage(text)
      return writer.hasWord(text, input) ? keptSpans(input) : []
    },
    close: () => session.close(),
  }
}

/** The rows of several windows as those of one text. */
function joinedRows(windows: readonly EncodedText[], dim: number): EncodedText {
  const [only] = windows
  if (only && windows.length === 1) return only
  const rows = windows.reduce((sum, window) => sum + window.rows, 0)
  const vectors = new Float32Array(rows * dim)
  let at = 0
  for (const window of windows) {
    vectors.set(window.vectors, at)
    at += window.vectors.length
  }
  return { vectors, rows, dim, spans: windows.flatMap(({ spans }) => spans) }
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
