/** An index with passages ordered by content holds the same as one in input order, nearer to each other. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildFromCorpus, buildFromVectors } from '../../builder/buildIndex.ts'
import { contentOrder, permutedStore } from '../../builder/segment/passageOrder.ts'
import type { Encoder } from '../../encoder/encoder.ts'
import { seededRandom } from '../../lab/data/randomSegment.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { clusteredVectors, withStore } from './segment/clusteredVectors.ts'

const DIM = 32
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-order-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('contentOrder', () => {
  it('brings passages of one topic together', () =>
    // Every token of a passage is near one of 8 centres, and passages take the centres in turn.
    withStore(
      Array.from({ length: 800 }, (_, pid) => (pid % 13 === 0 ? 0 : 5)),
      { dim: DIM, clusters: 1 },
      async (store) => {
        const noise = seededRandom(6)
        const centres = Float32Array.from({ length: 8 * DIM }, () => (noise() - 0.5) / 2)
        const topical = {
          ...store,
          readRows: async (first: number, rows: number, target: Float32Array) => {
            let [pid, end] = [0, 0]
            for (let row = first; row < first + rows; row++) {
              while (end <= row) end += store.passageLengths[pid++]!
              const topic = (pid - 1) % 8
              for (let d = 0; d < DIM; d++) {
                target[(row - first) * DIM + d] = centres[topic * DIM + d]! + (noise() - 0.5) / 4
              }
            }
          },
        }
        const order = await contentOrder(topical, {})
        expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from({ length: 800 }, (_, pid) => pid))
        const withTokens = [...order].filter((pid) => store.passageLengths[pid]! > 0)
        const changes = withTokens.filter((pid, i) => i > 0 && (pid - withTokens[i - 1]!) % 8 !== 0).length
        // In input order nearly every passage has another topic than the one before it: 737 changes.
        expect(changes).toBeLessThan(100)
      },
    ))
})

describe('permutedStore', () => {
  it('reads any rows as the store has them, passage by passage in the new order', () => {
    const lengths = [3, 0, 7, 1, 0, 0, 12, 2, 0]
    return withStore(lengths, { dim: DIM }, async (store) => {
      const order = Uint32Array.of(6, 1, 8, 0, 3, 4, 2, 5, 7)
      const permuted = permutedStore(store, order)
      expect([...permuted.passageLengths]).toEqual([12, 0, 0, 3, 1, 0, 7, 0, 2])
      expect(permuted.ids).toEqual(['p6', 'p1', 'p8', 'p0', 'p3', 'p4', 'p2', 'p5', 'p7'])
      const all = new Float32Array(25 * DIM)
      await store.readRows(0, 25, all)
      const starts = lengths.map((_, pid) => lengths.slice(0, pid).reduce((sum, length) => sum + length, 0))
      const expected = [...order].flatMap((pid) => [
        ...all.subarray(starts[pid]! * DIM, (starts[pid]! + lengths[pid]!) * DIM),
      ])
      for (const [first, rows] of [
        [0, 25],
        [0, 1],
        [11, 3],
        [12, 4],
        [24, 1],
        [5, 0],
        [14, 11],
      ] as const) {
        const target = new Float32Array(rows * DIM)
        await permuted.readRows(first, rows, target)
        expect([...target]).toEqual(expected.slice(first * DIM, (first + rows) * DIM))
      }
    })
  })
})

describe('an index ordered by content', () => {
  it('answers as one in input order does, with the same texts', async () => {
    const random = seededRandom(2)
    const passages = Array.from({ length: 90 }, (_, i) => ({
      id: `id${i}`,
      title: `Title ${i}`,
      text: `Text ${i} `.repeat(400),
      metadata: { number: i },
    }))
    // Stands in for a model: a passage's vectors follow from its number alone.
    const encoder = {
      fingerprint: { ...fingerprint, dim: DIM },
      countPassageTokens: () => 6,
      encodePassages: async (texts: readonly string[]) =>
        texts.map((text) => {
          const rows = 6
          const seed = Number(/Text (\d+)/.exec(text)![1])
          return { rows, dim: DIM, vectors: clusteredVectors({ rows, dim: DIM, clusters: 2, seed }) }
        }),
    } as unknown as Encoder
    const build = async (order: 'input' | 'content') => {
      const out = join(folder, `${order}.tartan`)
      async function* corpus() {
        yield* passages
      }
      await buildFromCorpus(corpus(), encoder, { out, order, threads: 1, tune: false })
      return openIndex(out)
    }
    const [input, content] = [await build('input'), await build('content')]
    const everything = { k: 90, ncells: 1000, centroidScoreThreshold: -1, ndocs: 360 }
    const query = { vectors: Float32Array.from({ length: 4 * DIM }, () => random() - 0.5), rows: 4, dim: DIM }
    const idsOf = async (searcher: typeof input) =>
      (await searcher.search(query, everything)).hits.map(({ id }) => id).sort()
    expect(await idsOf(content)).toEqual(await idsOf(input))
    const { hits } = await content.search(query, everything)
    expect(hits.map(({ place }) => place.pid)).not.toEqual(hits.map(({ id }) => Number(id.slice(2))))
    const texts = await content.passages(hits.map(({ place }) => place))
    for (const text of texts) {
      const { id, ...record } = passages[Number(text.id.slice(2))]!
      expect(text).toEqual({ id, place: text.place, ...record })
    }
    await input.close()
    await content.close()
  })

  it('gives the same bytes again', () =>
    withStore(
      Array.from({ length: 40 }, (_, pid) => 1 + (pid % 7)),
      { dim: DIM },
      async (store) => {
        const bytes = []
        for (const name of ['a', 'b']) {
          const out = join(folder, name)
          const report = await buildFromVectors(store, undefined, {
            out,
            name: 'same',
            order: 'content',
            threads: 1,
            tune: false,
          })
          const searcher = await openIndex(out)
          bytes.push([report.bytes, searcher.info])
          await searcher.close()
        }
        expect(bytes[0]).toEqual(bytes[1])
      },
    ))
})

const fingerprint = {
  ...{ model: 'made', modelSha256: '0'.repeat(64), weightsSha256: '0'.repeat(64), tokenizerSha256: '0'.repeat(64) },
  ...{ queryMarker: 'q', passageMarker: 'p', queryLength: 32, passageLength: 64, attendToMask: false, skipList: [] },
}
