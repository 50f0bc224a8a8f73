/** Every way a corpus can be wrong gives an InputError that names file, line and cure. */
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { SkippedEntry } from '../../../builder/corpus/corpus.ts'
import { PASSAGE_TEXT_BYTES_MAX } from '../../../format/limits.ts'
import { inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
const good = '{"_id":"a","text":"t"}\n'
const deep = `${'['.repeat(40)}${']'.repeat(40)}`

describe('readCorpus refuses', () => {
  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      'a missing id',
      '1.jsonl',
      `${good}{"text":"t"}`,
      /1\.jsonl", line 2: expected a field "_id" or "id", got the fields "text"\. Give.*--id-column/,
    ],
    ['an id of null', '2.jsonl', '{"_id":null,"text":"t"}', /line 1: expected a field "_id"/],
    ['a blank id', '3.tsv', ' \tt\n', /line 1: expected a passage id, got " "/],
    ['an id that is a list', '4.jsonl', '{"_id":[1],"text":"t"}', /line 1: expected an id that is a string.*\[1\]/],
    [
      'a number that JSON rounds as id',
      '5.jsonl',
      '{"_id":12345678901234567890,"text":"t"}',
      /line 1: .*below 2\^53.*quotes/,
    ],
    ['an id with a tab', '6.jsonl', '{"_id":"a\\tb","text":"t"}', /line 1: .*control characters/],
    ['an id of 1025 bytes', '7.tsv', `${'é'.repeat(512)}x\tt\n`, /line 1: .*at most 1024 bytes, got 1025/],
    [
      'neither title nor text',
      '9.jsonl',
      '{"_id":"a","words":"t"}',
      /line 1: expected a field "text", got the fields "_id", "words"\. .*--text-column/,
    ],
    ['a text that is a number', '10.jsonl', '{"_id":"a","text":5}', /line 1: expected "text" to be a string, got 5/],
    [
      'an id twice',
      '11.jsonl',
      `${good}{"_id":"b","text":"t"}\n${good}`,
      /line 3: expected every id once, got "a" in lines 1 and 3/,
    ],
    [
      'an id twice, once as a number',
      '12.jsonl',
      '{"_id":1,"text":"t"}\n{"_id":"1","text":"t"}',
      /"1" in lines 1 and 2/,
    ],
    ['broken JSON', '13.jsonl', `${good}{"_id":"a",\n`, /line 2: expected JSON, got "\{.*one complete JSON object/],
    ['a JSON line that is a list', '14.jsonl', '["a","t"]', /line 1: expected a JSON object, got \["a","t"\]/],
    [
      'half a surrogate pair in a text',
      '15.jsonl',
      '{"_id":"a","text":"x\\ud800y"}',
      /line 1: .*surrogate pair.* in the text/,
    ],
    [
      'half a surrogate pair in metadata',
      '16.jsonl',
      '{"_id":"a","text":"t","m":[{"k":"\\udc00"}]}',
      /surrogate pair.* in field "m"/,
    ],
    [
      'metadata nested too deep',
      '17.jsonl',
      `{"_id":"a","text":"t","m":${deep}}`,
      /line 1: expected metadata nested at most 32 deep/,
    ],
    [
      'metadata nested without end',
      '18.jsonl',
      `{"_id":"a","text":"t","m":${'['.repeat(1e5)}${']'.repeat(1e5)}}`,
      /nested at most 32 deep/,
    ],
    ['a NUL escape', '19.jsonl', '{"_id":"a","text":"t\\u0000"}', /line 1: .*NUL character in the text/],
    ['a NUL byte', '20.tsv', 'a\tt\nb\tt\0\n', /line 2: expected text, got a NUL byte at character 4/],
    [
      'invalid UTF-8',
      '21.tsv',
      Buffer.concat([Buffer.from('a\té\nb\t'), Buffer.of(0xc3, 0x28)]),
      /line 2: expected UTF-8.*offset 8/,
    ],
    ['a character cut at the end', '22.tsv', Buffer.from('a\té').subarray(0, 3), /line 1: expected UTF-8.*offset 3/],
    ['UTF-16 without its mark', '23.tsv', Buffer.from('a\tt\n', 'utf16le'), /line 1: .*NUL byte.*iconv -f UTF-16LE/],
    [
      'UTF-16 cut within a character',
      '23b.tsv',
      Buffer.from('\ufeffa\tt', 'utf16le').subarray(0, 7),
      /expected UTF-16.*iconv/,
    ],
    ['a TSV line without a tab', '24.tsv', 'a\tt\nb t\n', /line 2: expected "id<tab>text"/],
    ['a TSV line of four columns', '25.tsv', 'a\tb\tc\td\n', /line 1: expected 2 or 3 columns.* got 4/],
    ['a CSV row of a wrong column count', '26.csv', 'id,text\na,"b\nc"\nd,e,f\n', /line 4: expected 2 columns.* got 3/],
    ['an open quote in CSV', '27.csv', 'id,text\na,b\nc,"d\ne,f\n', /line 3: .*quote is never closed/],
    ['text after a closed quote in CSV', '28.csv', 'id,text\na,"b"c\n', /line 2: .*misplaced quote/],
    ['a quote inside a bare cell of CSV', '29.csv', 'id,text\na,b"c\n', /line 2: .*misplaced quote/],
    [
      'CSV without an id column',
      '30.csv',
      'name,text\n',
      /line 1: expected a column with the ids.*got the columns "name", "text"\. Name .*--id-column/,
    ],
    [
      'CSV without a text column',
      '31.csv',
      'id,words\n',
      /line 1: expected a column with the texts.*got the columns "id", "words"\. Name .*--text-column/,
    ],
    ['CSV with a column twice', '32.csv', 'id,text,Text\n', /line 1: .*"text" twice/],
    [
      'invalid UTF-8 in CSV',
      '33.csv',
      Buffer.concat([Buffer.from('id,text\na,'), Buffer.of(0xff, 0x0a)]),
      /line 2: expected UTF-8/,
    ],
    ['an empty file', '34.jsonl', '', /34\.jsonl": expected at least one passage, got none/],
    ['a header without rows', '35.csv', 'id,text\n', /expected at least one passage/],
    [
      'an unknown extension',
      '36.xml',
      '<a/>',
      /\.tsv, \.jsonl, \.ndjson or \.csv \(each also \.gz\).*--format tsv\|jsonl\|csv/,
    ],
    ['no extension', 'corpus', 'a\tt', /--format/],
    ['an extension of the object prototype', 'a.constructor', 'a\tt', /--format/],
    [
      'a gzip file cut short',
      '37.tsv.gz',
      gzipSync('a\tt\n').subarray(0, -6),
      /37\.tsv\.gz": .*cut short.*download it again/,
    ],
    ['a damaged gzip file', '38.tsv.gz', gzipSync('a\tt\n').fill(0xff, 10, 14), /38\.tsv\.gz": .*damaged data/],
    ['a name that says gzip only', '39.tsv.gz', 'a\tt\n', /expected gzip by its name/],
  ])('%s', async (_, name, content, message) => {
    await expect(readAll(file(name, content))).rejects.toEqual(inputError(message))
  })

  it('a passage beyond the limit of texts', async () => {
    const line = `{"_id":"a","text":"${'x'.repeat(PASSAGE_TEXT_BYTES_MAX - 10)}","more":"0123456789"}`
    await expect(readAll(file('big.jsonl', line))).rejects.toEqual(
      inputError(/line 1: .*at most 16777216 bytes, got 16777\d\d\d/),
    )
  })
  it('a line, and a CSV row, beyond the limit', async () => {
    await expect(readAll(file('l.tsv', `a\t${'x'.repeat(200)}\n`), { lineBytesMax: 100 })).rejects.toEqual(
      inputError(/line 1: .*at most 100 bytes/),
    )
    const open = `id,text\na,"${'x\n'.repeat(100)}`
    await expect(readAll(file('r.csv', open), { lineBytesMax: 100 })).rejects.toEqual(
      inputError(/line 2: expected a shorter row.*quote left open/),
    )
  })
  it('a missing file and a missing folder', async () => {
    const there = file('there.tsv', 'a\tt\n')
    for (const path of [`${there}.tsv`, `${there}-docs`]) {
      await expect(readAll(path)).rejects.toEqual(inputError(/got nothing by that name/))
    }
  })
  it('standard input without a format', async () => {
    await expect(readAll('-', { stdin: Readable.from([]) })).rejects.toEqual(
      inputError(/standard input, which has no name.*--format/),
    )
  })
  it.each([{ limit: 0 }, { limit: 1.5 }, { tokensMax: 0 }, { lineBytesMax: -1 }, { format: 'xml' as 'tsv' }])(
    'the options %j',
    async (options) => {
      await expect(readAll(file('o.tsv', 'a\tt\n'), options)).rejects.toEqual(inputError(/^reading a corpus: expected/))
    },
  )
})

describe('readCorpus told to skip bad passages', () => {
  it('goes on after them and reports each', async () => {
    const skipped: SkippedEntry[] = []
    const lines = ['1\tone', 'no tab', '2\t ', '1\tagain', '3\tthree', '4\t\0']
    const path = file(
      'skip.tsv',
      Buffer.concat([Buffer.from(`${lines.join('\n')}\n5\t`), Buffer.of(0xff), Buffer.from('\n6\tsix')]),
    )
    const passages = await readAll(path, { onBadPassage: 'skip', onSkipped: (entry) => skipped.push(entry) })
    expect(passages.map((passage) => passage.id)).toEqual(['1', '2', '3', '6'])
    expect(skipped.map(({ kind, file: where, line }) => [kind, where, line])).toEqual(
      [2, 4, 6, 7].map((line) => ['passage', path, line]),
    )
    expect(skipped[1]!.reason).toContain('"1" in lines 1 and 4')
  })
  it('still refuses a corpus of nothing else', async () => {
    await expect(readAll(file('all.tsv', 'x\ny\n'), { onBadPassage: 'skip' })).rejects.toEqual(
      inputError(/got only 2 bad ones/),
    )
  })
})
