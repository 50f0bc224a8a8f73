/**
 * Markdown as people write it: front matter, headings with ids, HTML, components and the marks of its dialects. What is expected was written by hand
 * after the documentation of the tools that give these forms their meaning.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMarkdown, parseMdx } from '../../../builder/corpus/pages/markdown.ts'
import type { Page } from '../../../builder/corpus/pages/page.ts'

const lines = (...texts: readonly string[]) => texts.join('\n')
const textsOf = (page: Page) => page.blocks.filter(({ kind }) => kind === 'text').map(({ text }) => text)
const headingsOf = (page: Page) =>
  page.blocks.flatMap((block) => (block.kind === 'heading' ? [[block.text, block.anchor]] : []))
const reasonsOf = (page: Page) => (page.notes ?? []).map(({ line, reason }) => `${line}: ${reason}`)

describe('front matter', () => {
  it.each<[what: string, frontMatter: string, title: string]>([
    [
      'a folded title, as Prettier writes it',
      '---\ntitle: >-\n  Migrating from the\n  legacy scheduler\n---',
      'Migrating from the legacy scheduler',
    ],
    ['a title of two lines', '---\ntitle: |\n  Two\n  lines\n---', 'Two lines'],
    ['a title in quotes', '---\ntitle: "It\\u0027s: \\"x\\""\n---', 'It\'s: "x"'],
    ['a number as it is written', '---\ntitle: 1.10\n---', '1.10'],
    ['true', '---\ntitle: true\n---', 'true'],
    ['a list', '---\ntitle: [One, Two]\n---', 'One Two'],
    ['languages', '---\ntitle:\n  en: English\n  de: Deutsch\n---', 'English'],
    ['a key in capitals', '---\nTitle: Big\n---', 'Big'],
    ['dots at the end', '---\ntitle: Dots\n...', 'Dots'],
    ['blanks after the dashes', '--- \ntitle: Blanks\n---  ', 'Blanks'],
    ['what Docusaurus shows in menus', '---\nsidebar_label: Short\n---', 'Short'],
    ['what Hugo shows in menus', '---\nlinkTitle: Short\n---', 'Short'],
    ['an alias', '---\nname: &n Named\ntitle: *n\n---', 'Named'],
    ["Hugo's TOML", '+++\ntitle = "Otters"\ndate = 2024-01-01\ntags = ["river"]\n+++', 'Otters'],
    ['TOML of several lines', '+++\ntitle = """\nTwo\nlines"""\n+++', 'Two lines'],
    ["Hugo's JSON", '{\n  "title": "Curly } brace",\n  "menu": {"main": {}}\n}', 'Curly } brace'],
    ["gray-matter's JSON", '---json\n{"title":"Json"}\n---', 'Json'],
    ["gray-matter's TOML", '---toml\ntitle = "Toml"\n---', 'Toml'],
    ["Middleman's JSON", ';;;\n"title": "Semi"\n;;;', 'Semi'],
  ])('gives the title: %s', (_, frontMatter, title) => {
    for (const newline of ['\n', '\r\n', '\r']) {
      const page = parseMarkdown(`${frontMatter}\n\nBody.\n`.replaceAll('\n', newline))
      expect([page.title, textsOf(page), reasonsOf(page)]).toEqual([title, ['Body.'], []])
    }
  })

  it.each([
    ['null', '---\ntitle: null\n---'],
    ['nothing', '---\ntitle:\n---'],
    ['no title', '---\nlayout: x\n---'],
    ['no fields', '---\n---'],
    ['a value that is no text', "---\ntitle: ''\n---"],
  ])('with %s leaves the title to the heading', (_, frontMatter) => {
    expect(parseMarkdown(`${frontMatter}\n# Heading\n\nBody.\n`)).toMatchObject({ title: 'Heading', notes: [] })
  })

  it('that is broken is left out and told, its title kept', () => {
    const yaml = parseMarkdown('---\nlayout: x\ntitle: Foo: bar\n---\n\nBody.\n')
    expect([yaml.title, textsOf(yaml)]).toEqual(['Foo: bar', ['Body.']])
    expect(reasonsOf(yaml)).toEqual([expect.stringMatching(/^3: its front matter is not YAML: \w/)])
    const toml = parseMarkdown('+++\ntitle = "T"\nx = \n+++\nBody.\n')
    expect([toml.title, textsOf(toml)]).toEqual(['T', ['Body.']])
    expect(reasonsOf(toml)).toEqual([expect.stringMatching(/^3: its front matter is not TOML: \w/)])
    const script = parseMarkdown('---js\n{ title: 1 }\n---\nBody.\n')
    expect([textsOf(script), reasonsOf(script)]).toEqual([['Body.'], ['1: its front matter is js, which is not read']])
  })

  it.each<[what: string, source: string, texts: readonly string[]]>([
    [
      'a page that begins with a thematic break',
      '---\n\nRelease 4.2 drops support.\n\n---\n\nEarlier.',
      ['Release 4.2 drops support.', 'Earlier.'],
    ],
    [
      'text with a colon between two of them',
      '---\n\nNote: all is lost: see https://x.example\n\n---\n\nEnd.',
      ['Note: all is lost: see https://x.example', 'End.'],
    ],
    ['a sentence with a colon', '---\n\nWarning: nobody is told.\n\n---\n', ['Warning: nobody is told.']],
    ['a list', '---\n- one\n- two\n---\n\nEnd.', ['one', 'two', 'End.']],
    ['dashes that never end', '---\ntitle: Open\n\nBody.', ['title: Open', 'Body.']],
    ['a sample of JSON', '{"error": "disk full"}\n\nis what it says.', ['{"error": "disk full"}', 'is what it says.']],
    ['a sample of JSON in a paragraph', '{"title": "x"}\nis an object.', ['{"title": "x"}\nis an object.']],
    ['text between plus signs', '+++\nAdd two.\n+++', ['+++\nAdd two.\n+++']],
    ['a fence with a word', '--- snip\n\ntext: x\n\n---', ['--- snip', 'text: x']],
    ['braces that are no JSON', '{not json}\n\nBody.', ['{not json}', 'Body.']],
    ['JSON with text behind it', '{"title": "x"} is an object.', ['{"title": "x"} is an object.']],
    ['more than three dashes', '----\ntitle: x\n----\n', []],
  ])('is not %s', (_, source, texts) => {
    const page = parseMarkdown(source)
    expect([textsOf(page), page.notes]).toEqual([texts, []])
  })

  it.each<[what: string, source: string, texts: readonly string[]]>([
    [
      'a description',
      '---\ntitle: T\ndescription: How to descale a kettle\n---\n\nBody.',
      ['How to descale a kettle', 'Body.'],
    ],
    [
      'of two fields',
      '+++\nsummary = "One two."\ndescription = "Three four."\n+++\n\n# H\n\nBody.',
      ['Three four.\n\nOne two.', 'Body.'],
    ],
    ['of a broken block', '---\ntitle: T\ndescription: How to: descale\n---\n\nBody.', ['How to: descale', 'Body.']],
    [
      'that the page says itself',
      '---\ndescription: Descale a kettle.\n---\n\nHow to *descale*\na kettle. Descale a kettle.',
      ['How to descale\na kettle. Descale a kettle.'],
    ],
    ['that is a mark', '---\nsummary: true\n---\n\nBody.', ['Body.']],
  ])('gives its text to the page: %s', (_, source, texts) => {
    expect(textsOf(parseMarkdown(source))).toEqual(texts)
  })

  it.each<[between: string, texts: readonly string[]]>([
    ['Q: What is a gizmo\n\nA: It is a thing\n', ['Q: What is a gizmo', 'A: It is a thing']],
    // A line of dashes below a paragraph makes it a heading.
    ['Note: this is a single line of real text', ['Note: this is a single line of real text']],
    ['Warning: hot surface', ['Warning: hot surface']],
    ['Dosage: 5 mg\nRoute: oral', ['Dosage: 5 mg Route: oral']],
    ['Status: open', ['Status: open']],
    ['version: all of them are affected', ['version: all of them are affected']],
    ['note: this is a line of text', ['note: this is a line of text']],
  ])('is not text between two lines of dashes: %s', (between, texts) => {
    expect(parseMarkdown(`---\n${between}\n---\n`).blocks.map(({ text }) => text)).toEqual(texts)
  })

  it('leaves the numbers of lines as they are', () => {
    expect(parseMarkdown('+++\ntitle = "x"\n+++\n\n# H\n').blocks).toMatchObject([{ kind: 'heading', line: 5 }])
  })

  it('loses no text, whatever stands between two lines of dashes', () => {
    const line = fc.constantFrom(
      '',
      'A word',
      'Note: a b c.',
      '# Heading',
      '- item',
      '    code',
      '> said',
      '"quoted',
      'a: [b',
    )
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (between) => {
        const page = parseMarkdown(['---', ...between, '---', '', 'End.'].join('\n'))
        const found = page.blocks.map(({ text }) => text).join(' ')
        for (const word of between.join(' ').match(/[A-Za-z]+/g) ?? []) expect(found).toContain(word)
      }),
      { numRuns: 100, seed: 3 },
    )
  })
})

describe('a heading of Markdown', () => {
  it.each<[source: string, text: string, id: string | undefined]>([
    ['## Setup {#setup-guide}', 'Setup', 'setup-guide'],
    ['## Setup { #setup-guide }', 'Setup', 'setup-guide'],
    ['## Setup {: #setup-guide .wide }', 'Setup', 'setup-guide'],
    ['## Setup {:#setup-guide}', 'Setup', 'setup-guide'],
    ['## Setup {#setup-guide .wide}', 'Setup', 'setup-guide'],
    ['## Setup {.wide #setup-guide key="a b"}', 'Setup', 'setup-guide'],
    ['## Setup {: id="setup-guide" class=wide }', 'Setup', 'setup-guide'],
    ['## Setup {/* #setup-guide */}', 'Setup', 'setup-guide'],
    ['## Setup ## {#setup-guide}', 'Setup', 'setup-guide'],
    ['## Setup {#setup-guide} ##', 'Setup', 'setup-guide'],
    ['Setup {#setup-guide}\n-----', 'Setup', 'setup-guide'],
    ['## Setup\n{: #setup-guide}', 'Setup', 'setup-guide'],
    ['## Setup\n{: id="setup-guide"}\ntext', 'Setup', 'setup-guide'],
    ['## <a name="setup-guide"></a>Setup', 'Setup', 'setup-guide'],
    ['## Setup <a href="#setup-guide" id="setup-guide"></a>', 'Setup', 'setup-guide'],
    ['<a id="setup-guide"></a>\n## Setup', 'Setup', 'setup-guide'],
    ['Before.\n<a name="setup-guide"></a>\n\n## Setup', 'Setup', 'setup-guide'],
    ['<div id="setup-guide"></div>\n\n## Setup', 'Setup', 'setup-guide'],
    ['{: #setup-guide}\n\n## Setup', 'Setup', 'setup-guide'],
    ['## Version {#v1.2}', 'Version', 'v1.2'],
    ['## A [link](https://x.example) and <em>more</em> {#l}', 'A link and more', 'l'],
    ['## Contents {.no_toc}', 'Contents', undefined],
    ['## Preface {-}', 'Preface', undefined],
    ['## The {name} of it', 'The {name} of it', undefined],
    ['## Write `{#id}`', 'Write {#id}', undefined],
    ['## A set {a, b}', 'A set {a, b}', undefined],
    ['<a id="x"></a> Some text.\n\n## Setup', 'Setup', undefined],
  ])('has its own text and id: %s', (source, text, id) => {
    expect(headingsOf(parseMarkdown(source))).toEqual([[text, id]])
  })

  it('may be long and full of braces without taking long', () => {
    const long = `## A ${'{.a.a.a'.repeat(3000)} ${'{: .b '.repeat(3000)}${' '.repeat(5000)}`
    expect(headingsOf(parseMarkdown(`${long}\n\n${':::'.repeat(3000)}${' '.repeat(5000)}x{/*`.repeat(3)))).toHaveLength(
      1,
    )
  })
})

