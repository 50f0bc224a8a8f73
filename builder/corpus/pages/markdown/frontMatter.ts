/**
 * Front matter: YAML between `---`, TOML between `+++`, JSON between `;;;` or as the object that a file begins with. A thematic break is
 * `---` too, so only what reads as fields is cut off: text is never taken for front matter.
 */
import { parse as parseToml } from 'smol-toml'
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import type { Block, PageNote } from '../page.ts'

export interface FrontMatter {
  /** Empty when there is none. */
  readonly title: string
  /** A short name for menus, for pages whose title stands nowhere else; empty when there is none. */
  readonly label: string
  /** What it says the page is about: texts of its descriptions. */
  readonly leads: readonly string[]
  /** The page with blank lines in place of the front matter, so that the numbers of the lines after it stay true. */
  readonly body: string
  /** What of it could not be read. */
  readonly problem?: PageNote
}

/** Names in lower case → their texts, for those that are of use. */
type Fields = ReadonlyMap<string, string>

/** Fields, or what is wrong; undefined for what is no front matter but text. */
type Reading = { readonly fields: Fields; readonly problem?: PageNote } | undefined

const LABELS = ['linktitle', 'sidebar_label', 'nav_title', 'short_title', 'menu_title', 'pagename', 'name']

/** Keys of Jekyll, Hugo, Docusaurus, VitePress, Starlight, Obsidian, Pandoc: one of them is proof enough. */
const KNOWN_KEYS = new Set(
  `title subtitle layout date lastmod updated created modified published publishdate draft author authors description summary excerpt
  tags tag categories category keywords slug permalink url aliases alias id weight order nav_order nav_exclude has_children parent
  grand_parent type template lang locale language image cover hero features head sidebar sidebar_label sidebar_position sidebar_class_name
  hide_title hide_table_of_contents pagination_label pagination_next pagination_prev custom_edit_url toc outline next prev editlink
  linktitle nav_title short_title menu_title pagename name menu params cascade outputs output bibliography csl abstract
  cssclass cssclasses publish status version redirect_from redirect_to displayed_sidebar unlisted`
    .split(/\s+/)
    .filter((key) => key !== ''),
)

/** Written with a capital too. Others are then rather a text: "Note: …", "Status: …". */
const CAPITAL_KEYS = new Set([
  'title',
  'date',
  'author',
  'authors',
  'layout',
  'tags',
  'categories',
  'keywords',
  'slug',
  'draft',
])

/** Words that begin a paragraph too ("version: all of them are affected"): known, but no proof before a text. */
const WEAK_KEYS = new Set(['version', 'status', 'next', 'prev', 'type', 'order', 'parent', 'outline', 'image', 'cover'])

/** Fields that hold what readers of a list of pages see of a page. */
const LEADS = ['description', 'summary', 'abstract', 'excerpt']

/** Languages of front matter that are known and not read. */
const UNREAD_LANGUAGES = new Set([
  'js',
  'javascript',
  'ts',
  'typescript',
  'coffee',
  'coffeescript',
  'cson',
  'clj',
  'edn',
  'lisp',
])

const FENCE = /^(---|\+\+\+|;;;)[^\S\n]*([\w-]*)[^\S\n]*\n/

/** @param source - with "\n" as line end and without byte-order mark */
export function cutFrontMatter(source: string): FrontMatter {
  const found = source.startsWith('{') ? jsonObject(source) : fenced(source)
  if (!found) return { title: '', label: '', leads: [], body: source }
  const { reading, length } = found
  const label = LABELS.map((name) => reading.fields.get(name)).find((value) => value) ?? ''
  return {
    title: reading.fields.get('title') ?? '',
    label,
    leads: LEADS.flatMap((name) => leadOf(reading.fields.get(name))),
    body: source.slice(0, length).replace(/[^\n]/g, '') + source.slice(length),
    ...(reading.problem === undefined ? {} : { problem: reading.problem }),
  }
}

