/**
 * Stanford ColBERT's search in plain floats, stage by stage as its CPU code runs it: the readable oracle for rankings
 * and for the meaning of residual bytes, not a fast path. Source: PLAID (Santhanam et al., CIKM 2022) and the behaviour
 * of colbert-ai 0.2.22 on CPU.
 */
import { InputError } from '../format/errors.ts'
import type { Nbits } from '../format/manifest/segment.ts'
import type { PlaidParameters } from '../runtime/searcher.ts'
import { residualBuckets } from './kernels.ts'

/** An index with nothing rounded any further than its writer did. Sizes: K centroids, N passages, T tokens in all. */
export interface StanfordIndex {
  readonly dim: number
  readonly nbits: Nbits
  /** f32[K][dim]. */
  readonly centroids: Float32Array
  /** f32[2^nbits], the value a bucket decodes to. */
  readonly bucketWeights: Float32Array
  /** Tokens of each passage, [N]; 0 is allowed. */
  readonly passageLengths: ArrayLike<number>
  /** Code of each token, [T], values in [0, K). */
  readonly codes: ArrayLike<number>
  /** u8[T][dim * nbits / 8]. */
  readonly residuals: Uint8Array
  /** Posting lists of cells 0..K-1, one after another; pids in [0, N). ColBERT pads the end with zeros: ignored. */
  readonly postings: ArrayLike<number>
  /** Length of each posting list, [K]. */
  readonly postingLengths: ArrayLike<number>
}

/** Passages by falling score; equal scores keep the order of the approximate stage. */
export interface StanfordRanking {
  readonly pids: Uint32Array
  readonly scores: Float32Array
}

export interface MaxSimOptions {
  readonly dim: number
  /**
   * Where each maximum starts. Default 0, as in ColBERT's CPU kernel: a row that matches nothing adds 0, never less.
   * -Infinity gives MaxSim as it is defined.
   */
  readonly floor?: number
}

/** Where a passage's rows, or a cell's pids, stand: item i is [starts[i], starts[i + 1]). */
type Starts = Uint32Array

/** An index with what one query made of its centroids. */
interface ScoredIndex {
  readonly index: StanfordIndex
  readonly tokenStarts: Starts
  /** f32[K][rows]. */
  readonly centroidScores: Float32Array
  readonly rows: number
}

/** Score of a query row that no centroid of a passage may answer. ColBERT's number. */
const UNANSWERED = -9999
/** torch.nn.functional.normalize divides by no less than this. */
const NORM_MIN = 1e-12

/**
 * Searches as `IndexScorer.rank` of colbert-ai 0.2.22 does on CPU. Returns every rescored passage, at most ndocs / 4.
 *
 * @param query - f32[rows][dim], finite. ColBERT probes with the first `query_maxlen` rows only; cut longer queries first
 * @param parameters - ncells in [1, K], ndocs at least 4, both integers
 * @throws InputError when the query or a parameter is out of range, or the arrays of the index do not fit together
 */
export function searchStanford(
  index: StanfordIndex,
  query: Float32Array,
  parameters: PlaidParameters,
): StanfordRanking {
  checkIndex(index)
  checkQuery(index, query)
  checkParameters(index, parameters)
  const { ncells, centroidScoreThreshold, ndocs } = parameters
  const rows = query.length / index.dim
  const tokenStarts = startsOf(index.passageLengths)

  const centroidScores = scoreCentroids(index, query)
  const cells = probe(centroidScores, rows, ncells)
  const candidates = gather(index, cells)

  // The threshold is a Python float that torch narrows to the tensor's type before it compares: 0.45 becomes f32 0.45.
  const threshold = Math.fround(centroidScoreThreshold)
  const isKept = (code: number) => {
    for (let row = 0; row < rows; row++) if (at(centroidScores, code * rows + row) >= threshold) return true
    return false
  }
  const scored = { index, tokenStarts, centroidScores, rows }
  const pruned = approximate(scored, candidates, { isKept, keep: ndocs })
  const finalists = approximate(scored, pruned, { isKept: () => true, keep: Math.floor(ndocs / 4) })
  return rescore(index, tokenStarts, query, finalists)
}

