/** HTML pages as files of a folder: charsets, what a site repeats, ids. Legacy bytes are written out by hand from the tables of the standard. */
import { Buffer } from 'node:buffer'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SkippedEntry } from '../../../builder/corpus/corpus.ts'
import { decodeHtml } from '../../../builder/corpus/pages/html/charset.ts'
import { pagePassages } from '../../../builder/corpus/pages/page.ts'
import { PassageIds } from '../../../builder/corpus/pages/passageIds.ts'
import { shortTrail } from '../../../builder/corpus/pages/trail.ts'
import { estimateTokens } from '../../../builder/corpus/split.ts'
import { ID_BYTES_MAX } from '../../../format/limits.ts'
import { inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
function folder(name: string, files: Record<string, string | Uint8Array>): string {
  for (const [path, content] of Object.entries(files)) file(join(name, path), content)
  return join(file(join(name, 'zz.txt'), ''), '..')
}
const bytes = (head: string, ...rest: number[]) => Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(rest)])

describe('the charset of a page', () => {
  it.each<[string, Uint8Array, string]>([
    ['named by <meta charset>', bytes('<meta charset="windows-1251"><p>', 0xcf, 0xf0), 'Пр'],
    ['named by http-equiv', bytes('<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"><p>', 0x93, 0x64), '電'], // biome-ignore format: rows
    ['named by an XML declaration', bytes('<?xml version="1.0" encoding="ISO-8859-2"?><html><p>', 0xb1), 'ą'],
    ['named late, behind a long comment', bytes(`<!--${'x'.repeat(3000)}--><meta charset="koi8-r"><p>`, 0xf0), 'П'],
    ['ISO-8859-1, which the standard reads as windows-1252', bytes('<meta charset=iso-8859-1><p>', 0x93), '“'],
    ['named by a mark: UTF-16', Buffer.from('\ufeff<p>é', 'utf16le'), 'é'],
    ['named by a mark: UTF-8, against what is declared', Buffer.from('\ufeff<meta charset="windows-1251"><p>é'), 'é'],
    ['EUC-KR', bytes('<meta charset="euc-kr"><p>', 0xb0, 0xa1), '가'],
    ['GB18030', bytes('<meta charset="gb2312"><p>', 0xb0, 0xa1), '啊'],
    ['Big5', bytes('<meta charset="big5"><p>', 0xa4, 0x40), '一'],
    ['not named, and UTF-8', Buffer.from('<p>é'), 'é'],
  ])('%s', (_, source, text) => {
    const decoded = decodeHtml(source)
    expect(decoded.text?.endsWith(text)).toBe(true)
    expect(decoded).not.toHaveProperty('note')
  })
  it('is guessed as windows-1252 when none is named and it is no UTF-8, and that is told', async () => {
    const skipped: SkippedEntry[] = []
    const root = folder('guess', { 'a.html': bytes('<p>caf', 0xe9) })
    const passages = await readAll(root, { onSkipped: (entry) => skipped.push(entry) })
    expect(passages.map(({ text }) => text)).toEqual(['café'])
    expect(skipped.map(({ reason }) => reason)).toContain('read as windows-1252: it is no UTF-8 and names no charset')
  })
  it('that is not what the bytes are is told, with how many places', () => {
    expect(decodeHtml(bytes('<meta charset="utf-8"><p>a', 0xe9, 0x20, 0xe9))).toEqual({
      text: '<meta charset="utf-8"><p>a\ufffd \ufffd',
      note: expect.stringMatching(/^2 places are no utf-8/),
    })
  })
  it('does not make a text of a picture', async () => {
    await expect(readAll(folder('picture', { 'a.html': Buffer.of(0x89, 0x50, 0, 1) }))).rejects.toEqual(
      inputError(/a\.html", line 1: expected text, got a NUL character at character 3/),
    )
  })
  it('takes nothing from other pages of the folder', async () => {
    const root = folder('mixed', {
      'a.html': bytes('<meta charset="shift_jis"><p>', 0x93, 0x64),
      'b.html': '<p>é',
      'c.md': 'ü',
    })
    expect((await readAll(root)).map(({ text }) => text)).toEqual(['電', 'é', 'ü'])
  })
})

describe('what pages of a site repeat', () => {
  const FRAME_TOP = '<div class="hello"><p>Our friendly handbook</p></div>'
  const FRAME_END = '<p>Call us any time.</p>'
  const page = (i: number) =>
    `${FRAME_TOP}<h1>Page ${i}</h1><p>Text number ${i}.</p><p>Parameters</p><p>One of ${i}.</p>${FRAME_END}`
  const site = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i + 10}.html`, page(i)]))

  it('at their edges is left out where there are many, and what stands between is kept', async () => {
    const passages = await readAll(folder('many', site(40)))
    expect(passages).toHaveLength(40)
    expect(passages[7]?.text).toBe('Text number 7.\n\nParameters\n\nOne of 7.')
  })
  it('is counted as left out', async () => {
    const words: number[] = []
    await readAll(folder('counted', site(40)), { onPage: (_, page) => words.push(page.leftOut.repeated ?? 0) })
    expect(words).toEqual(new Array(40).fill(7))
  })
  it('is kept where pages are few', async () => {
    const passages = await readAll(folder('few', site(10)))
    expect(passages.filter(({ text }) => text.includes('Our friendly handbook'))).toHaveLength(10)
  })
  it('is kept where it is all there is, and below a heading', async () => {
    const pages = Array.from({ length: 40 }, (_, i) => [
      `p${i + 10}.html`,
      i % 2 === 0
        ? '<p>Nothing here yet.</p>'
        : `<h1>Page ${i}</h1><p>Text ${i}</p><h2>Licence</h2><p>Nothing here yet.</p>`,
    ])
    const passages = await readAll(folder('alone', Object.fromEntries(pages)))
    expect(passages.filter(({ text }) => text === 'Nothing here yet.')).toHaveLength(40)
  })
  it('in one folder is kept in another', async () => {
    const many = Object.entries(site(40)).map(([path, html]) => [`a/${path}`, html] as const)
    const others = Array.from({ length: 60 }, (_, i) => [`b/${i}.html`, `<h1>Other ${i}</h1><p>Note ${i}</p>`] as const)
    const passages = await readAll(folder('two', Object.fromEntries([...many, ...others, ['b/x.html', page(1)]])))
    const friendly = passages.filter(({ text }) => text.includes('Our friendly handbook'))
    expect(friendly.map(({ metadata }) => metadata?.path)).toEqual(['b/x.html'])
  })
})

describe('ids of passages', () => {
  const long = '长'.repeat(500)
  it('are cut to a hash where they are too long, and stay apart', () => {
    const ids = new PassageIds('p.html', [`${long}a`, `${long}b`])
    const [a, b, again] = [ids.next(`${long}a`), ids.next(`${long}b`), ids.next(`${long}a`)]
    for (const id of [a, b, again]) expect(Buffer.byteLength(id)).toBeLessThanOrEqual(ID_BYTES_MAX)
    expect(new Set([a, b, again]).size).toBe(3)
    expect(a).toMatch(/^p\.html#长+-[0-9a-f]{16}$/)
  })
  it('have no control characters', () => {
    expect(new PassageIds('a\tb.html', []).next('release\n notes')).toBe('a%09b.html#release%0A notes')
  })
  it('of parts leave the names of other sections to them', () => {
    const ids = new PassageIds('p.html', ['a', 'a~2'])
    expect([ids.next('a'), ids.next('a'), ids.next('a~2'), ids.next('a~2')]).toEqual([
      'p.html#a',
      'p.html#a~3',
      'p.html#a~2',
      'p.html#a~2~2',
    ])
  })
  it('are distinct, valid and bounded whatever anchors a page has', () => {
    const anchor = fc.option(fc.oneof(fc.string({ unit: 'binary', maxLength: 30 }), fc.constantFrom('a', 'a~2', 'a~2~2', long)), { nil: undefined }) // biome-ignore format: one value
    fc.assert(
      fc.property(fc.array(fc.tuple(anchor, fc.integer({ min: 1, max: 4 })), { maxLength: 12 }), (sections) => {
        const ids = new PassageIds(
          'p.html',
          sections.map(([name]) => name),
        )
        const made = sections.flatMap(([name, parts]) => Array.from({ length: parts }, () => ids.next(name)))
        expect(new Set(made).size).toBe(made.length)
        for (const id of made) {
          expect(Buffer.byteLength(id)).toBeLessThanOrEqual(ID_BYTES_MAX)
          expect(id.isWellFormed()).toBe(true)
          expect([...id].some((c) => c < ' ' || c === '\u007f')).toBe(false)
        }
      }),
    )
  })
  it('of a Markdown heading that is too long do not stop a build', async () => {
    const passages = await readAll(
      folder('markdown', { 'a.md': `# ${'x'.repeat(1100)}\n\nt\n\n## ${'长'.repeat(400)}\n\nu` }),
    )
    expect(passages.some(({ text }) => text.endsWith('u'))).toBe(true)
  })
})

