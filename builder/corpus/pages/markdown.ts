/** Markdown (CommonMark and GitHub's tables and footnotes, by mdast-util-from-markdown) and MDX to a page. */
import { Parser as JavaScript } from 'acorn'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { mdxFromMarkdown } from 'mdast-util-mdx'
import { gfm } from 'micromark-extension-gfm'
import { mdx } from 'micromark-extension-mdx'
import { mdxjsEsm } from 'micromark-extension-mdxjs-esm'
import { cutFrontMatter, leadBlocks } from './markdown/frontMatter.ts'
import { withoutModules } from './markdown/modules.ts'
import { isImports, type MarkdownNode, MarkdownWalker } from './markdown/walker.ts'
import type { Page, PageNote } from './page.ts'

/**
 * Title: that of the front matter, or the only heading of depth 1, or what the front matter calls the page in menus. Code and images' alt texts are
 * kept, link urls dropped. A page that begins with imports, as Docusaurus' do, is MDX by another name.
 */
export function parseMarkdown(source: string): Page {
  return pageOf(source, (body) => {
    const nodes = markdownNodes(body)
    if (!nodes[0] || !isImports(nodes[0])) return { nodes, notes: [] }
    return { nodes: tryMdx(body).nodes ?? markdownNodes(withoutModules(body)), notes: [] }
  })
}

/** MDX: imports, exports and JavaScript are left out, what components hold is read. One that is no MDX is read as Markdown. */
export function parseMdx(source: string): Page {
  return pageOf(source, (body) => {
    const { nodes, problem } = tryMdx(body)
    return nodes ? { nodes, notes: [] } : { nodes: markdownNodes(withoutModules(body)), notes: [problem] }
  })
}

type TriedMdx =
  | { readonly nodes: readonly MarkdownNode[]; readonly problem?: undefined }
  | { readonly problem: PageNote; readonly nodes?: undefined }

/** MDX knows no comments of HTML, but Docusaurus takes them, so a page is tried without them as well. */
function tryMdx(body: string): TriedMdx {
  try {
    return { nodes: mdxNodes(body) }
  } catch (error) {
    if (error instanceof RangeError || !(error instanceof Error)) throw error
    const bare = withoutComments(body)
    if (bare !== body) return tryMdx(bare)
    const { line = 1, reason = error.message } = error as Error & { readonly line?: number; readonly reason?: string }
    return { problem: { line, reason: `read as Markdown, since it is not MDX: ${reason}` } }
  }
}

/** Blanks in the place of comments, so that places stay true. */
function withoutComments(body: string): string {
  let rest = body
  const visit = (node: MarkdownNode) => {
    if ('children' in node) node.children.forEach(visit)
    const { start, end } = node.position ?? {}
    if (node.type !== 'html') return
    const [from = 0, to = 0] = [start?.offset, end?.offset]
    const bare = rest.slice(from, to).replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ' '))
    rest = rest.slice(0, from) + bare + rest.slice(to)
  }
  markdownNodes(body).forEach(visit)
  return rest
}

interface Parsed {
  readonly nodes: readonly MarkdownNode[]
  readonly notes: readonly PageNote[]
}

function pageOf(source: string, parse: (body: string) => Parsed): Page {
  const { title, label, leads, body, problem } = cutFrontMatter(source.replace(/\r\n?/g, '\n'))
  const { nodes, notes } = parse(body)
  const own = new MarkdownWalker().read(nodes)
  const blocks = [...leadBlocks(leads, title, own), ...own]
  const tops = blocks.filter((block) => block.kind === 'heading' && block.depth === 1)
  const heading = tops.length === 1 ? (tops[0]?.text ?? '') : ''
  return { title: title || heading || label, blocks, notes: problem ? [problem, ...notes] : notes }
}

function markdownNodes(body: string): readonly MarkdownNode[] {
  return fromMarkdown(body, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] }).children
}

function mdxNodes(body: string): readonly MarkdownNode[] {
  const imports = mdxjsEsm({ acorn: JavaScript, acornOptions: { ecmaVersion: 'latest', sourceType: 'module' } })
  return fromMarkdown(body, {
    extensions: [gfm(), mdx(), imports],
    mdastExtensions: [gfmFromMarkdown(), mdxFromMarkdown()],
  }).children
}
