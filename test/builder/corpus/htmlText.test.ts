/** What of an HTML page is text, and what is not. Expected texts are written by hand. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseHtml } from '../../../builder/corpus/pages/html/html.ts'
import { pagePassages } from '../../../builder/corpus/pages/page.ts'
import { estimateTokens } from '../../../builder/corpus/split.ts'

const split = { tokensMax: 180, countTokens: estimateTokens }
const passages = (source: string) => [...pagePassages(parseHtml(source), 'p.html', split)].map(({ passage }) => passage)
const texts = (source: string) => passages(source).map(({ text }) => text)
/** All that is found of a page: titles and texts. */
const all = (source: string) =>
  passages(source)
    .flatMap(({ title, text }) => [title, text])
    .join('\n')
const PAGE = '<h1>Otters</h1><p>Otters build dams of sand and reed in the long winter nights.</p>'

describe('text that a reader can bring to sight is read', () => {
  it.each([
    ['a panel that is not shown', '<div role="tabpanel" hidden>walrus</div>'],
    ['a panel that a link opens', '<a href="#t2">Two</a><div id="t2" style="display:none">walrus</div>'],
    ['a panel that a button opens', '<button aria-controls="x">Show more</button><div id="x" hidden>walrus</div>'],
    ['the body of an accordion', '<div class="accordion-body" style="display: none"><p>walrus</p></div>'],
    ['details', '<details><summary>More</summary><p>walrus</p></details>'],
    ['hidden until it is searched for', '<div hidden="until-found">walrus</div>'],
    ['hidden text that is a sentence', '<div hidden>The walrus sleeps at noon.</div>'],
    ['a variant inside a sentence', '<p>Press <span hidden class="mac">walrus</span> now.</p>'],
    ['a callout', '<aside>walrus</aside>'],
    ['a callout with a link only', '<aside class="note"><a href="/x">walrus</a></aside>'],
    ['footnotes that are links', '<aside class="footnote-list"><a href="/a">walrus</a><a href="/b">b</a><a href="/c">c</a></aside>'], // biome-ignore format: pairs
    ['footnotes in a footer', '<footer><ol><li id="fn1">walrus. <a href="#r">back</a></li></ol></footer>'],
    ['the header of an article', '<article><header><p>walrus</p></header></article>'],
    ['a header beside no main', '<header><h2>Part</h2><p>The walrus is a beast of the cold seas, and rarely of ours.</p></header>'], // biome-ignore format: pairs
    ['a card beside an article', '<article>post</article><article class="card"><p>walrus</p></article>'],
    ['text beside main', '<main><p>in</p></main><div><p>walrus</p></div>'],
    ['what stands in no region beside a main', '<p>walrus</p><main><p>in</p></main>'],
    ['the shadow of an element', '<x-a><template shadowrootmode="open"><p>walrus</p></template></x-a>'],
    ['what the slot of a shadow shows', '<x-a><template shadowrootmode="open"><b><slot></slot></b></template>walrus</x-a>'], // biome-ignore format: pairs
    ['what no slot shows', '<x-a><template shadowrootmode="open"><p>in</p></template>walrus</x-a>'],
    ['text after an unclosed nav', '<nav><a href="/">Home</a><main><p>walrus</p></main>'],
    ['text after an unclosed aside', '<aside><a href="/">a</a><p>In the long winter nights a walrus sleeps.</p>'],
    ['text after an unclosed button', '<button>Go<p>In the long winter nights a walrus sleeps.</p>'],
    ['text after an unclosed heading', '<h2>Part<p>walrus</p>'],
    ['text after an unclosed permalink', '<h2>Part<a class="headerlink" href="#p">¶</h2><p>walrus</p>'],
    ['text after an unclosed drawing', '<svg><path d=""><p>walrus</p>'],
    ['text after an unclosed choice', '<select><option>One<p>walrus</p>'],
    ['text after a tag closed in itself', '<?xml version="1.0"?><html><head><title/></head><body><p>walrus</p></body></html>'], // biome-ignore format: pairs
    ['words of a drawing', '<svg><title>no</title><text x="1">walrus</text></svg>'],
    ['an alternative text', '<img src="a.png" alt="walrus">'],
    ['a nav that is prose', `<nav><p>${'The walrus sleeps on the ice. '.repeat(10)}</p></nav>`],
    ['a section about cookies', '<section id="cookies"><h2>Cookies</h2><p>The walrus sets no cookies.</p></section>'],
    ['the class of a wrapper that says sidebar', `<div class="has-sidebar"><p>walrus</p></div>`],
    [
      'a button of an accordion',
      '<button class="accordion">walrus</button><div class="panel" style="display:none">x</div>',
    ],
    ['a button that opens a part', '<div role="button" aria-expanded="false">walrus</div>'],
    ['labels of tabs in a list', '<ul class="nav nav-tabs"><li><a data-toggle="tab" href="#a">walrus</a></li></ul>'],
    [
      'labels of tabs in a nav',
      '<nav><div class="nav nav-tabs" role="tablist"><button role="tab">walrus</button></div></nav>',
    ],
    ['a note that a button opens', '<button popovertarget="n">1</button><div popover id="n">walrus</div>'],
    [
      'a section of a policy',
      '<section id="cookie-notice"><h2>Notice</h2><p>A walrus sets <a href="/c">cookies</a>.</p></section>',
    ],
    [
      'a section about consent',
      '<div id="consent" class="section"><h2>Consent</h2><p>walrus, cookies, <a href="/x">more</a></p></div>',
    ],
    ['a word that is called as an advert', '<dl><dt id="ad"><a href="/x">walrus</a></dt><dd>text</dd></dl>'],
    ['a word that is called as navigation', '<dl><dt id="menu"><a href="/x">walrus</a></dt><dd>text</dd></dl>'],
    [
      'a section about navigation',
      '<section id="navigation"><h2>Navigation</h2><p><a href="/x">walrus</a></p></section>',
    ],
    ['what is to be looked up', '<search>walrus</search>'],
    ['a text in a box that is called search', '<main><div class="search"><h2 id="se">Search and rescue</h2><p>A walrus flies by night.</p></div></main>'], // biome-ignore format: pairs
    ['a text in a box that is called ads', '<div class="ads"><p>Assistive walrus services are offered at all of our stations.</p></div>'], // biome-ignore format: pairs
    ['a short sentence in a box that is called ad', '<div class="ad"><p>The walrus sleeps.</p></div>'],
    [
      'a menu of links that lead nowhere',
      '<ul class="menu"><li><a>Walrus soup 4.50</a></li><li><a>walrus</a></li></ul>',
    ],
    ['a menu with prices', '<ul class="menu"><li><a href="/s">walrus soup 4.50</a></li><li><a href="/t">Tea 2.00</a></li></ul>'], // biome-ignore format: pairs
    ['a nav of steps', '<nav aria-label="Steps"><ol><li>Mix walrus and water.</li><li>Wait.</li></ol></nav>'],
    ['a nav of a heading and a sentence', '<nav><h2>Ice</h2><p>In the long winter nights a walrus sleeps on ice. <a href="/x">More</a></p></nav>'], // biome-ignore format: pairs
    ['a dialog', '<dialog><p>Press walrus.</p></dialog>'],
    ['the source of a frame', '<iframe srcdoc="&lt;p&gt;walrus&lt;/p&gt;"></iframe>'],
    [
      'a question with a button',
      '<div><p>Is this the answer, walrus?</p><button>Show the solution to me</button></div>',
    ],
    [
      'an aside that names a place on the page',
      '<aside><p>See <a href="#x">walrus</a> for the rest of it.</p></aside>',
    ],
    ['a menu of a restaurant', '<div class="menu"><p>Smoked walrus, ten euros</p></div>'],
  ])('%s', (_, source) => {
    expect(all(PAGE + source)).toContain('walrus')
  })
})

