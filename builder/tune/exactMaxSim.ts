/**
 * Exact MaxSim of queries with passages, float32 on the vectors as stored: what compressed search is compared to, in tuning and in
 * the benches. Own; brute force as a matrix product in ONNX Runtime.
 */
import { GraphBuilder } from '../../onnx/graphBuilder.ts'
import { writeModel } from '../../onnx/model.ts'
import { type OnnxSessionOptions, openOnnxSession } from '../../runtime/platform/node/onnxNode.ts'
import type { QueryVectors } from '../../runtime/searcher.ts'
import { type RunOptions, throwIfAborted } from '../progress.ts'

/** Token vectors by row: a vectors folder, or what an index decodes to. */
export interface TokenRows {
  readonly dim: number
  /** u16[passages]. */
  readonly passageLengths: Uint16Array
  /** Rows [first, first + rows) as f32, to the start of `target`. One read at a time. */
  readRows(first: number, rows: number, target: Float32Array): Promise<void>
}

export interface ExactOptions extends OnnxSessionOptions, Pick<RunOptions, 'signal'> {
  /** Only these passages. Default: all. */
  readonly pids?: readonly number[]
  /** Called with the number of token vectors that are done. */
  readonly onTokens?: (done: number) => void
}

/** Scores of one call: 4 Mi x 4 B = 16 MB stay in a large cache between the product and its maximum. */
const SCORES_OF_CALL = 2 ** 22

/**
 * @param queries - of one dim; a query with fewer rows than another counts rows of zeros, which add nothing
 * @returns f32[queries][passages]; -Infinity for a passage without tokens, or one not among `pids`. 300 queries x 100,000
 *   passages = 120 MB.
 */
export async function exactScores(
  source: TokenRows,
  queries: readonly QueryVectors[],
  options: ExactOptions = {},
): Promise<Float32Array> {
  const { dim, passageLengths } = source
  const rows = Math.max(1, ...queries.map((query) => query.rows))
  const scores = new Float32Array(queries.length * passageLengths.length).fill(Number.NEGATIVE_INFINITY)
  const session = await openOnnxSession(maxSimModel(queries, rows, dim), options)
  const starts = firstRows(passageLengths)
  const pidsWanted = options.pids ?? passageLengths.keys()
  let done = 0
  try {
    for (const { pids, tokens } of blocksOf(pidsWanted, passageLengths, SCORES_OF_CALL / (rows * queries.length))) {
      throwIfAborted(options.signal)
      const block = new Float32Array(pids.length * tokens * dim)
      for (const [i, pid] of pids.entries()) {
        const passage = block.subarray(i * tokens * dim, (i + 1) * tokens * dim)
        const length = passageLengths[pid] ?? 0
        await source.readRows(starts[pid] ?? 0, length, passage)
        // Padding repeats the first token: a maximum does not change when one of its values comes twice.
        for (let token = length; token < tokens; token++) passage.copyWithin(token * dim, 0, dim)
        done += length
      }
      const answer = await session.run({
        passages: { type: 'float32', data: block, dims: [pids.length, tokens, dim] },
      })
      const maxSims = answer.maxSims?.data as Float32Array
      for (const [i, pid] of pids.entries()) {
        for (let query = 0; query < queries.length; query++)
          scores[query * passageLengths.length + pid] = maxSims[i * queries.length + query] ?? 0
      }
      options.onTokens?.(done)
    }
    return scores
  } finally {
    await session.close()
  }
}

/** Best `depth` pids of one query's scores, best first; equal scores by pid, passages that were not scored left out. */
export function bestPids(
  scores: Float32Array,
  depth: number,
  deleted: ReadonlySet<number> = new Set(),
): readonly number[] {
  const scoreOf = (pid: number) => scores[pid] ?? Number.NEGATIVE_INFINITY
  const order = [...scores.keys()].filter((pid) => scoreOf(pid) > Number.NEGATIVE_INFINITY && !deleted.has(pid))
  return order.sort((a, b) => scoreOf(b) - scoreOf(a) || a - b).slice(0, depth)
}

/** Model: `passages` f32[count][tokens][dim] → `maxSims` f32[count][queries]. The queries are constants of it. */
function maxSimModel(queries: readonly QueryVectors[], rows: number, dim: number): Uint8Array {
  const columns = queries.length * rows
  const transposed = new Float32Array(dim * columns)
  for (const [i, { vectors, rows: given }] of queries.entries()) {
    for (let row = 0; row < given; row++) {
      for (let at = 0; at < dim; at++) transposed[at * columns + i * rows + row] = vectors[row * dim + at] ?? 0
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
  wanted: Iterable<number>,
  lengths: Uint16Array,
  rowsMax: number,
): Generator<{ readonly pids: readonly number[]; readonly tokens: number }> {
  const lengthOf = (pid: number | undefined) => lengths[pid ?? 0] ?? 0
  const order = [...wanted].filter((pid) => lengthOf(pid) > 0).sort((a, b) => lengthOf(a) - lengthOf(b) || a - b)
  let pids: number[] = []
  for (const pid of order) {
    if (pids.length > 0 && (pids.length + 1) * lengthOf(pid) > rowsMax) {
      yield { pids, tokens: lengthOf(pids.at(-1)) }
      pids = []
    }
    pids.push(pid)
  }
  if (pids.length > 0) yield { pids, tokens: lengthOf(pids.at(-1)) }
}

/** Row at which each passage begins. */
function firstRows(lengths: Uint16Array): Float64Array {
  const starts = new Float64Array(lengths.length)
  for (let pid = 1; pid < lengths.length; pid++) starts[pid] = (starts[pid - 1] ?? 0) + (lengths[pid - 1] ?? 0)
  return starts
}
