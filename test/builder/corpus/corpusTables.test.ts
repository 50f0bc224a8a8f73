/** Tables whose columns stand in another order or under other names than ColBERT's and BEIR's. Expected passages are written out by hand. */
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CorpusOptions, SkippedEntry } from '../../../builder/corpus/corpus.ts'
import { readLines } from '../../../builder/corpus/lines.ts'
import { collect, inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
/** All passages of a table that standard input gives. */
const read = (format: 'tsv' | 'csv' | 'jsonl', content: string, options: CorpusOptions = {}) =>
  readAll('-', { ...options, format, stdin: Readable.from([Buffer.from(content)]) })
const short = (passages: Awaited<ReturnType<typeof read>>) =>
  passages.map(({ id, title, text, metadata }) => [id, title, text, ...(metadata ? [metadata] : [])])

describe('TSV', () => {
  const OTTER = [['1', 'Otter', 'Otters hold hands.']]
  it.each<[what: string, content: string, passages: readonly unknown[]]>([
    ['id, title, text', 'id\ttitle\ttext\n1\tOtter\tOtters hold hands.', OTTER],
    ['text, id, title', 'text\tid\ttitle\nOtters hold hands.\t1\tOtter', OTTER],
    ['names in capitals, with blanks', ' PID \t Title\tPassage\n1\tOtter\tOtters hold hands.', OTTER],
    ['docno', 'docno\ttitle\tbody\n1\tOtter\tOtters hold hands.', OTTER],
    ['doc_id', 'title\tcontent\tdoc_id\nOtter\tOtters hold hands.\t1', OTTER],
    ['further columns', 'id\turl\ttitle\ttext\n1\tu\tOtter\tOtters hold hands.', [[...OTTER[0]!, { url: 'u' }]]],
    ["pandas' index, which has no name", '\tid\ttitle\ttext\n0\t1\tOtter\tOtters hold hands.', OTTER],
    ["pandas' index as the only id", '\ttitle\ttext\n1\tOtter\tOtters hold hands.', OTTER],
    ['a header all quoted', '"id"\t"title"\t"text"\n"1"\t"Otter"\t"Otters hold hands."', OTTER],
    ['a byte-order mark', '\ufeffid\ttitle\ttext\n1\tOtter\tOtters hold hands.', OTTER],
  ])('has a header in any order: %s', async (_, content, passages) => {
    for (const newline of ['\n', '\r\n', '\r']) {
      expect(short(await read('tsv', content.replaceAll('\n', newline)))).toEqual(passages)
    }
  })

  it.each<[what: string, content: string, passages: readonly unknown[]]>([
    [
      "ColBERT's two columns",
      '1\ttext\n2\tmore',
      [
        ['1', '', 'text'],
        ['2', '', 'more'],
      ],
    ],
    [
      "ColBERT's three",
      '1\tOtters hold hands.\tOtter\n2\tmore',
      [
        ['1', 'Otter', 'Otters hold hands.'],
        ['2', '', 'more'],
      ],
    ],
    [
      "MS MARCO's documents",
      'D1\thttps://x.example/a\tOtter\tOtters hold hands.',
      [['D1', 'Otter', 'Otters hold hands.', { url: 'https://x.example/a' }]],
    ],
    [
      'an address between id and text',
      'D1\thttp://x.example\tOtters.',
      [['D1', '', 'Otters.', { url: 'http://x.example' }]],
    ],
    [
      'words of a header as data',
      'id\tThe name of a thing.\ntext\tWhat is written.',
      [
        ['id', '', 'The name of a thing.'],
        ['text', '', 'What is written.'],
      ],
    ],
    [
      'a title before a far longer text',
      '1\tOtter\tOtters hold hands while sleeping.\n2\tLynx\tLynxes do not.',
      [
        ['1', 'Otter', 'Otters hold hands while sleeping.'],
        ['2', 'Lynx', 'Lynxes do not.'],
      ],
    ],
    [
      'a first id that is a word',
      'otter\tswims\n2\tThe second one.\nthird\tThe third one.',
      [
        ['otter', '', 'swims'],
        ['2', '', 'The second one.'],
        ['third', '', 'The third one.'],
      ],
    ],
    [
      'a first row that is a title',
      '1\ttitle\n2\tid',
      [
        ['1', '', 'title'],
        ['2', '', 'id'],
      ],
    ],
  ])('needs no header: %s', async (_, content, passages) => {
    expect(short(await read('tsv', content))).toEqual(passages)
  })

  it.each<[what: string, content: string, passages: readonly unknown[]]>([
    ['quotes in quotes', 'id\ttext\n1\t"He said ""no""."', [['1', '', 'He said "no".']]],
    [
      'a tab',
      'id\ttext\n1\t"one\ttwo"\n2\tx',
      [
        ['1', '', 'one\ttwo'],
        ['2', '', 'x'],
      ],
    ],
    [
      'a line end in the last cell',
      'id\ttitle\ttext\n1\tT\t"one\n""two"", three"\n2\tT\tx',
      [
        ['1', 'T', 'one\n"two", three'],
        ['2', 'T', 'x'],
      ],
    ],
    [
      'a line end in the middle',
      'id\ttext\ttitle\n1\t"one\ntwo"\tT\n2\tx\tT',
      [
        ['1', 'T', 'one\ntwo'],
        ['2', 'T', 'x'],
      ],
    ],
  ])('reads a cell as pandas quotes it, for %s', async (_, content, passages) => {
    expect(short(await read('tsv', content))).toEqual(passages)
  })

  it.each<[what: string, text: string]>([
    ['begins with one', '"No," he said.'],
    ['is in quotes', '"Heroes"'],
    ['begins with one that is never closed', '"Open'],
    ['ends with one', 'Five feet two"'],
  ])('keeps the quotes of a text that %s', async (_, text) => {
    const rows = `1\t${text}\n2\t${text}\n3\tEnd "here"`
    const passages = [
      ['1', '', text],
      ['2', '', text],
      ['3', '', 'End "here"'],
    ]
    expect(short(await read('tsv', rows))).toEqual(passages)
    expect(short(await read('tsv', `id\ttext\n${rows}`))).toEqual(passages)
  })

  it.each<[what: string, content: string, message: RegExp]>([
    [
      'a row of more columns',
      '1\ta\n2\tb\tc\n',
      /line 2: expected 2 columns as in the first row \(id, text\), got 3\. Replace tabs/,
    ],
    [
      'a row without its text',
      'id\ttitle\ttext\n1\tT\n',
      /line 2: expected 3 columns as in the header \(id, title, text\), got 2/,
    ],
    [
      'a row of more columns than the header',
      'id\ttitle\ttext\n1\tT\tt\tx\n',
      /line 2: expected 3 columns as in the header.*got 4/,
    ],
    [
      'a header of unknown names',
      'Nummer\tInhalt\n1\tEin langer Text.\n2\tNoch ein langer.\n',
      /line 1: expected a header with known names.*got what looks like the header "Nummer", "Inhalt"\. .*--id-column NAME --text-column NAME/,
    ],
    [
      'five columns without a header',
      '1\ta\tb\tc\td\n',
      /line 1: expected 2 or 3 columns.*got 5 columns\. Begin the file with .*--id-column 1 --text-column 4/,
    ],
  ])('refuses %s, with its line and a cure', async (_, content, message) => {
    await expect(read('tsv', content)).rejects.toEqual(inputError(message))
  })

  it('gives back what was written, whatever its quotes, tabs and line ends, when all that needs quotes has them', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ' ', '"', '\t', '\n', 'é'), maxLength: 8 })
    const rows = fc.array(fc.record({ title: cell, text: cell }), { minLength: 1, maxLength: 5 })
    const quoted = (value: string) => (/["\t\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)
    await fc.assert(
      fc.asyncProperty(rows, async (records) => {
        const kept = records.map(({ title, text }) => ({ title: `t${title}t`, text: `x${text}x` }))
        // A line with as many tabs as a row is taken for one.
        fc.pre(
          kept.every(({ title, text }) =>
            `${title}\t${text}`.split('\n').every((line, i) => i === 0 || !/\t.*\t/.test(line)),
          ),
        )
        const lines = kept.map(({ title, text }, i) => [i + 1, quoted(title), quoted(text)].join('\t'))
        const passages = await read('tsv', ['id\ttitle\ttext', ...lines].join('\n'))
        expect(short(passages)).toEqual(kept.map(({ title, text }, i) => [String(i + 1), title, text]))
      }),
      { numRuns: 100, seed: 5 },
    )
  })
})

