/** Exact MaxSim, on given vectors and on what an index decodes to. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openDecodedRows } from '../../../builder/tune/decodedRows.ts'
import { bestPids, exactScores, type TokenRows } from '../../../builder/tune/exactMaxSim.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { maxSim } from '../../../reference/stanford.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { goldenQueries } from '../../format/goldenQueries.ts'
import { tinyIndex } from '../../format/tinyIndex.ts'
import { clusteredVectors, withStore } from '../segment/clusteredVectors.ts'

const golden = (name: string) => fileURLToPath(new URL(`../../golden/index/${name}`, import.meta.url))
describe('exact scores', () => {
  const lengths = [3, 0, 41, 7, 7, 1]

  it('are MaxSim as the readable twin computes it, also for queries of different lengths', async () => {
    await withStore(lengths, { dim: 48 }, async (store) => {
      const all = new Float32Array(store.tokens * 48)
      await store.readRows(0, store.tokens, all)
      const queries = [5, 1, 9].map((rows) => ({
        rows,
        dim: 48,
        vectors: clusteredVectors({ rows, dim: 48, seed: rows }),
      }))
      const scores = await exactScores(store, queries)
      for (const [i, { vectors }] of queries.entries()) {
        let start = 0
        for (const [pid, length] of lengths.entries()) {
          const passage = all.subarray(start * 48, (start + length) * 48)
          const expected =
            length === 0
              ? Number.NEGATIVE_INFINITY
              : maxSim(vectors, passage, { dim: 48, floor: Number.NEGATIVE_INFINITY })
          if (length === 0) expect(scores[i * lengths.length + pid]).toBe(expected)
          else expect(scores[i * lengths.length + pid]).toBeCloseTo(expected, 4)
          start += length
        }
      }
    })
  })

  it('of some passages are those of all, and of no others', async () => {
    await withStore(lengths, { dim: 48 }, async (store) => {
      const query = { rows: 4, dim: 48, vectors: clusteredVectors({ rows: 4, dim: 48, seed: 8 }) }
      const all = await exactScores(store, [query])
      const some = await exactScores(store, [query], { pids: [4, 0] })
      expect(some[0]).toBeCloseTo(all[0]!, 5)
      expect(some[4]).toBeCloseTo(all[4]!, 5)
      for (const pid of [1, 2, 3, 5]) expect(some[pid]).toBe(Number.NEGATIVE_INFINITY)
      expect(bestPids(some, 10)).toHaveLength(2)
    })
  })

  it('put equal passages in the order of their pids', () => {
    expect(bestPids(Float32Array.of(1, 3, Number.NEGATIVE_INFINITY, 3, 2), 3)).toEqual([1, 3, 4])
  })
})

describe('the vectors that an index decodes to', () => {
  const expected = JSON.parse(readFileSync(golden('expected.json'), 'utf8')) as Record<
    string,
    { ids: string[]; scores: number[] }[]
  >

  // expected.json: a reader written from SPEC.md alone, in Python, float64.
  it.each(['nbits1', 'nbits2', 'nbits4', 'nbits2.tartan'])(
    'give the scores of an independent reader: %s',
    async (name) => {
      const reader = await readIndex(await filesAtPath(golden(name)))
      const rows = await openDecodedRows(reader)
      const scores = await exactScores(rows, goldenQueries())
      for (const [i, { scores: wanted }] of expected[name.replace('.tartan', '')]!.entries()) {
        const got = [...scores.subarray(i * 12, (i + 1) * 12)].sort((a, b) => b - a)
        for (const [at, score] of wanted.entries()) expect(got[at]).toBeCloseTo(score, 4)
      }
      await reader.close()
    },
  )

  it('are the same in one read as passage by passage, whatever passages are empty', async () => {
    const lengths = [0, 3, 0, 5, 1, 0, 0, 2, 0]
    const { files } = await tinyIndex({ lengths, dim: 48, nbits: 4 })
    const reader = await readIndex(memoryFiles('tiny', files))
    const rows: TokenRows = await openDecodedRows(reader)
    expect([...rows.passageLengths]).toEqual(lengths)
    const all = new Float32Array(11 * 48)
    await rows.readRows(0, 11, all)
    expect(all.some((value) => value !== 0)).toBe(true)
    for (let first = 0; first < 11; first++) {
      for (let count = 1; first + count <= 11; count++) {
        const part = new Float32Array(count * 48)
        await rows.readRows(first, count, part)
        expect(part, `${first} + ${count}`).toEqual(all.slice(first * 48, (first + count) * 48))
      }
    }
    await reader.close()
  })

  it('are refused when a row block was changed', async () => {
    const { files } = await tinyIndex({ lengths: [4, 4] })
    const reader = await readIndex(memoryFiles('tiny', files))
    const { part, offset } = reader.manifest.segments[0]!.sections.find(({ name }) => name === 'rows')!.chunks[0]!
    const bytes = files.get(reader.manifest.parts[part]!.name)!
    bytes[offset + 1] = bytes[offset + 1]! ^ 1
    const rows = await openDecodedRows(reader)
    await expect(rows.readRows(0, 1, new Float32Array(32))).rejects.toMatchObject({ code: 'CHECKSUM' })
  })
})
