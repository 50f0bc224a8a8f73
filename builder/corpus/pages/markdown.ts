/** Markdown (CommonMark, by mdast-util-from-markdown) to a page. Tables stay as their source lines. */
import { fromMarkdown } from 'mdast-util-from-markdown'
import { parseHtml } from './html/html.ts'
import type { Block, Page } from './page.ts'

type Node = ReturnType<typeof fromMarkdown>['children'][number]

/** Docusaurus' and kramdown's way to give a heading an id: `## Usage {#usage}`. */
const HEADING_ID = /\s*\{#([^\s{}]+)\}$/

/** Title: that of the front matter, or the only heading of depth 1. Code and images' alt texts are kept, link urls dropped. */
export function parseMarkdown(source: string): Page {
  const { title, body } = cutFrontMatter(source)
  const blocks: Block[] = []
  for (const node of fromMarkdown(body).children) blocks.push(...blocksOf(node))
  const tops = blocks.filter((block) => block.kind === 'heading' && block.depth === 1)
  return { title: title || (tops.length === 1 ? (tops[0]?.text ?? '') : ''), blocks }
}

/** Blank lines take the place of the front matter, so that the numbers of the lines after it stay true. */
function cutFrontMatter(source: string): { title: string; body: string } {
  const match = /^---[^\S\n]*\n([\s\S]*?\n)?(?:---|\.\.\.)[^\S\n]*(?:\n|$)/.exec(source)
  if (!match) return { title: '', body: source }
  const value = /^title:[^\S\n]*(.*)$/m.exec(match[1] ?? '')?.[1]?.trim() ?? ''
  const quoted = /^"(.*)"$|^'(.*)'$/.exec(value)
  return {
    title: quoted?.[1] ?? quoted?.[2] ?? value,
    body: match[0].replace(/[^\n]/g, '') + source.slice(match[0].length),
  }
}

function blocksOf(node: Node): Block[] {
  const line = node.position?.start.line ?? 1
  if (node.type === 'heading') {
    const text = plainText(node).replace(/\s+/g, ' ').trim()
    const anchor = HEADING_ID.exec(text)?.[1]
    return [{ kind: 'heading', depth: node.depth, text: text.replace(HEADING_ID, ''), anchor, line }]
  }
  if (node.type === 'list')
    return node.children.flatMap((item) => textBlock(plainText(item), item.position?.start.line ?? line))
  if (node.type === 'blockquote')
    return node.children.flatMap((child) => textBlock(plainText(child), child.position?.start.line ?? line))
  return textBlock(node.type === 'html' ? htmlText(node.value) : plainText(node), line)
}

function textBlock(text: string, line: number): Block[] {
  return text.trim() === '' ? [] : [{ kind: 'text', text: text.trim(), line }]
}

function plainText(node: Node): string {
  switch (node.type) {
    case 'text':
    case 'inlineCode':
    case 'code':
      return node.value
    case 'image':
    case 'imageReference':
      return node.alt ?? ''
    case 'break':
      return '\n'
    case 'html':
      // A tag inside a paragraph stands alone here, so only line breaks carry meaning.
      return /^<br\b/i.test(node.value) ? '\n' : ''
    case 'list':
    case 'listItem':
    case 'blockquote':
      return node.children.map((child) => (child.type === 'html' ? htmlText(child.value) : plainText(child))).join('\n')
    default:
      return 'children' in node ? node.children.map(plainText).join('') : ''
  }
}

function htmlText(html: string): string {
  return parseHtml(html)
    .blocks.map((block) => block.text)
    .join('\n')
}
