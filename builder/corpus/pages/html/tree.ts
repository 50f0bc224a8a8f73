/** HTML (by parse5, as browsers read it) to the elements that are shown, in document order, with what each holds. */
import { type DefaultTreeAdapterMap, defaultTreeAdapter, parse, parseFragment } from 'parse5'
import { countWords } from './words.ts'

type Adapted = DefaultTreeAdapterMap
type Node = Adapted['childNode']
type Parent = Adapted['parentNode']

/** Few an element, and asked for often: a look through the list is quicker than a map of it. */
export class Attributes {
  readonly #list: readonly { readonly name: string; readonly value: string }[]

  constructor(list: readonly { readonly name: string; readonly value: string }[]) {
    this.#list = list
  }

  get(name: string): string | undefined {
    for (const attribute of this.#list) if (attribute.name === name) return attribute.value
    return undefined
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }
}

export interface Element {
  readonly name: string
  readonly attributes: Attributes
  readonly parent: Element | undefined
  /** 1-based. */
  readonly line: number
  /** Events from `start` up to `end` are this element's. */
  readonly start: number
  end: number
  readonly isLink: boolean
  readonly isControl: boolean
  /** What stands inside, at any depth. */
  words: number
  /** Of them, those that stand in no element inside. */
  ownWords: number
  /** Words of links to elsewhere, and of links to a place on the same page. */
  linkWords: number
  ownLinkWords: number
  links: number
  /** Of them, links to the pages before, after and above. */
  siblingLinks: number
  /** Words of buttons and choices. */
  controlWords: number
  /** Input fields. */
  inputs: number
  buttons: number
  /** Labels of panels. */
  tabs: number
  /** `<h1>`, and headings of any depth. */
  titles: number
  headings: number
  /** `<main>` and `<article>`. */
  regions: number
}

/** One step of a walk through the page. */
export type Event =
  | { readonly kind: 'open' | 'close'; readonly element: Element }
  | { readonly kind: 'text'; readonly text: string; readonly words: number }

export interface Tree {
  readonly title: string
  readonly body: Element
  readonly events: readonly Event[]
  /** Every id of the page, also of what is not shown. */
  readonly ids: ReadonlySet<string>
  /** Ids that links and controls of the page name. */
  readonly targets: ReadonlySet<string>
}

/** Elements that nothing is shown of. Text in drawings is shown, their titles and definitions are not. */
const NOT_SHOWN = new Set(
  'head script style noscript noembed noframes object datalist param source track annotation annotation-xml desc metadata defs clipPath symbol'.split(
    ' ',
  ),
)
/** Attributes by which a control names what it opens. */
const TARGETS = new Set(['aria-controls', 'data-target', 'data-bs-target', 'data-tab', 'popovertarget'])
/** Browsers go down to 512; a page beyond this was made to exhaust who reads it. */
const DEPTH_MAX = 20_000

/** @throws RangeError for a page that nests too deep, or of which unclosed tags make many more elements than it has */
export function readTree(html: string, file?: string): Tree {
  const document = parse(selfClosed(html), {
    sourceCodeLocationInfo: true,
    treeAdapter: boundedAdapter(html.length),
  })
  return new TreeWalk(file).walk(document)
}

/** XHTML may close an element in its own tag. Read as HTML, an empty `<title/>` or `<script/>` swallows the page. */
function selfClosed(html: string): string {
  if (!/^\s*<\?xml\b/.test(html.slice(0, 200)) && !/<html\b[^>]*\bxmlns\b/i.test(html.slice(0, 4096))) return html
  return html.replace(
    /<(title|script|style|textarea|iframe|noscript|a|div|span|p|td|li)\b((?:[^<>"']|"[^"]*"|'[^']*')*)\/>/gi,
    '<$1$2></$1>',
  )
}

function boundedAdapter(characters: number): typeof defaultTreeAdapter {
  let depth = 0
  let elements = 0
  // A tag takes three characters; reopened formatting elements may outnumber tags, by accident not by this much.
  const elementsMax = 100_000 + characters
  return {
    ...defaultTreeAdapter,
    createElement: (...parts) => {
      if (++elements > elementsMax) throw new RangeError('too many elements')
      return defaultTreeAdapter.createElement(...parts)
    },
    onItemPush: () => {
      if (++depth > DEPTH_MAX) throw new RangeError('too deep')
    },
    onItemPop: () => {
      depth--
    },
  }
}

/** Children of an element that wait to be walked. A stack of these takes the place of recursion: pages nest deep. */
interface Frame {
  readonly element: Element | undefined
  readonly children: readonly Node[]
  next: number
  /** Of the shadow tree that is walked: what each slot shows, by name. */
  readonly slots: ReadonlyMap<string, readonly Node[]> | undefined
}

class TreeWalk {
  readonly #file: string | undefined
  readonly #events: Event[] = []
  readonly #ids = new Set<string>()
  readonly #targets = new Set<string>()
  #title: string | undefined

  constructor(file: string | undefined) {
    this.#file = file
  }

  walk(document: Parent): Tree {
    const body = newElement('body', new Attributes([]), undefined, 1, 0)
    this.#events.push({ kind: 'open', element: body })
    const stack: Frame[] = [{ element: body, children: document.childNodes, next: 0, slots: undefined }]
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const node = frame.children[frame.next++]
      if (node === undefined) {
        stack.pop()
        if (frame.element && frame.element !== stack.at(-1)?.element) this.#close(frame.element)
        continue
      }
      const inner = this.#visit(node, frame)
      if (inner) stack.push(inner)
    }
    return {
      title: this.#title ?? '',
      body,
      events: this.#events,
      ids: this.#ids,
      targets: this.#targets,
    }
  }

  #visit(node: Node, frame: Frame): Frame | undefined {
    const parent = frame.element
    if (defaultTreeAdapter.isTextNode(node)) {
      this.#text(node.value, parent)
      return undefined
    }
    if (!defaultTreeAdapter.isElementNode(node)) return undefined
    const attributes = new Attributes(node.attrs)
    const name = node.tagName
    this.#note(node, attributes)
    if (name === 'title' && !node.namespaceURI.endsWith('svg')) this.#title ??= rawText(node)
    if (name === 'html' || name === 'body' || name === 'head') {
      return {
        element: parent,
        children: name === 'head' ? titlesOf(node) : childrenOf(node),
        next: 0,
        slots: frame.slots,
      }
    }
    if (NOT_SHOWN.has(name) || name === 'title' || name === 'template') return undefined
    const framed = name === 'iframe' ? framedNodes(attributes.get('srcdoc') ?? '') : undefined
    if (framed?.length === 0) return undefined
    if (name === 'slot' && frame.slots) {
      const shown = frame.slots.get(attributes.get('name') ?? '') ?? []
      return { element: parent, children: shown.length > 0 ? shown : node.childNodes, next: 0, slots: undefined }
    }
    const element = newElement(
      name,
      attributes,
      parent,
      node.sourceCodeLocation?.startLine ?? parent?.line ?? 1,
      this.#events.length,
    )
    this.#events.push({ kind: 'open', element })
    this.#count(element)
    const shadow = shadowOf(node)
    return shadow
      ? { element, children: shadow.children, next: 0, slots: shadow.slots }
      : { element, children: framed ?? node.childNodes, next: 0, slots: frame.slots }
  }

  #note({ tagName: name, attrs }: Adapted['element'], attributes: Attributes): void {
    const id = attributes.get('id')
    if (id) this.#ids.add(id)
    const anchor = name === 'a' ? attributes.get('name') : undefined
    if (anchor) this.#ids.add(anchor)
    for (const { name: attribute, value } of attrs) {
      if (attribute === 'href' ? value.startsWith('#') : TARGETS.has(attribute))
        this.#targets.add(value.replace(/^#/, ''))
    }
  }

  #count(element: Element): void {
    const { name } = element
    if (/^h[1-6]$/.test(name) || element.attributes.get('role') === 'heading') element.headings = 1
    if (name === 'h1') element.titles = 1
    if (name === 'main' || name === 'article' || element.attributes.get('role') === 'main') element.regions = 1
    if (name === 'input' && element.attributes.get('type') !== 'hidden') element.inputs = 1
    if (name === 'button' || element.attributes.get('role') === 'button') element.buttons = 1
    if (isTab(element)) element.tabs = 1
    if (name === 'a' && element.isLink) {
      element.links = 1
      if (isSiblingLink(element)) element.siblingLinks = 1
    }
    if (name === 'img') this.#text(` ${element.attributes.get('alt') ?? ''} `, element)
  }

