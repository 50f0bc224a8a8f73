/** What Markdown's dialects write into text for the renderer and not for the reader: attributes, fences of notes, comments. */

/** Stands where code is, so that no pattern takes code for a marker. No corpus holds it: files with a NUL are refused. */
const GUARD = '\0'

/** Inline code as it stands among text until `cleanProse` or `withoutGuards`. */
export function guardCode(code: string): string {
  return GUARD + code.replace(/[{}]/g, `${GUARD}$&`) + GUARD
}

export function withoutGuards(text: string): string {
  return text.replaceAll(GUARD, '')
}

/** `#id`, `.class`, `key=value` and pandoc's `-`. */
const ATTRIBUTE = String.raw`(?:[#.][^\s{}#=]+|[\w:-]+=(?:"[^"\n]*"|'[^'\n]*'|[^\s{}"']+)|-)`
/** `{#id .class}`; kramdown and Python-Markdown write a colon after the brace. Each text is read in one way, so that no text takes long. */
const ATTRIBUTES = String.raw`(${ATTRIBUTE}(?:(?: +|(?=#))${ATTRIBUTE})*) ?\}`
// Docusaurus' way where braces are JavaScript: a comment that holds `#id`.
const COMMENT_ID = String.raw`\{\/\* ?#([^\s*{}]+) ?\*\/\}`

const HEADING_END = new RegExp(String.raw` ?(?:\{:? ?${ATTRIBUTES}|${COMMENT_ID}) ?$`)
/** A line of kramdown's attributes (`{: #id .class}`), or one of its other marks (`{:toc}`, `{::options … /}`). */
const ATTRIBUTE_LINE = /^ ?\{:[^{}\0]*\} ?$/
const INLINE_ATTRIBUTES = new RegExp(String.raw`(?<!\0)\{: ?${ATTRIBUTES}`, 'g')
const LEADING_ATTRIBUTES = new RegExp(String.raw`^\{:? ?${ATTRIBUTES}`)

export interface HeadingText {
  readonly text: string
  readonly id?: string
}

/**
 * A heading's text and the id that its attributes give it.
 * @param text - with single blanks
 */
export function cutHeadingAttributes(text: string): HeadingText {
  let rest = text
  let id: string | undefined
  for (let match = HEADING_END.exec(rest); match; match = HEADING_END.exec(rest)) {
    id ??= match[2] ?? idOf(match[1] ?? '')
    rest = rest.slice(0, match.index)
  }
  // `## Title ## {#id}`: CommonMark does not know these as closing signs, since something follows them.
  if (rest !== text) rest = rest.replace(/ #+ ?$/, '')
  return id === undefined ? { text: rest } : { text: rest, id }
}

function idOf(attributes: string): string | undefined {
  const match = /#([^\s{}#=]+)|(?:^|\s)id=(?:"([^"]*)"|'([^']*)'|(\S+))/.exec(attributes)
  return match?.slice(1).find((id) => id)
}

/** The id that a line of attributes alone gives to the block beside it; undefined for any other text. */
export function attributeLineId(text: string): string | undefined {
  if (!ATTRIBUTE_LINE.test(text)) return undefined
  return idOf(text.trim().slice(2, -1))
}

/** Text after a link or an image without the attributes that belong to it: `[site](https://…){target=_blank}`. */
export function cutLeadingAttributes(text: string): string {
  return text.replace(LEADING_ATTRIBUTES, '')
}

/** Whether the text of a list's item ends in kramdown's mark for a table of contents. */
export function isTocMark(text: string): boolean {
  return /(?:^|\n)\{:\s*toc\b[^{}]*\}\s*$/i.test(text)
}

/**
 * A paragraph without markers; what they hold for readers, titles of notes and tabs, stays.
 * @param text - with single blanks, and none at line ends
 */
export function cleanProse(text: string): string {
  const lines = withoutComments(text).replace(INLINE_ATTRIBUTES, '').split('\n')
  return withoutGuards(lines.flatMap((line) => cleanLine(line) ?? []).join('\n'))
}

/** Without MDX' comments in braces. */
function withoutComments(text: string): string {
  let rest = ''
  let done = 0
  for (let start = text.indexOf('{/*'); start >= 0; start = text.indexOf('{/*', done)) {
    const isCode = text[start - 1] === GUARD
    const end = isCode ? start : text.indexOf('*/}', start)
    if (end < 0) break
    rest += text.slice(done, isCode ? start + 3 : start)
    done = end + 3
  }
  return rest + text.slice(done)
}

/** A longer line is text: looking for markers in it would take long. */
const MARKER_CHARACTERS_MAX = 5000

/** Undefined for a line that is a marker alone. */
function cleanLine(line: string): string | undefined {
  if (line.length > MARKER_CHARACTERS_MAX) return line
  if (ATTRIBUTE_LINE.test(line)) return undefined
  const match = LINE_MARKERS.map((pattern) => pattern.exec(line)).find((found) => found !== null)
  if (!match) return line
  const kept = match
    .slice(1)
    .filter((part) => part)
    .join(' ')
    .trim()
  return kept === '' ? undefined : kept
}

/** Their groups are text. */
const LINE_MARKERS: readonly RegExp[] = [
  // `:::note[Title]`, `::: tip Title`, `::: {.callout}`, `:::{note} Title`, and their end.
  /^ ?:{3,} ?(?:\{[^{}\0]*\}|[\w-]+)?(?:\[(.*)\])? ?(?:\{[^{}\0]*\})? ?([^:].*?)? ?:*$/,
  // MkDocs: `!!! note "Title"`, `??? note`, `???+ note`; `=== "Tab"`.
  /^ ?(?:!!!|\?\?\?\+?) [\w-]+(?: [\w-]+)*(?: "(.*)")? ?$/,
  /^ ?===[!+]? "(.*)" ?$/,
  // GitHub's and Obsidian's callouts: `[!NOTE]`, `[!tip]- Title`.
  /^ ?\[![\w-]+\][+-]? ?(.*)$/,
]