describe('HTML in Markdown', () => {
  it('has headings, with their ids, and blocks', () => {
    const page = parseMarkdown(
      lines(
        '<h1 align="center">Pangolin</h1>',
        '<p align="center"><img src="logo.png" alt="Logo"></p>',
        '',
        'A tiny tool.',
        '',
        '<H2 ID="install">Install <em>it</em></H2>',
        '',
        'Run <kbd>Ctrl</kbd>+<kbd>C</kbd>.',
        '<h3>Late</h3>',
        'End.',
      ),
    )
    expect(page.title).toBe('Pangolin')
    expect(page.blocks).toEqual([
      { kind: 'heading', depth: 1, text: 'Pangolin', anchor: undefined, line: 1 },
      { kind: 'text', text: 'Logo', line: 2 },
      { kind: 'text', text: 'A tiny tool.', line: 4 },
      { kind: 'heading', depth: 2, text: 'Install it', anchor: 'install', line: 6 },
      { kind: 'text', text: 'Run Ctrl+C.', line: 8 },
      { kind: 'heading', depth: 3, text: 'Late', anchor: undefined, line: 9 },
      { kind: 'text', text: 'End.', line: 10 },
    ])
  })

  it('has headings that hold Markdown, and one that is never closed keeps the text', () => {
    const page = parseMarkdown('<h1 align="center">\n  <img alt="Logo">\n\n  Name *it*\n</h1>\n\nText.')
    expect([headingsOf(page), textsOf(page)]).toEqual([[['Logo Name it', undefined]], ['Text.']])
    const open = parseMarkdown(`<h2>Open\n\n${'word '.repeat(100)}\n\nEnd.\n\n## Next`)
    expect(headingsOf(open)).toEqual([['Next', undefined]])
    expect(textsOf(open).join(' ')).toMatch(/^Open .*word .*End\.$/)
  })

  it('is read whatever its elements are called, but for code and pictures', () => {
    const page = parseMarkdown(
      lines(
        '<aside>Aside text.</aside>',
        '<button>Button text</button><nav>Nav text</nav>',
        '<table><tr><td>one</td><td>two</td></tr><tr><td>three</td></tr></table>',
        '<details id="d"><summary>Click <b>me</b></summary>',
        '',
        'Inside.',
        '',
        '## In it',
        '',
        '</details>',
        '',
        '<!-- secret',
        '',
        '## nothing -->',
        '<script setup>',
        '',
        'const a = "<p>no</p>"',
        '</script>',
        '<svg><title>no</title></svg>',
        '<pre>',
        '  keep   this',
        '</pre>',
        '<p>AT&amp;T</p>',
      ),
    )
    expect(textsOf(page)).toEqual([
      'Aside text.',
      'Button text',
      'Nav text',
      'one two',
      'three',
      'Click me',
      'Inside.',
      'keep   this',
      'AT&T',
    ])
    expect(headingsOf(page)).toEqual([['In it', undefined]])
  })

  it('is text without headings inside lists and quotes', () => {
    expect(parseMarkdown('- one <h3>two</h3> three\n- a<br>b\n\n> ## said').blocks.map(({ text }) => text)).toEqual([
      'one\ntwo\nthree',
      'a\nb',
      'said',
    ])
  })
})

