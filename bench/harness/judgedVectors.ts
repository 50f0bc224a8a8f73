/** A vectors folder with queries and judgements, and a hash of its content that caches go by. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Qrels } from '../../builder/eval/qrels.ts'
import { openVectorStore, type StoredQueries, type VectorStore } from '../../builder/stores/vectorStore.ts'
import { readVectorsQrels } from '../../builder/stores/vectorsFolder.ts'
import { InputError } from '../../format/errors.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'

export interface BenchQuery extends QueryVectors {
  readonly id: string
}

export interface JudgedVectors {
  readonly folder: string
  readonly store: VectorStore
  readonly queries: readonly BenchQuery[]
  /** Of these queries only. */
  readonly qrels: Qrels
  /** SHA-256 of passages, ids and lengths: what an index depends on. Hex. */
  readonly passagesHash: string
  /** SHA-256 of passages and of these queries: what exact search depends on. Hex. */
  readonly hash: string
}

/** What the results of a bench say about its vectors. `query_rows`: of the first query. */
export function factsOf(label: string, { store, queries }: JudgedVectors) {
  const { ids, tokens, dim } = store
  return { label, passages: ids.length, tokens, dim, query_rows: queries[0]?.rows }
}

/**
 * @param queriesMax - only the first of the judged queries, for trying a bench out
 * @throws InputError when the folder has no vectors, no queries or no judgements
 */
export async function openJudgedVectors(folder: string, queriesMax = Number.POSITIVE_INFINITY): Promise<JudgedVectors> {
  const store = await openVectorStore(folder)
  const all = await readVectorsQrels(folder)
  const queries = queriesOf(await store.readQueries(), store.dim)
    .filter(({ id }) => all.has(id))
    .slice(0, queriesMax)
  if (queries.length === 0) throw new InputError(`"${folder}": none of its queries is judged in its qrels.json.`)
  const qrels = new Map(queries.map(({ id }) => [id, all.get(id)!]))
  const passagesHash = await hashPassages(folder, store)
  const hash = createHash('sha256').update(passagesHash)
  for (const { id, rows, vectors } of queries) {
    hash.update(`${id} ${rows}\n`).update(new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength))
  }
  return { folder, store, queries, qrels, passagesHash, hash: hash.digest('hex') }
}

function queriesOf({ ids, tokens, vectors }: StoredQueries, dim: number): readonly BenchQuery[] {
  const values = tokens * dim
  return ids.map((id, i) => ({ id, rows: tokens, dim, vectors: vectors.subarray(i * values, (i + 1) * values) }))
}

async function hashPassages(folder: string, store: VectorStore): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([store.dim, store.ids, [...store.passageLengths]]))
  await pipeline(createReadStream(join(folder, 'docs.f16')), hash)
  return hash.digest('hex')
}
