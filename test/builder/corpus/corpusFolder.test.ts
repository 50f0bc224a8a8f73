/** Folders of pages. Expected sections are written out by hand; anchors follow GitHub's rule. */
import { symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SkippedEntry } from '../../../builder/corpus/corpus.ts'
import { parseHtml } from '../../../builder/corpus/pages/html/html.ts'
import { parseMarkdown } from '../../../builder/corpus/pages/markdown.ts'
import { pagePassages } from '../../../builder/corpus/pages/page.ts'
import { AnchorSet, headingAnchor } from '../../../builder/corpus/pages/slug.ts'
import { estimateTokens } from '../../../builder/corpus/split.ts'
import { inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
/** A folder with these files; its path. */
function folder(name: string, files: Record<string, string | Uint8Array>): string {
  for (const [path, content] of Object.entries(files)) file(join(name, path), content)
  return dirname(file(join(name, '.keep'), ''))
}
const split = { tokensMax: 180, countTokens: estimateTokens }
const markdown = (source: string) =>
  [...pagePassages(parseMarkdown(source), 'p.md', split)].map(({ line, passage }) => ({ line, ...passage }))
const html = (source: string) =>
  [...pagePassages(parseHtml(source), 'p.html', split)].map(({ line, passage }) => ({ line, ...passage }))

describe('Markdown', () => {
  it('becomes one passage a section, titled by its path of headings, with the line of its heading', () => {
    const source =
      '---\nlayout: x\ntitle: "The Guide"\n---\nIntro.\n\n# Install\n\nGet it.\n\n## On *Linux* & `mac`\n\n- one\n- two\n\n# Use\n\nRun it.\n'
    expect(markdown(source)).toEqual([
      { line: 5, id: 'p.md', title: 'The Guide', text: 'Intro.', metadata: { path: 'p.md' } },
      {
        line: 7,
        id: 'p.md#install',
        title: 'The Guide › Install',
        text: 'Get it.',
        metadata: { path: 'p.md', anchor: 'install', heading: 'Install' },
      },
      {
        line: 11,
        id: 'p.md#on-linux--mac',
        title: 'The Guide › Install › On Linux & mac',
        text: 'one\n\ntwo',
        metadata: { path: 'p.md', anchor: 'on-linux--mac', heading: 'On Linux & mac' },
      },
      {
        line: 16,
        id: 'p.md#use',
        title: 'The Guide › Use',
        text: 'Run it.',
        metadata: { path: 'p.md', anchor: 'use', heading: 'Use' },
      },
    ])
  })
  it('takes its only top heading as title, said once', () => {
    expect(markdown('# Guide\n\na\n\n## Part\n\nb').map((passage) => passage.title)).toEqual(['Guide', 'Guide › Part'])
    expect(markdown('# A\n\na\n\n# B\n\nb').map((passage) => passage.title)).toEqual(['A', 'B'])
  })
  it('keeps code and alt texts, drops link urls, comments, tags and definitions', () => {
    const source =
      'See [the *docs*][d] and ![a cat](cat.png)<br>now.\n\n```js\nlet a = 1\n\nlet b\n```\n\n<!-- secret -->\n\n<div align="center"><b>bold</b> block</div>\n\n> quoted\n\n[d]: https://example.org/x\n'
    expect(markdown(source)[0]!.text).toBe('See the docs and a cat\nnow.\n\nlet a = 1\n\nlet b\n\nbold block\n\nquoted')
  })
  it('lets a heading without text join the next section: in its path, or as its first line', () => {
    const passages = markdown('## Parent\n\n### Child\n\nchild text\n\n## Empty\n\n## Next\n\nnext text')
    expect(passages.map(({ id, title, text }) => [id, title, text])).toEqual([
      ['p.md#child', 'Parent › Child', 'child text'],
      ['p.md#next', 'Next', 'Empty\n\nnext text'],
    ])
  })
  it('keeps headings that end the page with no text below', () => {
    expect(markdown('text\n\n## See also\n\n### More').map(({ id, text }) => [id, text])).toEqual([
      ['p.md', 'text'],
      ['p.md#see-also', 'See also\n\nMore'],
    ])
  })
  it('makes distinct ids of equal headings, of headings of signs only, and of {#ids}', () => {
    expect(
      markdown('# A\nx\n# A\ny\n# !!!\nz\n# Long name {#short}\nw').map(({ id, metadata }) => [id, metadata!.heading]),
    ).toEqual([
      ['p.md#a', 'A'],
      ['p.md#a-1', 'A'],
      ['p.md#section', '!!!'],
      ['p.md#short', 'Long name'],
    ])
  })
  it('reads a page that begins with a rule, not with front matter', () => {
    expect(markdown('---\n\ntext').map(({ text }) => text)).toEqual(['text'])
  })
})

describe('headingAnchor and AnchorSet', () => {
  // By hand from GitHub's rule (its documentation, "Section links"): lower case, blanks to hyphens, punctuation and
  // symbols removed, "-1", "-2" … for a slug that the page has already.
  it.each<[string, [heading: string, anchor: string][]]>([
    ['lower case and hyphens', [['Getting Started', 'getting-started'], ['snake_case-Kebab', 'snake_case-kebab']]], // biome-ignore format: pairs
    ['no punctuation, each blank kept', [["What's new?", 'whats-new'], ['a / b', 'a--b'], ['v1.2 (beta)', 'v12-beta']]], // biome-ignore format: pairs
    ['letters and digits of any script', [['Über Äpfel', 'über-äpfel'], ['第1章', '第1章'], ['Глава ٣', 'глава-٣']]], // biome-ignore format: pairs
    ['no emoji and symbols', [['🚀 Launch', '-launch'], ['5 € + 3', '5---3']]], // biome-ignore format: pairs
    ['numbers for equal ones', [['Use', 'use'], ['use', 'use-1'], ['Use!', 'use-2']]], // biome-ignore format: pairs
    ['numbers that are not taken', [['x-1', 'x-1'], ['x', 'x'], ['x', 'x-2'], ['x-1', 'x-1-1']]], // biome-ignore format: pairs
    ['names of the object prototype', [['__proto__', '__proto__'], ['constructor', 'constructor'], ['__proto__', '__proto__-1']]], // biome-ignore format: pairs
  ])("give GitHub's anchors: %s", (_, cases) => {
    const anchors = new AnchorSet()
    expect(cases.map(([heading]) => anchors.add(headingAnchor(heading)))).toEqual(cases.map(([, anchor]) => anchor))
  })
})

describe('HTML', () => {
  it('becomes one passage a section, without navigation, scripts and banners', () => {
    const source = `<!doctype html><html><head><title>Guide — Site</title><style>p{}</style><script>var x = "<p>no</p>"</script></head>
      <body><header><h1>Site</h1></header><nav><ul><li>Menu</li></ul></nav>
      <p>Intro &amp; <b>more</b>
      text.</p><h2 id="inst">Install<a class="headerlink" href="#inst">¶</a></h2><p>Get<br>it.</p><ul><li>one<li>two</ul>
      <pre>a  b
  c</pre><p>A <img src="x" alt="cat"> sat.<script>no()</script></p><table><tr><td>1</td><td>2</td></tr></table>
      <aside>ad</aside><template>no</template><noscript>no</noscript><div hidden>no</div><footer>(c)</footer></body></html>`
    expect(html(source)).toEqual([
      { line: 3, id: 'p.html', title: 'Guide — Site', text: 'Intro & more text.', metadata: { path: 'p.html' } },
      {
        line: 4,
        id: 'p.html#inst',
        title: 'Guide — Site › Install',
        text: 'Get\nit.\n\none\n\ntwo\n\na  b\n  c\n\nA cat sat.\n\n1 2',
        metadata: { path: 'p.html', anchor: 'inst', heading: 'Install' },
      },
    ])
  })
  it('is read whole: beside main and article may be text as well', () => {
    expect(html('<p>before</p><article>card</article><main><p>in</p></main>').map(({ text }) => text)).toEqual([
      'before\n\ncard\n\nin',
    ])
  })
  it('reads what the header of an article says, and takes its h1 as title where there is none', () => {
    expect(
      html('<main><header><h1>Page</h1>by me</header><p>text</p></main>').map(({ title, text }) => [title, text]),
    ).toEqual([['Page', 'by me\n\ntext']])
  })
  it('does not repeat a heading that the page title begins with', () => {
    expect(
      html('<title>Page | Site</title><h1>Page</h1><p>a</p><h2>Part</h2><p>b</p>').map(({ title }) => title),
    ).toEqual(['Page | Site', 'Page | Site › Part'])
  })
  it.each([
    ['the heading', '<h2 id="x">T</h2>t'],
    ['an anchor inside it', '<h2><a name="x"></a>T</h2>t'],
    ['a hidden anchor inside it', '<h2><a aria-hidden="true" id="x">#</a>T</h2>t'],
    ['the section around it', '<section id="x"><h2>T</h2>t</section>'],
    ['the old Sphinx way', '<div class="section" id="x"><h2>T</h2>t</div>'],
    ['a mark before it', '<a name="x"></a><h2>T</h2>t'],
    ['a mark before what is around it', '<a name="x"><!-- --></a><ul><li><h4>T</h4>t</li></ul>'],
  ])('takes the anchor from %s', (_, source) => {
    expect(html(source).map(({ id, text }) => [id, text])).toEqual([['p.html#x', 't']])
  })
  it('makes no anchor up: a heading without one is reached by the nearest before it, or by the page', () => {
    const source = '<h2>A<button id="copy">Copy</button></h2>a<h2 id="b">B</h2>b<h3>C</h3>c<h2 id="d">D</h2>d'
    expect(html(source).map(({ id, metadata }) => [id, metadata?.anchor, metadata?.heading])).toEqual([
      ['p.html', undefined, 'A'],
      ['p.html#b', 'b', 'B'],
      ['p.html#b~2', 'b', 'C'],
      ['p.html#d', 'd', 'D'],
    ])
  })
  it('survives tags that are never closed or never opened', () => {
    expect(
      html('</div></p><p>a<div><h2>b<p>c</span></main>d')
        .map(({ text }) => text)
        .join(),
    ).toContain('a')
  })
  it('reads a page nested ten thousand deep', () => {
    expect(html(`${'<div>'.repeat(1e4)}deep`).map(({ text }) => text)).toEqual(['deep'])
  })
})

describe('a folder', () => {
  it('is read in the order of its paths, other files and hidden ones reported', async () => {
    const skipped: SkippedEntry[] = []
    const root = folder('docs', {
      'b.md': '# B\n\nb',
      'a/z.txt': 'one\n\ntwo',
      'a.HTML': '<p>a</p>',
      'a/picture.png': Buffer.of(0xff),
      'empty.md': '',
      'node_modules/x/readme.md': 'no',
      '.git/x.md': 'no',
    })
    symlinkSync(join(root, 'a'), join(root, 'ring'))
    symlinkSync(join(root, 'b.md'), join(root, 'c.md'))
    const passages = await readAll(root, { onSkipped: (entry) => skipped.push(entry) })
    // "." sorts before "/": a.HTML, a/z.txt.
    expect(passages.map(({ id, text }) => [id, text])).toEqual([['a.HTML', 'a'], ['a/z.txt', 'one\n\ntwo'], ['b.md#b', 'b'], ['c.md#b', 'b']]) // biome-ignore format: short pairs
    expect(skipped.map(({ kind, file: path, line }) => [kind, path.slice(root.length + 1), line])).toEqual(
      ['.git/', '.keep', 'a/picture.png', 'empty.md', 'node_modules/', 'ring'].map((path) => ['file', path, undefined]),
    )
  })
  it('says nothing of the unfinished index of the build that reads it, and of a finished one only that it is one', async () => {
    const skipped: SkippedEntry[] = []
    const part = `${'0'.repeat(32)}.msgpack`
    const root = folder('built-before', {
      'a.md': 'a',
      '.docs.tartan-building-0123abcd.0123abcd.7.8-0123abcd/index.msgpack': '',
      'docs.tartan/index.msgpack': '',
      [`docs.tartan/${part}`]: '',
      'mixed/index.msgpack': '',
      'mixed/b.md': 'b',
    })
    const passages = await readAll(root, { onSkipped: (entry) => skipped.push(entry) })
    expect(passages.map(({ id }) => id)).toEqual(['a.md', 'mixed/b.md'])
    const told = skipped.map(({ file: path, reason }) => [path.slice(root.length + 1), reason])
    expect(told.filter(([path]) => path !== '.keep')).toEqual([
      ['docs.tartan/', expect.stringContaining('a Tartan index')],
      ['mixed/index.msgpack', expect.stringContaining('not one of')],
    ])
  })
  it('gives further parts of a long section ids of their own, each within the bound', async () => {
    const root = folder('long', { 'p.md': `# Head\n\n${'Some words make a sentence. '.repeat(40)}` })
    const countTokens = (text: string) => text.split(/\s+/).length
    const passages = await readAll(root, { tokensMax: 21, countTokens })
    // 20 words beside the title "Head": four sentences of five words, hence ten parts.
    expect(passages.map(({ id }) => id)).toEqual([
      'p.md#head',
      ...Array.from({ length: 9 }, (_, i) => `p.md#head~${i + 2}`),
    ])
    for (const { title, text } of passages) expect(countTokens(`${title} ${text}`)).toBeLessThanOrEqual(21)
  })
  it('skips a bad file when told so, and names its line otherwise', async () => {
    const root = folder('bad', { 'a.md': 'fine', 'b.md': Buffer.of(0x61, 0x0a, 0xff), 'c.txt': 'nul\0' })
    await expect(readAll(root)).rejects.toEqual(inputError(/b\.md", line 2: expected UTF-8/))
    const skipped: SkippedEntry[] = []
    expect(await readAll(root, { onBadPassage: 'skip', onSkipped: (entry) => skipped.push(entry) })).toHaveLength(1)
    expect(skipped.filter(({ kind }) => kind === 'passage').map(({ line }) => line)).toEqual([2, 1])
  })
  it('refuses a file beyond the limit', async () => {
    const root = folder('big', { 'a.md': 'words\n'.repeat(30) })
    await expect(readAll(root, { lineBytesMax: 100 })).rejects.toEqual(
      inputError(/a\.md", line 17: expected a file of at most 100 bytes/),
    )
  })
  it('refuses a page nested too deep to parse', async () => {
    const root = folder('deep', { 'a.md': '> '.repeat(20_000) })
    await expect(readAll(root)).rejects.toEqual(inputError(/a\.md", line 1: expected a page, got one nested too deep/))
  })
  it('refuses a folder without a page, without text, and with a format', async () => {
    await expect(readAll(folder('none', { 'a.png': '' }))).rejects.toEqual(
      inputError(/expected files with the extension \.md, .*got none/),
    )
    await expect(readAll(folder('blank', { 'a.md': ' \n' }))).rejects.toEqual(
      inputError(/expected at least one passage/),
    )
    await expect(readAll(folder('fmt', { 'a.md': 'x' }), { format: 'tsv' })).rejects.toEqual(
      inputError(/expected a tsv file, got a folder/),
    )
  })
})
