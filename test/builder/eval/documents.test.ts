/** Hits that are parts of a split passage count as the passage, once, with the best score. */
import { describe, expect, it } from 'vitest'
import { searchDocuments } from '../../../builder/eval/documents.ts'
import type { Qrels } from '../../../builder/eval/qrels.ts'
import { NotFoundError } from '../../../format/errors.ts'
import type { Searcher } from '../../../runtime/searcher.ts'

const query = { vectors: new Float32Array(32), rows: 1, dim: 32 }
const judge = (...ids: string[]): Qrels => new Map([['q', new Map(ids.map((id) => [id, 1]))]])

/** A searcher that finds these ids, best first. */
function searcherOf(ids: readonly string[]) {
  const asked: number[] = []
  const searcher = {
    async search(_query: unknown, { k = 10 }) {
      asked.push(k)
      const hits = ids.slice(0, k).map((id, i) => ({ id, rank: i + 1, score: 10 - i / 100 }))
      return { hits, parameters: { pipeline: 'resident', k, ncells: 1, centroidScoreThreshold: 0, ndocs: 7 } }
    },
    async passage(id: string) {
      if (ids.includes(id)) return { id }
      throw new NotFoundError(`no ${id}`)
    },
  } as unknown as Pick<Searcher, 'search' | 'passage'>
  return { searcher, asked }
}

async function found(ids: readonly string[], judged: Qrels, k: number) {
  const { searcher, asked } = searcherOf(ids)
  const documents = searchDocuments(searcher, judged)
  const { hits } = await documents.search(query, { k })
  return {
    ids: hits.map((hit) => hit.id),
    scores: hits.map((hit) => hit.score),
    hits,
    asked,
    parts: documents.foundParts,
  }
}

describe('searching whole passages', () => {
  it('gives a passage the place and the score of its best part, and numbers ranks anew', async () => {
    const { ids, scores, hits, parts } = await found(['b', 'a~3', 'a', 'c', 'a~2'], judge('a'), 5)
    expect(ids).toEqual(['b', 'a', 'c'])
    expect(scores).toEqual([10, 9.99, 9.97])
    expect(hits.map(({ rank }) => rank)).toEqual([1, 2, 3])
    expect(parts).toBe(true)
  })

  it('asks for more until k passages are found', async () => {
    const parts = Array.from({ length: 9 }, (_, i) => `a~${i + 2}`)
    const { ids, asked } = await found(['a', ...parts, 'b', 'c'], judge('a'), 3)
    expect(ids).toEqual(['a', 'b', 'c'])
    expect(asked).toEqual([3, 6, 12])
  })

  it('asks once where no hit is a part, and where all there is was found', async () => {
    expect((await found(['a', 'b', 'c'], judge('a'), 2)).asked).toEqual([2])
    expect((await found(['a', 'a~2'], judge('a'), 5)).asked).toEqual([5])
  })

  it.each([
    ['the judgements name it', ['a', 'a~2'], judge('a', 'a~2')],
    ['the index has no passage that it could be a part of', ['b', 'a~2'], judge('b')],
  ])('takes an id that looks like that of a part for a passage when %s', async (_, ids, judged) => {
    expect(await found(ids, judged, 5)).toMatchObject({ ids, parts: false })
  })
})
