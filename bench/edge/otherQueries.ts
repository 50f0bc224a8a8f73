/** Judged queries of another vectors folder in place of a folder's own: parameters are chosen on those, and told on these. */
import { createHash } from 'node:crypto'
import { type JudgedVectors, openJudgedVectors } from '../harness/judgedVectors.ts'

/** @param folder - whose queries, of the same model; '' leaves everything as it is */
export async function withQueriesOf(
  folder: string,
  vectors: JudgedVectors,
  queriesMax = Number.POSITIVE_INFINITY,
): Promise<JudgedVectors> {
  if (!folder) return vectors
  const { store, queries, qrels, hash } = await openJudgedVectors(folder, queriesMax)
  await store.close()
  return {
    ...vectors,
    queries,
    qrels,
    hash: createHash('sha256').update(`${vectors.passagesHash} ${hash}`).digest('hex'),
  }
}