  #text(text: string, parent: Element | undefined): void {
    if (!parent) return
    const words = countWords(text)
    parent.words += words
    parent.ownWords += words
    if (parent.isControl) parent.controlWords += words
    else if (parent.isLink) {
      if (isOwnLink(parent, this.#file)) parent.ownLinkWords += words
      else parent.linkWords += words
    }
    if (text !== '') this.#events.push({ kind: 'text', text, words })
  }

  #close(element: Element): void {
    element.end = this.#events.length
    this.#events.push({ kind: 'close', element })
    const { parent } = element
    if (!parent) return
    parent.words += element.words
    parent.linkWords += element.linkWords
    parent.ownLinkWords += element.ownLinkWords
    parent.links += element.links
    parent.siblingLinks += element.siblingLinks
    parent.controlWords += element.controlWords
    parent.inputs += element.inputs
    parent.buttons += element.buttons
    parent.tabs += element.tabs
    parent.titles += element.titles
    parent.headings += element.headings
    parent.regions += element.regions
  }
}

function newElement(
  name: string,
  attributes: Attributes,
  parent: Element | undefined,
  line: number,
  start: number,
): Element {
  const isControl = name === 'button' || name === 'select' || (parent?.isControl ?? false)
  const isLink = (name === 'a' && attributes.has('href')) || (parent?.isLink ?? false)
  const counts = { words: 0, ownWords: 0, linkWords: 0, ownLinkWords: 0, links: 0, siblingLinks: 0, controlWords: 0, inputs: 0, buttons: 0,
    tabs: 0, titles: 0, headings: 0, regions: 0 } // biome-ignore format: zeros
  return { name, attributes, parent, line, start, end: start, isLink, isControl, ...counts }
}

