/** HTML to a page: all text that a reader sees or can bring to sight, without ways through the site and notices. */
import type { Page } from '../page.ts'
import { type FoundBlocks, findBlocks } from './blocks.ts'
import { type RepeatedTexts, withoutRepeated } from './repeated.ts'
import { readTree, type Tree } from './tree.ts'
import { oneLine } from './words.ts'

export interface HtmlOptions {
  /** Name of the file, without folders: links that name it lead to a place on the page itself. */
  readonly file?: string
  /** Texts that stand on many pages of the site. */
  readonly repeated?: RepeatedTexts
}

/**
 * Title: `<title>`, else the first h1.
 *
 * @throws RangeError for a page that nests too deep, or whose unclosed tags make too many elements
 */
export function parseHtml(html: string, options: HtmlOptions = {}): Page {
  const tree = readTree(html, options.file)
  const found = withoutRepeated(blocksOf(tree), options.repeated)
  const blocks = found.blocks.map(({ block }) => block)
  const top = blocks.find((block) => block.kind === 'heading' && block.depth === 1)
  return {
    title: oneLine(tree.title) || (top?.text ?? ''),
    blocks,
    anchors: 'own',
    words: { visible: tree.body.words, leftOut: found.leftOut },
  }
}

/** The texts of a page's blocks, to find those that many pages have. */
export function htmlTexts(html: string, file?: string): FoundBlocks {
  return blocksOf(readTree(html, file))
}

/** A page that would be left out as a whole is what it is: a list of links may be all there is. */
function blocksOf(tree: Tree): FoundBlocks {
  const found = findBlocks(tree)
  const isEmpty = !found.blocks.some(({ words }) => words > 0)
  return isEmpty && tree.body.words > 0 ? findBlocks(tree, { reason: () => undefined }) : found
}
