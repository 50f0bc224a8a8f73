/** What a build and `encode` do with passages that have no words, are too long or wrong: nothing stops, and nothing is left out in silence. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { type Outcome, tartan } from './runTartan.ts'

const folder = mkdtempSync(join(tmpdir(), 'tartan-passages-'))
const at = (name: string) => join(folder, name)

const sentences = [
  'Otters hold hands while they sleep.',
  'Looms weave twill.',
  'Bridges span rivers.',
  'Bees make honey.',
]
const worded = sentences.map((text, i) => ({ _id: `s${i}`, title: '', text }))
// Each sentence has 6 tokens, the full stop counted; the model reads 217.
const long = { _id: 'long', title: 'Rain', text: 'It rains over the sea. '.repeat(50) }
const icon = { _id: 'icon', title: '\ue88a', text: 'The lighthouse keeper paints the door green.' }
const wordless = ['\u200b', '\ue5d2\ue88a', '\u0301', '\u00ad', '', '🚀', '---'].map((text, i) => {
  return { _id: `w${i}`, title: i === 0 ? '\ue88a' : '', text, lang: 'en' }
})
const lines = [...wordless, ...worded, long, icon].map((passage) => JSON.stringify(passage))
const corpus = at('corpus.jsonl')
const index = at('index.tartan')
let built: Outcome

beforeAll(async () => {
  writeFileSync(corpus, `${lines.join('\n')}\n{"text":"no id"}\n`)
  built = await tartan('build', corpus, '--out', index, '--skip-bad', '--json')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const leftOut = [{ kind: 'passage', file: corpus, line: lines.length + 1, reason: expect.stringContaining('"_id"') }]
const counted = {
  wordless: { passages: 7, ids: wordless.map(({ _id }) => _id) },
  // 50 sentences of 6 tokens and a title of one.
  cut: { passages: 1, ids: ['long'], tokens: 50 * 6 + 1 - 217 },
  leftOut,
}

describe('a build', () => {
  it('goes on, counts wordless and cut passages, and lists what it left out', () => {
    expect(built.code, built.stderr).toBe(0)
    expect(JSON.parse(built.stdout)).toMatchObject({ passages: lines.length, ...counted })
    expect(built.stderr).toContain(`${corpus}:${lines.length + 1}`)
  })

  it.each(['resident', 'range'])('keeps wordless passages where no query finds them (%s)', async (pipeline) => {
    const { stdout } = await tartan('search', index, 'otter', '-k', '100', '--pipeline', pipeline, '--json')
    const ids = JSON.parse(stdout).hits.map((hit: { id: string }) => hit.id)
    expect(ids[0]).toBe('s0')
    expect(ids.toSorted()).toEqual([...worded, long, icon].map(({ _id }) => _id).toSorted())
  })

  it('gives wordless passages by their ids', async () => {
    const searcher = await openIndex(index)
    for (const { _id: id, text, lang } of wordless) {
      expect(await searcher.passage(id)).toMatchObject({ id, metadata: { lang } })
      expect((await searcher.passage(id)).text).toBe(text)
    }
    await searcher.close()
  })
})

describe('--split', () => {
  it('cuts long passages into parts that are read to their end', async () => {
    const out = at('split.tartan')
    const { stdout } = await tartan('build', corpus, '--out', out, '--split', '--skip-bad', '--no-tune', '-q')
    expect(stdout).toContain('7 passages have no word that the model knows')
    expect(stdout).not.toContain('longer than the model reads')
    const searcher = await openIndex(out)
    const parts = await Promise.all(['long', 'long~2'].map((id) => searcher.passage(id)))
    await searcher.close()
    expect(parts.map(({ title }) => title)).toEqual(['Rain', 'Rain'])
    expect(parts.map(({ text }) => text).join(' ')).toBe(long.text.trim())

    // Both parts answer the first query: as one passage they leave the second place to another.
    writeFileSync(at('q.tsv'), 'rain\train over the sea\nblank\t\u200b\n')
    writeFileSync(at('qrels.trec'), 'rain 0 long 1\nrain 0 icon 0\nblank 0 long 1\n')
    const evaluated = await tartan(
      'eval',
      out,
      '--queries',
      at('q.tsv'),
      '--qrels',
      at('qrels.trec'),
      ...['-k', '3', '--json', '--ranking', at('run.tsv')],
    )
    expect(evaluated.code, evaluated.stderr).toBe(0)
    expect(evaluated.stderr).toMatch(/count 0: 1 query \(blank\)/)
    expect(evaluated.stderr).toMatch(/Parts of split passages/)
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ 'ndcg@3': 0.5, queries: 2 })
    const ids = readFileSync(at('run.tsv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[1])
    expect(ids).toHaveLength(3)
    expect(ids[0]).toBe('long')
    expect(new Set(ids).size).toBe(3)
  })
})

describe('a corpus without any word', () => {
  it('is refused before it is indexed, by how many passages there were', async () => {
    writeFileSync(at('blank.jsonl'), '{"_id":"1","text":"  "}\n{"_id":"2","text":"\u200b"}\n')
    const { code, stderr } = await tartan('build', at('blank.jsonl'), '--out', at('blank.tartan'), '-q')
    expect(code).toBe(1)
    expect(stderr).toMatch(/expected a passage with a word that the model knows, got none in 2 passages/)
  })
})

describe('tartan encode', () => {
  it('says the same of the corpus, and of queries what the folder does not have', async () => {
    const queries = at('queries.tsv')
    writeFileSync(queries, `q1\totter\nq2\t\u200b\nq3\t${'bees '.repeat(40)}\n`)
    const out = at('vectors')
    const { code, stdout, stderr } = await tartan(
      ...['encode', corpus, '--out', out, '--queries', queries, '--skip-bad', '--json'],
    )
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      passages: lines.length,
      ...counted,
      queries: 2,
      wordlessQueries: ['q2'],
      cutQueries: ['q3'],
    })
    expect(stderr).toContain(`${corpus}:${lines.length + 1}`)
    expect(JSON.parse(readFileSync(join(out, 'doclens.json'), 'utf8')).slice(0, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 10])
    expect(JSON.parse(readFileSync(join(out, 'meta.json'), 'utf8'))).toMatchObject({
      query_ids: ['q1', 'q3'],
      query_tokens: 32,
    })
    const { stdout: report } = await tartan('build', '--vectors', out, '--out', at('v.tartan'), '--no-tune', '--json')
    expect(JSON.parse(report)).toMatchObject({ wordless: counted.wordless })
  })
})
