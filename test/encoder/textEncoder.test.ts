/** The encoder over a network that can be computed by hand: a token's row is the unit vector of `id % dim`. */
import { describe, expect, it } from 'vitest'
import { fingerprintOf } from '../../encoder/modelManifest.ts'
import { createTextEncoder } from '../../encoder/textEncoder.ts'
import { oneHotSession, readManifest, readTokenizerJson } from './modelFixture.ts'

const manifest = readManifest()
const tokenizerJson = readTokenizerJson()

function open(session = oneHotSession(manifest.dim)) {
  return { session, encoder: createTextEncoder({ manifest, tokenizerJson, session }) }
}

/** The dimension of each row's one, i.e. its token's id % 96. */
function hotDimensions(encoded: { vectors: Float32Array; rows: number; dim: number }): number[] {
  return Array.from({ length: encoded.rows }, (_, row) =>
    encoded.vectors.subarray(row * encoded.dim, (row + 1) * encoded.dim).indexOf(1),
  )
}

describe('the encoder', () => {
  it('gives a query exactly queryLength rows', async () => {
    const { encoder } = open()
    const encoded = await encoder.encodeQuery('hello')
    expect([encoded.rows, encoded.dim, encoded.vectors.length, encoded.spans.length]).toEqual([32, 96, 32 * 96, 32])
    // [CLS] 101, [unused0] 1, hello 7592, [SEP] 102, [MASK] 103.
    expect(hotDimensions(encoded)).toEqual([5, 1, 8, 6, ...Array(28).fill(7)])
  })

  it('gives a long query the rows of all its windows, each run as it would be alone, with places in the whole text', async () => {
    const { encoder, session } = open()
    const text = `${'hello '.repeat(240)}world`
    const encoded = await encoder.encodeQuery(text)
    expect(session.calls.map(({ batch, tokens }) => [batch, tokens])).toEqual([
      [1, 124],
      [1, 123],
    ])
    expect([encoded.rows, encoded.vectors.length]).toEqual([247, 247 * 96])
    expect(encoded).not.toHaveProperty('truncated')
    expect(encoded.spans.at(-2)).toEqual({ start: 1440, end: 1445 })
    expect(hotDimensions(encoded).slice(-2)).toEqual([2088 % 96, 6])
  })

  it('says when a query is longer than its rows, and gives ColBERT’s own when queryLength rows are wanted', async () => {
    const { encoder } = open()
    const text = 'hello '.repeat(600)
    expect(await encoder.encodeQuery(text)).toMatchObject({ rows: 512, truncated: true })
    expect(await encoder.encodeQuery(text, { rowsMax: 32 })).toMatchObject({ rows: 32, truncated: true })
  })

  it('gives a passage the rows that the skip list leaves, with their spans', async () => {
    const { encoder } = open()
    const [encoded] = await encoder.encodePassages(['Hello, world'])
    expect(hotDimensions(encoded!)).toEqual([5, 2, 7592 % 96, 2088 % 96, 6])
    expect(encoded!.spans).toEqual([undefined, undefined, { start: 0, end: 5 }, { start: 7, end: 12 }, undefined])
    expect(encoder.passageSpans('Hello, world')).toEqual(encoded!.spans)
  })

  it('runs a batch as one call padded to its longest text and answers in order', async () => {
    const { encoder, session } = open()
    const encoded = await encoder.encodePassages(['world', 'hello world'])
    expect(encoded.map(hotDimensions)).toEqual([
      [5, 2, 72, 6],
      [5, 2, 8, 72, 6],
    ])
    expect(session.calls.map(({ batch, tokens }) => [batch, tokens])).toEqual([[2, 5]])
    expect(session.calls[0]!.attention).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1, 1])
  })

  it('does not run the network for no texts', async () => {
    const { encoder, session } = open()
    expect(await encoder.encodePassages([])).toEqual([])
    expect(session.calls).toEqual([])
  })

  // Zero width space, private use, combining marks, soft hyphens, emoji and runes that BERT's vocabulary lacks, ASCII and other punctuation.
  const wordless = [
    '',
    ' \n',
    '\u200b',
    '\ue88a \ue5d2',
    '\u0301',
    '\u00ad',
    '🚀',
    'ᚠᚢᚦ',
    '-- ...',
    '“—”',
    '★',
    '[MASK]',
  ]

  it('gives a passage without a word that the model knows no rows, and does not run the network for it', async () => {
    const { encoder, session } = open()
    const encoded = await encoder.encodePassages(wordless)
    expect(encoded).toEqual(wordless.map(() => ({ vectors: new Float32Array(0), rows: 0, dim: 96, spans: [] })))
    expect(session.calls).toEqual([])
    for (const text of wordless) expect(encoder.passageSpans(text)).toEqual([])
  })

  it('answers in order when wordless texts stand between others', async () => {
    const { encoder, session } = open()
    const encoded = await encoder.encodePassages(['🚀', 'world', '', 'hello ★'])
    expect(encoded.map(({ rows }) => rows)).toEqual([0, 4, 0, 5])
    expect(hotDimensions(encoded[1]!)).toEqual([5, 2, 72, 6])
    expect(session.calls.map(({ batch }) => batch)).toEqual([2])
  })

  it('finds a word in a letter or a digit of any script that the model knows', async () => {
    const encoded = await open().encoder.encodePassages(['7', 'é', '漢', '½', '\u200bx', '🚀 go'])
    for (const { rows } of encoded) expect(rows).toBeGreaterThan(3)
  })

  it('says of a passage that is longer than passageLength that it was cut', async () => {
    const encoded = await open().encoder.encodePassages(['word '.repeat(217), 'word '.repeat(218)])
    expect(encoded.map(({ truncated }) => truncated)).toEqual([undefined, true])
  })

  it('counts the tokens of a text itself, to its end or as far as is asked', () => {
    const { encoder } = open()
    expect(['', '\u200b', 'Hello, world!', 'word '.repeat(500)].map((text) => encoder.countTokens(text))).toEqual([
      0, 0, 4, 500,
    ])
    expect(encoder.countTokens('word '.repeat(500), 300)).toBe(300)
  })

  it.each(['', '   ', '\n\t', '\u200b'])('refuses the blank query %j', async (text) => {
    const { encoder, session } = open()
    await expect(encoder.encodeQuery(text)).rejects.toMatchObject({ code: 'INPUT' })
    expect(session.calls).toEqual([])
  })

  it('counts the tokens that a passage is encoded with', async () => {
    const { encoder, session } = open()
    for (const text of ['a', 'Hello, world!', 'word '.repeat(500)]) {
      await encoder.encodePassages([text])
      expect(encoder.countPassageTokens(text)).toBe(session.calls.at(-1)!.tokens)
    }
    expect(encoder.countPassageTokens('word '.repeat(500))).toBe(220)
  })

  it('gives vectors that are the caller’s own, not views of the network’s answer', async () => {
    const { encoder } = open()
    const [first, second] = await encoder.encodePassages(['hello', 'hello'])
    expect(first!.vectors.buffer).not.toBe(second!.vectors.buffer)
    expect(first!.vectors.buffer.byteLength).toBe(first!.rows * 96 * 4)
  })

  it.each([
    ['too few values', () => new Float32Array(5), /got 5/],
    ['rows that are not of unit length', (size: number) => new Float32Array(size).fill(1), /length 1.*token 0/],
    ['rows that are not numbers', (size: number) => new Float32Array(size).fill(Number.NaN), /NaN/],
  ])('refuses a network that answers with %s', async (_, answer, message) => {
    const session = oneHotSession(96)
    session.run = async (_ids, _mask, batch, tokens) => answer(batch * tokens * 96)
    await expect(open(session).encoder.encodeQuery('hello')).rejects.toMatchObject({
      code: 'MODEL',
      message: expect.stringMatching(message),
    })
  })

  it('does not mind what the network says of padding', async () => {
    const session = oneHotSession(96)
    const { run } = session
    session.run = async (ids, mask, batch, tokens) => {
      const vectors = await run(ids, mask, batch, tokens)
      mask.forEach((attended, token) => {
        if (attended === 0n) vectors.fill(Number.NaN, token * 96, (token + 1) * 96)
      })
      return vectors
    }
    const encoded = await open(session).encoder.encodePassages(['world', 'hello world'])
    expect(encoded.map(hotDimensions)).toEqual([
      [5, 2, 72, 6],
      [5, 2, 8, 72, 6],
    ])
  })

  it('states the fingerprint of its precision and refuses one the model lacks', () => {
    const session = oneHotSession(96)
    const encoder = createTextEncoder({ manifest, precision: 'f16', tokenizerJson, session })
    expect(encoder.fingerprint).toEqual(fingerprintOf(manifest, 'f16'))
    expect(() => createTextEncoder({ manifest, precision: 'f64', tokenizerJson, session })).toThrow(/int8, f16/)
  })

  it('closes its session', async () => {
    const { encoder, session } = open()
    await encoder.close()
    expect(session.closed).toBe(true)
  })
})