describe('CSV', () => {
  const OTTER = [['1', 'Otter', 'Otters hold hands, always.']]
  it.each<[what: string, content: string]>([
    ['commas', 'id,title,text\n1,Otter,"Otters hold hands, always."'],
    ['semicolons, as European spreadsheets', '\ufeffid;title;text\n1;Otter;Otters hold hands, always.'],
    ['tabs', 'id\ttitle\ttext\n1\tOtter\tOtters hold hands, always.'],
    ['bars', 'id|title|text\n1|Otter|Otters hold hands, always.'],
    ['what sep= says', 'sep=^\nid^title^text\n1^Otter^Otters hold hands, always.'],
    ['sep=, and commas', 'sep=,\nid,title,text\n1,Otter,"Otters hold hands, always."'],
    ['sep=; in quotes', '"sep=;"\n\nid;title;text\n1;Otter;Otters hold hands, always.'],
    ['semicolons, a comma in a name', 'id;title;text;"a, b, c, d"\n1;Otter;Otters hold hands, always.;'],
    ['empty lines first', '\n\nid;title;text\n1;Otter;Otters hold hands, always.'],
    ['empty columns after the last', 'id,title,text,,\n1,Otter,"Otters hold hands, always.",,\n,,,,\n'],
    ['no empty columns in the header', 'id,title,text\n1,Otter,"Otters hold hands, always.",,'],
    ['names of a product list', 'sku,name,description\n1,Otter,"Otters hold hands, always."'],
    ['names of a list of questions', 'Question;Answer;Doc ID\nOtter;Otters hold hands, always.;1'],
    ["pandas' index", ',title,text\n1,Otter,"Otters hold hands, always."'],
  ])('is read with %s', async (_, content) => {
    for (const newline of ['\n', '\r\n', '\r']) {
      const passages = await read('csv', content.replaceAll('\n', newline))
      expect(passages.map(({ id, title, text }) => [id, title, text])).toEqual(OTTER)
    }
  })

  it('tells the true line of a mistake below sep= and cells of several lines', async () => {
    const content = 'sep=;\nid;text\n1;"a\nb"\n2\n'
    await expect(read('csv', content)).rejects.toEqual(
      inputError(/line 5: expected 2 columns as in the header, got 1\. Quote cells that hold ";"/),
    )
  })

  it('leaves a name to the metadata where the text stands under its own', async () => {
    expect(short(await read('csv', 'id,name,text\n1,Ann,Words.'))).toEqual([['1', '', 'Words.', { name: 'Ann' }]])
  })

  it.each<[what: string, content: string, message: RegExp]>([
    [
      'names the columns that there are',
      'a,b\n1,2\n',
      /line 1: expected a column with the ids.*got the columns "a", "b"\. Name .*--id-column NAME.*--number-ids/,
    ],
    [
      'asks whether the first row is a passage',
      '17,"A long text of words"\n',
      /Is this a passage\? Then begin the file with a header line/,
    ],
    [
      'thinks of another sign',
      'id^text\n1^t\n',
      /got the columns "id\^text"\. If another sign separates the columns.*"sep=\^"/,
    ],
  ])('%s when it cannot guess', async (_, content, message) => {
    await expect(read('csv', content)).rejects.toEqual(inputError(message))
  })
})

