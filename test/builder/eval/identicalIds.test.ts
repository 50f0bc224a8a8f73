/** Queries that are passages of the corpus: a searcher that answers in a fixed order stands for the index. */
import { describe, expect, it } from 'vitest'
import { type AnsweredQuery, findsItself, hitsWithoutItself } from '../../../builder/eval/identicalIds.ts'
import type { SearchAnswer, SearchOptions } from '../../../runtime/searcher.ts'

const PASSAGES = 1200
const vectors = { vectors: new Float32Array(32), rows: 1, dim: 32 }

/** Passages "0", "1", … in this order for every query; what it was asked stands in `asked`. */
function orderedSearcher() {
  const asked: SearchOptions[] = []
  const search = async (_query: unknown, options: SearchOptions = {}): Promise<SearchAnswer> => {
    asked.push(options)
    const { k = 10, filter, ncells = 2, centroidScoreThreshold = 0.45, ndocs = 1024 } = options
    const ids = Array.from({ length: PASSAGES }, (_, i) => String(i))
    const kept = ids.filter((id) => typeof filter !== 'function' || filter(id)).slice(0, k)
    return {
      hits: kept.map((id, i) => ({ id, rank: i + 1, score: -Number(id), place: { segment: 0, pid: i, opening: 0 } })),
      parameters: { pipeline: 'resident', k, ncells, centroidScoreThreshold, ndocs },
      counts: { candidates: kept.length, rescored: kept.length },
      generation: 1,
    }
  }
  return { asked, search }
}

async function answered(id: string, k: number) {
  const searcher = orderedSearcher()
  const options = { k, tier: 'exact' } as const
  const query: AnsweredQuery = { id, vectors, options, answer: await searcher.search(vectors, options) }
  const hits = await hitsWithoutItself(searcher, query)
  return { query, ids: hits.map((hit) => hit.id), asked: searcher.asked }
}

describe('a query that is a passage', () => {
  it.each([
    ['first', '0', ['1', '2', '3']],
    ['last', '2', ['0', '1', '3']],
  ])('that it finds %s is left out, and as many as wanted remain', async (_, id, expected) => {
    const { query, ids } = await answered(id, 3)
    expect(findsItself(query)).toBe(true)
    expect(ids).toEqual(expected)
  })

  it('is asked for once more by the parameters of the first search, so that it looks no further than that', async () => {
    const { asked } = await answered('1', 10)
    expect(asked[1]).toEqual({ tier: 'exact', k: 11, ncells: 2, centroidScoreThreshold: 0.45, ndocs: 1024 })
  })

  it('costs no second search where it did not find itself', async () => {
    const { query, ids, asked } = await answered('30', 10)
    expect(findsItself(query)).toBe(false)
    expect([ids.length, asked.length]).toEqual([10, 1])
  })

  it('is left out of the largest k as well', async () => {
    const { ids } = await answered('5', 1000)
    expect([ids.length, ids[4], ids[5], ids.at(-1)]).toEqual([1000, '4', '6', '1000'])
  })
})