describe('components in Markdown', () => {
  it('are read, with what readers see of their attributes; imports and comments in braces are not', () => {
    const page = parseMarkdown(
      lines(
        "import Tabs from '@theme/Tabs';",
        "import {A, B} from './x'",
        '',
        '# Components',
        '',
        '<Aside type="caution">',
        'The flag deletes data.',
        '</Aside>',
        '',
        '<Tabs>',
        '  <TabItem label="Linux">Use the alpaca.</TabItem>',
        '  <TabItem label="Windows">Use the llama.</TabItem>',
        '</Tabs>',
        '',
        '<Tabs>',
        '<TabItem value="m" label="macOS">',
        '',
        'Use the *vicuna*.{/* a comment */}',
        '',
        '</TabItem>',
        '</Tabs>',
        '',
        '<x-card>Card</x-card><x-card>Other</x-card>',
        '',
        'import numpy is what you type. <Badge>New</Badge>thing.',
      ),
    )
    expect(textsOf(page)).toEqual([
      'The flag deletes data.',
      'Linux',
      'Use the alpaca.',
      'Windows',
      'Use the llama.',
      'macOS',
      'Use the vicuna.',
      'Card Other',
      'import numpy is what you type. New thing.',
    ])
  })
})

describe('what a component says of itself', () => {
  it.each<[element: string, texts: readonly string[]]>([
    ['<Card title="Install" description="Get it here." />', ['Install', 'Get it here.']],
    ['<Hero heading="Big" subtitle={"Small"} />', ['Big', 'Small']],
    ['<Faq question="Why?" answer={`Because of it.`} />', ['Why?', 'Because of it.']],
    ['<Note text="Some words to read" content="More words to read" />', ['Some words to read', 'More words to read']],
    ['<Icon name="arrow" text="blue" kind="two words" />', []],
    ['<Image src="x.png" alt="A kettle" />', ['A kettle']],
    [`<Steps items={['Fill it', "Don't wait", \`Boil it\`]} />`, ["Fill it\nDon't wait\nBoil it"]],
    ["<Faq items={[{ question: 'Why?', answer: 'So.', id: 'x y' }]} />", ['Why?\nSo.']],
    ['<Steps items={steps} />', []],
    ["<Steps items={['Fill it', next()]} />", ['Fill it']],
  ])('is text: %s', (element, texts) => {
    const page = parseMdx(`# T\n\n${element}\n`)
    expect([textsOf(page), page.notes]).toEqual([texts, []])
  })
})