/**
 * The token vectors of a passage as ColBERT rebuilds them: centroid plus bucket weights in f32, then L2-normalised.
 * They are not rounded to f16; ColBERT does that on GPU only.
 *
 * @param pid - in [0, N)
 * @returns f32[tokens][dim]
 * @throws InputError when there is no such passage, or the arrays of the index do not fit together
 */
export function decompressPassage(index: StanfordIndex, pid: number): Float32Array {
  checkIndex(index)
  if (!Number.isInteger(pid) || pid < 0 || pid >= index.passageLengths.length) {
    throw new InputError(
      `decompressing a passage: expected a pid in [0, ${index.passageLengths.length}), got ${pid}. Take pids from a search of the same index.`,
      { pid, passages: index.passageLengths.length },
    )
  }
  return decompressRows(index, startsOf(index.passageLengths), pid)
}

/**
 * Decodes one packed residual row. Bit b of a value's bucket (b = 0 is the lowest) is bit d * nbits + b of the row, and
 * bits of a row are counted from the highest of each byte:
 *
 *   nbits 2   byte │ d0.b0 d0.b1 │ d1.b0 d1.b1 │ d2.b0 d2.b1 │ d3.b0 d3.b1 │   so 0b10_01_11_00 is buckets 1, 2, 3, 0
 *                    bit 7   6      5     4       3     2       1     0
 *
 * @param packed - u8[dim * nbits / 8]
 * @param weights - f32[2^nbits]
 * @returns f32[dim]
 * @throws InputError when a length does not fit
 */
export function decodeResidualRow(packed: Uint8Array, dim: number, nbits: Nbits, weights: Float32Array): Float32Array {
  if (packed.length * 8 !== dim * nbits || weights.length !== 2 ** nbits) {
    throw new InputError(
      `decoding a residual row: expected ${(dim * nbits) / 8} bytes and ${2 ** nbits} weights, got ${packed.length} and ${weights.length}. Take dim, nbits and weights from the same index.`,
      { dim, nbits, bytes: packed.length, weights: weights.length },
    )
  }
  const buckets = residualBuckets(packed, nbits)
  const values = new Float32Array(dim)
  for (let d = 0; d < dim; d++) values[d] = at(weights, at(buckets, d))
  return values
}

/**
 * MaxSim: the sum over query rows of the largest dot product with a passage's tokens.
 *
 * Differs from ColBERT: dot products and the last sum are accumulated in f64 and rounded to f32 once. ColBERT leaves
 * the order of its f32 sums to BLAS and torch, so the nearest f32 is the fairest stand-in; measured over the fixtures
 * of test/golden/colbert the scores differ by less than 1e-5.
 *
 * @param query - f32[rows][dim]
 * @param passage - f32[tokens][dim]
 * @returns in [0, rows] for unit rows and the default floor
 */
export function maxSim(query: Float32Array, passage: Float32Array, { dim, floor = 0 }: MaxSimOptions): number {
  let score = 0
  for (let row = 0; row < query.length; row += dim) {
    let best = floor
    for (let token = 0; token < passage.length; token += dim) {
      best = Math.max(best, dot(query, row, passage, token, dim))
    }
    score += best
  }
  return Math.fround(score)
}

/** f32[K][rows]: the dot product of every centroid with every query row. */
function scoreCentroids(index: StanfordIndex, query: Float32Array): Float32Array {
  const { dim, centroids } = index
  const rows = query.length / dim
  const scores = new Float32Array((centroids.length / dim) * rows)
  for (let i = 0; i < scores.length; i++) {
    scores[i] = dot(centroids, Math.floor(i / rows) * dim, query, (i % rows) * dim, dim)
  }
  return scores
}

/**
 * The cells nearest to each query row, without repetition. On equal scores the lower cell wins: so does ColBERT's
 * argmax (ncells 1), while its topk (ncells > 1) promises no order.
 */
