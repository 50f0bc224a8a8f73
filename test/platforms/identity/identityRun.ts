/** What every host does in the identity test, with nothing of any host in it: the same queries, and answers down to their bits. */
import type { TextSearch } from '../../../runtime/ask/textSearch.ts'
import type { QueryVectors, Searcher } from '../../../runtime/searcher.ts'

/** Ids and the hexadecimal bits of scores of every query and setting, best first. */
export async function identityAnswers(searcher: Searcher | TextSearch): Promise<readonly string[]> {
  const answers: string[] = []
  for (const options of [{ k: 10 }, { k: 100 }, { k: 5, ncells: 4, ndocs: 40, centroidScoreThreshold: 0.2 }]) {
    const queries = identityQueries(searcher.info.dim)
    const found =
      'ask' in searcher
        ? await Promise.all(queries.map((query) => searcher.ask(query, { ...options, texts: false })))
        : await searcher.searchMany(queries, options)
    for (const { hits } of found) {
      answers.push(hits.map(({ id, score }) => `${id} ${bitsOf(score)}`).join(', '))
    }
  }
  return answers
}

function identityQueries(dim: number): readonly QueryVectors[] {
  let state = 12_345
  // Park and Miller's generator: products stay below 2^53, so every engine has the same numbers.
  const uniform = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  return [1, 8, 32, 33, 100].map((rows) => ({
    rows,
    dim,
    vectors: Float32Array.from({ length: rows * dim }, () => ((uniform() - 0.5) * 3.4) / Math.sqrt(dim)),
  }))
}

function bitsOf(score: number): string {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, score)
  return view.getUint32(0).toString(16).padStart(8, '0')
}