describe('MDX', () => {
  it('is read without imports, exports and expressions, with what components hold', () => {
    const page = parseMdx(
      lines(
        '---',
        'title: Page',
        '---',
        "import Tabs from '@theme/Tabs'",
        'export const meta = {',
        '',
        '  hidden: 1,',
        '}',
        '',
        '# Hello {/* #hello-id */}',
        '',
        '## Old {#old-id}',
        '',
        "Text {/* comment */}and{' '}more{value}.",
        '',
        '<Tabs>',
        '  <TabItem label="Linux">Use the **alpaca**.</TabItem>',
        '  <TabItem label={"Windows"}>',
        '    Use the llama.',
        '',
        '    ## Deep',
        '',
        '    - item',
        '  </TabItem>',
        '</Tabs>',
        '',
        '<Aside>Careful <Badge text="n">new</Badge>stuff</Aside>',
        '',
        '{items.map((x) => <li>{x}</li>)}',
        '',
        '<h2 id="html">In HTML</h2>',
        '',
        '<Chart render={() => <p>no</p>} />',
        '',
        ':::note[Title]',
        '',
        '    Not code.',
        '',
        ':::',
      ),
    )
    expect([page.title, page.notes]).toEqual(['Page', []])
    expect(headingsOf(page)).toEqual([
      ['Hello', 'hello-id'],
      ['Old', 'old-id'],
      ['Deep', undefined],
      ['In HTML', 'html'],
    ])
    expect(textsOf(page)).toEqual([
      'Text and more.',
      'Linux Use the alpaca.',
      'Windows',
      'Use the llama.',
      'item',
      'Careful new stuff',
      'Title',
      'Not code.',
    ])
  })

  it('may be called .md when it begins with imports, as Docusaurus takes it', () => {
    const page = parseMarkdown(
      lines(
        '---',
        'title: Tabs',
        '---',
        '',
        "import Tabs from '@theme/Tabs'",
        '',
        '<Tabs',
        '  defaultValue="a"',
        "  values={[{label: 'A', value: 'a'}]}>",
        '<TabItem value="a">Use the *alpaca*.</TabItem>',
        '</Tabs>',
      ),
    )
    expect([page.title, textsOf(page)]).toEqual(['Tabs', ['Use the alpaca.']])
    const none = parseMarkdown("import Tabs from '@theme/Tabs'\n\nText <br> and {open\n")
    expect([textsOf(none), none.notes]).toEqual([['Text\nand {open'], []])
  })

  it('may hold comments of HTML, as Docusaurus takes it', () => {
    const page = parseMdx(
      '# T\n\n<!-- one\n\ntwo -->\n\n<Aside>kept<!-- x --></Aside>\n\n`<!-- code -->`\n\n## After\n\ntext',
    )
    expect([textsOf(page), page.notes]).toEqual([['kept', '<!-- code -->', 'text'], []])
    expect(page.blocks.filter(({ kind }) => kind === 'heading').map(({ line }) => line)).toEqual([1, 11])
  })

  it('that is none is read as Markdown, and told', () => {
    const page = parseMdx(
      "import X from 'x'\n\n# Bad\n\n<!-- comment -->\n\nText <br> and {open\n\n<Aside>kept</Aside>\n",
    )
    expect([headingsOf(page), textsOf(page)]).toEqual([[['Bad', undefined]], ['Text\nand {open', 'kept']])
    expect(reasonsOf(page)).toEqual([expect.stringMatching(/^\d+: read as Markdown, since it is not MDX: \w/)])
  })
})

