/** Judged queries of other vectors folders in place of a folder's own: parameters are chosen on those, and told on these. */
import { createHash } from 'node:crypto'
import { InputError } from '../../format/errors.ts'
import { type BenchQuery, type JudgedVectors, openJudgedVectors } from '../harness/judgedVectors.ts'
import { joinedId } from './joinedStore.ts'

/**
 * @param folders - whose queries, of the same model, separated by commas; '' leaves everything as it is. Their judgements are of
 *   passages of the folders that an index was made of, in the same order (joinedStore.ts)
 * @param queriesMax - of each folder
 * @throws InputError
 */
export async function withQueriesOf(
  folders: string,
  vectors: JudgedVectors,
  queriesMax = Number.POSITIVE_INFINITY,
): Promise<JudgedVectors> {
  if (!folders) return vectors
  const queries: BenchQuery[] = []
  const qrels = new Map<string, ReadonlyMap<string, number>>()
  const hash = createHash('sha256').update(vectors.passagesHash)
  for (const [at, folder] of folders.split(',').entries()) {
    const own = await openJudgedVectors(folder, queriesMax)
    await own.store.close()
    queries.push(...own.queries)
    for (const [id, judged] of own.qrels) {
      if (qrels.has(id)) throw new InputError(`--queries-of: two folders have a query "${id}".`)
      qrels.set(id, new Map(Array.from(judged, ([passage, grade]) => [joinedId(at, passage), grade])))
    }
    hash.update(` ${own.hash}`)
  }
  return { ...vectors, queries, qrels, hash: hash.digest('hex') }
}
