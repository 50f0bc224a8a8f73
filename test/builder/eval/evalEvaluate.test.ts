/** The measures against trec_eval's own numbers (test/golden/eval) and against hand calculations. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../builder/eval/evaluate.ts'
import { readQrels } from '../../../builder/eval/qrels.ts'
import { readRanking } from '../../../builder/eval/ranking.ts'

const golden = fileURLToPath(new URL('../../golden/eval/', import.meta.url))
type MetricName = 'ndcg@10' | 'mrr@10' | 'recall@100' | 'success@5' | 'map'
const reference = JSON.parse(readFileSync(`${golden}reference.json`, 'utf8')) as Record<
  string,
  Record<MetricName, number>
>

const runOf = (lists: Record<string, [string, number][]>) =>
  new Map(Object.entries(lists).map(([qid, list]) => [qid, list.map(([id, score]) => ({ id, score }))]))
const qrelsOf = (judged: Record<string, Record<string, number>>) =>
  new Map(Object.entries(judged).map(([qid, levels]) => [qid, new Map(Object.entries(levels))]))

describe('evaluate equals trec_eval to 1e-6', () => {
  it.each([
    ['over all results', 'k1000', 1000],
    ['over the best 20', 'k20', 20],
  ] as const)('%s', async (_, key, k) => {
    const metrics = evaluate(await readRanking(`${golden}ranking.tsv`), await readQrels(`${golden}qrels.txt`), k)
    for (const [name, value] of Object.entries(reference[key]!)) {
      // trec_eval -M 20 calls it recall_100 although it looked at 20.
      const ours = metrics[name === 'recall@100' ? `recall@${Math.min(k, 100)}` : name]
      expect(Math.abs(ours! - value), name).toBeLessThan(1e-6)
    }
  })
})

describe('the names of the measures say how far they look', () => {
  const names = (k?: number) => Object.keys(evaluate(runOf({ q: [['a', 1]] }), qrelsOf({ q: { a: 1 } }), k))
  it.each([
    [3, ['ndcg@3', 'mrr@3', 'recall@3', 'success@3', 'map']],
    [10, ['ndcg@10', 'mrr@10', 'recall@10', 'success@5', 'map']],
    [99, ['ndcg@10', 'mrr@10', 'recall@99', 'success@5', 'map']],
    [100, ['ndcg@10', 'mrr@10', 'recall@100', 'success@5', 'map']],
    [1000, ['ndcg@10', 'mrr@10', 'recall@100', 'recall@1000', 'success@5', 'map']],
  ])('at k = %i', (k, expected) => {
    expect(names(k)).toEqual(expected)
  })

  it('so ndcg@2 is compared with the two best that there are', () => {
    const qrels = qrelsOf({ q: { a: 1, b: 1, c: 1 } })
    const run = runOf({ q: [['a', 3], ['b', 2], ['c', 1]] }) // biome-ignore format: a ranking in one line
    expect(evaluate(run, qrels, 2)).toMatchObject({ 'ndcg@2': 1, 'recall@2': 2 / 3 })
  })
})

describe('evaluate by hand', () => {
  it('counts gains, discounts and precisions as the formulas say', () => {
    const qrels = qrelsOf({ q: { a: 1, b: 2, c: -1 } })
    const metrics = evaluate(runOf({ q: [['x', 9], ['a', 8], ['c', 7], ['b', 6]] }), qrels) // biome-ignore format: a ranking in one line
    // Ranks: a (gain 1) 2nd, b (gain 2) 4th; the ideal is b, a.
    const ideal = 2 / Math.log2(2) + 1 / Math.log2(3)
    expect(metrics['ndcg@10']).toBeCloseTo((1 / Math.log2(3) + 2 / Math.log2(5)) / ideal, 12)
    expect(metrics['mrr@10']).toBe(1 / 2)
    expect(metrics['recall@100']).toBe(1)
    expect(metrics['success@5']).toBe(1)
    expect(metrics.map).toBeCloseTo((1 / 2 + 2 / 4) / 2, 12)
  })

  it('counts a judged query that was not answered as 0, and leaves out one that was not judged', () => {
    const qrels = qrelsOf({ q1: { a: 1 }, q2: { a: 1 } })
    expect(evaluate(runOf({ q1: [['a', 1]], other: [['z', 1]] }), qrels)).toEqual({
      'ndcg@10': 0.5,
      'mrr@10': 0.5,
      'recall@100': 0.5,
      'recall@1000': 0.5,
      'success@5': 0.5,
      map: 0.5,
    })
  })

  it('breaks ties against the ranking, for the larger id', () => {
    const run = runOf({ q: [['a', 1], ['b', 1]] }) // biome-ignore format: a ranking in one line
    expect(evaluate(run, qrelsOf({ q: { a: 1 } }))['mrr@10']).toBe(0.5)
    expect(evaluate(run, qrelsOf({ q: { b: 1 } }))['mrr@10']).toBe(1)
  })

  it('stops mrr at rank 10, success at 5 and recall at 100', () => {
    const list = Array.from({ length: 120 }, (_, i) => [`p${i}`, 1000 - i] as [string, number])
    const at = (rank: number) => evaluate(runOf({ q: list }), qrelsOf({ q: { [`p${rank - 1}`]: 1 } }))
    expect([at(10)['mrr@10'], at(11)['mrr@10']]).toEqual([0.1, 0])
    expect([at(5)['success@5'], at(6)['success@5']]).toEqual([1, 0])
    expect([at(100)['recall@100'], at(101)['recall@100']]).toEqual([1, 0])
  })
})

describe('evaluate refuses', () => {
  const qrels = qrelsOf({ q: { a: 1 } })
  it.each([
    ['a passage twice for one query', () => evaluate(runOf({ q: [['a', 1], ['a', 2]] }), qrels), /"q".*"a" twice/], // biome-ignore format: a case in one line
    [
      'a score that is not finite',
      () => evaluate(runOf({ q: [['a', Number.NaN]] }), qrels),
      /finite score of "a", got NaN/,
    ],
    ['no judgements', () => evaluate(runOf({}), new Map()), /expected judged queries/],
    ['k below 1', () => evaluate(runOf({}), qrels, 0), /k .* got 0/],
  ])('%s', (_, act, message) => {
    expect(act).toThrow(expect.objectContaining({ code: 'INPUT', message: expect.stringMatching(message) }))
  })
})
