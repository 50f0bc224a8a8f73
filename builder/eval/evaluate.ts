/**
 * Retrieval measures as trec_eval computes them (NIST, version 9: m_ndcg_cut, m_recip_rank, m_recall, m_success, m_map),
 * averaged over all judged queries.
 */
import { Buffer } from 'node:buffer'
import { InputError } from '../../format/errors.ts'
import { K_MAX } from '../../format/limits.ts'
import { excerpt } from '../corpus/entry.ts'
import type { Qrels } from './qrels.ts'
import type { RankedPassage, Run } from './ranking.ts'

/** Cutoffs of the measures; fewer passages than that were looked at, when k is smaller. */
const CUTOFFS = { ndcg: 10, mrr: 10, recall: 100, success: 5 } as const

/**
 * Name → mean in [0, 1]. Each name says how far down the lists were looked: `ndcg@10`, `mrr@10`, `recall@100`, `success@5`
 * and `map` at k ≥ 100; at k = 3 `ndcg@3`, `mrr@3`, `recall@3`, `success@3`. Beyond k = 100 `recall@k` stands beside `recall@100`.
 */
export type Metrics = Readonly<Record<string, number>>

/**
 * Means over every query in `qrels`, also one without relevant passages; a query that the run does not answer counts 0
 * (trec_eval -c). Queries without judgements are left out. A passage is relevant when its relevance is above 0, and its
 * gain is that relevance.
 *
 * Passages are put in order by score before anything is counted, whatever their order in the run. Ties go to the larger
 * id (trec_eval's rule, which no ranking can profit from), and scores are compared as f32, the type trec_eval keeps.
 *
 * @param k - best passages of each query that are looked at, at least 1 (trec_eval -M)
 * @throws InputError when `qrels` is empty, a passage occurs twice for a query, a score is not finite, or k is below 1
 */
export function evaluate(run: Run, qrels: Qrels, k: number = K_MAX): Metrics {
  if (!Number.isInteger(k) || k < 1)
    throw new InputError(`evaluating: expected k to be a whole number of at least 1, got ${k}`, { k })
  if (qrels.size === 0)
    throw new InputError('evaluating: expected judged queries, got none. Read a qrels file that has some.')
  const sums = new Map<string, number>()
  for (const [queryId, judged] of qrels) {
    const ranking = orderAsTrec(queryId, run.get(queryId) ?? []).slice(0, k)
    for (const [name, value] of Object.entries(evaluateQuery(ranking, judged, k)))
      sums.set(name, (sums.get(name) ?? 0) + value)
  }
  return Object.fromEntries([...sums].map(([name, sum]) => [name, sum / qrels.size]))
}

function orderAsTrec(queryId: string, passages: readonly RankedPassage[]): readonly string[] {
  const ids = new Set<string>()
  for (const { id, score } of passages) {
    if (ids.has(id))
      throw new InputError(`evaluating query ${excerpt(queryId)}: expected each passage once, got ${excerpt(id)} twice`)
    if (!Number.isFinite(score)) {
      throw new InputError(
        `evaluating query ${excerpt(queryId)}: expected a finite score of ${excerpt(id)}, got ${score}`,
      )
    }
    ids.add(id)
  }
  return passages
    .toSorted((a, b) => Math.fround(b.score) - Math.fround(a.score) || compareBytes(b.id, a.id))
    .map((passage) => passage.id)
}

/** strcmp of the UTF-8 bytes; JavaScript's own order differs beyond U+FFFF. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Measures of one query. `ranking` holds distinct ids, best first, at most k. */
function evaluateQuery(ranking: readonly string[], judged: ReadonlyMap<string, number>, k: number): Metrics {
  // Unjudged passages and those judged below 0 gain nothing.
  const gains = ranking.map((id) => Math.max(judged.get(id) ?? 0, 0))
  const idealGains = [...judged.values()].filter((relevance) => relevance > 0).sort((a, b) => b - a)
  const rank = gains.findIndex((gain) => gain > 0) + 1
  const at = (cutoff: number) => Math.min(cutoff, k)
  // A query without relevant passages has no ideal to divide by: it counts 0.
  const share = (value: number, whole: number) => (whole > 0 ? value / whole : 0)
  const recall = (cutoff: number) => share(gains.slice(0, cutoff).filter((gain) => gain > 0).length, idealGains.length)
  const isFound = (cutoff: number) => rank > 0 && rank <= cutoff
  const [ndcg, mrr, success] = [at(CUTOFFS.ndcg), at(CUTOFFS.mrr), at(CUTOFFS.success)]
  return {
    [`ndcg@${ndcg}`]: share(discountedGain(gains, ndcg), discountedGain(idealGains, ndcg)),
    [`mrr@${mrr}`]: isFound(mrr) ? 1 / rank : 0,
    ...Object.fromEntries([at(CUTOFFS.recall), k].map((cutoff) => [`recall@${cutoff}`, recall(cutoff)])),
    [`success@${success}`]: isFound(success) ? 1 : 0,
    map: share(averagePrecision(gains), idealGains.length),
  }
}

/** DCG: the gain of rank r, counted from 1, over log2(r + 1). */
function discountedGain(gains: readonly number[], cutoff: number): number {
  return gains.slice(0, cutoff).reduce((sum, gain, i) => sum + gain / Math.log2(i + 2), 0)
}

/** Sum of the precisions at the ranks of relevant passages. */
function averagePrecision(gains: readonly number[]): number {
  let found = 0
  let sum = 0
  for (const [i, gain] of gains.entries()) {
    if (gain <= 0) continue
    found++
    sum += found / (i + 1)
  }
  return sum
}
