/** Files of an evaluation: judgements, queries, rankings. Expected values are what the lines written here say. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readQrels } from '../../../builder/eval/qrels.ts'
import { readQueries } from '../../../builder/eval/queries.ts'
import { readRanking, writeRanking } from '../../../builder/eval/ranking.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-eval-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const inputError = (message: RegExp) =>
  expect.objectContaining({ code: 'INPUT', message: expect.stringMatching(message) })

describe('readQrels', () => {
  const expected = new Map([
    ['q1', new Map([['p1', 1], ['p2', 0]])], // biome-ignore format: a map in one line
    ['q2', new Map([['p1', -1]])],
  ])
  it.each([
    ['BEIR', 'query-id\tcorpus-id\tscore\nq1\tp1\t1\nq1\tp2\t0\nq2\tp1\t-1\n'],
    ['TREC', 'q1 0 p1 1\nq1 0  p2 0\nq2 Q0 p1 -1'],
    ['BEIR with other names', 'query_id\tcorpus_id\tlabel\nq1\tp1\t1\nq1\tp2\t0\nq2\tp1\t-1\n'],
    ['BEIR of pandas', 'query-id\tcorpus-id\tscore\nq1\tp1\t1.0\nq1\tp2\t-0.0\nq2\tp1\t-1.0\n'],
    ['numpy', 'q1 0 p1 1.000e+00\nq1 0 p2 0.000e+00\nq2 0 p1 -1.000e+00\n'],
    ['four columns with a header', 'qid\titer\tdocid\trel\nq1\t0\tp1\t1\nq1\t0\tp2\t0\nq2\t0\tp1\t-1\n'],
    ['four columns, the second one empty,', 'q1\t\tp1\t1\nq1\t\tp2\t0\nq2\t\tp1\t-1\n'],
    ['MS MARCO', 'q1\t0\tp1\t1\r\nq1\t0\tp2\t0\r\n\r\nq2\t0\tp1\t-1\r\n'],
  ])('reads %s judgements, plain and gzip', async (name, content) => {
    expect(await readQrels(file(`${name}.tsv`, content))).toEqual(expected)
    expect(await readQrels(file(`${name}.tsv.gz`, gzipSync(content)))).toEqual(expected)
  })

  it.each([
    ['a wrong column count', 'q1 0 p1 1\nq1 p2 1\n', /line 2: expected 4 columns.* got 3/],
    ['three columns without the header', 'q1\tp1\t1\n', /line 1: .*query-id<tab>corpus-id<tab>score/],
    ['a relevance that is no whole number', 'q1 0 p1 0.5\n', /line 1: expected a whole number.*0\.5/],
    ['a relevance that is no number', 'q1 0 p1 high\n', /line 1: expected a whole number.*high/],
    ['a relevance of hexadecimal digits', 'q1 0 p1 0x1\n', /line 1: expected a whole number.*0x1/],
    ['a relevance beyond all grades', 'q1 0 p1 1e300\n', /line 1: expected a whole number.*1e300/],
    [
      'two judgements of one pair that differ',
      'q1 0 p1 1\nq1 0 p1 2\n',
      /line 2: expected one judgement.* got 1 and 2/,
    ],
    ['a missing query id', '\t0\tp1\t1\n', /line 1: expected a passage id/],
    ['a file without judgements', 'query-id\tcorpus-id\tscore\n', /got none/],
    ['bytes that are not UTF-8', Uint8Array.of(0x71, 0x20, 0x30, 0x20, 0xff), /line 1: expected UTF-8.*offset 4/],
  ])('refuses %s', async (name, content, message) => {
    await expect(readQrels(file(`${name}.txt`, content))).rejects.toEqual(inputError(message))
  })
})

describe('readQueries', () => {
  const expected = [
    { id: 'q1', text: 'why is the sky blue' },
    { id: '2', text: 'wie weit ist der Mond, "ungefähr"?' },
  ]
  it.each([
    [
      'b.jsonl',
      '{"_id":"q1","text":"why is the sky blue","metadata":{}}\n{"id":2,"text":"wie weit ist der Mond, \\"ungefähr\\"?"}\n',
    ],
    [
      'other-names.jsonl',
      '{"qid":"q1","query":"why is the sky blue"}\n{"id":null,"query_id":2,"question":"wie weit ist der Mond, \\"ungefähr\\"?"}\n',
    ],
    ['t.tsv', 'qid\tquery\nq1\twhy is the sky blue\n2\twie weit ist der Mond, "ungefähr"?\n'],
  ])('reads %s, plain and gzip', async (name, content) => {
    expect(await readQueries(file(name, content))).toEqual(expected)
    expect(await readQueries(file(`${name}.gz`, gzipSync(content)))).toEqual(expected)
  })

  it.each([
    ['1.jsonl', '{"text":"a"}', /line 1: expected a field "_id" or "id"/],
    ['2.jsonl', '{"_id":"a","text":"b"}\n{"_id":"a","text":"c"}', /"a" in lines 1 and 2/],
    ['4.jsonl', '{"_id":"a"}', /line 1: expected a field "text"/],
    ['5.tsv', 'a b\n', /line 1: expected "qid<tab>text"/],
    ['6.tsv', '', /expected queries, got none/],
    ['7.csv', 'id,text\n', /expected queries in a file named .jsonl or .tsv/],
    ['8.jsonl', '{"_id":"a","text":"\\ud800"}', /line 1: .*surrogate/],
  ])('refuses %s', async (name, content, message) => {
    await expect(readQueries(file(name, content))).rejects.toEqual(inputError(message))
  })
})

describe('rankings', () => {
  it('writes qid, pid, rank and score, and leaves no other file', async () => {
    const path = join(folder, 'out', '..', 'ranking.tsv')
    await writeRanking(path, new Map([['q1', [{ id: 'b', score: 2.5 }, { id: 'a', score: -1e-7 }]], ['q2', []]])) // biome-ignore format: a run in one line
    expect(readFileSync(path, 'utf8')).toBe('q1\tb\t1\t2.5\nq1\ta\t2\t-1e-7\n')
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('reads back what it wrote, every score bit for bit', async () => {
    const id = fc
      .string({ unit: fc.constantFrom('a', '0', '#', ' ', 'é', '😀'), minLength: 1, maxLength: 5 })
      .filter((s) => s.trim() !== '')
    const score = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x || 0)
    const list = fc.uniqueArray(fc.record({ id, score }, { noNullPrototype: true }), {
      selector: (hit) => hit.id,
      minLength: 1,
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(id, list), { selector: ([qid]) => qid, maxLength: 4 }),
        async (entries) => {
          const path = join(folder, 'property.tsv')
          const run = new Map(entries)
          await writeRanking(path, run)
          const back = await readRanking(path)
          expect([...back]).toEqual(entries)
        },
      ),
      { seed: 5, numRuns: 40 },
    )
  })

  it("takes ColBERT's rankings without scores, in the order of their ranks", async () => {
    expect(await readRanking(file('colbert.tsv', '7\t12\t2\n7\t3\t1\n'))).toEqual(new Map([['7', [{ id: '3', score: -1 }, { id: '12', score: -2 }]]])) // biome-ignore format: a run in one line
  })

  it.each([
    ['a rank of 0', 'q\tp\t0\t1\n', /line 1: expected a rank/],
    ['a score that is no number', 'q\tp\t1\tx\n', /line 1: expected a finite score/],
    ['an empty score', 'q\tp\t1\t\n', /line 1: expected a finite score/],
    ['a passage twice', 'q\tp\t1\t2\nq\tp\t2\t1\n', /line 2: .*"p" twice/],
    ['two columns', 'q\tp\n', /line 1: .* got 2 columns/],
  ])('refuses %s', async (name, content, message) => {
    await expect(readRanking(file(`${name}.tsv`, content))).rejects.toEqual(inputError(message))
  })

  it('refuses to write an id with a tab, and leaves nothing behind', async () => {
    const path = join(folder, 'never.tsv')
    await expect(writeRanking(path, new Map([['q', [{ id: 'a\tb', score: 1 }]]]))).rejects.toEqual(
      inputError(/control characters/),
    )
    expect(readdirSync(folder).filter((name) => name.startsWith('never'))).toEqual([])
  })

  it('refuses to write a score that is not finite', async () => {
    const run = new Map([['q', [{ id: 'a', score: Number.POSITIVE_INFINITY }]]])
    await expect(writeRanking(join(folder, 'never.tsv'), run)).rejects.toEqual(inputError(/finite score/))
  })

  it('tells where it could not write', async () => {
    await expect(writeRanking(join(folder, 'missing', 'r.tsv'), new Map())).rejects.toMatchObject({ code: 'STORAGE' })
  })
})
