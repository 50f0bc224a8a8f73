/**
 * Texts that stand on many pages of a site: headers, footers, menus that no name tells. Pages of each folder are sampled
 * before the corpus is read; what half of them have, and what lies at the edge of a page, is no text of the page.
 */
import type { FoundBlock, FoundBlocks } from './blocks.ts'
import { linkShare } from './leftOut.ts'
import type { Element } from './tree.ts'

/** Texts as `textKey` writes them. */
export type RepeatedTexts = ReadonlySet<string>

/** Fewer pages tell nothing: three pages of a handbook may well begin with the same sentence. */
export const PAGES_MIN = 24
/** Pages read of each folder. */
const SAMPLE = 24
/** Share of the sample that must have a text. */
const SHARE_MIN = 0.5
/** A text that is this long is rather a content that was copied. */
const CHARACTERS_MAX = 600

/** What is counted: a block's text, but for blanks and letter case. */
function textKey(text: string): string {
  return text.replace(/\s+/g, ' ').trim().toLowerCase()
}

/**
 * @param paths - of all HTML pages below one folder, with "/" as separator
 * @returns folder (ending in "/", "" for the top) → paths to sample, for each folder that has pages enough in it or below
 */
export function samplesOf(paths: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const path of paths) {
    for (let end = path.lastIndexOf('/'); ; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end + 1)
      const group = groups.get(folder)
      if (group) group.push(path)
      else groups.set(folder, [path])
      if (end <= 0) break
    }
  }
  const samples = new Map<string, readonly string[]>()
  for (const [folder, group] of groups) {
    if (group.length < PAGES_MIN) continue
    samples.set(
      folder,
      Array.from({ length: SAMPLE }, (_, i) => group[Math.floor((i * group.length) / SAMPLE)] ?? ''),
    )
  }
  return samples
}

/** Counts on how many pages each text stands. */
export class TextCount {
  readonly #counts = new Map<string, number>()
  #pages = 0

  add({ blocks }: FoundBlocks): void {
    this.#pages++
    const texts = new Set(
      blocks
        .filter(({ block }) => block.kind === 'text' && block.text.length <= CHARACTERS_MAX)
        .map(({ block }) => textKey(block.text)),
    )
    for (const text of texts) this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1)
  }

  repeated(): RepeatedTexts {
    const least = Math.max(PAGES_MIN / 2, this.#pages * SHARE_MIN)
    return new Set([...this.#counts].filter(([, count]) => count >= least).map(([text]) => text))
  }
}

/**
 * Leaves out repeated texts where a frame of the site is: before the first heading, after the last text of the page's own,
 * or in a box of links. Between them they are kept: "Parameters" stands on every page of an API and is said of each.
 * Headings are kept, and the first text below one.
 */
export function withoutRepeated(found: FoundBlocks, repeated: RepeatedTexts | undefined): FoundBlocks {
  if (!repeated || repeated.size === 0) return found
  const { blocks } = found
  const isRepeated = blocks.map(({ block }) => block.kind === 'text' && repeated.has(textKey(block.text)))
  // A page of which nothing is its own is kept whole.
  if (isRepeated.every((is, i) => is || blocks[i]?.block.kind === 'heading')) return found
  const first = blocks.findIndex(({ block }) => block.kind === 'heading')
  const lastOwn = blocks.findLastIndex(({ block }, i) => block.kind === 'heading' || !isRepeated[i])
  const safe = blocks[lastOwn]?.block.kind === 'heading' ? lastOwn + 1 : lastOwn
  let left = 0
  const kept = blocks.filter((each, i) => {
    const isFrame = isRepeated[i] === true && (i < first || i > safe || isInLinks(each))
    if (isFrame) left += each.words
    return !isFrame
  })
  return { blocks: kept, leftOut: { ...found.leftOut, repeated: found.leftOut.repeated + left } }
}

const BOXES = new Set(['div', 'section', 'table', 'ul', 'ol', 'dl', 'form', 'header', 'footer', 'aside', 'center'])

/** Whether the nearest box around is mostly links and controls. */
function isInLinks({ box }: FoundBlock): boolean {
  let around: Element | undefined = box
  while (around && !BOXES.has(around.name)) around = around.parent
  return around !== undefined && around.titles === 0 && linkShare(around) >= 0.5
}