describe('columns that are named', () => {
  const CSV = 'nr;Name;Info;More;price\nA1;Spade;Digs.;Of steel.;5\nA2;Rake;;Long.;7\n'
  const named = { idColumn: 'nr', titleColumn: 'name', textColumns: ['Info', 'More'] }
  const EXPECTED = [
    ['A1', 'Spade', 'Digs.\nOf steel.', { price: '5' }],
    ['A2', 'Rake', 'Long.', { price: '7' }],
  ]
  it('are read from CSV and TSV', async () => {
    expect(short(await read('csv', CSV, named))).toEqual(EXPECTED)
    expect(short(await read('tsv', CSV.replaceAll(';', '\t'), named))).toEqual(EXPECTED)
  })

  it('are fields of JSONL, numbers and lists of texts too', async () => {
    const line = { nr: 7, Name: 'Spade', Info: ['Digs.', 'Cuts.'], More: 5, price: 5, id: 'x' }
    const options = { ...named, titleColumn: 'Name' }
    expect(short(await read('jsonl', JSON.stringify(line), options))).toEqual([
      ['7', 'Spade', 'Digs.\nCuts.\n5', { price: 5, id: 'x' }],
    ])
    await expect(read('jsonl', '{"id":1,"text":"t"}', named)).rejects.toEqual(
      inputError(/line 1: expected a field "nr", got the fields "id", "text"\. .*--id-column/),
    )
  })

  it('go before the usual names, and are found by their places', async () => {
    const content = 'id,code,text,words\n1,A,no,yes\n'
    const expected = [['A', '', 'yes', { id: '1', text: 'no' }]]
    expect(short(await read('csv', content, { idColumn: 'code', textColumns: ['words'] }))).toEqual(expected)
    expect(short(await read('csv', content, { idColumn: '2', textColumns: ['4'] }))).toEqual(expected)
  })

  it('are told by their places where TSV has no header', async () => {
    const rows = 'x\t1\tOtter\tOtters.\ny\t2\tLynx\tLynxes.\n'
    expect(short(await read('tsv', rows, { idColumn: '2', titleColumn: '3', textColumns: ['4'] }))).toEqual([
      ['1', 'Otter', 'Otters.', { 'column 1': 'x' }],
      ['2', 'Lynx', 'Lynxes.', { 'column 1': 'y' }],
    ])
    await expect(read('tsv', rows, { idColumn: '2' })).rejects.toEqual(
      inputError(/expected a column with the texts.*--text-column 2/),
    )
  })

  it('may be none: lines number the passages', async () => {
    const numberIds = true
    expect(short(await read('csv', 'title,text\nT,"a\nb"\nU,c\n', { numberIds }))).toEqual([
      ['2', 'T', 'a\nb'],
      ['4', 'U', 'c'],
    ])
    expect(short(await read('tsv', 'One text.\n\nAnother.\n', { numberIds }))).toEqual([
      ['1', '', 'One text.'],
      ['3', '', 'Another.'],
    ])
    expect(short(await read('jsonl', '{"text":"a","id":5}', { numberIds }))).toEqual([['1', '', 'a', { id: 5 }]])
  })

  it.each<[what: string, options: CorpusOptions, message: RegExp]>([
    [
      'a name that is not there',
      { idColumn: 'sku' },
      /line 1: expected a column "sku" \(--id-column\), got the columns "id", "text"\. Name one of these/,
    ],
    ['a text that is not there', { textColumns: ['text', 'body'] }, /expected a column "body" \(--text-column\)/],
    ['a place beyond the last', { titleColumn: '3' }, /expected a column "3" \(--title-column\)/],
    [
      'a blank name',
      { idColumn: ' ' },
      /reading a corpus: expected the name of a column, got a blank one \(--id-column\)/,
    ],
    ['numbers beside ids', { idColumn: 'id', numberIds: true }, /expected --id-column or --number-ids, got both/],
  ])('are refused: %s', async (_, options, message) => {
    await expect(read('csv', 'id,text\n1,a\n', options)).rejects.toEqual(inputError(message))
  })

  it('are refused for a folder, which has none', async () => {
    const page = file('pages/a.md', 'text')
    await expect(readAll(page.slice(0, -5), { idColumn: 'id' })).rejects.toEqual(
      inputError(/got a folder, whose pages have no columns/),
    )
  })
})