function isTab({ attributes }: Element): boolean {
  if (attributes.get('role') === 'tab') return true
  return /^(tab|pill)$/.test(attributes.get('data-bs-toggle') ?? attributes.get('data-toggle') ?? '')
}

function isSiblingLink({ attributes }: Element): boolean {
  const rel = attributes.get('rel') ?? ''
  return (
    /\b(next|prev|previous|up|start|contents|index)\b/.test(rel) || /^[a-z]$/i.test(attributes.get('accesskey') ?? '')
  )
}

/** Whether the link around leads to a place on the same page: "#x", or "page.html#x" on page.html. */
function isOwnLink(element: Element, file: string | undefined): boolean {
  let link: Element | undefined = element
  while (link && !(link.name === 'a' && link.attributes.has('href'))) link = link.parent
  const [target, fragment] = link?.attributes.get('href')?.trim().split('#') ?? []
  return fragment !== undefined && (target === '' || (file !== undefined && target === file))
}

/** What an `<iframe srcdoc>` shows, without its ids and its title: those are no places and no title of the page. */
function framedNodes(srcdoc: string): readonly Node[] {
  if (srcdoc.trim() === '') return []
  const bounded = boundedAdapter(srcdoc.length)
  const treeAdapter: typeof defaultTreeAdapter = {
    ...bounded,
    createElement: (name, namespace, attributes) => {
      const kept = attributes.filter((attribute) => attribute.name !== 'id' && attribute.name !== 'name')
      return bounded.createElement(name === 'title' ? 'script' : name, namespace, kept)
    },
  }
  return parseFragment(srcdoc, { treeAdapter }).childNodes
}

function childrenOf(node: Adapted['element']): readonly Node[] {
  return node.childNodes
}

function titlesOf(head: Adapted['element']): readonly Node[] {
  return head.childNodes.filter((node) => defaultTreeAdapter.isElementNode(node) && node.tagName === 'title')
}

function rawText(node: Adapted['element']): string {
  return node.childNodes.map((child) => (defaultTreeAdapter.isTextNode(child) ? child.value : '')).join('')
}

/** What is shown of an element that has its shadow tree in the page: that tree, with the element's own children in its slots. */
function shadowOf(
  node: Adapted['element'],
): { children: readonly Node[]; slots: ReadonlyMap<string, readonly Node[]> } | undefined {
  const template = node.childNodes.find((child) => isShadowRoot(child))
  if (!template || !('content' in template)) return undefined
  const slotOf = (child: Node) =>
    (defaultTreeAdapter.isElementNode(child) && child.attrs.find(({ name }) => name === 'slot')?.value) || ''
  const light = node.childNodes.filter((child) => child !== template)
  const slots = Map.groupBy(light, slotOf)
  const names = slotNames(template.content)
  // What no slot takes is not shown by a browser that knows shadow trees; by others it is.
  const left = [...slots].filter(([name]) => !names.has(name)).flatMap(([, nodes]) => nodes)
  return { children: [...template.content.childNodes, ...left], slots }
}

function slotNames(root: Parent): ReadonlySet<string> {
  const names = new Set<string>()
  const waiting: Parent[] = [root]
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    for (const child of node.childNodes) {
      if (!defaultTreeAdapter.isElementNode(child)) continue
      if (child.tagName === 'slot') names.add(child.attrs.find(({ name }) => name === 'name')?.value ?? '')
      waiting.push(child)
    }
  }
  return names
}

function isShadowRoot(node: Node): node is Adapted['template'] {
  return (
    defaultTreeAdapter.isElementNode(node) &&
    node.tagName === 'template' &&
    node.attrs.some(({ name }) => name === 'shadowrootmode' || name === 'shadowroot')
  )
}
