/** Marks: expected spans are counted by hand in the texts of each test. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TextSpan } from '../../../encoder/encoder.ts'
import { encodedTextOf, fieldSpanOf } from '../../../encoder/passageText.ts'
import { MARK_SCORE_MIN, passageFit, passageMarks } from '../../../runtime/ask/marks.ts'

/** Rows as [query span, index of the passage token, score]. */
function marksOf(
  passage: { title?: string; text?: string },
  passageSpans: (TextSpan | undefined)[],
  rows: [TextSpan | undefined, number, number][],
  query = 'yarn',
) {
  const tokens = Uint32Array.from(rows, ([, token]) => token)
  const scores = Float32Array.from(rows, ([, , score]) => score)
  return passageMarks({
    query,
    passage,
    passageSpans,
    querySpans: rows.map(([span]) => span),
    match: { tokens, scores },
  })
}

const word: TextSpan = { start: 0, end: 3 }
const span = (start: number, end: number): TextSpan => ({ start, end })

describe('passageMarks', () => {
  it('grows a word piece to the whole word and merges pieces of one word with the larger weight', () => {
    // "embeddings work": "embed" and "dings" are pieces of one word.
    const marks = marksOf(
      { text: 'embeddings work' },
      [undefined, span(0, 5), span(5, 10), span(11, 15)],
      [
        [word, 1, 0.75],
        [word, 2, 0.875],
      ],
    )
    expect(marks).toEqual({ title: [], text: [{ start: 0, end: 10, weight: 0.875 }] })
  })

  it('tells marks in the title from marks in the text, whose offsets start again at 0', () => {
    const marks = marksOf(
      { title: 'Wool', text: 'is warm' },
      [span(0, 4), span(8, 12)],
      [
        [word, 1, 1],
        [word, 0, 1],
      ],
    )
    expect(marks).toEqual({ title: [{ start: 0, end: 4, weight: 1 }], text: [{ start: 3, end: 7, weight: 1 }] })
  })

  it('counts offsets in the stored text when trimming removed blanks before it', () => {
    // Encoded text is "wool"; in the stored text it stands at 2.
    expect(marksOf({ title: '', text: '  wool ' }, [span(0, 4)], [[word, 0, 1]]).text).toEqual([
      { start: 2, end: 6, weight: 1 },
    ])
  })

  it('ignores query rows and passage rows without a word', () => {
    const rows: [TextSpan | undefined, number, number][] = [
      [undefined, 1, 1],
      [word, 0, 1],
    ]
    expect(marksOf({ text: 'wool' }, [undefined, span(0, 4)], rows)).toEqual({ title: [], text: [] })
  })

  it('drops a match below the absolute floor and one far below the strongest', () => {
    const spans = [span(0, 1), span(2, 3), span(4, 5)]
    const weak = marksOf({ text: 'u v w' }, spans, [[word, 0, MARK_SCORE_MIN - 0.01]])
    expect(weak.text).toEqual([])
    // 0.6 of 0.9375 is 0.5625: 0.53125 is above the floor and still dropped, 0.59375 stays.
    const mixed = marksOf({ text: 'u v w' }, spans, [
      [word, 0, 0.9375],
      [word, 1, 0.53125],
      [word, 2, 0.59375],
    ])
    expect(mixed.text.map(({ start }) => start)).toEqual([0, 4])
  })

  it('keeps letters outside the basic plane and combining accents in the word', () => {
    // U+1D400 is two code units; "e" + U+0301 is one letter for a reader.
    const text = 'x 𝐀𝐁. cafe\u0301 y'
    const marks = marksOf(
      { text },
      [span(4, 6), span(8, 10)],
      [
        [word, 0, 1],
        [word, 1, 1],
      ],
    )
    expect(marks.text.map(({ start, end }) => text.slice(start, end))).toEqual(['𝐀𝐁', 'cafe\u0301'])
  })

  it('survives a token index beyond the spans', () => {
    expect(marksOf({ text: 'wool' }, [span(0, 4)], [[word, 7, 1]])).toEqual({ title: [], text: [] })
  })

  it('gives sorted, disjoint, non-empty marks inside the field with weights in (0, 1]', () => {
    const sources = fc.record({
      text: fc.string({ minLength: 1, maxLength: 40, unit: fc.constantFrom('a', 'é', '𝐀', ' ', '-', '\u0301') }),
      rows: fc.array(fc.tuple(fc.nat(50), fc.nat(6), fc.double({ min: -1, max: 1.01, noNaN: true })), {
        maxLength: 12,
      }),
    })
    fc.assert(
      fc.property(sources, ({ text, rows }) => {
        const { length } = encodedTextOf({ text })
        const spans = rows.map(([start, size]) => span(Math.min(start, length), Math.min(start + size, length)))
        const marks = marksOf(
          { text },
          spans,
          rows.map(([, , score], i) => [word, i, score]),
        ).text
        let at = 0
        for (const { start, end, weight } of marks) {
          expect(start).toBeGreaterThanOrEqual(at)
          expect(end).toBeGreaterThan(start)
          expect(weight).toBeGreaterThan(0)
          expect(weight).toBeLessThanOrEqual(1)
          at = end
        }
        expect(at).toBeLessThanOrEqual(text.length)
      }),
      { seed: 7, numRuns: 300 },
    )
  })
})

