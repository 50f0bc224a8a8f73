/** A passage that is longer than the model reads as several passages: its parts, named as those of a long section of a page are. */
import type { SplitOptions } from './pages/page.ts'
import type { CorpusPassage } from './passage.ts'
import { splitText } from './split.ts'

/** What stands between the id of a passage and the number of a further part of it: `id`, `id~2`, `id~3`, … */
export const PART_MARK = '~'

/**
 * @param options - bound and count of a passage's own tokens; a long title leaves at least half of the bound to the text
 * @returns the passage as it is when it fits; else its parts in order, each with its title and metadata
 */
export function partsOf(passage: CorpusPassage, { tokensMax, countTokens }: SplitOptions): readonly CorpusPassage[] {
  const half = Math.floor(tokensMax / 2)
  const title = passage.title === '' ? 0 : Math.min(half, countTokens(passage.title))
  if (countTokens(passage.text) <= tokensMax - title) return [passage]
  const texts = splitText(passage.text, tokensMax - title, countTokens)
  return texts.map((text, i) => ({
    ...passage,
    id: i === 0 ? passage.id : `${passage.id}${PART_MARK}${i + 1}`,
    text,
  }))
}

/** The id of the passage that a part's id names, or `undefined` for an id that is not made like a part's. */
export function wholeOfPart(id: string): string | undefined {
  return /^(.+)~(?:[2-9]|[1-9]\d+)$/su.exec(id)?.[1]
}
