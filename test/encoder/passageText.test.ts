/** What of a titled passage the encoder reads: a title never pushes the text out of its reach. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodedTextOf, readablePassage } from '../../encoder/passageText.ts'
import { createTextEncoder } from '../../encoder/textEncoder.ts'
import { oneHotSession, readManifest, readTokenizerJson } from './modelFixture.ts'

const manifest = readManifest()
const encoder = createTextEncoder({
  manifest,
  tokenizerJson: readTokenizerJson(),
  session: oneHotSession(manifest.dim),
})
// tartan-small reads 220 tokens, three of which are added.
const READ = 217
const HALF = 108
const words = (word: string, count: number) => Array.from({ length: count }, () => word).join(' ')

/** Tokens of the text that the encoder reads, by where their spans stand. */
function textTokensRead(passage: { readonly title: string; readonly text: string }): number {
  const read = readablePassage(passage, encoder)
  const spans = encoder.passageSpans(encodedTextOf(read))
  return spans.filter((span) => span && span.start > read.title.length).length
}

describe('a passage with a long title', () => {
  it('keeps the beginning of the title, and half of what is read for the text', () => {
    const passage = { title: words('title', 300), text: words('text', 300), id: 'x' }
    const read = readablePassage(passage, encoder)
    expect(read).toEqual({ ...passage, title: words('title', HALF) })
    expect(textTokensRead(passage)).toBe(READ - HALF)
  })

  it('keeps as much of the title as a short text leaves', () => {
    const passage = { title: words('title', 300), text: words('text', 20) }
    expect(readablePassage(passage, encoder).title).toBe(words('title', READ - 20))
    expect(textTokensRead(passage)).toBe(20)
  })

  it('is cut between ideographs', () => {
    const read = readablePassage({ title: '日'.repeat(300), text: words('text', 300) }, encoder)
    expect(read.title).toBe('日'.repeat(HALF))
  })

  it.each([
    ['with a title that fits', { title: words('title', HALF), text: words('text', 300) }],
    ['that fits as a whole', { title: words('title', 200), text: words('text', 17) }],
    ['without a text', { title: words('title', 300), text: ' ' }],
    ['without a title', { title: '', text: words('text', 300) }],
  ])('is left as it is %s', (_, passage) => {
    expect(readablePassage(passage, encoder)).toBe(passage)
  })

  it('never hides more of the text than the title needs, whatever both hold', () => {
    const text = fc
      .array(fc.constantFrom('weaving', 'a', '日本', 'C++', 'café', '...', '🚀', 'antidisestablishmentarianism'), {
        maxLength: 260,
      })
      .map((parts) => parts.join(' '))
    fc.assert(
      fc.property(text, text, (title, body) => {
        const read = readablePassage({ title, text: body }, encoder)
        expect(title.startsWith(read.title)).toBe(true)
        const left = READ - encoder.countTokens(read.title)
        expect(left).toBeGreaterThanOrEqual(Math.min(READ - HALF, encoder.countTokens(body)))
      }),
      { seed: 7, numRuns: 60 },
    )
  })
})