/** The words of a text, each a token of its own, as rows of a query: [word of the query, word of the text, score]. */
function phrasesOf(query: string, text: string, rows: [string, string, number][], title?: string): string[] {
  const spansOf = (whole: string) =>
    [...whole.matchAll(/[^\s.,]+/g)].map(({ 0: found, index }) => span(index, index + found.length))
  const find = (whole: string, part: string) => {
    const at = spansOf(whole).findIndex(({ start, end }) => whole.slice(start, end) === part)
    if (at < 0) throw new Error(`no "${part}" in "${whole}"`)
    return at
  }
  const whole = encodedTextOf({ title, text })
  const marks = marksOf(
    { title, text },
    spansOf(whole),
    rows.map(([asked, answer, score]) => [spansOf(query)[find(query, asked)], find(whole, answer), score]),
    query,
  )
  return [
    ...marks.title.map(({ start, end }) => (title ?? '').slice(start, end)),
    ...marks.text.map(({ start, end }) => text.slice(start, end)),
  ]
}

describe('phrases', () => {
  it('are marked whole, wherever they stand, though the network points at one token of one of them', () => {
    const rows: [string, string, number][] = [
      ['vitamin', 'D', 0.9],
      ['d', 'D', 0.95],
    ]
    expect(phrasesOf('vitamin d', 'Too little vitamin D harms. Give Vitamin D early.', rows, 'Vitamin D')).toEqual([
      'Vitamin D',
      'vitamin D',
      'Vitamin D',
    ])
  })

  it('leave function words alone, though some token answers them best', () => {
    const rows: [string, string, number][] = [
      ['is', 'is', 0.99],
      ['vitamin', 'vitamin', 0.9],
      ['in', 'in', 0.98],
      ['fish', 'of', 0.9],
      ['fish', 'herring', 0.8],
    ]
    expect(phrasesOf('is vitamin in fish', 'It is said that vitamin is in much of the herring.', rows)).toEqual([
      'vitamin',
      'herring',
    ])
  })

  it('are joined over the function words of the query that stand between their words, not over others or a full stop', () => {
    const rows: [string, string, number][] = [
      ['scans', 'scans', 0.9],
      ['infants', 'infants', 0.9],
    ]
    const marked = (text: string) => phrasesOf('scans of the infants', text, rows)
    expect(marked('we made scans of the infants.')).toEqual(['scans of the infants'])
    expect(marked('we made scans in infants.')).toEqual(['scans', 'infants'])
    expect(marked('we made scans. Of the infants none')).toEqual(['scans', 'infants'])
  })

  it('keep a short last word that names something', () => {
    expect(phrasesOf('hepatitis a', 'a case of hepatitis A and a cold', [['hepatitis', 'hepatitis', 0.9]])).toEqual([
      'hepatitis A',
    ])
  })

  it('are function words where the query has no others', () => {
    expect(phrasesOf('to be or not', 'whether to be is asked', [['be', 'be', 0.9]])).toEqual(['be'])
  })

  it('take capitals for a name', () => {
    expect(phrasesOf('WHO report', 'who read the WHO papers', [['WHO', 'WHO', 0.9]])).toEqual(['WHO'])
  })

  it('of scripts without blanks are as long as what answers, not as the sentence', () => {
    // "Diabetes" is three characters of a sentence that has no blank.
    const text = '他患有糖尿病多年'
    const at = text.indexOf('糖')
    const spans = [...text].map((_, i) => span(i, i + 1))
    const rows = [0, 1, 2].map((i): [TextSpan, number, number] => [span(i, i + 1), at + i, 0.9])
    const marks = marksOf({ text }, spans, rows, '糖尿病')
    expect(marks.text.map(({ start, end }) => text.slice(start, end))).toEqual(['糖尿病'])
  })

  it('do not cross from the title into the text', () => {
    const rows: [string, string, number][] = [['wool', 'Wool', 0.9]]
    expect(phrasesOf('wool', 'wool is warm', rows, 'Wool')).toEqual(['Wool', 'wool'])
  })
})

describe('passageFit', () => {
  const spansOf = (...pairs: [number, number][]) => pairs.map(([start, end]) => span(start, end))
  const fitOf = (query: string, spans: (TextSpan | undefined)[], scores: number[]) =>
    passageFit({
      query,
      querySpans: spans,
      match: { tokens: new Uint32Array(spans.length), scores: Float32Array.from(scores) },
    })

  it('is the mean over the words that say something: no rows of [CLS] or [MASK], no function words, no punctuation', () => {
    const spans = [undefined, ...spansOf([0, 2], [3, 7], [8, 12], [12, 13]), undefined]
    expect(fitOf('is wool warm?', spans, [1, 1, 0.75, 0.25, 1, 1])).toBe(0.5)
  })

  it('counts function words, or signs, where there is nothing else', () => {
    expect(fitOf('to be', spansOf([0, 2], [3, 5]), [0.25, 0.75])).toBe(0.5)
    expect(fitOf('?!', spansOf([0, 1], [1, 2]), [0.25, 0.75])).toBe(0.5)
  })
})

describe('fieldSpanOf', () => {
  it('finds for each span the same characters in the stored field', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(30), fc.nat(10), (title, text, start, size) => {
        const encoded = encodedTextOf({ title, text })
        const given = span(Math.min(start, encoded.length), Math.min(start + size, encoded.length))
        const found = fieldSpanOf({ title, text }, given)
        if (!found) return
        const field = found.field === 'title' ? title : text
        expect(field.slice(found.span.start, found.span.end)).toBe(encoded.slice(given.start, given.end))
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  it('refuses a span that touches both fields', () => {
    expect(fieldSpanOf({ title: 'ab', text: 'cd' }, span(1, 4))).toBeUndefined()
  })
})
