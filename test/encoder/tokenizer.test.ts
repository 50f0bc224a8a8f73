/** Token ids against published and library values, and spans against the text. */
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenizer } from '../../encoder/tokenizer.ts'
import { readGoldenJson, readTokenizerJson } from './modelFixture.ts'

const tokenizerJson = readTokenizerJson()
const tokenizer = createTokenizer(tokenizerJson)
const library = new LibraryTokenizer(JSON.parse(tokenizerJson), {})

/** The oracle of ids: what the library says of the whole text. */
function libraryIds(text: string): number[] {
  return library.encode(text, { add_special_tokens: false }).ids
}

/** Pieces of text that tokenizers get wrong, put together at random. */
const trickyPieces = [
  ...'aZé4 .,-\'"[]!…—中数\t\n\r\u0000\ufffd\u00a0\u3000\u200b\u00ad\u200d\u0301\u0338\u0903\u20dd\u0345ΣσςΑİſﬁ한글ก็😀\u302e≠;`\u1fef',
  '\ud83d',
  '\ude00',
  '𠀀',
  '丽',
  '👩‍👩‍👧',
  'e\u0323\u0301',
  '[SEP]',
  '[MASK]',
  '[UNK]',
  '[CLS',
  'hello',
  ' World',
  'unaffable',
  'ΟΔΟΣ',
  'Σ.Α',
  'x'.repeat(101),
  'ab'.repeat(60),
  '  ',
  '#',
  '##s',
]
const trickyText = fc.array(fc.constantFrom(...trickyPieces), { maxLength: 40 }).map((pieces) => pieces.join(''))
const anyCodePoints = fc.string({ unit: 'binary', maxLength: 60 })
const anyUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 })
  .map((units) => String.fromCharCode(...units))
const anyText = fc.oneof(trickyText, anyCodePoints, anyUnits, fc.string({ unit: 'grapheme', maxLength: 60 }))
const runs = { seed: 20240610, numRuns: 2000 }

describe('token ids', () => {
  const llamacpp =
    readGoldenJson<{ text: string; ids: number[]; agrees_with_tokenizers: boolean }[]>('llamacpp-bert-bge.json')

  it('has no published llama.cpp entry that disagrees with Hugging Face tokenizers', () => {
    expect(llamacpp.filter((entry) => !entry.agrees_with_tokenizers)).toEqual([])
    expect(llamacpp.length).toBe(46)
  })

  it.each(llamacpp)('equal the ids published with llama.cpp for $text', ({ text, ids }) => {
    expect(tokenizer.tokenize(text).ids).toEqual(ids)
  })

  const transformersJs = readGoldenJson<{ name: string; text: string; text_pair: string | null; ids: number[] }[]>(
    'transformersjs-uncased-only.json',
  )
  it.each(transformersJs)('equal the ids published with transformers.js for $name', ({ text, text_pair, ids }) => {
    // Those lists have [CLS] and [SEP]; ColBERT adds its own. A pair is two texts, each closed by [SEP].
    const { cls, sep } = tokenizer.special
    const second = text_pair === null ? [] : [...tokenizer.tokenize(text_pair).ids, sep]
    expect([cls, ...tokenizer.tokenize(text).ids, sep, ...second]).toEqual(ids)
  })

  it("always equal the library's own", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(tokenizer.tokenize(text).ids).toEqual(libraryIds(text))
      }),
      runs,
    )
  })

  it('are the beginning of the whole when a number of tokens is asked for', () => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 30 }), (text, tokensMax) => {
        const whole = tokenizer.tokenize(text)
        const part = createTokenizerOnce().tokenize(text, tokensMax)
        expect(part.ids).toEqual(whole.ids.slice(0, tokensMax))
        expect(part.starts).toEqual(whole.starts.slice(0, tokensMax))
        expect(part.ends).toEqual(whole.ends.slice(0, tokensMax))
      }),
      runs,
    )
  })

  it('do not depend on which texts were tokenized before', () => {
    const fresh = createTokenizer(tokenizerJson)
    fresh.tokenize('unaffable, "unaffable" and naïve')
    expect(fresh.tokenize('naïve unaffable')).toEqual(tokenizer.tokenize('naïve unaffable'))
  })

  it.each([
    // The unit repeated to two million characters, and the tokens of its first few repetitions by the library.
    ['words', 'hello world '],
    ['full stops', '.'],
    ['CJK ideographs', '中'],
    ['accented words', 'résumé, '],
    ['line ends', 'line\n'],
  ])('of a very long text of %s are those of its beginning', (_, unit) => {
    const expected = libraryIds(unit.repeat(200)).slice(0, 100)
    expect(tokenizer.tokenize(unit.repeat(2e6 / unit.length), 100).ids).toEqual(expected)
  })

  it.each([
    ['letters', 'a'],
    ['Thai letters', 'ก'],
    ['emoji', '😀'],
    ['Hangul', '한'],
  ])('of one endless word of %s are a single [UNK] that spans it', (_, unit) => {
    // BERT gives up on words of more than 100 characters.
    const text = unit.repeat(500_000)
    expect(tokenizer.tokenize(text)).toEqual({ ids: [100], starts: [0], ends: [text.length] })
  })
})

