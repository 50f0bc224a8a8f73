/** Markdown (CommonMark and GitHub's tables and footnotes, by mdast-util-from-markdown) and MDX to a page. */
import { Parser as JavaScript } from 'acorn'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { mdxFromMarkdown } from 'mdast-util-mdx'
import { gfm } from 'micromark-extension-gfm'
import { mdx } from 'micromark-extension-mdx'
import { mdxjsEsm } from 'micromark-extension-mdxjs-esm'
import { cutFrontMatter } from './markdown/frontMatter.ts'
import { type MarkdownNode, MarkdownWalker } from './markdown/walker.ts'
import type { Page, PageNote } from './page.ts'

/**
 * Title: that of the front matter, or the only heading of depth 1, or what the front matter calls the page in menus. Code and images' alt texts are
 * kept, link urls dropped.
 */
export function parseMarkdown(source: string): Page {
  return pageOf(source, (body) => ({ nodes: markdownNodes(body), notes: [] }))
}

/** MDX: imports, exports and JavaScript are left out, what components hold is read. One that is no MDX is read as Markdown. */
export function parseMdx(source: string): Page {
  return pageOf(source, (body) => {
    try {
      return { nodes: mdxNodes(body), notes: [] }
    } catch (error) {
      if (error instanceof RangeError || !(error instanceof Error)) throw error
      const { line = 1, reason = error.message } = error as Error & { readonly line?: number; readonly reason?: string }
      return {
        nodes: markdownNodes(body),
        notes: [{ line, reason: `read as Markdown, since it is not MDX: ${reason}` }],
      }
    }
  })
}

interface Parsed {
  readonly nodes: readonly MarkdownNode[]
  readonly notes: readonly PageNote[]
}

function pageOf(source: string, parse: (body: string) => Parsed): Page {
  const { title, label, body, problem } = cutFrontMatter(source.replace(/\r\n?/g, '\n'))
  const { nodes, notes } = parse(body)
  const blocks = new MarkdownWalker().read(nodes)
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