describe('MDX that is none', () => {
  it('is read without its imports and exports, outside of code', () => {
    const page = parseMdx(
      lines(
        "import X from 'x'",
        "import 'y'",
        'Right below.',
        '',
        'import {',
        '  A,',
        "} from 'z'",
        '',
        'export const meta = {',
        '  a: [1],',
        '',
        '  b: "}",',
        '}',
        'Below it.',
        '',
        'export default Layout',
        '',
        'export default settings to a file',
        'import data from a file',
        '',
        '```js',
        "import Code from 'code'",
        '```',
        '',
        'Text <br> and {open',
      ),
    )
    expect(textsOf(page)).toEqual([
      'Right below.',
      'Below it.',
      'export default settings to a file\nimport data from a file',
      "import Code from 'code'",
      'Text\nand {open',
    ])
  })
})

describe('marks of Markdown dialects', () => {
  it.each<[what: string, source: string, texts: readonly string[]]>([
    ['a table, cells apart', '| a | b |\n|---|:-:|\n| one | two |\n| three | |', ['a | b\none | two\nthree |']],
    [
      'footnotes, those of one word too',
      'Text[^1], more[^n].\n\n[^1]: Foot.\n[^n]: A longer *note*.',
      ['Text, more.', 'Foot.', 'A longer note.'],
    ],
    ['task lists', '- [ ] to do\n- [x] done', ['to do', 'done']],
    ['math', '$$\nx_1 + y\n$$\n\nand $a_i$', ['$$\nx_1 + y\n$$', 'and $a_i$']],
    [
      "Docusaurus' notes",
      ':::note[Your *Title*]\nText.\n:::\n\n:::tip My title\n\nMore.\n\n:::\n\n:::warning\nBare.\n:::',
      ['Your Title\nText.', 'My title', 'More.', 'Bare.'],
    ],
    ["VitePress' containers", '::: details Click me\nText.\n:::', ['Click me\nText.']],
    ["Pandoc's containers", '::: {.callout #x}\nText.\n:::', ['Text.']],
    [
      "MkDocs' notes and tabs",
      '!!! warning "Careful"\n    One.\n\n    Two.\n\n=== "Linux"\n\n    apt',
      ['Careful\nOne.', 'Two.', 'Linux', 'apt'],
    ],
    ["GitHub's and Obsidian's callouts", '> [!NOTE]\n> One.\n\n> [!tip]- Title\n> Two.', ['One.', 'Title\nTwo.']],
    [
      "kramdown's attributes",
      'A [l](http://x){:target="_blank"} and [m](y){target=_blank}.\n{: .lead}\n\n* TOC\n{:toc}',
      ['A l and m.'],
    ],
    ['code about them', '`:::note` and `{/* x */}` and `{: .x}`', [':::note and {/* x */} and {: .x}']],
    ['a block of code about them', '```\n:::note\n{: .x}\n```', [':::note\n{: .x}']],
  ])('leave the text: %s', (_, source, texts) => {
    expect(textsOf(parseMarkdown(source))).toEqual(texts)
  })
})
