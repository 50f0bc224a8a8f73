/** What an index needs is known from its manifest alone: beside what is measured once it is open and was searched. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, it } from 'vitest'
import { InputError } from '../../../format/errors.ts'
import { decodeManifest, MANIFEST_NAME, type Manifest, sectionBytes } from '../../../format/manifest/manifest.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { postingsOf } from '../../../lab/data/randomSegment.ts'
import { evenBorders, slicesOf } from '../../../lab/data/slicedSegment.ts'
import { SyntheticCorpus } from '../../../lab/data/syntheticCorpus.ts'
import { memoryFiles } from '../../../runtime/readers/memory.ts'
import { rangeNeed, residentNeed } from '../../../runtime/searchers/memoryNeed.ts'
import { choosePipeline, MEMORY_MAX_DEFAULT, openIndexFiles } from '../../../runtime/searchers/openIndexFiles.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** Bytes of typed arrays that are in use. Buffers are given back a while after the collection that found them dead. */
const arrayBytes = async () => {
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().arrayBuffers
}

describe('the memory an index needs', () => {
  const corpus = new SyntheticCorpus({ passages: 20_000, tokens: 24, dim: 64, nbits: 2, centroids: 4096, seed: 5 })
  let kernels: WebAssembly.Module
  let stored: Map<string, Uint8Array>
  let manifest: Manifest
  /** The same passages in four segments over the same quantiser, every seventh deleted, with texts. */
  let sliced: Map<string, Uint8Array>
  let slicedManifest: Manifest
  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
    const codes = Array.from({ length: corpus.shape.passages }, (_, pid) => corpus.codesOf(pid))
    const { dim, centroids } = corpus.shape
    const data = {
      ...{ dim, codec: corpus.codec, centroids: corpus.centroids, centroidScales: corpus.centroidScales },
      passageLengths: Uint16Array.from(codes, (list) => list.length),
      rows: new Uint8Array(Buffer.concat(codes.map((list, pid) => corpus.blockOf(pid, list)))),
      ...postingsOf(
        codes.map((list) => [...list]),
        centroids,
      ),
    }
    stored = await indexOf([data], { partBytes: 2_000_000 })
    manifest = decodeManifest(stored.get(MANIFEST_NAME)!)
    const segments = slicesOf(data, evenBorders(corpus.shape.passages, 4))
    sliced = await indexOf(segments, {
      ...{ partBytes: 2_000_000, texts: true, textOf: () => 'short' },
      deleted: segments.map(({ passageLengths }) =>
        Uint32Array.from({ length: Math.floor(passageLengths.length / 7) }, (_, i) => i * 7 + 1),
      ),
    })
    slicedManifest = decodeManifest(sliced.get(MANIFEST_NAME)!)
  })

  const query = () => ({ vectors: corpus.queryOf(77, 32), rows: 32, dim: corpus.shape.dim })
  const within = (share: number, predicted: number, measured: number) => {
    expect(measured / predicted).toBeGreaterThan(1 - share)
    expect(measured / predicted).toBeLessThan(1 + share)
  }

  it('is predicted within 10 % for the resident pipeline', async () => {
    const need = residentNeed(manifest)
    const before = await arrayBytes()
    const searcher = await openIndexFiles(memoryFiles('made', stored), { kernels, pipeline: 'resident' })
    const { hits } = await searcher.search(query(), { k: 100 })
    expect(hits[0]?.id).toBe('p77')
    within(0.1, need.wasmBytes, searcher.memoryBytes)
    within(0.1, need.arrayBytes, (await arrayBytes()) - before)
    await searcher.close()
  })

  it('is predicted within 10 % for the range pipeline, when a query reads all it may', async () => {
    const bytes = 2_000_000
    const need = rangeNeed(manifest, bytes)
    const before = await arrayBytes()
    const searcher = await openIndexFiles(memoryFiles('made', stored), {
      ...{ kernels, pipeline: 'range', budget: { bytes, reads: 100_000 }, cacheBytes: 0 },
    })
    within(0.1, need.arrayBytes, (await arrayBytes()) - before)
    const { hits, storage } = await searcher.search(query(), { k: 10, lists: 1, passages: 10_000 })
    expect(hits[0]?.id).toBe('p77')
    expect(storage!.bytes).toBeGreaterThan(bytes * 0.95)
    within(0.1, need.wasmBytes, searcher.memoryBytes)
    // Of what queries share there is as much as this one found, at most what is predicted.
    const arrays = (await arrayBytes()) - before
    expect(arrays).toBeGreaterThan(need.arrayBytes)
    expect(arrays).toBeLessThan((need.arrayBytes + need.sharedBytes) * 1.1)
    await searcher.close()
  })

  it.each(['resident', 'range'] as const)(
    'counts centroids once for segments that share them: %s',
    async (pipeline) => {
      const bytes = 2_000_000
      const needOf = (of: Manifest) => (pipeline === 'resident' ? residentNeed(of) : rangeNeed(of, bytes))
      const need = needOf(slicedManifest)
      const searcher = await openIndexFiles(memoryFiles('made', sliced), {
        ...{ kernels, pipeline, cacheBytes: 0, budget: { bytes, reads: 100_000 } },
      })
      const settings = pipeline === 'resident' ? {} : { lists: 1, passages: 10_000 }
      const { hits } = await searcher.search(query(), { k: 100, ...settings })
      expect(hits[0]?.id).toBe('p77')
      within(0.1, need.wasmBytes, searcher.memoryBytes)
      await searcher.close()
      // Four segments of the same passages need more in postings, their offsets and blocks, and no more in centroids.
      const centroidBytes = slicedManifest.quantisers[0]!.centroids * (corpus.shape.dim + 4)
      const offsetBytes = slicedManifest.quantisers[0]!.centroids * 4
      const { wasmBytes } = needOf(manifest)
      const postings = (of: Manifest) => of.segments.reduce((sum, own) => sum + sectionBytes(own, 'postings'), 0)
      const more = pipeline === 'resident' ? 3 * offsetBytes + postings(slicedManifest) - postings(manifest) : 0
      expect(need.wasmBytes - wasmBytes - more).toBeLessThan(centroidBytes / 2)
    },
  )

  it('decides between the pipelines, and leaves queries and cache what the tables leave', async () => {
    const resident = residentNeed(manifest).totalBytes
    const budget = { bytes: 100_000 }
    const need = rangeNeed(manifest, budget.bytes)
    expect(need.totalBytes).toBeLessThan(resident / 2)
    expect(choosePipeline(manifest, { memoryMax: resident })).toMatchObject({
      pipeline: 'resident',
      needBytes: resident,
    })
    const memoryMax = resident - 1
    const choice = choosePipeline(manifest, { memoryMax, budget })
    if (choice.pipeline !== 'range') throw new Error('expected the range pipeline')
    const { queriesBytesMax = 0, cacheBytes = 0 } = choice.limits
    const tables = need.wasmBytes + need.arrayBytes + need.sharedBytes
    expect(tables + queriesBytesMax + cacheBytes).toBeLessThanOrEqual(memoryMax)
    expect(queriesBytesMax).toBeGreaterThan(budget.bytes)
    expect(cacheBytes).toBeGreaterThan(0)
    const opened = await openIndexFiles(memoryFiles('made', stored), { kernels, memoryMax })
    expect(opened.pipeline).toBe('range')
    const inMemory = await openIndexFiles(memoryFiles('made', stored), { kernels })
    expect(resident).toBeLessThan(MEMORY_MAX_DEFAULT)
    expect(inMemory.pipeline).toBe('resident')
    // The answers of both are those of exact scores: the known passage comes first with the same bits.
    const [a, b] = [await opened.search(query()), await inMemory.search(query())]
    expect(a.hits[0]).toEqual(b.hits[0])
  })

  it('lets a query read less where memory is short, unless it was said how much', () => {
    const least = (bytes: number) => {
      const need = rangeNeed(manifest, bytes)
      return Math.max(need.totalBytes, need.wasmBytes + need.arrayBytes + need.sharedBytes + bytes)
    }
    const memoryMax = least(2 ** 18) + 10_000
    expect(memoryMax).toBeLessThan(least(2 ** 19))
    expect(choosePipeline(manifest, { memoryMax })).toMatchObject({ limits: { budget: { bytes: 2 ** 18 } } })
    expect(() => choosePipeline(manifest, { memoryMax, budget: { bytes: 2 ** 20 } })).toThrow(InputError)
  })

  it('is refused before anything is loaded, with the way out', async () => {
    const files = memoryFiles('made', stored)
    const openedNames: string[] = []
    const watched = {
      ...files,
      open: (name: string) => {
        openedNames.push(name)
        return files.open(name)
      },
    }
    const refused = openIndexFiles(watched, { kernels, memoryMax: 1_000_000 })
    await expect(refused).rejects.toBeInstanceOf(InputError)
    await expect(refused).rejects.toThrow('Raise memoryMax')
    await expect(openIndexFiles(watched, { kernels, pipeline: 'resident', memoryMax: 5_000_000 })).rejects.toThrow(
      'Use the range pipeline',
    )
    expect(new Set(openedNames)).toEqual(new Set([MANIFEST_NAME]))
  })
})
