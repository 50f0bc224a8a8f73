/** Walks the tree of a Markdown or MDX page and hands its pieces to a collector, in the order of reading. */
import { type Expression, Parser as JavaScript, type SpreadElement } from 'acorn'
import type { fromMarkdown } from 'mdast-util-from-markdown'
// For their node types alone, which they add to those of mdast.
import type {} from 'mdast-util-gfm'
import type {} from 'mdast-util-mdx'
import type { Block } from '../page.ts'
import { BlockCollector, isShownAttribute, type Tag } from './blockCollector.ts'
import { HtmlPieces } from './htmlNode.ts'
import { cutLeadingAttributes, isTocMark } from './markers.ts'

export type MarkdownNode = ReturnType<typeof fromMarkdown>['children'][number]
type NodeOf<T extends MarkdownNode['type']> = Extract<MarkdownNode, { type: T }>

const IMPORTS = /^(?:import\s+(?:[\w*{}\s,$]+\s+from\s+)?(["'])[^"'\n]+\1;?\s*)+$/
/** A string in an expression: `{' '}`, `{"{"}`. */
const STRING = /^\s*(["'`])((?:(?!\1)[^\\$])*)\1\s*$/

export class MarkdownWalker {
  readonly #collector = new BlockCollector()
  readonly #html = new HtmlPieces(this.#collector)

  /** Top-level nodes of a page, once. */
  read(nodes: readonly MarkdownNode[]): readonly Block[] {
    for (const node of nodes) this.#visit(node)
    return this.#collector.finish()
  }

  #visit(node: MarkdownNode): void {
    const collector = this.#collector
    const line = lineOf(node)
    collector.at(line)
    switch (node.type) {
      case 'heading':
        collector.heading(node.depth, line, () => this.#line(node.children))
        break
      case 'paragraph':
        if (isImports(node)) break
        this.#line(node.children)
        collector.boundary()
        break
      case 'code':
        collector.codeBlock(node.value)
        break
      case 'html':
        this.#html.read(node.value, line, false)
        this.#html.endBlock()
        collector.boundary()
        break
      case 'list':
        if (isToc(node)) break
        for (const item of node.children) this.#block(item, () => this.#children(item))
        break
      case 'blockquote':
      case 'footnoteDefinition':
        for (const child of node.children) this.#block(child, () => this.#visit(child))
        break
      case 'table':
        this.#block(node, () => this.#table(node))
        break
      case 'mdxJsxFlowElement':
        this.#element(node, () => this.#children(node))
        break
      default:
        // Thematic breaks, definitions, imports and expressions hold no text; what stands in a line is met elsewhere.
        if ('children' in node) this.#children(node)
    }
  }

  #children(node: { readonly children: readonly MarkdownNode[] }): void {
    for (const child of node.children) this.#visit(child)
  }

  #block(node: MarkdownNode, collect: () => void): void {
    this.#collector.block(lineOf(node), collect)
  }

  /** A row is a line, signs between its cells. */
  #table(table: NodeOf<'table'>): void {
    for (const row of table.children) {
      for (const [i, cell] of row.children.entries()) {
        if (i > 0) this.#collector.text(' | ')
        this.#line(cell.children)
      }
      this.#collector.boundary()
    }
  }

  /** A paragraph's content, or a heading's, or a cell's. */
  #line(nodes: readonly MarkdownNode[]): void {
    this.#inline(nodes)
    this.#html.endBlock()
  }

  #inline(nodes: readonly MarkdownNode[]): void {
    for (const [i, node] of nodes.entries()) this.#phrase(node, nodes[i - 1])
  }

  #phrase(node: MarkdownNode, before: MarkdownNode | undefined): void {
    const collector = this.#collector
    switch (node.type) {
      case 'text': {
        const isAfterLink = before?.type === 'link' || before?.type === 'image'
        collector.text(isAfterLink ? cutLeadingAttributes(node.value) : node.value)
        break
      }
      case 'inlineCode':
        collector.code(node.value)
        break
      case 'break':
        collector.text('\n')
        break
      case 'image':
      case 'imageReference':
        collector.text(node.alt ?? '')
        break
      case 'html':
        this.#html.read(node.value, lineOf(node), true)
        break
      case 'mdxTextExpression':
        collector.text(this.#expressionText(node.value))
        break
      case 'mdxJsxTextElement':
        this.#element(node, () => this.#inline(node.children))
        break
      default:
        if ('children' in node) this.#inline(node.children)
    }
  }

  /** In a heading an expression may be its id (`{#id}`), and is what the heading is told apart by. */
  #expressionText(value: string): string {
    return STRING.exec(value)?.[2] ?? (this.#collector.isInHeading ? `{${value}}` : '')
  }

  #element(node: NodeOf<'mdxJsxFlowElement'> | NodeOf<'mdxJsxTextElement'>, collect: () => void): void {
    // A fragment, `<>…</>`, has no name.
    const name = node.name ?? 'span'
    const isInline = node.type === 'mdxJsxTextElement'
    const kind = { name: name.toLowerCase(), isComponent: /^[A-Z]|[.-]/.test(name), isInline }
    const attributes: Tag['attributes'] = Object.fromEntries(
      node.attributes.flatMap((attribute) =>
        attribute.type === 'mdxJsxAttribute' ? [[attribute.name, attributeText(attribute.value)]] : [],
      ),
    )
    this.#collector.open({ ...kind, attributes }, lineOf(node))
    collect()
    this.#collector.close(kind)
  }
}

function attributeText(value: string | null | undefined | { readonly value: string }): string | undefined {
  if (typeof value === 'string' || !value) return value ?? undefined
  const string = STRING.exec(value.value)?.[2]
  if (string !== undefined || !/^\s*["'`[]/.test(value.value)) return string
  try {
    return literalTexts(JavaScript.parseExpressionAt(value.value, 0, { ecmaVersion: 'latest' })).join('\n')
  } catch {
    return undefined
  }
}

/** Texts that are written out: strings, lists of them, and lists of objects as questions and answers are often given. */
function literalTexts(node: Expression | SpreadElement | null): readonly string[] {
  switch (node?.type) {
    case 'Literal':
      return typeof node.value === 'string' ? [node.value] : []
    case 'TemplateLiteral':
      return node.expressions.length === 0 ? node.quasis.map(({ value }) => value.cooked ?? '') : []
    case 'ArrayExpression':
      return node.elements.flatMap(literalTexts)
    case 'ObjectExpression':
      return node.properties.flatMap((property) => {
        if (property.type !== 'Property' || property.key.type !== 'Identifier') return []
        const { name } = property.key
        return literalTexts(property.value).filter((text) => isShownAttribute(name, text))
      })
    default:
      return []
  }
}

function lineOf(node: MarkdownNode): number {
  return node.position?.start.line ?? 1
}

/** Whether a node is a paragraph of imports, as Docusaurus' Markdown has them: for the program that makes the page. */
export function isImports(node: MarkdownNode): boolean {
  if (node.type !== 'paragraph' || node.children[0]?.type !== 'text') return false
  return node.children[0].value.startsWith('import') && IMPORTS.test(plainText(node))
}

/** Whether a list only says where kramdown puts its table of contents. */
function isToc(list: NodeOf<'list'>): boolean {
  const [text] = list.children.at(-1)?.children ?? []
  return text?.type === 'paragraph' && isTocMark(plainText(text))
}

function plainText(node: MarkdownNode): string {
  if ('value' in node) return node.value
  return 'children' in node ? node.children.map(plainText).join('') : ''
}