function probe(centroidScores: Float32Array, rows: number, ncells: number): Set<number> {
  const cells = new Set<number>()
  for (let row = 0; row < rows; row++) {
    const score = (cell: number) => at(centroidScores, cell * rows + row)
    const order = Array.from({ length: centroidScores.length / rows }, (_, cell) => cell)
    order.sort((a, b) => score(b) - score(a) || a - b)
    for (const cell of order.slice(0, ncells)) cells.add(cell)
  }
  return cells
}

/** Ascending pids of all passages that have a token in one of the cells. */
function gather(index: StanfordIndex, cells: ReadonlySet<number>): number[] {
  const starts = startsOf(index.postingLengths)
  const pids = new Set<number>()
  for (const cell of cells) {
    for (let i = at(starts, cell); i < at(starts, cell + 1); i++) pids.add(at(index.postings, i))
  }
  return [...pids].sort((a, b) => a - b)
}

/**
 * One pass of ColBERT's filter_pids: MaxSim on centroids alone, the `keep` best passages in falling order. Codes that
 * are not kept are skipped, but a passage without any kept code still takes part with -9999 a row, and maxima start at
 * -9999, not at 0 as in the last stage. The sum runs in f32 in row order. On equal scores the larger pid comes first:
 * ColBERT takes pairs (score, pid) from a priority queue.
 */
function approximate(
  { index, tokenStarts, centroidScores, rows }: ScoredIndex,
  pids: readonly number[],
  { isKept, keep }: { readonly isKept: (code: number) => boolean; readonly keep: number },
): number[] {
  const scored = pids.map((pid) => {
    const best = new Float32Array(rows).fill(UNANSWERED)
    for (let token = at(tokenStarts, pid); token < at(tokenStarts, pid + 1); token++) {
      const code = at(index.codes, token)
      if (!isKept(code)) continue
      for (let row = 0; row < rows; row++) {
        best[row] = Math.max(at(best, row), at(centroidScores, code * rows + row))
      }
    }
    return { pid, score: best.reduce((sum, value) => Math.fround(sum + value), 0) }
  })
  scored.sort((a, b) => b.score - a.score || b.pid - a.pid)
  return scored.slice(0, keep).map(({ pid }) => pid)
}

/** Exact scores of decompressed passages; the sort is stable, as torch's is on CPU. */
function rescore(index: StanfordIndex, tokenStarts: Starts, query: Float32Array, pids: readonly number[]) {
  const scored = pids.map((pid) => ({ pid, score: maxSim(query, decompressRows(index, tokenStarts, pid), index) }))
  scored.sort((a, b) => b.score - a.score)
  return {
    pids: Uint32Array.from(scored, ({ pid }) => pid),
    scores: Float32Array.from(scored, ({ score }) => score),
  }
}

/**
 * Differs from ColBERT: the squared length is summed in f64 and rounded to f32 at the square root; torch sums in f32 in
 * an order of its own. The sum of centroid and weight, and the division, are f32 as there.
 */
function decompressRows(index: StanfordIndex, tokenStarts: Starts, pid: number): Float32Array {
  const { dim, nbits, centroids, bucketWeights, residuals } = index
  const rowBytes = (dim * nbits) / 8
  const start = at(tokenStarts, pid)
  const tokens = at(tokenStarts, pid + 1) - start
  const vectors = new Float32Array(tokens * dim)
  for (let token = 0; token < tokens; token++) {
    const packed = residuals.subarray((start + token) * rowBytes, (start + token + 1) * rowBytes)
    const weights = decodeResidualRow(packed, dim, nbits, bucketWeights)
    const centroid = at(index.codes, start + token) * dim
    const vector = vectors.subarray(token * dim, (token + 1) * dim)
    for (let d = 0; d < dim; d++) vector[d] = at(centroids, centroid + d) + at(weights, d)
    const norm = Math.max(Math.fround(Math.sqrt(dot(vector, 0, vector, 0, dim))), NORM_MIN)
    for (let d = 0; d < dim; d++) vector[d] = at(vector, d) / norm
  }
  return vectors
}

