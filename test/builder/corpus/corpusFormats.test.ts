/** TSV, JSONL and CSV corpora, plain, gzip and from standard input. Expected passages are written out by hand. */
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCorpus } from '../../../builder/corpus/corpus.ts'
import { readLines } from '../../../builder/corpus/lines.ts'
import { collect, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()

/** Two passages as each format writes them. */
const SAMPLES = {
  'a.tsv': 'id\ttext\ttitle\n7\tThe sky is blue.\tSky\nx/é😀\t Kein "Titel", hier \n',
  'a.jsonl': '{"_id":7,"title":"Sky","text":"The sky is blue."}\n{"id":"x/é😀","text":" Kein \\"Titel\\", hier "}\n',
  'a.ndjson':
    '{"id":7,"title":"Sky","text":"The sky is blue."}\n\n{"id":"x/é😀","title":null,"text":" Kein \\"Titel\\", hier "}',
  'a.csv': 'ID,Title,Passage\n7,Sky,The sky is blue.\nx/é😀,," Kein ""Titel"", hier "\n',
}
const EXPECTED = [
  { id: '7', title: 'Sky', text: 'The sky is blue.' },
  { id: 'x/é😀', title: '', text: ' Kein "Titel", hier ' },
]

describe('readCorpus', () => {
  it.each(Object.entries(SAMPLES))('reads %s', async (name, content) => {
    expect(await readAll(file(name, content))).toEqual(EXPECTED)
  })
  it.each(Object.entries(SAMPLES))('reads %s with a byte-order mark and CRLF', async (name, content) => {
    expect(await readAll(file(`bom-${name}`, `\ufeff${content.replaceAll('\n', '\r\n')}`))).toEqual(EXPECTED)
  })
  it.each(Object.entries(SAMPLES))('reads %s.gz, also of several members', async (name, content) => {
    const half = content.indexOf('\n') + 4
    const members = [gzipSync(content.slice(0, half)), gzipSync(content.slice(half))]
    expect(await readAll(file(`${name}.GZ`, Buffer.concat(members)))).toEqual(EXPECTED)
  })
  it.each([
    ['plain', (bytes: Buffer) => bytes],
    ['gzip', gzipSync],
  ])('reads standard input, %s, byte by byte', async (_, pack) => {
    const bytes = pack(Buffer.from(SAMPLES['a.jsonl']))
    const stdin = Readable.from(Array.from(bytes, (byte) => Buffer.of(byte)))
    expect(await readAll('-', { format: 'jsonl', stdin })).toEqual(EXPECTED)
  })
  it.each(['utf16le', 'utf16be'])(
    'reads %s with its byte-order mark, as Excel writes it, byte by byte',
    async (name) => {
      for (const content of Object.values(SAMPLES)) {
        const bytes = Buffer.from(`\ufeff${content}`, 'utf16le')
        if (name === 'utf16be') bytes.swap16()
        const format = content.startsWith('{') ? 'jsonl' : content.startsWith('ID') ? 'csv' : 'tsv'
        const stdin = Readable.from(Array.from(bytes, (byte) => Buffer.of(byte)))
        expect(await readAll('-', { format, stdin })).toEqual(EXPECTED)
      }
    },
  )
  it('takes the format that is asked for before the extension', async () => {
    expect(await readAll(file('corpus.dat', SAMPLES['a.tsv']), { format: 'tsv' })).toEqual(EXPECTED)
  })
  it('stops at the limit, before a bad line after it', async () => {
    expect(await readAll(file('limit.tsv', '1\ta\n2\tb\nbad\n'), { limit: 2 })).toHaveLength(2)
  })
  it.each([
    ['tsv', '1\ta\n2\tb\n'],
    ['csv', 'id,text\n1,a\n2,b\n'],
  ] as const)('lets go of the input when it stops early (%s)', async (format, content) => {
    for (const bytes of [Buffer.from(content), gzipSync(content)]) {
      const stdin = Readable.from([bytes, Buffer.alloc(0)])
      expect(await readAll('-', { format, stdin, limit: 1 })).toHaveLength(1)
      expect(stdin.destroyed).toBe(true)
    }
  })
  it('reads what pandas writes for missing values as null, in no string', async () => {
    const line = '{"_id":"a","title":NaN,"text":"NaN \\"NaN","n":[-Infinity,NaN,1]}\n'
    expect(await readAll(file('pandas.jsonl', line))).toEqual([
      { id: 'a', title: '', text: 'NaN "NaN', metadata: { n: [null, null, 1] } },
    ])
  })
  it.each([
    [' ', '\n'],
    ['', '\u200b'],
    ['', ''],
  ])('keeps a passage with the title %j and the text %j', async (title, text) => {
    const line = JSON.stringify({ _id: 'a', title, text, year: 1907 })
    expect(await readAll(file('blank.jsonl', line))).toEqual([{ id: 'a', title, text, metadata: { year: 1907 } }])
  })
  it('indexes a passage with a title but no text by its title', async () => {
    expect(await readAll(file('title.jsonl', '{"_id":"a","title":"Only a title","text":""}'))).toEqual([
      { id: 'a', title: '', text: 'Only a title' },
    ])
  })
  it('ends with AbortedError when the signal fires while it waits for input', async () => {
    const controller = new AbortController()
    const stdin = new Readable({ read: () => queueMicrotask(() => controller.abort()) })
    await expect(readAll('-', { format: 'tsv', stdin, signal: controller.signal })).rejects.toMatchObject({
      code: 'ABORTED',
    })
  })
  it.each(Object.entries(SAMPLES))(
    'ends with AbortedError when the signal fires between passages of %s',
    async (name, content) => {
      const controller = new AbortController()
      const passages = readCorpus(file(name, content), { signal: controller.signal })
      await passages.next()
      controller.abort()
      await expect(passages.next()).rejects.toMatchObject({ code: 'ABORTED' })
    },
  )
})

describe('metadata', () => {
  it('keeps every further JSON field, those inside "metadata" beside the others', async () => {
    const line = '{"_id":"a","id":5,"text":"t","year":2020,"tags":["x",null],"metadata":{"url":"u","year":1}}'
    expect(await readAll(file('m.jsonl', line))).toEqual([
      { id: 'a', title: '', text: 't', metadata: { id: 5, year: 2020, tags: ['x', null], url: 'u' } },
    ])
  })
  it('keeps further CSV columns as strings, and line ends inside quotes', async () => {
    expect(await readAll(file('m.csv', '_id,body,year,note\na,"one\ntwo",2020,\n\nb,t,2021,n\n'))).toEqual([
      { id: 'a', title: '', text: 'one\ntwo', metadata: { year: '2020', note: '' } },
      { id: 'b', title: '', text: 't', metadata: { year: '2021', note: 'n' } },
    ])
  })
})

describe('readLines', () => {
  it('gives the same lines however the bytes are cut into chunks', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '\n', '\r\n', 'é', '漢', '😀', '\ufeff'), maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 8 }), async (content, cuts) => {
        const bytes = Buffer.from(content)
        const borders = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]
        const chunks = borders.slice(1).map((end, i) => bytes.subarray(borders[i], end))
        const lines = await collect(readLines(Readable.from(chunks), { file: 'f' }))
        // The twin: split the whole text; a line end at the end begins no further line.
        const expected = content.replace(/^\ufeff/, '').split('\n')
        if (expected.at(-1) === '') expected.pop()
        const isEmptyFirstLine = content === '\ufeff'
        expect(lines.map((line) => line.text)).toEqual(
          isEmptyFirstLine ? [''] : expected.map((line) => line.replace(/\r$/, '')),
        )
        expect(lines.map((line) => line.number)).toEqual(lines.map((_, i) => i + 1))
      }),
      { seed: 11, numRuns: 200 },
    )
  })
  it('reads a line of 10 MB', async () => {
    const text = 'word '.repeat(2_000_000)
    const [passage] = await readAll(file('long.jsonl', `{"_id":"a","text":"${text}"}\n`))
    expect(passage!.text.length).toBe(10_000_000)
  })
  it('refuses an endless line when the limit is passed, not when the input ends', async () => {
    let chunks = 0
    async function* endless() {
      for (; chunks < 1000; chunks++) yield Buffer.alloc(1000, 'a')
    }
    await expect(collect(readLines(endless(), { file: 'f', lineBytesMax: 5000 }))).rejects.toMatchObject({
      code: 'INPUT',
      detail: { file: 'f', line: 1, lineBytesMax: 5000 },
    })
    expect(chunks).toBe(5)
  })
})
