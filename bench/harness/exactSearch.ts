/**
 * Exact MaxSim of every query with every passage, float32 on the vectors as stored: what compressed search is compared to.
 * Own; brute force as a matrix product in ONNX Runtime. Cached by the content of vectors and queries.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { VectorStore } from '../../builder/index/vectorStore.ts'
import { openOnnxSession } from '../../builder/onnxNode.ts'
import { GraphBuilder } from '../../onnx/graphBuilder.ts'
import { writeModel } from '../../onnx/model.ts'
import { cachePath, progress } from './commandLine.ts'
import type { BenchQuery, JudgedVectors } from './judgedVectors.ts'

/** Results kept of each query: what Recall@100 needs. */
export const EXACT_DEPTH = 100

export interface ExactRankings {
  /** Of each query the pids, best first; equal scores by pid. */
  readonly pids: readonly (readonly number[])[]
  /** Scores of `pids`. */
  readonly scores: readonly (readonly number[])[]
  /** Wall time of the whole search, when it was done. */
  readonly seconds: number
}

/** Raise it when what is computed changes, so that no old answer is taken for a new one. */
const VERSION = 1
/** Scores of one call: 4 Mi x 4 B = 16 MB stay in a large cache between the product and its maximum. */
const SCORES_OF_CALL = 2 ** 22

/** Rankings from the cache, or computed and cached. */
export async function exactRankings(vectors: JudgedVectors): Promise<ExactRankings> {
  const path = cachePath('exact', `${vectors.hash.slice(0, 24)}-v${VERSION}.json`)
  const cached = await readFile(path, 'utf8').catch(() => undefined)
  if (cached) return JSON.parse(cached) as ExactRankings
  progress(`exact MaxSim: ${vectors.queries.length} queries x ${vectors.store.tokens} tokens, cached afterwards`)
  const started = performance.now()
  const scores = await exactScores(vectors.store, vectors.queries)
  const passages = vectors.store.passageLengths.length
  const pids = vectors.queries.map((_, i) => bestPids(scores.subarray(i * passages, (i + 1) * passages)))
  const rankings = {
    pids,
    scores: pids.map((best, i) => best.map((pid) => scores[i * passages + pid]!)),
    seconds: (performance.now() - started) / 1000,
  }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, JSON.stringify(rankings))
  return rankings
}

/**
 * @param queries - all with the same number of rows
 * @returns f32[queries][passages]; -Infinity for a passage without tokens. 300 queries x 100,000 passages = 120 MB.
 */
export async function exactScores(store: VectorStore, queries: readonly BenchQuery[]): Promise<Float32Array> {
  const { dim, passageLengths } = store
  const rows = queries[0]!.rows
  const scores = new Float32Array(queries.length * passageLengths.length).fill(Number.NEGATIVE_INFINITY)
  const session = await openOnnxSession(maxSimModel(queries, rows, dim))
  const starts = firstRows(passageLengths)
  for (const { pids, tokens } of blocksOf(passageLengths, Math.ceil(SCORES_OF_CALL / (rows * queries.length)))) {
    const block = new Float32Array(pids.length * tokens * dim)
    for (const [i, pid] of pids.entries()) {
      const passage = block.subarray(i * tokens * dim, (i + 1) * tokens * dim)
      await store.readRows(starts[pid]!, passageLengths[pid]!, passage)
      // Padding repeats the first token: a maximum does not change when one of its values comes twice.
      for (let token = passageLengths[pid]!; token < tokens; token++) passage.copyWithin(token * dim, 0, dim)
    }
    const answer = await session.run({
      passages: { type: 'float32', data: block, dims: [pids.length, tokens, dim] },
    })
    const maxSims = answer.maxSims!.data as Float32Array
    for (const [i, pid] of pids.entries()) {
      for (let query = 0; query < queries.length; query++)
        scores[query * passageLengths.length + pid] = maxSims[i * queries.length + query]!
    }
  }
  await session.close()
  return scores
}

/** Model: `passages` f32[count][tokens][dim] → `maxSims` f32[count][queries]. The queries are constants of it. */
function maxSimModel(queries: readonly BenchQuery[], rows: number, dim: number): Uint8Array {
  const columns = queries.length * rows
  const transposed = new Float32Array(dim * columns)
  for (const [i, { vectors }] of queries.entries()) {
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < dim; at++) transposed[at * columns + i * rows + row] = vectors[row * dim + at]!
    }
  }
  const graph = new GraphBuilder('maxSim')
  const passages = graph.input('passages', 'float32', ['count', 'tokens', dim])
  const table = graph.initializer('queries', 'float32', [dim, columns], transposed)
  const products = graph.node('products', 'MatMul', [passages, table])
  const best = graph.node('best', 'ReduceMax', [products], { axes: { ints: [1] }, keepdims: { int: 0 } })
  const byQuery = graph.node('byQuery', 'Reshape', [best, graph.integers('byQueryShape', [-1, queries.length, rows])])
  const axis = graph.integers('rowAxis', [2])
  graph.output(graph.node('maxSims', 'ReduceSum', [byQuery, axis], { keepdims: { int: 0 } }), 'float32', [
    'count',
    queries.length,
  ])
  return writeModel(graph.build())
}

/** Passages of similar length together, so that little is padding; a block has at most `rowsMax` rows or one passage. */
function* blocksOf(
  lengths: Uint16Array,
  rowsMax: number,
): Generator<{ readonly pids: readonly number[]; readonly tokens: number }> {
  const order = [...lengths.keys()].filter((pid) => lengths[pid]! > 0).sort((a, b) => lengths[a]! - lengths[b]!)
  let pids: number[] = []
  for (const pid of order) {
    if (pids.length > 0 && (pids.length + 1) * lengths[pid]! > rowsMax) {
      yield { pids, tokens: lengths[pids.at(-1)!]! }
      pids = []
    }
    pids.push(pid)
  }
  if (pids.length > 0) yield { pids, tokens: lengths[pids.at(-1)!]! }
}

function firstRows(lengths: Uint16Array): readonly number[] {
  let row = 0
  return Array.from(lengths, (length) => {
    row += length
    return row - length
  })
}

function bestPids(scores: Float32Array): readonly number[] {
  const order = [...scores.keys()].filter((pid) => scores[pid]! > Number.NEGATIVE_INFINITY)
  return order.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, EXACT_DEPTH)
}
