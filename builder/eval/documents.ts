/**
 * Judgements name passages, and a build with `--split` makes several of a long one: `id`, `id~2`, `id~3`, … Such parts count as the passage that
 * they are of, with the score of the best one (MaxP; Dai & Callan, SIGIR 2019).
 */
import { NotFoundError } from '../../format/errors.ts'
import { K_MAX } from '../../format/limits.ts'
import type { QueryVectors, SearchAnswer, Searcher, SearchHit, SearchOptions } from '../../runtime/searcher.ts'
import { wholeOfPart } from '../corpus/parts.ts'
import type { Qrels } from './qrels.ts'

/** Searches as a searcher does, but finds whole passages. */
export interface DocumentSearcher {
  search(query: QueryVectors, options: SearchOptions & { readonly k: number }): Promise<SearchAnswer>
  /** Whether a hit so far was a part. */
  readonly foundParts: boolean
}

/** @param judged - a passage that they name is one by itself, whatever its id looks like */
export function searchDocuments(searcher: Pick<Searcher, 'search' | 'passage'>, judged: Qrels): DocumentSearcher {
  const named = new Set([...judged.values()].flatMap((grades) => [...grades.keys()]))
  const wholes = new Map<string, Promise<string>>()
  let foundParts = false

  /** The id of the passage that a hit is of: its own, unless it looks like a part of one that the index has. */
  async function documentOf(id: string): Promise<string> {
    const whole = named.has(id) ? undefined : wholeOfPart(id)
    if (whole === undefined) return id
    const known = wholes.get(whole) ?? has(searcher, whole).then((isThere) => (isThere ? whole : id))
    wholes.set(whole, known)
    return known
  }

  async function documents(hits: readonly SearchHit[]): Promise<readonly SearchHit[]> {
    const best = new Map<string, SearchHit>()
    for (const hit of hits) {
      const id = await documentOf(hit.id)
      if (id !== hit.id) foundParts = true
      // Hits come best first.
      if (!best.has(id)) best.set(id, { ...hit, id })
    }
    return [...best.values()].map((hit, i) => ({ ...hit, rank: i + 1 }))
  }

  return {
    get foundParts() {
      return foundParts
    },
    async search(query, options) {
      const { k } = options
      const answer = await searcher.search(query, options)
      let hits = await documents(answer.hits)
      // Where parts took each other's places, more are asked for, by the very parameters that the answer was found with.
      const { pipeline: _pipeline, k: _k, ...parameters } = answer.parameters
      let [asked, found] = [k, answer.hits.length]
      while (hits.length < k && found === asked && asked < K_MAX) {
        asked = Math.min(K_MAX, 2 * asked)
        const more = await searcher.search(query, { ...options, ...parameters, k: asked })
        found = more.hits.length
        hits = await documents(more.hits)
      }
      return { ...answer, hits: hits.slice(0, k) }
    },
  }
}

async function has(searcher: Pick<Searcher, 'passage'>, id: string): Promise<boolean> {
  try {
    await searcher.passage(id)
    return true
  } catch (error) {
    if (error instanceof NotFoundError) return false
    throw error
  }
}