/** What the front matter says the page is about, for readers who look for it: text, where the page does not say it itself. */
export function leadBlocks(leads: readonly string[], title: string, blocks: readonly Block[]): readonly Block[] {
  const plain = (text: string) =>
    text
      .replace(/[\s*_`]+/g, ' ')
      .trim()
      .toLowerCase()
  const said = [plain(title), ...blocks.map(({ text }) => plain(text))]
  const texts: string[] = []
  for (const lead of leads) {
    if ([...said, ...texts.map(plain)].some((text) => text.includes(plain(lead)))) continue
    texts.push(lead)
  }
  return texts.length === 0 ? [] : [{ kind: 'text', text: texts.join('\n\n'), line: 1 }]
}

/** One word is rather a mark: `summary: true`. */
function leadOf(value = ''): readonly string[] {
  const isText =
    /\S\s+\S/.test(value) || /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]{4}/u.test(value)
  return isText ? [value] : []
}

interface Found {
  readonly reading: NonNullable<Reading>
  /** Characters of the front matter, its fences included. */
  readonly length: number
}

function fenced(source: string): Found | undefined {
  const [opening = '', fence = '', language = ''] = FENCE.exec(source) ?? []
  if (opening === '') return undefined
  const closing =
    fence === '---' ? /^(?:---|\.\.\.)[^\S\n]*$/gm : fence === '+++' ? /^\+\+\+[^\S\n]*$/gm : /^;;;[^\S\n]*$/gm
  closing.lastIndex = opening.length
  const close = closing.exec(source)
  if (!close) return undefined
  const reading = readFields(source.slice(opening.length, close.index), language.toLowerCase() || languageOf(fence))
  return reading && { reading, length: close.index + close[0].length }
}

function languageOf(fence: string): string {
  if (fence === '+++') return 'toml'
  return fence === ';;;' ? 'json' : 'yaml'
}

function readFields(block: string, language: string): Reading {
  switch (language) {
    case 'yaml':
    case 'yml':
      return readYaml(block)
    case 'toml':
      return readWith(block, /^title[^\S\n]*=[^\S\n]*(["']?)(.*?)\1[^\S\n]*$/im, 'TOML', parseToml)
    case 'json':
      return readWith(block, /"title"\s*:\s*(")((?:[^"\\]|\\.)*)"/i, 'JSON', parseJsonFields)
    default:
      if (!UNREAD_LANGUAGES.has(language)) return undefined
      // gray-matter runs `---js`; a corpus is read, never run.
      return { fields: new Map(), problem: { line: 1, reason: `its front matter is ${language}, which is not read` } }
  }
}

/** Some tools write the object with its braces, some without. */
function parseJsonFields(block: string): unknown {
  const text = block.trim()
  return JSON.parse(text.startsWith('{') ? text : `{${text}}`)
}

function readWith(block: string, titleLine: RegExp, language: string, parse: (block: string) => unknown): Reading {
  if (block.trim() === '') return { fields: new Map() }
  try {
    return { fields: fieldsOf(parse(block)) }
  } catch (error) {
    if (!/^[^\S\n]*["']?[\w.-]+["']?[^\S\n]*[=:]/m.test(block)) return undefined
    const { message, line } = error as Error & { readonly line?: number }
    return { fields: rescued(titleLine.exec(block)?.[2]), problem: problemOf(language, message, line) }
  }
}

/** @param line - where the parser met the mistake, 1-based in the block; the fence is a line before it */
function problemOf(language: string, message: string, line = 0): PageNote {
  const [why = ''] = message.split('\n')
  const reason = `its front matter is not ${language}: ${why.replace(/ at line \d+, column \d+/, '').replace(/[.:\s]+$/, '')}`
  return { line: line + 1, reason }
}

function rescued(title: string | undefined): Fields {
  const text = oneLine(title ?? '')
  return new Map(text === '' ? [] : [['title', text]])
}

/** The object that Hugo takes for front matter: nothing else is in the line that it ends in, nor in the next. Other objects are samples. */
function jsonObject(source: string): Found | undefined {
  const length = objectLength(source)
  if (length === undefined || !/^[^\S\n]*(?:$|\n[^\S\n]*(?:\n|$))/.test(source.slice(length))) return undefined
  try {
    const object: unknown = JSON.parse(source.slice(0, length))
    const isKnown = Object.keys(object ?? {}).some((name) => JSON_KEYS.has(name.toLowerCase()))
    return isKnown ? { reading: { fields: fieldsOf(object) }, length } : undefined
  } catch {
    return undefined
  }
}

/** Samples have an id, a status or a version too. */
const JSON_KEYS = new Set([...CAPITAL_KEYS, 'description', 'linktitle', 'weight', 'permalink', 'aliases', 'lastmod'])

/** Front matter is short; whoever writes more writes JSON. */
const JSON_CHARACTERS_MAX = 1 << 18

/** Characters of the object in braces that `source` begins with. */
function objectLength(source: string): number | undefined {
  let depth = 0
  for (const { 0: token, index } of source.slice(0, JSON_CHARACTERS_MAX).matchAll(/"(?:[^"\\]|\\.)*"|[{}]/gs)) {
    if (token === '{') depth++
    if (token === '}' && --depth === 0) return index + 1
  }
  return undefined
}

function fieldsOf(value: unknown): Fields {
  const fields = new Map<string, string>()
  if (value === null || typeof value !== 'object') return fields
  for (const [name, field] of Object.entries(value)) {
    const text = textOf(field)
    if (!fields.has(name.toLowerCase()) && text !== '') fields.set(name.toLowerCase(), text)
  }
  return fields
}

/** A list is its texts in a row; an object, by languages for example, its first one. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return oneLine(value)
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (Array.isArray(value))
    return value
      .map((item) => (typeof item === 'object' ? '' : textOf(item)))
      .join(' ')
      .trim()
  const first = value !== null && typeof value === 'object' ? Object.values(value)[0] : undefined
  return typeof first === 'string' ? oneLine(first) : ''
}

function readYaml(block: string): Reading {
  if (block.trim() === '') return { fields: new Map() }
  // "failsafe" keeps every scalar as it is written: a title of 1.10 is not 1.1. No aliases are expanded.
  const document = parseDocument(block, { schema: 'failsafe', strict: false, uniqueKeys: false, logLevel: 'silent' })
  const error = document.errors[0]
  if (error) {
    const keys = [...block.matchAll(/^([\w-]+)[^\S\n]*:/gm)].map(([, key = '']) => key)
    if (!keys.some(isKnownKey)) return undefined
    return {
      fields: rescuedYaml(block),
      problem: problemOf('YAML', error.message, error.linePos?.[0].line),
    }
  }
  if (!isMap(document.contents)) return undefined
  const fields = new Map<string, string>()
  const names: string[] = []
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : ''
    names.push(name)
    if (!fields.has(name.toLowerCase())) fields.set(name.toLowerCase(), yamlText(value as Node | null, document))
  }
  return isProse(block, names, [...fields.values()]) ? undefined : { fields }
}

/** Keys are written in lower case, or as `linkTitle`; some people write `Title`. */
function isKnownKey(key: string): boolean {
  const lower = key.toLowerCase()
  return KNOWN_KEYS.has(lower) && (/^[a-z]/.test(key) || CAPITAL_KEYS.has(lower))
}

/** A key that nobody knows; a word of a text before a colon has a capital, blanks or other letters. */
const PLAIN_KEY = /^[a-z_][\w.-]*$/
const PROSE_WORDS = 4

/** Fields of one line each, of a block that has a mistake somewhere. */
function rescuedYaml(block: string): Fields {
  const fields = new Map<string, string>()
  for (const [, name = '', value = ''] of block.matchAll(/^(\w+)[^\S\n]*:[^\S\n]+(.*)$/gm)) {
    const key = name.toLowerCase()
    const quoted = /^"(.*)"$|^'(.*)'$/.exec(value.trim())
    const text = oneLine(quoted?.[1] ?? quoted?.[2] ?? value)
    if ((key === 'title' || LEADS.includes(key)) && text !== '' && !/^[|>]/.test(text)) fields.set(key, text)
  }
  return fields
}

/** Whether a mapping is rather a paragraph such as "Note: nobody is told." between two thematic breaks. */
function isProse(block: string, names: readonly string[], values: readonly string[]): boolean {
  if (names.some((name) => isKnownKey(name) && !WEAK_KEYS.has(name))) return false
  const isText = (value: string) => {
    const words = value.split(' ').length
    return words >= PROSE_WORDS || (words > 2 && /[.!?…。]["')\]]*$/.test(value))
  }
  if (names.some(isKnownKey)) return values.some(isText)
  return /^[^\S\n]*\n/.test(block) || !names.every((name) => PLAIN_KEY.test(name.trim())) || values.some(isText)
}

function yamlText(node: Node | null, document: Document): string {
  if (isAlias(node)) {
    const target = node.resolve(document)
    // `title: *loud*` names no anchor: it is Markdown.
    if (!target) return oneLine(`*${node.source}`)
    return isAlias(target) ? '' : yamlText(target, document)
  }
  if (isScalar(node)) {
    const isNull = node.type === 'PLAIN' && /^(?:null|~)?$/i.test(String(node.value))
    return isNull ? '' : oneLine(String(node.value ?? ''))
  }
  if (isSeq(node))
    return node.items
      .map((item) => (isScalar(item) ? yamlText(item, document) : ''))
      .join(' ')
      .trim()
  const first = isMap(node) ? node.items[0]?.value : undefined
  return isScalar(first) ? yamlText(first, document) : ''
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}
