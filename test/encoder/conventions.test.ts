/** ColBERT's conventions: golden inputs of the reference implementation, and their edges. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Conventions,
  createInputWriter,
  keptSpans,
  PUNCTUATION_SKIP_LIST,
  padBatch,
} from '../../encoder/conventions.ts'
import { createTokenizer } from '../../encoder/tokenizer.ts'
import { readGoldenCases, readManifest, readTokenizerJson } from './modelFixture.ts'

const tokenizer = createTokenizer(readTokenizerJson())
const manifest = readManifest()
const writer = createInputWriter(tokenizer, manifest)
const [CLS, SEP, MASK, QUERY, PASSAGE] = [101, 102, 103, 1, 2]

function writerWith(change: Partial<Conventions>) {
  return createInputWriter(tokenizer, { ...manifest, ...change })
}

describe('golden inputs', () => {
  const cases = readGoldenCases()

  it('are 32', () => {
    expect(cases.length).toBe(32)
  })

  it.each(cases)('$kind "$text" has the ids, mask and kept rows of the reference', (golden) => {
    const input = golden.kind === 'query' ? writer.query(golden.text) : writer.passage(golden.text)
    expect(input.ids).toEqual(golden.input_ids)
    expect(input.attention).toEqual(golden.attention_mask)
    expect(input.keep).toEqual(golden.keep)
    expect(keptSpans(input).length).toBe(golden.rows)
  })
})

describe('a query', () => {
  it('is filled up with unattended [MASK] to exactly queryLength', () => {
    // "hello" is 7592 in bert-base-uncased (test/golden/encoder/llamacpp-bert-bge.json).
    const input = writerWith({ queryLength: 6 }).query('hello')
    expect(input).toEqual({
      ids: [CLS, QUERY, 7592, SEP, MASK, MASK],
      attention: [1, 1, 1, 1, 0, 0],
      keep: [true, true, true, true, true, true],
      spans: [undefined, undefined, { start: 0, end: 5 }, undefined, undefined, undefined],
    })
  })

  it('attends to its [MASK] filling when the model says so', () => {
    expect(writerWith({ queryLength: 6, attendToMask: true }).query('hello').attention).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('is cut at queryLength - 3 tokens and still ends in [SEP]', () => {
    expect(writerWith({ queryLength: 5 }).query('hello world hello').ids).toEqual([CLS, QUERY, 7592, 2088, SEP])
  })

  it('keeps the rows of punctuation', () => {
    expect(writer.query('...').keep.every((keep) => keep)).toBe(true)
  })

  it('reads a literal [PAD] as [MASK], as ColBERT does', () => {
    const input = writerWith({ queryLength: 5 }).query('[PAD]')
    expect(input.ids).toEqual([CLS, QUERY, MASK, SEP, MASK])
    expect(input.attention).toEqual([1, 1, 1, 1, 0])
  })
})

describe('a long query', () => {
  const words = (count: number) => Array.from({ length: count }, (_, i) => ['hello', 'world'][i % 2]).join(' ')
  const short = writerWith({ queryLength: 6, passageLength: 8 })
  const windowsOf = (text: string, rowsMax = 512) => short.queryWindows(text, rowsMax)
  const wordsOf = (text: string, rowsMax?: number) =>
    windowsOf(text, rowsMax).windows.map(({ spans }) =>
      spans.flatMap((span) => (span ? text.slice(span.start, span.end) : [])),
    )

  it('is written as ever while it fits', () => {
    for (const text of ['', 'hello', words(29), '[PAD] ...'])
      expect(writer.queryWindows(text, 512)).toEqual({ windows: [writer.query(text)], truncated: false })
  })

  it('is one input without [MASK] up to the length of a passage, every row of it kept', () => {
    const { windows, truncated } = windowsOf('hello world hello world')
    expect(windows).toHaveLength(1)
    expect(windows[0]!.ids).toEqual([CLS, QUERY, 7592, 2088, 7592, 2088, SEP])
    expect(windows[0]!.keep.every((keep) => keep)).toBe(true)
    expect(windows[0]!.spans[5]).toEqual({ start: 18, end: 23 })
    expect(truncated).toBe(false)
  })

  it('is cut between words into windows of about one length beyond that', () => {
    const text = 'hello unbelievableness world hello world hello'
    const windows = wordsOf(text)
    expect(windows.flat().join('')).toBe(text.replaceAll(' ', ''))
    for (const window of windows) {
      expect(window.length).toBeGreaterThan(0)
      expect(window.length).toBeLessThanOrEqual(5)
    }
    // "unbelievableness" is several tokens: it stands in one window.
    expect(
      windows.filter((window) => 'unbelievableness'.startsWith(window.at(-1)!) && window.at(-1) !== 'hello'),
    ).toEqual([])
    expect(wordsOf(words(6)).map((window) => window.length)).toEqual([3, 3])
  })

  it.each([
    [6, 3],
    [8, 5],
    [16, 10],
    // Three windows have nine tokens that are added.
    [20, 11],
  ])('has at most %i rows when no more are wanted, of %i words', (rowsMax, read) => {
    const full = windowsOf(words(read), rowsMax)
    expect(full.truncated).toBe(false)
    expect(full.windows.reduce((sum, { ids }) => sum + ids.length, 0)).toBeLessThanOrEqual(rowsMax)
    const cut = windowsOf(words(read + 1), rowsMax)
    expect(cut.truncated).toBe(true)
    expect(cut.windows).toEqual(full.windows)
  })

  it('gives exactly ColBERT’s cut query when queryLength rows are wanted', () => {
    expect(writer.queryWindows(words(40), 32)).toEqual({ windows: [writer.query(words(40))], truncated: true })
  })

  it('is not called cut for white space or signs without width behind the last word', () => {
    expect(windowsOf(`${words(3)} \n\u200b`, 6).truncated).toBe(false)
  })

  it('loses no token and gives no window too long, whatever it is made of', () => {
    const text = fc.array(fc.constantFrom('hello', 'antidisestablishmentarianism', '日本語', '...', '🚀', '\u200b'), {
      maxLength: 90,
    })
    fc.assert(
      fc.property(text, fc.constantFrom('', ' '), (parts, separator) => {
        const whole = parts.join(separator)
        const { windows, truncated } = windowsOf(whole)
        const ids = windows.flatMap(({ ids, spans }) => ids.filter((_, token) => spans[token]))
        const all = tokenizer.tokenize(whole).ids
        expect(ids).toEqual(all.slice(0, ids.length))
        expect(truncated).toBe(ids.length < all.length)
        expect(windows.reduce((sum, window) => sum + window.ids.length, 0)).toBeLessThanOrEqual(512)
        for (const window of windows) expect(window.ids.length).toBeLessThanOrEqual(8)
      }),
      { seed: 5, numRuns: 100 },
    )
  })
})

describe('a passage', () => {
  it('drops the row of every character of string.punctuation, and only those', () => {
    // Python: string.punctuation, 32 characters.
    const punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
    expect(PUNCTUATION_SKIP_LIST.join('')).toBe(punctuation)
    expect(manifest.skipList).toEqual(PUNCTUATION_SKIP_LIST)
    const input = writer.passage(`${[...punctuation].join(' ')} “ ” — … € a`)
    expect(input.keep).toEqual([true, true, ...Array(32).fill(false), ...Array(7).fill(true)])
  })

  it('is cut at passageLength - 3 tokens and still ends in [SEP]', () => {
    const short = writerWith({ passageLength: 5 })
    expect(short.passage('hello world hello').ids).toEqual([CLS, PASSAGE, 7592, 2088, SEP])
    expect(short.countPassageTokens('hello world hello')).toBe(5)
  })

  it('has three tokens when it is empty', () => {
    expect(writer.passage('').ids).toEqual([CLS, PASSAGE, SEP])
    expect(writer.countPassageTokens('')).toBe(3)
  })

  it('drops the row of a literal [PAD], as ColBERT does', () => {
    expect(writer.passage('a [PAD] b').keep).toEqual([true, true, true, false, true, true])
  })

  it('says where each kept row stands in the text', () => {
    const text = 'Hello, World!'
    const spans = keptSpans(writer.passage(text))
    expect(spans.map((span) => span && text.slice(span.start, span.end))).toEqual([
      undefined,
      undefined,
      'Hello',
      'World',
      undefined,
    ])
  })
})

describe('a batch', () => {
  it('is padded to its longest text with tokens that nothing attends to', () => {
    const { inputIds, attentionMask, batch, tokens } = padBatch([writer.passage(''), writer.passage('hello')], 7)
    expect([batch, tokens]).toEqual([2, 4])
    expect(Array.from(inputIds, Number)).toEqual([CLS, PASSAGE, SEP, 7, CLS, PASSAGE, 7592, SEP])
    expect(Array.from(attentionMask, Number)).toEqual([1, 1, 1, 0, 1, 1, 1, 1])
  })

  it('may be empty', () => {
    expect(padBatch([], 0)).toMatchObject({ batch: 0, tokens: 0 })
  })
})

describe('an input writer', () => {
  it.each([
    ['a marker the vocabulary lacks', { queryMarker: '[Q]' }, /"\[Q\]"/],
    ['a skipped character the vocabulary lacks', { skipList: ['😀'] }, /"😀".*unknown/],
    ['a skipped word of several tokens', { skipList: ['unaffable'] }, /"unaffable".*got 3/],
    ['a skipped blank', { skipList: [' '] }, /" ".*got 0/],
  ])('refuses %s', (_, change, message) => {
    expect(() => writerWith(change)).toThrow(
      expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(message) }),
    )
  })
})