describe('what is no text of the page is not read', () => {
  it.each([
    ['a nav', '<nav><ul><li><a href="/">walrus</a></li></ul></nav>'],
    ['navigation by its role', '<div role="navigation"><a href="/">walrus</a></div>'],
    ['a sidebar of links', '<div class="sphinxsidebar"><h3>Contents</h3><ul><li><a href="/a">walrus</a></li></ul></div>'], // biome-ignore format: pairs
    ['breadcrumbs', '<ul class="breadcrumbs"><li><a href="/">walrus</a></li></ul>'],
    [
      'a table of contents',
      '<div class="toc"><ul><li><a href="#a">walrus</a></li><li><a href="#b">b</a></li></ul></div>',
    ],
    ['an aside of links', '<aside><a href="/a">walrus</a> <a href="/b">b</a> <a href="/c">c</a></aside>'],
    [
      'the line of the pages around',
      '<p>Next: <a href="/b" rel="next">walrus</a>, Up: <a href="/" rel="up">Top</a></p>',
    ],
    ['a header of the site', '<header><a href="/">walrus</a> <nav><a href="/">Docs</a></nav></header>'],
    ['a footer of the site', '<footer><p>© 2024 walrus. All rights reserved.</p></footer>'],
    ['a skip link', '<a href="#main">Skip to walrus</a>'],
    ['a link that edits', '<p><a href="https://example.org">Edit this page on walrus</a></p>'],
    ['a copy button', '<pre>code<button class="copy">walrus</button></pre>'],
    ['a search form', '<div role="search"><form><input name="q"><button>walrus</button></form></div>'],
    ['a search dialog', '<dialog class="search-modal"><input><p>walrus</p></dialog>'],
    ['a cookie banner by its name', '<div id="cookie-banner"><p>walrus sets cookies.</p><button>OK</button></div>'],
    ['a cookie banner by its maker', '<div id="onetrust-consent-sdk"><div><h2>Privacy</h2><p>walrus sets cookies</p><button>Reject all</button></div></div>'], // biome-ignore format: pairs
    [
      'a cookie banner by what it says',
      '<div class="bar"><p>walrus uses cookies.</p><button>Accept all</button></div>',
    ],
    ['a cookie banner that is a dialog', '<div role="dialog" aria-label="Privacy"><p>walrus and cookies</p><button>Accept</button></div>'], // biome-ignore format: pairs
    ['a cookie banner without a button', '<div class="cookie-bar">walrus uses cookies.</div>'],
    ['a button that opens the menu', '<button aria-expanded="false">Toggle walrus</button>'],
    ['an advert', '<div class="ad-container"><p>Buy walrus now</p></div>'],
    ['an advert by its label', '<aside aria-label="Advertisement"><p>Buy walrus now</p></aside>'],
    ['a banner of OneTrust', '<div id="onetrust-banner-sdk"><h2>walrus</h2><p>We and our 842 partners store information.</p><button>Reject All</button></div>'], // biome-ignore format: pairs
    ['a banner that names partners', '<div class="x"><h2>walrus</h2><p>We and our 842 partners store and access information.</p><button>I agree</button></div>'], // biome-ignore format: pairs
    [
      'a notice with links as buttons',
      '<div class="gdpr"><p>walrus values your privacy.</p><a href="#">Accept</a></div>',
    ],
    [
      'the places on the page',
      '<aside class="toc"><h2>On this page</h2><ul><li><a href="#a">walrus</a></li></ul></aside>',
    ],
    ['a question about the page', '<div class="f"><p>Was this page helpful, walrus?</p><button>Yes</button><button>No</button></div>'], // biome-ignore format: pairs
    ['a subscription', '<div class="n"><h3>Walrus news</h3><p>Subscribe to our walrus letter.</p><form><input type="email"><button>Go</button></form></div>'], // biome-ignore format: pairs
    ['a chat', '<div id="chat-widget"><p>How can we help, walrus?</p><button>Start</button></div>'],
    [
      'crumbs without links',
      '<nav aria-label="Breadcrumb"><ol><li>Home of us</li><li>walrus and friends</li></ol></nav>',
    ],
    ['scripts and styles', '<script>walrus</script><style>walrus</style><noscript>walrus</noscript>'],
    ['a template', '<template>walrus</template>'],
    ['a scrap that is hidden', '<div hidden>walrus</div>'],
  ])('%s', (_, source) => {
    expect(all(PAGE + source)).not.toContain('walrus')
    expect(all(PAGE + source)).toContain('Otters build dams')
  })
  it('unless nothing else is on the page', () => {
    expect(texts('<nav><a href="/a">walrus</a></nav>')).toEqual(['walrus'])
  })
  it('and is counted, by why', () => {
    const { words } = parseHtml('<h1>A</h1><p>one two</p><nav><a href="/">three</a></nav><footer>© four</footer>')
    expect(words?.visible).toBe(5)
    expect(words?.leftOut).toEqual({ navigation: 2, notices: 0, controls: 0, hidden: 0, signs: 0, repeated: 0 })
  })
})

