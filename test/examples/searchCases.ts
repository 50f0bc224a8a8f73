/** What every example that serves HTTP must do, whatever its host and its storage. */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT } from '../../lab/root.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'
import { goldenQueries } from '../format/goldenQueries.ts'

/** The golden index that the examples serve. */
export const INDEX = join(ROOT, 'test/golden/index/nbits2')

/** Sends a request to the example's own server or handler. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>

interface Found {
  readonly id: string
  readonly score: number
}

/** The best three of `INDEX`, searched from disk. */
export async function foundOnDisk(query: QueryVectors): Promise<readonly Found[]> {
  const searcher = await openIndex(INDEX)
  const { hits } = await searcher.search(query, { k: 3 })
  await searcher.close()
  return hits.map(({ id, score }) => ({ id, score }))
}

/** Tests over an example that serves `INDEX`. */
export function searchCases(ask: Ask): void {
  it('finds what the same index gives from disk, for many at once', async () => {
    const asked = goldenQueries().flatMap((query) => [query, query])
    const answers = await Promise.all(asked.map((query) => ask('/v1/search', searchRequest(rowsOf(query)))))
    for (const [i, answer] of answers.entries()) {
      const text = await answer.text()
      expect(answer.status, text).toBe(200)
      const { hits } = JSON.parse(text) as { hits: (Found & { title: string })[] }
      expect(hits.map(({ id, score }) => ({ id, score }))).toEqual(await foundOnDisk(asked[i]!))
      expect(hits.every(({ title }) => title.length > 0)).toBe(true)
    }
  })

  it('refuses vectors of another length', async () => {
    await expectProblem(await ask('/v1/search', searchRequest([[1, 0, 0]])), 400, 'INPUT')
  })

  it('refuses another method', async () => {
    await expectProblem(await ask('/v1/search', { method: 'DELETE' }), 405, 'METHOD_NOT_ALLOWED')
  })
}

/**
 * An answer of an example without index.
 * @param secrets - names of its storage, which strangers must not be told
 */
export async function expectNoIndex(answer: Response, secrets: readonly string[]): Promise<void> {
  const text = await expectProblem(answer, 503, 'STORAGE')
  for (const secret of secrets) expect(text).not.toContain(secret)
}

/** @returns the problem's text */
async function expectProblem(answer: Response, status: number, code: string): Promise<string> {
  const text = await answer.text()
  expect(answer.status, text).toBe(status)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(JSON.parse(text)).toMatchObject({ status, code })
  return text
}

function searchRequest(vectors: readonly number[][]): RequestInit {
  const body = JSON.stringify({ vectors, k: 3 })
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body }
}

function rowsOf({ vectors, rows, dim }: QueryVectors): number[][] {
  return Array.from({ length: rows }, (_, i) => Array.from(vectors.subarray(i * dim, (i + 1) * dim)))
}