/** A second tokenizer, so that the prefix property compares two caches with different histories. */
const second: ReturnType<typeof createTokenizer>[] = []
function createTokenizerOnce() {
  second[0] ??= createTokenizer(tokenizerJson)
  return second[0]
}

describe('token spans', () => {
  function slices(text: string): string[] {
    const { starts, ends } = tokenizer.tokenize(text)
    return starts.map((start, token) => text.slice(start, ends[token]))
  }

  it.each([
    // Written by hand from the spellings of the pieces.
    ['Unaffable, naïve!', ['Una', 'ffa', 'ble', ',', 'naïve', '!']],
    ['cafe\u0301 au lait', ['cafe\u0301', 'au', 'lai', 't']],
    ['cafe\u0301s 中文', ['cafe\u0301s', '中', '文']],
    ['a\u200bb 😀x [SEP] y', ['a\u200bb', '😀x', '[SEP]', 'y']],
    ['İstanbul', ['İstanbul']],
  ])('of %j are the characters the tokens were made from', (text, expected) => {
    expect(slices(text)).toEqual(expected)
  })

  it('lie inside the text, in order, never in the middle of a code point', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { ids, starts, ends } = tokenizer.tokenize(text)
        expect([starts.length, ends.length]).toEqual([ids.length, ids.length])
        for (let token = 0; token < ids.length; token++) {
          const [start, end] = [starts[token]!, ends[token]!]
          expect(start).toBeGreaterThanOrEqual(starts[token - 1] ?? 0)
          expect(end).toBeGreaterThanOrEqual(ends[token - 1] ?? 0)
          expect(end).toBeGreaterThan(start)
          expect(end).toBeLessThanOrEqual(text.length)
          for (const cut of [start, end])
            expect(text.slice(cut - 1, cut + 1)).not.toMatch(/^[\ud800-\udbff][\udc00-\udfff]$/)
        }
      }),
      runs,
    )
  })

  it('hold, once normalised, every character of the normalised text', () => {
    fc.assert(
      fc.property(anyText, (anything) => {
        // The tone marks U+302E and U+302F are the spacing marks that NFD swaps with others (see normalization.ts).
        const text = anything.replace(/[\u302e\u302f]/g, '')
        const { starts, ends } = tokenizer.tokenize(text)
        // Tokens of one character (Hangul) share its span: take what the tokens before have not covered.
        let covered = 0
        let fromSpans = ''
        starts.forEach((start, token) => {
          const end = ends[token]!
          if (end > covered) fromSpans += normalized(text.slice(Math.max(start, covered), end))
          covered = Math.max(covered, end)
        })
        expect(fromSpans).toBe(normalized(text))
      }),
      runs,
    )
  })

  /** The library's normalisation; white space and the form of sigma (which depends on neighbours) do not count. */
  function normalized(text: string): string {
    return library.normalizer!.normalize(text).replace(/\s/g, '').replaceAll('ς', 'σ')
  }
})

describe('a tokenizer.json', () => {
  const json = JSON.parse(tokenizerJson)

  it.each([
    ['that is not JSON', '{', /expected JSON/],
    ['that is null', 'null', /expected BertNormalizer/],
    [
      'of another kind',
      JSON.stringify({ ...json, normalizer: { type: 'NFC' } }),
      /got NFC \+ BertPreTokenizer \+ WordPiece/,
    ],
    ['without a decoder', JSON.stringify({ ...json, decoder: undefined }), /decoder/],
    [
      'without [SEP]',
      JSON.stringify({ ...json, added_tokens: [], model: { ...json.model, vocab: { '[CLS]': 0 } } }),
      /\[SEP\]/,
    ],
    [
      'with a token to be found in the normalised text',
      JSON.stringify({ ...json, added_tokens: [...json.added_tokens, { id: 1, content: '[Q] ', normalized: true }] }),
      /"\[Q\] "/,
    ],
  ])('%s is refused', (_, text, message) => {
    expect(() => createTokenizer(text)).toThrow(
      expect.objectContaining({ code: 'MODEL', message: expect.stringMatching(message) }),
    )
  })

  it('may keep case and accents', () => {
    const cased = JSON.stringify({ ...json, normalizer: { ...json.normalizer, lowercase: false } })
    // Only lower-case words are in this vocabulary: the capital makes its word unknown, the accent does the same.
    expect(createTokenizer(cased).tokenize('hello Hello naïve').ids).toEqual([7592, 100, 100])
    expect(
      new LibraryTokenizer(JSON.parse(cased), {}).encode('hello Hello naïve', { add_special_tokens: false }).ids,
    ).toEqual([7592, 100, 100])
  })
})