describe('JSONL', () => {
  it.each<[what: string, lines: string, passages: readonly unknown[]]>([
    ["pyserini's fields", '{"id":"a","contents":"t"}', [['a', '', 't']]],
    [
      'docid, title and body',
      '{"docid":"a","title":"T","body":"t"}\n{"docid":"b","body":"u"}',
      [
        ['a', 'T', 't'],
        ['b', '', 'u'],
      ],
    ],
    ['a description beside a text', '{"id":"a","text":"t","description":"d"}', [['a', '', 't', { description: 'd' }]]],
    [
      '_id here and id there',
      '{"_id":"a","text":"t"}\n{"id":"b","text":"u"}\n{"_id":null,"id":"c","text":"v"}',
      [
        ['a', '', 't'],
        ['b', '', 'u'],
        ['c', '', 'v'],
      ],
    ],
  ])('is read with %s', async (_, lines, passages) => {
    expect(short(await read('jsonl', lines))).toEqual(passages)
  })
})

describe('texts under less usual names', () => {
  const KETTLE = [['1', 'Kettle', 'It boils water.']]
  it.each<['tsv' | 'csv' | 'jsonl', string]>([
    ['csv', 'Name,Details,SKU\nKettle,It boils water.,1'],
    ['csv', 'sku,name,long_description\n1,Kettle,It boils water.'],
    ['tsv', 'id\ttitle\tdefinition\n1\tKettle\tIt boils water.'],
    ['jsonl', '{"id":1,"name":"Kettle","details":"It boils water."}'],
  ])('are found: %s %s', async (format, content) => {
    expect(short(await read(format, content))).toEqual(KETTLE)
  })

  it.each<['tsv' | 'csv' | 'jsonl', string]>([
    ['csv', 'name,blurb,sku\nKettle,It boils water.,1'],
    ['tsv', 'id\ttitle\tblurb\n1\tKettle\tIt boils water.'],
    ['jsonl', '{"id":1,"title":"Kettle","blurb":"It boils water."}'],
    ['jsonl', '{"id":1,"title":"Kettle","blurb":"一个烧水的壶"}'],
  ])('that are unknown beside a title stop the reading, with a cure: %s %s', async (format, content) => {
    await expect(read(format, content)).rejects.toEqual(
      inputError(
        /line 1: .*only the title "(?:name|title)" of .*"blurb".*--text-column blurb; --text-column (?:name|title) /,
      ),
    )
  })

  it.each<['tsv' | 'csv' | 'jsonl', string]>([
    ['csv', 'id,name,price\n1,Kettle,20'],
    ['tsv', 'id\ttitle\n1\tKettle'],
    ['jsonl', '{"id":1,"title":"Kettle","price":20}'],
  ])('are not missed where a title is all there is: %s %s', async (format, content) => {
    expect((await read(format, content)).map(({ id, text }) => [id, text])).toEqual([['1', 'Kettle']])
  })

  it('are told of, once, where another is taken', async () => {
    const told: SkippedEntry[] = []
    const onSkipped = (entry: SkippedEntry) => told.push(entry)
    const line = '"text":"t t","body":"b b","summary":"s s"}'
    const passages = await read('jsonl', `{"id":1,${line}\n{"id":2,${line}`, { onSkipped })
    expect(passages.map(({ text, metadata }) => [text, metadata])).toEqual([
      ['t t', { body: 'b b', summary: 's s' }],
      ['t t', { body: 'b b', summary: 's s' }],
    ])
    await read('csv', 'id,body,summary\n1,b,s', { onSkipped })
    await read('csv', 'id,body,summary\n1,b,s', { onSkipped, textColumns: ['body'] })
    expect(told.map(({ kind, line: number, reason }) => [kind, number, reason])).toEqual([
      ['part', 1, expect.stringMatching(/^"body", "summary" kept as metadata.*--text-column/)],
      ['part', 1, expect.stringMatching(/^"summary" kept as metadata/)],
    ])
  })

  it('are looked for in each object of JSONL, and a blank one is none', async () => {
    const content =
      '{"id":1,"text":"One."}\n{"id":"2","title":"Second","body":"Switched."}\n{"id":3,"text":null,"content":"Three."}'
    expect((await read('jsonl', content)).map(({ id, title, text }) => [id, title, text])).toEqual([
      ['1', '', 'One.'],
      ['2', 'Second', 'Switched.'],
      ['3', '', 'Three.'],
    ])
  })

  it('that are empty in all rows are told, with the columns that there are', async () => {
    for (const format of ['csv', 'tsv'] as const) {
      const rows = ['id,text,other', '1,,"Words here"', '2,,"More words"'].join('\n')
      const content = format === 'csv' ? rows : rows.replaceAll(',', '\t').replaceAll('"', '')
      await expect(read(format, content)).rejects.toEqual(
        inputError(
          /expected a text in "text", got none in all 2 rows\. The columns are "id", "text", "other".*--text-column/,
        ),
      )
    }
  })
})

