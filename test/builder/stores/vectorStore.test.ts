/** The vectors folder: what was written is read, and what is wrong is named. */
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openVectorStore } from '../../../builder/stores/vectorStore.ts'
import { createVectorStore } from '../../../builder/stores/vectorStoreWriter.ts'
import { clusteredVectors } from '../segment/clusteredVectors.ts'

const dim = 32
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-store-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function writeStore(lengths: readonly number[]): Promise<Float32Array> {
  const vectors = clusteredVectors({ rows: lengths.reduce((sum, n) => sum + n, 0), dim })
  const writer = await createVectorStore(folder, dim)
  let start = 0
  for (const length of lengths) {
    await writer.append(vectors.subarray(start * dim, (start + length) * dim), length)
    start += length
  }
  await writer.finish(lengths.map((_, pid) => `p${pid}`))
  return vectors
}

const inputError = (message: RegExp) =>
  expect.objectContaining({ code: 'INPUT', message: expect.stringMatching(message) })

describe('a vector store', () => {
  it('gives back ids, lengths and rows, rounded to float16, in any range', async () => {
    const vectors = await writeStore([3, 0, 5, 1])
    const store = await openVectorStore(folder)
    expect(store.ids).toEqual(['p0', 'p1', 'p2', 'p3'])
    expect(Array.from(store.passageLengths)).toEqual([3, 0, 5, 1])
    expect(store.tokens).toBe(9)
    for (const [first, rows] of [
      [0, 9],
      [4, 3],
      [8, 1],
      [9, 0],
    ] as const) {
      const target = new Float32Array(rows * dim)
      await store.readRows(first, rows, target)
      expect(target).toEqual(vectors.slice(first * dim, (first + rows) * dim).map(Math.f16round))
    }
    await store.close()
  })

  it('writes rows larger than its buffer whole', async () => {
    // 40,000 rows x 32 values = 1.28 M values; the buffer takes 0.5 M.
    const vectors = await writeStore([20_000, 20_000])
    const store = await openVectorStore(folder)
    const target = new Float32Array(100 * dim)
    await store.readRows(39_900, 100, target)
    await store.close()
    expect(target).toEqual(vectors.slice(39_900 * dim).map(Math.f16round))
  })

  it('keeps queries', async () => {
    const queries = { ids: ['q'], tokens: 2, vectors: clusteredVectors({ rows: 2, dim }) }
    const writer = await createVectorStore(folder, dim)
    await writer.append(clusteredVectors({ rows: 1, dim }), 1)
    await writer.finish(['p'], queries)
    const store = await openVectorStore(folder)
    const read = await store.readQueries()
    await store.close()
    expect(read).toEqual({ ...queries, vectors: queries.vectors.map(Math.f16round) })
  })

  it('says that a folder without queries has none', async () => {
    await writeStore([1])
    const store = await openVectorStore(folder)
    await expect(store.readQueries()).rejects.toThrow(inputError(/got 0 queries/))
    await store.close()
  })

  it('takes integer ids, as the peer benchmarks write them', async () => {
    await writeStore([1])
    const meta = JSON.parse(await readFile(join(folder, 'meta.json'), 'utf8')) as object
    await writeFile(join(folder, 'meta.json'), JSON.stringify({ ...meta, doc_ids: [4711] }))
    const store = await openVectorStore(folder)
    expect(store.ids).toEqual(['4711'])
    await store.close()
  })

  it('names passage and row of a value that is not finite', async () => {
    await writeStore([2, 0, 3])
    const rows = await readFile(join(folder, 'docs.f16'))
    rows.writeUInt16LE(0x7e00, (4 * dim + 7) * 2)
    await writeFile(join(folder, 'docs.f16'), rows)
    const store = await openVectorStore(folder)
    await expect(store.readRows(1, 4, new Float32Array(4 * dim))).rejects.toThrow(inputError(/passage 2, row 2/))
    await store.close()
  })

  it('ignores values that are not finite outside the range that is read', async () => {
    await writeStore([2, 3])
    const rows = await readFile(join(folder, 'docs.f16'))
    rows.writeUInt16LE(0x7c00, 4 * dim * 2)
    await writeFile(join(folder, 'docs.f16'), rows)
    const store = await openVectorStore(folder)
    await expect(store.readRows(3, 2, new Float32Array(2 * dim))).rejects.toThrow(inputError(/passage 1, row 2/))
    // The buffer still holds the bad value behind the rows read now.
    await expect(store.readRows(0, 1, new Float32Array(dim))).resolves.toBeUndefined()
    await store.close()
  })

  it.each([
    ['rows are missing', (f: string) => truncate(join(f, 'docs.f16'), 100), /expected 320 bytes \(5 tokens x 32/],
    ['a length is too large', (f: string) => writeFile(join(f, 'doclens.json'), '[5, 65536]'), /passage 1.*65535/],
    ['a length is negative', (f: string) => writeFile(join(f, 'doclens.json'), '[6, -1]'), /passage 1/],
    ['a length is missing', (f: string) => writeFile(join(f, 'doclens.json'), '[5]'), /array of 2 lengths, got 1/],
    ['lengths are no array', (f: string) => writeFile(join(f, 'doclens.json'), '{}'), /array of 2 lengths/],
    ['meta.json is missing', (f: string) => rm(join(f, 'meta.json')), /meta\.json/],
    ['meta.json is cut', (f: string) => truncate(join(f, 'meta.json'), 10), /meta\.json/],
    [
      'an id is missing',
      (f: string) => writeFile(join(f, 'meta.json'), '{"dim":32,"num_docs":2,"doc_ids":["a"]}'),
      /2 "doc_ids"/,
    ],
    [
      'dim is odd',
      (f: string) => writeFile(join(f, 'meta.json'), '{"dim":33,"num_docs":0,"doc_ids":[]}'),
      /multiple of 16, got 33/,
    ],
    ['docs.f16 is missing', (f: string) => rm(join(f, 'docs.f16')), /docs\.f16/],
  ])('refuses a folder where %s', async (_, damage, message) => {
    await writeStore([2, 3])
    await damage(folder)
    await expect(openVectorStore(folder)).rejects.toThrow(inputError(message))
  })

  it('refuses to append what it could not give back', async () => {
    const writer = await createVectorStore(folder, dim)
    await expect(writer.append(new Float32Array(dim), 2)).rejects.toThrow(inputError(/expected 64 values, got 32/))
    await expect(writer.append(new Float32Array(0), 65_536)).rejects.toThrow(inputError(/at most 65535/))
    await expect(writer.append(new Float32Array(dim).fill(Number.NaN), 1)).rejects.toThrow(
      inputError(/passage 0, row 0/),
    )
    await expect(writer.finish(['a'])).rejects.toThrow(inputError(/expected 0 ids/))
    await writer.abandon()
  })

  it('is not complete before it is finished', async () => {
    const writer = await createVectorStore(folder, dim)
    await writer.append(clusteredVectors({ rows: 1, dim }), 1)
    await writer.abandon()
    await expect(openVectorStore(folder)).rejects.toThrow(inputError(/meta\.json/))
  })
})
