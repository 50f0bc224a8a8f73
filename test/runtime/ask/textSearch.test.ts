/** Questions to a small real index with the bundled model, both pipelines, against the same steps done by hand; and what is refused. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Encoder } from '../../../encoder/encoder.ts'
import { encodedTextOf } from '../../../encoder/passageText.ts'
import { InputError, ModelError, NotFoundError } from '../../../format/errors.ts'
import { ROOT } from '../../../lab/root.ts'
import {
  createTextSearch,
  newestOnly,
  openTextSearch,
  passageFit,
  passageMarks,
  type TextSearch,
} from '../../../runtime/index.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../../runtime/platform/node/nodeIndex.ts'
import { compileKernels } from '../../../runtime/platform/node/nodeKernels.ts'
import { openQueryEncoder } from '../../../runtime/platform/node/queryEncoder.ts'
import { openTextSearch as openOnNode } from '../../../runtime/platform/node.ts'
import type { Searcher } from '../../../runtime/searcher.ts'
import type { OpenedIndex } from '../../../runtime/searchers/indexSearcher.ts'
import { createToySearcher, ToyEncoder, toyPassages } from '../../http/toySearcher.ts'

const INDEX = join(ROOT, 'test/golden/index/nbits2')
const QUESTION = 'brain scans of infants'

let encoder: Encoder

beforeAll(async () => {
  const index = await openIndex(INDEX)
  encoder = await openQueryEncoder(index.info)
  await index.close()
})
afterAll(() => encoder.close())

describe.each(['resident', 'range'] as const)('a question to an index (%s)', (pipeline) => {
  let index: OpenedIndex
  let search: TextSearch
  beforeAll(async () => {
    index = await openIndex(INDEX, { pipeline })
    search = createTextSearch(index, encoder)
  })
  afterAll(() => index.close())

  it('is answered with the hits, texts and marks that its steps give one by one', async () => {
    const query = await encoder.encodeQuery(QUESTION)
    const found = await index.search(query, { k: 3 })
    const places = found.hits.map(({ place }) => place)
    const passages = await index.passages(places)
    const matches = await index.matchTokens(query, places)
    const answer = await search.ask(QUESTION, { k: 3, highlight: true })
    expect(answer.hits).toEqual(
      found.hits.map((hit, i) => {
        const passage = passages[i]!
        const passageSpans = encoder.passageSpans(encodedTextOf(passage))
        const asked = { query: QUESTION, querySpans: query.spans, match: matches[i]! }
        const marks = passageMarks({ ...asked, passage, passageSpans })
        const { place, ...rest } = { ...passage, ...hit }
        return { ...rest, pid: place.pid, marks, fit: passageFit(asked) }
      }),
    )
    expect(answer.hits[0]).toMatchObject({ id: '4983', rank: 1, title: expect.stringContaining('newborn') })
    expect(answer.hits[0]?.marks?.text.length).toBeGreaterThan(0)
    const { parameters, counts, generation } = found
    expect(answer).toMatchObject({ parameters, counts, generation })
    expect(Object.keys(answer.ms)).toEqual(['encode', 'search', 'texts', 'marks'])
    expect(answer.storage !== undefined).toBe(pipeline === 'range')
  })

  it('gives the same for vectors that were made elsewhere, without the step of encoding', async () => {
    const { hits } = await search.ask(QUESTION, { k: 3 })
    const answer = await search.ask(await encoder.encodeQuery(QUESTION), { k: 3 })
    expect(answer.hits).toEqual(hits)
    expect(Object.keys(answer.ms)).toEqual(['search', 'texts'])
  })

  it('keeps to its options: results, filter, no texts', async () => {
    const all = await search.ask(QUESTION, { k: 12, texts: false })
    const filter = all.hits.slice(1, 3).map(({ id }) => id)
    const { hits, ms } = await search.ask(QUESTION, { filter, texts: false })
    expect(hits.map(({ id }) => id).sort()).toEqual([...filter].sort())
    expect(Object.keys(hits[0]!).sort()).toEqual(['id', 'pid', 'rank', 'score'])
    expect(Object.keys(ms)).toEqual(['encode', 'search'])
    const marked = await search.ask(QUESTION, { k: 1, texts: false, highlight: true })
    expect(Object.keys(marked.hits[0]!).sort()).toEqual(['fit', 'id', 'marks', 'pid', 'rank', 'score'])
  })

  it('reads a long text to its end, and says when even 512 rows are too few for it', async () => {
    const words = (count: number) => Array.from({ length: count }, () => 'brain').join(' ')
    const point = 'induction of myelodysplasia by myeloid-derived suppressor cells'
    const preamble =
      'Dear support team, I have read your newsletter for years and would like to thank you for it. My question is:'
    const long = await search.ask(`${preamble} ${point}`, { k: 1, texts: false, highlight: true })
    const short = await search.ask(point, { k: 1, texts: false })
    expect(long).not.toHaveProperty('truncated')
    expect(long.hits[0]!.id).toBe(short.hits[0]!.id)
    expect((await search.ask(words(513), { k: 1 })).truncated).toBe(true)
    expect(await search.ask(`${words(60)} `, { k: 1 })).not.toHaveProperty('truncated')
    expect(await search.ask(await encoder.encodeQuery(words(513)), { k: 1 })).not.toHaveProperty('truncated')
  })

  it('finds one passage by its id', async () => {
    const { hits } = await search.ask(QUESTION, { k: 1 })
    const { id, title, text, metadata } = hits[0]!
    expect(await search.passage(id)).toEqual({ id, title, text, ...(metadata ? { metadata } : {}) })
    await expect(search.passage('nowhere')).rejects.toBeInstanceOf(NotFoundError)
  })
})

describe('a question that cannot be answered', () => {
  const words = new ToyEncoder()
  const toy = createToySearcher('toy', words, toyPassages)
  const searchOver = async (changes: Partial<Searcher>, encoder?: ToyEncoder) =>
    createTextSearch({ ...(await toy), ...changes }, encoder)

  it.each([
    ['a text without an encoder', {}, undefined, 'twill', /no query encoder/],
    ['something else', {}, words, 7 as unknown as string, /expected a text, or query vectors.*number/],
    [
      'marks for vectors',
      {},
      words,
      { vectors: new Float32Array(256), rows: 1, dim: 256 },
      /"highlight" needs a query text/,
    ],
  ])('is refused as the mistake of who asked: %s', async (_, changes, encoder, question, message) => {
    const search = await searchOver(changes, encoder)
    const asked = search.ask(question, { highlight: typeof question === 'object' })
    await expect(asked).rejects.toBeInstanceOf(InputError)
    await expect(asked).rejects.toThrow(message)
  })

  it('is refused where the index is of another encoder, or of none that is known', async () => {
    const { info } = await toy
    const { encoder: built, ...unknown } = info
    const other = await searchOver({ info: { ...info, encoder: { ...built!, weightsSha256: 'f'.repeat(64) } } }, words)
    await expect(other.ask('twill')).rejects.toBeInstanceOf(ModelError)
    await expect((await searchOver({ info: unknown }, words)).ask('twill')).rejects.toThrow(/unknown encoder/)
  })

  it('for want of a part of the index is no mistake of who asked', async () => {
    const search = await searchOver({ search: () => Promise.reject(new NotFoundError('no part')) }, words)
    await expect(search.ask('twill')).rejects.toMatchObject({ code: 'STORAGE' })
  })
})

describe('options', () => {
  it('that are undefined are absent for the searcher; the tier of the search stands in for one that is not named', async () => {
    const encoder = new ToyEncoder()
    const toy = await createToySearcher('toy', encoder, toyPassages)
    const given: unknown[] = []
    const searcher: Searcher = {
      ...toy,
      search(query, options) {
        given.push(options)
        return toy.search(query, options)
      },
    }
    const search = createTextSearch(searcher, encoder, { tier: 'fast' })
    await search.ask('twill', { k: 2, ncells: undefined } as object)
    await search.ask('twill', { tier: 'exact' })
    await createTextSearch(searcher, encoder, { tier: undefined }).ask('twill')
    expect(given).toEqual([{ k: 2, tier: 'fast' }, { tier: 'exact' }, {}])
  })
})

describe('a question that is withdrawn', () => {
  /** Counts searches, and tells when a text is being encoded. */
  async function counted(onEncode: () => void = () => {}) {
    const encoder = new ToyEncoder()
    const toy = await createToySearcher('toy', encoder, toyPassages)
    let searches = 0
    const search: Searcher['search'] = (query, options) => {
      searches += 1
      return toy.search(query, options)
    }
    const encodeQuery = (text: string) => {
      onEncode()
      return encoder.encodeQuery(text)
    }
    const { fingerprint } = encoder
    const text = createTextSearch({ ...toy, search }, { fingerprint, encodeQuery, close: async () => {} })
    return { text, searches: () => searches }
  }

  it('ends with an AbortedError, and does nothing that it had not begun', async () => {
    const controller = new AbortController()
    const { text, searches } = await counted(() => controller.abort())
    await expect(text.ask('twill', { signal: controller.signal })).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(text.ask('twill', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(searches()).toBe(0)
  })

  it('by a newer one leaves the newest, and the next, answered', async () => {
    const { text, searches } = await counted()
    const box = newestOnly(text)
    const typed = await Promise.allSettled(['t', 'twi', 'twill'].map((part) => box.ask(part, { k: 1 })))
    expect(typed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
    expect(searches()).toBe(1)
    expect((await box.ask('twill', { k: 1 })).hits[0]?.id).toBe('weave/twill#1')
    const own = new AbortController()
    const asked = box.ask('twill', { signal: own.signal })
    own.abort()
    await expect(asked).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('opening', () => {
  it('takes a path on Node, and the encoder that the index names', async () => {
    const search = await openOnNode(INDEX)
    const { hits } = await search.ask(QUESTION, { k: 5 })
    expect(hits[0]).toMatchObject({ id: '4983', title: expect.any(String), text: expect.any(String) })
    // What is under way is answered.
    const [last] = await Promise.all([search.ask(QUESTION, { k: 5 }), search.close(), search.close()])
    expect(last.hits).toEqual(hits)
    await search.close()
    await expect(search.ask(QUESTION)).rejects.toThrow(/is closed. Open it again/)
  })

  it.each([0, 2])('gives the same with %i threads, and needs no model for vectors', async (workers) => {
    const search = await openOnNode(INDEX, { workers, encoder: false })
    const query = await encoder.encodeQuery(QUESTION)
    const index = await openIndex(INDEX)
    const expected = await createTextSearch(index).ask(query, { k: 5 })
    expect((await search.ask(query, { k: 5 })).hits).toEqual(expected.hits)
    await expect(search.ask(QUESTION)).rejects.toThrow(/no query encoder/)
    await Promise.all([search.close(), index.close()])
  })

  it.each([
    [{ device: 'tpu' as 'cpu' }, /expected the device cpu, webgpu, cuda, got "tpu"/],
    [{ threads: -1 }, /expected threads to be an integer from 1 on, got -1/],
    [{ workers: -1 }, /workers to be an integer in \[1, /],
    [{ model: 'no-such-model' }, /"no-such-model".*tartan-small/],
  ])('refuses %j', async (options, message) => {
    await expect(openOnNode(INDEX, options)).rejects.toThrow(message)
  })

  it('lets a program end that does not close it', async () => {
    const script = `import { openTextSearch } from ${JSON.stringify(join(ROOT, 'runtime/platform/node.ts'))}
      const search = await openTextSearch(${JSON.stringify(INDEX)})
      const { hits } = await search.ask(${JSON.stringify(QUESTION)}, { k: 1 })
      console.log(hits[0].id)`
    // On a command line of some 9,000 characters ONNX Runtime ends the process, unless its telemetry is off.
    const words = ['--input-type=module', '--eval', script, 'x'.repeat(50_000)]
    const { stdout } = await promisify(execFile)(process.execPath, words)
    expect(stdout).toBe('4983\n')
  })

  it('closes an encoder that it opened, and leaves one that it was given', async () => {
    let closed = 0
    const counting = { ...encoder, close: async () => void closed++ }
    const open = async (source: typeof counting | (() => typeof counting)) =>
      openTextSearch(await filesAtPath(INDEX), { kernels: await compileKernels(), encoder: source })
    const given = await open(counting)
    await given.close()
    expect(closed).toBe(0)
    const opened = await open(() => counting)
    expect((await opened.ask(QUESTION, { k: 1 })).hits).toHaveLength(1)
    await opened.close()
    expect(closed).toBe(1)
  })

  it('fails as the encoder does, and leaves no file open', async () => {
    const files = await filesAtPath(INDEX)
    const open: string[] = []
    const watched = {
      key: files.key,
      async open(name: string) {
        const reader = await files.open(name)
        open.push(name)
        const close = async () => {
          open.splice(open.indexOf(name), 1)
          await reader.close?.()
        }
        return { ...reader, close }
      },
    }
    const failure = new ModelError('no such model')
    const options = { kernels: await compileKernels(), pipeline: 'range' as const }
    const opening = openTextSearch(watched, { ...options, encoder: () => Promise.reject(failure) })
    await expect(opening).rejects.toBe(failure)
    expect(open).toEqual([])
  })
})