describe('tables without a header', () => {
  it('are read from CSV where columns are told by places, as from TSV', async () => {
    const options = { idColumn: '1', textColumns: ['2'] }
    const expected = [
      ['a1', '', 'hello world'],
      ['a2', '', 'second'],
    ]
    expect(short(await read('csv', 'a1,hello world\na2,second\n', options))).toEqual(expected)
    expect(short(await read('tsv', 'a1\thello world\na2\tsecond\n', options))).toEqual(expected)
    expect(short(await read('csv', 'id,text\na1,hello world\na2,second\n', options))).toEqual(expected)
    expect(short(await read('csv', '1,hello world\n2,second\n', options))).toEqual([
      ['1', '', 'hello world'],
      ['2', '', 'second'],
    ])
    expect(short(await read('csv', 'docid,Inhalt\na1,hello world\na2,second\n', options))).toEqual(expected)
    await expect(read('csv', 'a1,hello world\na2\n', options)).rejects.toEqual(
      inputError(/line 2: expected 2 columns as in the first row, got 1/),
    )
  })

  it('have none where the first cell is what ids are called', async () => {
    await expect(read('tsv', 'docid\tMeinung\nx1\tEin Text.\n')).rejects.toEqual(
      inputError(/line 1: expected a column with the texts.*got the columns "docid", "Meinung"/),
    )
    expect(short(await read('tsv', 'docid\tdefinition\nx1\tA text.\n'))).toEqual([['x1', '', 'A text.']])
  })

  it('may quote a cell that holds a tab', async () => {
    const expected = [
      ['1', '', 'one\ttwo'],
      ['2', '', 'x'],
      ['3', '', 'three\tfour'],
    ]
    expect(short(await read('tsv', '1\t"one\ttwo"\n2\tx\n3\t"three\tfour"'))).toEqual(expected)
    expect(short(await read('tsv', '1\t"one\ttwo"'))).toEqual(expected.slice(0, 1))
  })
})

