/** What every corpus reader yields, in corpus order, one at a time. */
import type { MetadataValue } from '../../runtime/searcher.ts'

export interface CorpusPassage {
  /** The user's own id, unique in the corpus, never empty. */
  readonly id: string
  /** Empty when the source has none. */
  readonly title: string
  /** Empty for a passage of which only the id is known: it is kept, and no query finds it. */
  readonly text: string
  /** Further fields of the source: path and anchor of a section, extra JSONL or CSV columns. */
  readonly metadata?: Readonly<Record<string, MetadataValue>>
}