describe('a trail of headings', () => {
  const countTokens = (text: string) => text.split(/\s+/).filter(Boolean).length
  it('that fits is whole', () => {
    expect(shortTrail(['Guide', 'Install', 'Linux'], 10, countTokens)).toEqual({ title: 'Guide › Install › Linux', cut: new Set() }) // biome-ignore format: one value
  })
  it('loses what stands in the middle first, then the end of the page title', () => {
    expect(shortTrail(['Guide', 'One two three', 'Four'], 6, countTokens)).toEqual({ title: 'Guide › … › Four', cut: new Set(['One two three']) }) // biome-ignore format: one value
    expect(shortTrail(['A very long title', 'Four five'], 5, countTokens)).toEqual({ title: 'A very… › Four five', cut: new Set(['A very long title']) }) // biome-ignore format: one value
  })
  it('of a long heading in a script without blanks leaves a text that says something', () => {
    const page = {
      title: '長',
      blocks: [
        { kind: 'heading', depth: 1, text: '高'.repeat(200), line: 1 },
        { kind: 'text', text: '山です。', line: 2 },
      ],
    } as const
    const made = [...pagePassages(page, 'p.html', { tokensMax: 180, countTokens: estimateTokens })]
    const texts = made.map(({ passage }) => passage.text)
    expect(texts[0]).toMatch(/^長\n\n高{80,}$/)
    expect(texts.join('').replaceAll(/\s/g, '')).toBe(`長${'高'.repeat(200)}山です。`)
  })
  it('leaves at least half of the bound to the text, and its own words are read as text where it is cut', () => {
    const heading = Array.from({ length: 30 }, (_, i) => `w${i}`).join(' ')
    const words = Array.from({ length: 60 }, (_, i) => `t${i}`)
    const page = {
      title: 'Law',
      blocks: [
        { kind: 'heading', depth: 1, text: heading, line: 1 },
        { kind: 'text', text: words.join(' '), line: 2 },
      ],
    } as const
    const made = [...pagePassages(page, 'law.md', { tokensMax: 20, countTokens })].map(({ passage }) => passage)
    for (const { title, text } of made) expect(countTokens(`${title} ${text}`)).toBeLessThanOrEqual(20)
    expect(made.flatMap(({ text }) => text.split(/\s+/))).toEqual(['Law', ...heading.split(' '), ...words])
  })
})
