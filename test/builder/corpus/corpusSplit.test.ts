/** Splitting long texts, and finding ids that occur twice, against plain twins. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SeenIds } from '../../../builder/corpus/seenIds.ts'
import { estimateTokens, splitText } from '../../../builder/corpus/split.ts'

const countWords = (text: string) => text.split(/\s+/).filter((word) => word !== '').length

describe('splitText', () => {
  it('leaves a text that fits as it is', () => {
    expect(splitText(' a b\n\nc ', 3, countWords)).toEqual(['a b\n\nc'])
  })
  it('cuts at paragraphs first, and packs those that fit together', () => {
    expect(splitText('a b.\n\nc d.\n\ne f. g.', 4, countWords)).toEqual(['a b.\n\nc d.', 'e f. g.'])
  })
  it('cuts a long paragraph at sentences, a long sentence at words', () => {
    expect(splitText('a b. c d! e f g h i j k', 4, countWords)).toEqual(['a b. c d!', 'e f g h', 'i j k'])
  })
  it('cuts code at lines', () => {
    expect(splitText('a b\nc d\ne f', 4, countWords)).toEqual(['a b\nc d', 'e f'])
  })
  it('cuts after the full stop of scripts without blanks', () => {
    expect(splitText('一二三。四五六。七', 5, (text) => [...text].length)).toEqual(['一二三。', '四五六。七'])
  })
  it('cuts a text without any border between characters, never inside one', () => {
    expect(splitText('😀😀😀😀😀', 2, (text) => [...text].length)).toEqual(['😀😀', '😀😀', '😀'])
  })
  it('leaves no scrap of a few characters before or behind a long word', () => {
    const count = (text: string) => text.replace(/\s/g, '').length
    expect(splitText(`長\n\n${'高'.repeat(40)}`, 30, count)).toEqual([`長\n\n${'高'.repeat(29)}`, '高'.repeat(11)])
    expect(splitText('高'.repeat(31), 30, count)).toEqual(['高'.repeat(15), '高'.repeat(16)])
  })
  it('gives single characters when nothing fits', () => {
    expect(splitText('ab c', 1, () => 2)).toEqual(['a', 'b', 'c'])
  })
  it('gives nothing for a blank text', () => {
    expect(splitText(' \n ', 5, countWords)).toEqual([])
  })

  it('loses nothing but white space, and keeps every piece within the bound', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'bc', ' ', '\n', '\n\n', '. ', '。', '!', '漢', '😀'),
      maxLength: 120,
    })
    fc.assert(
      fc.property(text, fc.integer({ min: 2, max: 12 }), (content, tokensMax) => {
        // Every character counts 1, hence each can stand alone within the bound.
        const count = (piece: string) => [...piece].length
        const pieces = splitText(content, tokensMax, count)
        expect(pieces.join('').replace(/\s/g, '')).toBe(content.replace(/\s/g, ''))
        for (const piece of pieces) {
          expect(piece.trim()).toBe(piece)
          expect(count(piece)).toBeGreaterThan(0)
          expect(count(piece)).toBeLessThanOrEqual(tokensMax)
        }
      }),
      { seed: 3, numRuns: 300 },
    )
  })
  it('asks for few counts: the work grows with the text, not with its square', () => {
    let counted = 0
    const count = (text: string) => {
      counted += text.length
      return countWords(text)
    }
    const text = 'word '.repeat(100_000)
    expect(splitText(text, 180, count)).toHaveLength(Math.ceil(100_000 / 180))
    // Per passage of 900 characters: doublings up to 2 * 900 and about 8 halvings below that; 20 times the text is ample.
    expect(counted).toBeLessThan(20 * text.length)
  })
})

describe('estimateTokens', () => {
  it.each([
    ['', 0],
    ['four short plain words', 6], // 4 * 1.3 = 5.2
    ['https://example.org/a/very/long/path/to/a/page', 8], // 46 characters / 6 = 7.7
    ['漢字かな', 4],
  ])('takes %j for %i tokens', (text, tokens) => {
    expect(estimateTokens(text)).toBe(tokens)
  })
})

describe('SeenIds', () => {
  it('finds what a Map of strings finds, through several growths', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 6000 }), (count, range) => {
        const table = new SeenIds()
        const twin = new Map<string, number>()
        for (let line = 1; line <= count; line++) {
          const id = `id${(line * 2654435761) % range}`
          expect(table.add(id, line)).toBe(twin.get(id))
          if (!twin.has(id)) twin.set(id, line)
        }
      }),
      { seed: 8, numRuns: 20 },
    )
  })
})
