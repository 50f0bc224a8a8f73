/** Exact rankings of a bench's queries (builder/tune/exactMaxSim.ts), cached by the content of vectors and queries. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { bestPids, exactScores } from '../../builder/tune/exactMaxSim.ts'
import { cachePath, progress } from './commandLine.ts'
import type { JudgedVectors } from './judgedVectors.ts'

/** Results kept of each query: what Recall@100 needs. */
export const EXACT_DEPTH = 100

export interface ExactRankings {
  /** Of each query the ids of passages, best first; equal scores in the order of the vectors. */
  readonly ids: readonly (readonly string[])[]
  /** Scores of `ids`. */
  readonly scores: readonly (readonly number[])[]
  /** Wall time of the whole search, when it was done. */
  readonly seconds: number
}

/** What the cache keeps: places in the vectors instead of ids. */
interface StoredRankings extends Omit<ExactRankings, 'ids'> {
  readonly pids: readonly (readonly number[])[]
}

/** Raise it when what is computed changes, so that no old answer is taken for a new one. */
const VERSION = 1

/** Rankings from the cache, or computed and cached. */
export async function exactRankings(vectors: JudgedVectors): Promise<ExactRankings> {
  const path = cachePath('exact', `${vectors.hash.slice(0, 24)}-v${VERSION}.json`)
  const cached = await readFile(path, 'utf8').catch(() => undefined)
  if (cached) return withIds(JSON.parse(cached) as StoredRankings, vectors)
  progress(`exact MaxSim: ${vectors.queries.length} queries x ${vectors.store.tokens} tokens, cached afterwards`)
  const started = performance.now()
  const scores = await exactScores(vectors.store, vectors.queries)
  const passages = vectors.store.passageLengths.length
  const pids = vectors.queries.map((_, i) => bestPids(scores.subarray(i * passages, (i + 1) * passages), EXACT_DEPTH))
  const rankings: StoredRankings = {
    pids,
    scores: pids.map((best, i) => best.map((pid) => scores[i * passages + pid]!)),
    seconds: (performance.now() - started) / 1000,
  }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, JSON.stringify(rankings))
  return withIds(rankings, vectors)
}

function withIds({ pids, ...rankings }: StoredRankings, { store }: JudgedVectors): ExactRankings {
  return { ...rankings, ids: pids.map((best) => best.map((pid) => store.ids[pid]!)) }
}