describe('a field named __proto__', () => {
  it.each([
    ['jsonl', '{"_id":"a","text":"t","__proto__":{"x":1}}'],
    ['jsonl', '{"_id":"a","text":"t","metadata":{"deep":[{"__proto__":1}]}}'],
    ['csv', 'id,text,__proto__\na,t,1'],
    ['tsv', 'id\ttext\t__proto__\na\tt\t1'],
  ] as const)('is refused, since an index cannot give it back: %s', async (format, content) => {
    await expect(read(format, content)).rejects.toEqual(
      inputError(/line \d: expected field names other than "__proto__".*Rename/),
    )
  })

  it('is left out with its passage when bad ones are skipped, and nothing else gets it', async () => {
    const skipped: SkippedEntry[] = []
    const content = '{"_id":"a","text":"t","__proto__":{"x":1}}\n{"_id":"b","text":"t","y":2}'
    const passages = await read('jsonl', content, { onBadPassage: 'skip', onSkipped: (entry) => skipped.push(entry) })
    expect([short(passages), skipped.length]).toEqual([[['b', '', 't', { y: 2 }]], 1])
    expect(({} as { x?: number }).x).toBeUndefined()
  })
})

describe('lines that end with CR alone', () => {
  it('are the same however the bytes are cut into chunks', async () => {
    const content = fc.string({ unit: fc.constantFrom('a', '\r', 'é', '\ufeff'), maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.nat(40), { maxLength: 6 }), async (text, cuts) => {
        const bytes = Buffer.from(text)
        const borders = [0, ...cuts.filter((cut) => cut <= bytes.length).sort((a, b) => a - b), bytes.length]
        const chunks = borders.slice(1).map((end, i) => bytes.subarray(borders[i], end))
        const lines = await collect(readLines(Readable.from(chunks), { file: 'f' }))
        const expected = text.replace(/^\ufeff/, '').split('\r')
        if (expected.at(-1) === '' && text !== '\ufeff') expected.pop()
        expect(lines.map((line) => line.text)).toEqual(expected)
      }),
      { numRuns: 100, seed: 7 },
    )
  })

  it('are no lines where others end with LF', async () => {
    expect(short(await read('tsv', '1\ta\rb\n2\tc\n'))).toEqual([
      ['1', '', 'a\rb'],
      ['2', '', 'c'],
    ])
  })
})