describe('words of neighbours stay apart', () => {
  it.each([
    ['labels', '<label>one</label><label>two</label>'],
    ['options', '<select><option>one</option><option>two</option></select>'],
    ['groups of options', '<select><optgroup label="x"><option>one</option></optgroup><optgroup><option>two</option></optgroup></select>'], // biome-ignore format: pairs
    ['a legend and a label', '<fieldset><legend>one</legend><label>two</label></fieldset>'],
    ['custom elements', '<my-card>one</my-card><my-card>two</my-card>'],
    ['keys', '<kbd>one</kbd><kbd>two</kbd>'],
    ['badges', '<span class="badge">one</span><span class="badge">two</span>'],
    ['a video and text', '<video>one</video>two'],
    ['a field and text', '<textarea>one</textarea>two'],
    ['a title group', '<hgroup><p>one</p><p>two</p></hgroup>'],
    ['a menu', '<menu><li>one</li><li>two</li></menu>'],
    ['cells', '<table><tr><td>one</td><td>two</td></tr></table>'],
    ['spans shown as blocks', '<span style="display:block">one</span><span style="display:block">two</span>'],
    ['a picture and text', '<img alt="one">two'],
    ['a word and the number of its note', 'one<sup><a href="#n">two</a></sup>'],
    ['tabs', '<button role="tab">one</button><button role="tab">two</button>'],
  ])('%s', (_, source) => {
    expect(texts(source).join(' ')).toMatch(/\bone\s+two\b/)
  })
  it.each([
    ['links', '<a href="/a">one</a><a href="/b">two</a>'],
    ['code', '<p><code>one</code><code>two</code></p>'],
    ['spans of one look', '<div><span>one</span><span>two</span></div>'],
    ['a heading in spans', '<h2><span>one</span><span>two</span></h2>text'],
    ['a time and a name', '<p><time>one</time><span class="author">two</span></p>'],
  ])('%s in a minified row', (_, source) => {
    expect(all(source)).toMatch(/\bone\s+two\b/)
  })
  it('labels and names in a minified row', () => {
    const row =
      '<span class="name">Author:</span><span class="who">Jane</span><span class="key">Date:</span><span>2024</span>'
    expect(texts(`<div>${row}</div>`)).toEqual(['Author: Jane Date: 2024'])
  })
  it.each([
    ['a drop cap', '<p><span>W</span><span>alrus</span></p>'],
    ['one link cut into two', '<p><a href="/a">Wal</a><a href="/a">rus</a></p>'],
    ['a word of two looks', '<p><span class="bold">Wal</span><span class="thin">rus</span></p>'],
    ['a word inside a sentence', '<p>The <span>Wal</span><span>rus</span> sleeps.</p>', 'The Walrus sleeps.'],
    ['highlighted code', '<pre><span class="k">Wal</span><span class="k">rus</span></pre>'],
    ['code in a sentence', '<p><code><span>Wal</span><span>rus</span></code></p>'],
    ['a signature', '<p><code>wal.</code><code>rus</code></p>', 'wal.rus'],
  ])('but %s together', (_, source, text = 'Walrus') => {
    expect(texts(source)).toEqual([text])
  })
  it('and letters of one word together', () => {
    expect(texts('<p>H<sub>2</sub>O, <b>W</b>alrus, long<wbr>word, soft&shy;hyphen</p>')).toEqual([
      'H2O, Walrus, longword, softhyphen',
    ])
  })
})

