/** ColBERT's conventions: golden inputs of the reference implementation, and their edges. */
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