/** In f64. Not through `at`: it reads arrays of many types, and this is the innermost loop. */
function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number, dim: number): number {
  let sum = 0
  for (let d = 0; d < dim; d++) sum += (a[aStart + d] as number) * (b[bStart + d] as number)
  return sum
}

/** u32[lengths + 1], running sums of `lengths` from 0. */
function startsOf(lengths: ArrayLike<number>): Starts {
  const starts = new Uint32Array(lengths.length + 1)
  for (let i = 0; i < lengths.length; i++) starts[i + 1] = at(starts, i) + at(lengths, i)
  return starts
}

/** `values[i]`; `checkIndex` has seen to it that it is there. */
function at(values: ArrayLike<number>, i: number): number {
  return values[i] as number
}

/** Checks all that the stages rely on: lengths that fit together, codes and pids inside their ranges. O(T + postings). */
function checkIndex(index: StanfordIndex): void {
  const { dim, nbits } = index
  const sum = (lengths: ArrayLike<number>) => startsOf(lengths)[lengths.length] ?? 0
  const tokens = sum(index.passageLengths)
  const centroidCount = index.postingLengths.length
  const lengths = [
    { name: 'centroids', expected: centroidCount * dim, got: index.centroids.length },
    { name: 'bucketWeights', expected: 2 ** nbits, got: index.bucketWeights.length },
    { name: 'codes', expected: tokens, got: index.codes.length },
    { name: 'residuals', expected: (tokens * dim * nbits) / 8, got: index.residuals.length },
  ]
  for (const { name, expected, got } of lengths) {
    if (expected !== got) {
      throw new InputError(
        `searching a Stanford index: expected ${expected} elements of ${name}, got ${got}. Take all arrays from one index.`,
        { name, expected, got },
      )
    }
  }
  const postings = sum(index.postingLengths)
  if (index.postings.length < postings) {
    throw new InputError(
      `searching a Stanford index: expected at least ${postings} elements of postings, got ${index.postings.length}. Take all arrays from one index.`,
      { name: 'postings', expected: postings, got: index.postings.length },
    )
  }
  checkBelow('codes', index.codes, centroidCount)
  checkBelow('postings', index.postings, index.passageLengths.length)
}

function checkBelow(name: string, values: ArrayLike<number>, end: number): void {
  for (let i = 0; i < values.length; i++) {
    if (at(values, i) >= end) {
      throw new InputError(
        `searching a Stanford index: expected ${name} below ${end}, got ${at(values, i)} at ${i}. The index is damaged: rebuild it.`,
        { name, end, got: at(values, i), element: i },
      )
    }
  }
}

function checkQuery({ dim }: StanfordIndex, query: Float32Array): void {
  if (query.length === 0 || query.length % dim !== 0 || !query.every(Number.isFinite)) {
    throw new InputError(
      `searching a Stanford index: expected a query of one or more rows of ${dim} finite values, got ${query.length} values. Encode the query with the model the index was built with.`,
      { dim, values: query.length },
    )
  }
}

function checkParameters(index: StanfordIndex, parameters: PlaidParameters): void {
  const { ncells, ndocs, centroidScoreThreshold } = parameters
  const cells = index.postingLengths.length
  const cellsFit = Number.isInteger(ncells) && ncells >= 1 && ncells <= cells
  // Below 4 no passage reaches the last stage, and ColBERT answers with nothing.
  const ndocsFit = Number.isInteger(ndocs) && ndocs >= 4
  if (!cellsFit || !ndocsFit || Number.isNaN(centroidScoreThreshold)) {
    throw new InputError(
      `searching a Stanford index: expected ncells in [1, ${cells}], ndocs of at least 4 and a number as centroidScoreThreshold, got ${ncells}, ${ndocs} and ${centroidScoreThreshold}. ColBERT's defaults for ten results are 1, 256 and 0.5.`,
      { ncells, ndocs, centroidScoreThreshold },
    )
  }
}
