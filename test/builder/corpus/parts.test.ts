/** Passages that are longer than the model reads, cut into parts on wish. */
import { describe, expect, it } from 'vitest'
import type { SkippedEntry } from '../../../builder/corpus/corpus.ts'
import { partsOf, wholeOfPart } from '../../../builder/corpus/parts.ts'
import { inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
const countTokens = (text: string) => text.split(/\s+/).filter((word) => word !== '').length
const split = { tokensMax: 6, countTokens }
const long = 'a b c. d e f. g h i.'

describe('a passage that is split', () => {
  it('has its title and metadata in each part, and its own id in the first', () => {
    const passage = { id: 'x', title: 'T', text: long, metadata: { year: 1907 } }
    expect(partsOf(passage, { ...split, tokensMax: 4 })).toEqual(
      ['a b c.', 'd e f.', 'g h i.'].map((text, i) => ({ ...passage, id: ['x', 'x~2', 'x~3'][i], text })),
    )
  })

  it('stays as it is when title and text fit together, white space and all', () => {
    const passage = { id: 'x', title: 'T U', text: ' a b  c d ' }
    expect(partsOf(passage, split)).toEqual([passage])
  })

  it('leaves half of the bound to the text, however long the title', () => {
    const parts = partsOf({ id: 'x', title: 'T '.repeat(50), text: long }, split)
    expect(parts.map(({ text }) => text)).toEqual(['a b c.', 'd e f.', 'g h i.'])
  })

  it('stays one passage when it is blank', () => {
    expect(partsOf({ id: 'x', title: '', text: '\u200b' }, split)).toHaveLength(1)
  })
})

describe('the id of a part', () => {
  it.each([
    ['x~2', 'x'],
    ['a/b.html#c~d~10', 'a/b.html#c~d'],
    ['two\nlines~3', 'two\nlines'],
    ['x', undefined],
    ['x~1', undefined],
    ['x~02', undefined],
    ['x~0', undefined],
    ['~2', undefined],
    ['x~2a', undefined],
  ])('%j names the whole %j', (id, whole) => {
    expect(wholeOfPart(id)).toBe(whole)
  })
})

describe('readCorpus told to split', () => {
  const ids = async (name: string, content: string, options = {}) =>
    (await readAll(file(name, content), { split, ...options })).map(({ id }) => id)

  it.each([
    ['a.tsv', `x\t${long}\ny\tshort\n`],
    ['a.jsonl', `${JSON.stringify({ _id: 'x', text: long })}\n{"_id":"y","text":"short"}\n`],
    ['a.csv', `id,text\nx,${long}\ny,short\n`],
  ])('cuts the long passages of %s', async (name, content) => {
    expect(await ids(name, content)).toEqual(['x', 'x~2', 'y'])
  })

  it('counts passages of the source for limit', async () => {
    expect(await ids('limit.tsv', `x\t${long}\ny\tshort\nz\tshort\n`, { limit: 2 })).toEqual(['x', 'x~2', 'y'])
  })

  it.each([
    ['before.tsv', `x~2\tshort\nx\t${long}\n`, /line 2: expected every id once, got "x~2" in lines 1 and 2.*--split/],
    ['after.tsv', `x\t${long}\nx~2\tshort\n`, /line 2: expected every id once, got "x~2" in lines 1 and 2.*--split/],
    ['long.tsv', `${'x'.repeat(1023)}\t${long}\n`, /line 1: expected an id of at most 1024 bytes, got 1025/],
  ])('refuses a part whose id cannot be: %s', async (name, content, message) => {
    await expect(readAll(file(name, content), { split })).rejects.toEqual(inputError(message))
  })

  it('leaves out the part alone when it is told to skip, and says so', async () => {
    const skipped: SkippedEntry[] = []
    const path = file('skip.tsv', `x~2\tshort\nx\t${long} ${long}\n`)
    const read = await readAll(path, { split, onBadPassage: 'skip', onSkipped: (entry) => skipped.push(entry) })
    expect(read.map(({ id }) => id)).toEqual(['x~2', 'x', 'x~3'])
    expect(skipped).toEqual([{ kind: 'passage', file: path, line: 2, reason: expect.stringContaining('"x~2"') }])
  })
})