describe('a heading', () => {
  it.each([
    ['in a link that is its permalink', '<h2 id="x"><a class="header-anchor" href="#x">Part</a></h2>'],
    ['in a button', '<h2 id="x"><button aria-expanded="false">Part</button></h2>'],
    ['in a link to elsewhere', '<h2 id="x"><a href="/part">Part</a></h2>'],
    ['beside a sign', '<h2 id="x">Part<a href="#x" aria-label="Link">🔗</a></h2>'],
    ['beside a permalink in words', '<h2 id="x">Part<a class="anchor" href="#x">Permalink to this heading</a></h2>'],
    ['in blocks', '<h2 id="x"><div>Part</div></h2>'],
    ['by its role', '<div role="heading" aria-level="2" id="x">Part</div>'],
    ['with the id on its wrapper', '<div id="x"><div class="titlepage"><h2>Part</h2></div>'],
    ['with a mark before it', '<p><a id="x"></a></p><h2>Part</h2>'],
    ['whose permalink alone names its place', '<i id="x"></i><p></p><h2>Part<a href="#x">¶</a></h2>'],
  ])('%s', (_, source) => {
    expect(passages(`${source}text`)).toEqual([
      { id: 'p.html#x', title: 'Part', text: 'text', metadata: { path: 'p.html', anchor: 'x', heading: 'Part' } },
    ])
  })
  it('takes no id of what was left out before it, nor of text before it', () => {
    const source = '<nav id="a"><a href="/">x</a></nav><h2>One</h2>t<p id="b">text</p><h2>Two</h2>u'
    expect(passages(source).map(({ id }) => id)).toEqual(['p.html', 'p.html~2'])
  })
  it.each([
    [
      'of a banner before',
      '<div id="onetrust-banner-sdk"><h2>Hello</h2><p>x</p></div><main id="main"><h1>Guide</h1>g</main>',
      'p.html#main',
    ],
    [
      'of an empty banner before',
      '<main id="main"><div id="onetrust-consent-sdk"></div><h1>Guide</h1>g</main>',
      'p.html#main',
    ],
    [
      'of a banner left out before',
      '<div id="a"><div class="cookie-bar">cookies</div></div><h1>Guide</h1>one two three four five six',
      'p.html',
    ],
    ['of a section that has ended', '<div id="a"><h2>One</h2>x</div><div><h2>Guide</h2>g</div>', 'p.html'],
    [
      'of a section that has ended, but that of the one around',
      '<section id="s"><h2>S</h2>x<div><h3 id="a">A</h3>y</div><div><h3>Guide</h3>g</div></section>',
      'p.html#s~2',
    ],
    [
      'of the section before, but that of its card',
      '<div id="w3"><h3>One</h3>x</div><div id="w4"><time>May 4</time><h3>Guide</h3>g</div>',
      'p.html#w4',
    ],
    ['of a wrapper with a text before', '<div id="wrap"><p>Some text.</p><h2>Guide</h2>g</div>', 'p.html'],
    ['of a site', '<div id="app"><h1>Guide</h1>g</div>', 'p.html'],
  ])('takes no id %s', (_, source, id) => {
    expect(
      passages(source)
        .find(({ metadata }) => metadata?.heading === 'Guide')
        ?.id.replace(/^(p\.html)~2$/, '$1'),
    ).toBe(id)
  })
  it.each(['wrap', 'main', 'content', 'page', 'foo'])('takes the id of its wrapper: %s', (id) => {
    expect(passages(`<div id="${id}"><h1>Guide</h1>g</div>`).map((passage) => passage.id)).toEqual([`p.html#${id}`])
  })
  it('of signs of an icon font only is none, nor is such a text', () => {
    expect(
      passages('<h1>\ue88a</h1><p>\ue88a \ue88b</p><h2>Part</h2><p>text</p>').map(({ title, text }) => [title, text]),
    ).toEqual([['Part', 'text']])
  })
})

describe('hostile pages', () => {
  it('never lose a plain paragraph, whatever tags stand around it unclosed', () => {
    const tags = fc.constantFrom(
      'div',
      'p',
      'b',
      'ul',
      'li',
      'table',
      'tr',
      'td',
      'h2',
      'section',
      'article',
      'span',
      'a',
      'dl',
      'dt',
    )
    fc.assert(
      fc.property(fc.array(tags, { maxLength: 8 }), fc.array(tags, { maxLength: 8 }), (before, after) => {
        const source = `${before.map((tag) => `<${tag}>`).join('')}<p>walrus</p>${after.map((tag) => `</${tag}><${tag}>`).join('')}otter`
        expect(all(source)).toContain('walrus')
        expect(all(source)).toContain('otter')
      }),
      { numRuns: 60 },
    )
  })
  it('are refused when unclosed tags make too many elements of them', () => {
    const fonts = Array.from({ length: 1500 }, (_, i) => `<font size=${i}>`).join('')
    expect(() => parseHtml(`<p>${fonts}${'<p>x'.repeat(1500)}`)).toThrow(RangeError)
  })
})
