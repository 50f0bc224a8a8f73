/** Tuning indexes on disk: what is stored, what stays, and what happens with wrong input. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildFromVectors } from '../../../builder/buildIndex.ts'
import { readIndexManifest, replaceManifest } from '../../../builder/publish/replaceManifest.ts'
import { openVectorStore } from '../../../builder/stores/vectorStore.ts'
import { createVectorStore } from '../../../builder/stores/vectorStoreWriter.ts'
import { probedListBytes, readSizes } from '../../../builder/tune/postingLists.ts'
import { tuneIndex } from '../../../builder/tune/tuneIndex.ts'
import { AbortedError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { encodeManifest, MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import { TIER_NAMES } from '../../../format/manifest/tiers.ts'
import { verifyIndex } from '../../../format/verify.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../../runtime/platform/node/nodeIndex.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { someTiers } from '../../format/someTiers.ts'
import { tinyIndex } from '../../format/tinyIndex.ts'
import { clusteredVectors } from '../segment/clusteredVectors.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-tune-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function goldenCopy(name: string): string {
  const path = join(folder, name)
  cpSync(fileURLToPath(new URL(`../../golden/index/${name}`, import.meta.url)), path, { recursive: true })
  return path
}

const filesOf = (path: string) =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name)).toString('base64')]))

async function verify(path: string) {
  const files = await filesAtPath(path)
  const { manifest } = await readIndex(files)
  const report = await verifyIndex(files, manifest)
  await files.close?.()
  return { ...report, manifest }
}

async function vectorsFolder(name: string, lengths: readonly number[], dim = 48, queryRows = 0): Promise<string> {
  const path = join(folder, name)
  const writer = await createVectorStore(path, dim)
  for (const [pid, rows] of lengths.entries()) await writer.append(clusteredVectors({ rows, dim, seed: pid + 1 }), rows)
  const queries = {
    ids: ['a', 'b', 'c'],
    tokens: queryRows,
    vectors: clusteredVectors({ rows: 3 * queryRows, dim, seed: 99 }),
  }
  await writer.finish(
    lengths.map((_, pid) => `p${pid}`),
    queryRows > 0 ? queries : undefined,
  )
  return path
}

async function builtIndex(vectors: string, name: string, tune: boolean): Promise<string> {
  const out = join(folder, name)
  const store = await openVectorStore(vectors)
  await buildFromVectors(store, undefined, { out, name: 'built', tune, nbits: 2 })
  await store.close()
  return out
}

const LENGTHS = Array.from({ length: 60 }, (_, i) => 4 + (i % 9))

describe('tuning an index', () => {
  it.each(['nbits1', 'nbits2', 'nbits4'])('changes only the manifest of %s, to the next generation', async (name) => {
    const path = goldenCopy(name)
    const before = filesOf(path)
    const { generation, tiers } = await tuneIndex(path)
    expect(generation).toBe(2)
    const after = filesOf(path)
    expect({ ...after, [MANIFEST_NAME]: '' }).toEqual({ ...before, [MANIFEST_NAME]: '' })
    const { manifest } = await verify(path)
    expect(manifest).toMatchObject({ generation: 2, name: 'golden', tiers })
    // Twelve passages, asked for up to a hundred: k beyond the passages counts what there is.
    expect(tiers).toMatchObject({ queries: 12, querySource: 'pseudo', reference: 'decoded', compared: 'all' })
    expect(tiers.sets.map(({ k }) => k)).toEqual([10, 100])
    expect(tiers.sets[1]?.exact.recall).toBe(1)
    for (const set of tiers.sets) {
      expect(set.fast.costMs).toBeLessThanOrEqual(set.exact.costMs)
      for (const tier of TIER_NAMES) expect(set[tier].recall).toBeGreaterThan(0.8)
    }
  })

  it('of a pack writes the pack again, with the same parts', async () => {
    const path = goldenCopy('nbits2.tartan')
    const before = await verify(path)
    const { tiers } = await tuneIndex(path, { fromRows: true })
    const after = await verify(path)
    expect(after.manifest).toEqual({ ...before.manifest, generation: 2, tiers })
    expect(readdirSync(folder)).toEqual(['nbits2.tartan'])
  })

  it('makes searches use what it found, and can be done again', async () => {
    const path = goldenCopy('nbits2')
    await tuneIndex(path)
    const { tiers, generation } = await tuneIndex(path)
    expect(generation).toBe(3)
    const searcher = await openIndex(path)
    const query = { vectors: clusteredVectors({ rows: 8, dim: 96 }), rows: 8, dim: 96 }
    const { ncells, centroidScoreThreshold, ndocs } = tiers.sets[0]!.balanced
    const { parameters } = await searcher.search(query)
    expect(parameters).toEqual({ pipeline: 'resident', tier: 'balanced', k: 10, ncells, centroidScoreThreshold, ndocs })
    await searcher.close()
  })

  it('gives the same bytes for the same index, unless times are asked for', async () => {
    const manifests = []
    for (const name of ['nbits2', 'nbits2']) {
      const path = goldenCopy(name)
      await tuneIndex(path, { times: false })
      manifests.push(filesOf(path)[MANIFEST_NAME])
      rmSync(path, { recursive: true })
    }
    expect(manifests[0]).toBe(manifests[1])
    const path = goldenCopy('nbits2')
    const { tiers } = await tuneIndex(path, { times: true })
    expect(tiers.machine).toMatch(/Node/)
    for (const set of tiers.sets) for (const name of TIER_NAMES) expect(set[name].ms).toBeGreaterThan(0)
  })

  it('compares with the original vectors when it has them, and takes given queries as they are', async () => {
    const vectors = await vectorsFolder('vectors', LENGTHS, 48, 6)
    const index = await builtIndex(vectors, 'index', false)
    const { tiers } = await tuneIndex(index, { vectors, queries: vectors })
    expect(tiers).toMatchObject({ queries: 3, querySource: 'given', reference: 'vectors' })
    expect((await tuneIndex(index, { queries: vectors, sample: 2 })).tiers).toMatchObject({
      queries: 2,
      reference: 'decoded',
    })
  })

  it('compares with the best candidates only where all would be too many, to the same end on a small index', async () => {
    const vectors = await vectorsFolder('vectors', LENGTHS, 48, 6)
    const index = await builtIndex(vectors, 'index', false)
    const options = { vectors, queries: vectors, times: false }
    const { tiers: all } = await tuneIndex(index, options)
    const { tiers: candidates } = await tuneIndex(index, { ...options, exactTokensMax: 1 })
    // Sixty passages: all of them are candidates.
    expect(candidates).toEqual({ ...all, compared: 'candidates' })
  })

  it('makes queries of rows where there are no texts and no encoder', async () => {
    const { files } = await tinyIndex({ lengths: [5, 0, 40, 2], texts: false })
    for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
    const { tiers } = await tuneIndex(folder)
    // The passage without tokens gives none.
    expect(tiers).toMatchObject({ queries: 3, querySource: 'pseudo' })
    await verify(folder)
  })
})

describe('building', () => {
  it('tunes, with the same bytes each time, and changes nothing but the manifest', async () => {
    const vectors = await vectorsFolder('vectors', LENGTHS)
    const [tuned, again, plain] = [
      await builtIndex(vectors, 'tuned', true),
      await builtIndex(vectors, 'again', true),
      await builtIndex(vectors, 'plain', false),
    ]
    expect(filesOf(again)).toEqual(filesOf(tuned))
    expect({ ...filesOf(plain), [MANIFEST_NAME]: '' }).toEqual({ ...filesOf(tuned), [MANIFEST_NAME]: '' })
    expect((await verify(tuned)).manifest).toMatchObject({
      generation: 1,
      tiers: { queries: 60, reference: 'vectors' },
    })
    expect((await verify(plain)).manifest.tiers).toBeUndefined()
  })
})

describe('a tuning that cannot be', () => {
  const unchanged = async (path: string, options: Parameters<typeof tuneIndex>[1], message: RegExp) => {
    const before = filesOf(path)
    await expect(tuneIndex(path, options)).rejects.toThrow(message)
    expect(filesOf(path)).toEqual(before)
  }

  it('leaves the index as it was', async () => {
    const path = goldenCopy('nbits2')
    const empty = join(folder, 'empty.jsonl')
    writeFileSync(empty, '\n')
    const other = await vectorsFolder('other', LENGTHS, 96, 4)
    const wrongDim = await vectorsFolder('wrongDim', LENGTHS, 48, 4)
    const noQueries = await vectorsFolder('noQueries', [3])
    await unchanged(path, { queries: empty }, /expected queries, got none/)
    await unchanged(path, { queries: join(folder, 'nothing.jsonl') }, /nothing\.jsonl/)
    await unchanged(path, { queries: wrongDim }, /queries of 96 dims as the index has, got 48/)
    await unchanged(path, { queries: noQueries }, /query ids/)
    await unchanged(path, { vectors: other }, /not what the index was built from: it has 60 passages, the index 12/)
    await unchanged(path, { vectors: wrongDim }, /48 dims, the index 96/)
    await unchanged(path, { model: join(folder, 'no-model') }, /no-model/)
    await unchanged(path, { signal: AbortSignal.abort() }, /./)
    await expect(tuneIndex(path, { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError)
  })

  it('names the first passage that differs', async () => {
    const vectors = await vectorsFolder('vectors', LENGTHS)
    const index = await builtIndex(vectors, 'index', false)
    const longer = await vectorsFolder('longer', LENGTHS.with(7, 30))
    await unchanged(index, { vectors: longer }, /passage "p7" has 30 token vectors, in the index 11/)
  })

  it('says where there is no index', async () => {
    await expect(tuneIndex(join(folder, 'none'))).rejects.toThrow(/there is no index/)
  })
})

describe('replacing a manifest', () => {
  it('does nothing when the index is another by now', async () => {
    const path = goldenCopy('nbits2')
    const before = await readIndexManifest(path)
    const other = encodeManifest({ ...before.manifest, generation: 7 })
    writeFileSync(join(path, MANIFEST_NAME), other)
    const changed = replaceManifest(path, before, { ...before.manifest, generation: 2, tiers: someTiers })
    await expect(changed).rejects.toThrow(/changed by something else/)
    expect(readFileSync(join(path, MANIFEST_NAME))).toEqual(Buffer.from(other))
    expect(readdirSync(path).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('refuses to write what no reader would take', async () => {
    const path = goldenCopy('nbits2')
    const before = await readIndexManifest(path)
    const bad = { ...someTiers, queries: 0 }
    await expect(replaceManifest(path, before, { ...before.manifest, tiers: bad })).rejects.toThrow(/tiers\.queries/)
    expect((await readIndexManifest(path)).bytes).toEqual(before.bytes)
  })
})

describe('what the cost model is told', () => {
  it('counts postings and the bytes of probed lists', async () => {
    // Every token in one of five cells: a passage of 400 tokens is in all of them, one of a single token in one.
    const { files } = await tinyIndex({ lengths: [400, 1, 400], centroids: 5 })
    const reader = await readIndex(memoryFiles('tiny', files))
    const sizes = await readSizes(reader)
    expect(sizes).toMatchObject({ centroids: 5, passageTokens: 801 / 3, codeBytes: 2 })
    expect(sizes.passageCodes).toBeCloseTo((5 + 1 + 5) / 3, 9)
    const query = { vectors: clusteredVectors({ rows: 3, dim: 32 }), rows: 3, dim: 32 }
    const bytes = await probedListBytes(reader, [query], [1, 2, 5])
    // All five lists: eleven pids of a byte each, and a CRC of four bytes a list.
    expect(bytes.get(5)).toBe(11 + 5 * 4)
    expect(bytes.get(1)!).toBeLessThanOrEqual(bytes.get(2)!)
    await reader.close()
  })
})
