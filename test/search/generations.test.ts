/**
 * An index that is replaced under a searcher, by either pipeline and by a pool: queries finish on the generation they began with, the
 * old one goes after the last of them, and what fails leaves the old one answering.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { InputError, MissingPartError, NotFoundError } from '../../format/errors.ts'
import { decodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment } from '../../lab/data/randomSegment.ts'
import { openByRange } from '../../lab/search/openedBy.ts'
import { openPool } from '../../runtime/platform/node/threads/nodePool.ts'
import type { Snapshot } from '../../runtime/searcher.ts'
import type { OpenedIndex } from '../../runtime/searchers/indexSearcher.ts'
import { rangeNeed, residentNeed } from '../../runtime/searchers/memoryNeed.ts'
import { openIndexFiles, openSearcher } from '../../runtime/searchers/openIndexFiles.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'
import { type LiveFiles, liveFiles } from './range/liveFiles.ts'

const lengths = Array.from({ length: 150 }, (_, pid) => 1 + (pid % 11))
const segment = (seed: number) => randomSegment({ seed, dim: 32, nbits: 2, centroidCount: 80, lengths })
const query = { vectors: randomQuery(4, 12, 32), rows: 12, dim: 32 }
const stored = (seed: number, generation: number) =>
  indexOf([segment(seed)], { generation, partBytes: 70_000, texts: true, textOf: (p) => `Text ${p} of ${generation}.` })

let kernels: WebAssembly.Module
beforeAll(async () => {
  kernels = await kernelsModule('kernels.wasm')
})

interface OpenOptions {
  readonly refreshMs?: number
}

const openers: Record<string, (files: LiveFiles, options?: OpenOptions) => Promise<OpenedIndex>> = {
  resident: (files, options = {}) => openSearcher(files, { kernels, ...options }),
  range: (files, options = {}) => openByRange(files, { kernels, ...options }),
  pool: (files, options = {}) => openPool(files, { workers: 1, ...options }),
}

describe.each(Object.keys(openers))('a searcher over an index that is replaced: %s', (name) => {
  /** The searcher, and what it should answer before and after. */
  async function opened(options?: OpenOptions, generation = 2) {
    const files = liveFiles(await stored(1, 1))
    const searcher = await openers[name]!(files, options)
    const next = await stored(2, generation)
    const fresh = await openers[name]!(liveFiles(new Map(next)))
    const [before, alone] = [await searcher.search(query), await fresh.search(query)]
    const after = {
      ...alone,
      hits: alone.hits.map((hit) => ({ ...hit, place: { ...hit.place, opening: 1 } })),
    }
    expect(after.hits.map(({ score }) => score)).not.toEqual(before.hits.map(({ score }) => score))
    await fresh.close()
    const replace = () => {
      files.stored.clear()
      for (const [file, bytes] of next) files.stored.set(file, bytes)
    }
    return { files, searcher, before, after, replace }
  }

  it('answers from the new generation once it was asked to look, and gives the old one back', async () => {
    const { files, searcher, before, after, replace } = await opened()
    expect(await searcher.refresh()).toBe(false)
    const openedBefore = files.open_.length
    replace()
    expect(await searcher.refresh()).toBe(true)
    expect(await searcher.search(query)).toEqual(after)
    expect(searcher.info.generation).toBe(2)
    expect(files.open_.length).toBeLessThanOrEqual(openedBefore)
    await expect(searcher.passages(before.hits.map(({ place }) => place))).rejects.toThrow('Search again.')
    const passages = await searcher.passages(after.hits.map(({ place }) => place))
    expect(passages.map(({ text }) => text)).toEqual(after.hits.map(({ id }) => `Text ${id.slice(1)} of 2.`))
    expect(await searcher.refresh()).toBe(false)
    await searcher.close()
    expect(files.open_).toEqual([])
  })

  it('notices an index that was built anew, and so is a first generation as well', async () => {
    const { searcher, after, replace } = await opened({}, 1)
    replace()
    expect(await searcher.refresh()).toBe(true)
    expect(await searcher.search(query)).toEqual(after)
    await searcher.close()
  })

  it('finishes work on the generation it began with, and gives that back after the last', async () => {
    const { files, searcher, before, after, replace } = await opened()
    const held = new Map(files.stored)
    let end: () => void = () => undefined
    const [old] = [
      searcher.withSnapshot(async (snapshot) => {
        const first = await snapshot.search(query)
        await new Promise<void>((resolve) => {
          end = resolve
        })
        const { generation } = snapshot.info
        return {
          first,
          generation,
          again: await snapshot.search(query),
          match: await snapshot.matchTokens(query, [first.hits[0]!.place]),
        }
      }),
    ]
    await searcher.search(query)
    const openedBefore = files.open_.length
    replace()
    // The parts of the old one stay for those that read them.
    for (const [file, bytes] of held) if (file !== MANIFEST_NAME) files.stored.set(file, bytes)
    expect(await searcher.refresh()).toBe(true)
    expect(await searcher.search(query)).toEqual(after)
    expect(files.open_.length).toBeGreaterThan(openedBefore)
    end()
    const { first, again, match, generation } = await old
    expect(generation).toBe(1)
    expect(first).toEqual(before)
    expect(again).toEqual(before)
    expect(match).toHaveLength(1)
    expect(files.open_.length).toBeLessThanOrEqual(openedBefore)
    await searcher.close()
  })

  it('never holds more than two generations while work goes on on an old one', async () => {
    const { files, searcher, replace } = await opened()
    const third = await stored(3, 3)
    const all = new Map([...files.stored, ...third])
    let end: () => void = () => undefined
    const old = searcher.withSnapshot(async (snapshot) => {
      await new Promise<void>((resolve) => {
        end = resolve
      })
      return snapshot.search(query)
    })
    const openedBefore = files.open_.length
    const next = new Map(files.stored)
    replace()
    for (const [file, bytes] of next) if (file !== MANIFEST_NAME) files.stored.set(file, bytes)
    expect(await searcher.refresh()).toBe(true)
    for (const [file, bytes] of all) files.stored.set(file, bytes)
    files.stored.set(MANIFEST_NAME, third.get(MANIFEST_NAME)!)
    // The first one is still at work: the third is not opened before that has ended.
    const looking = searcher.refresh()
    await searcher.search(query)
    expect(files.open_.length).toBeLessThanOrEqual(2 * openedBefore)
    expect(searcher.info.generation).toBe(2)
    end()
    expect((await old).generation).toBe(1)
    expect(await looking).toBe(true)
    expect(searcher.info.generation).toBe(3)
    await searcher.close()
  })

  it('stays with the old one when the new one cannot be opened, says why, and opens it when it can', async () => {
    const { files, searcher, before, after, replace } = await opened()
    const old = new Map(files.stored)
    replace()
    const next = new Map(files.stored)
    // Copied in the wrong order: the manifest is there, its parts are not.
    files.stored.clear()
    for (const [file, bytes] of old) files.stored.set(file, bytes)
    files.stored.set(MANIFEST_NAME, next.get(MANIFEST_NAME)!)
    const openedBefore = files.open_.length
    for (let tries = 0; tries < 3; tries++) await expect(searcher.refresh()).rejects.toBeInstanceOf(MissingPartError)
    expect(await searcher.search(query)).toEqual(before)
    expect(files.open_.length).toBe(openedBefore)
    for (const [file, bytes] of next) files.stored.set(file, bytes)
    expect(await searcher.refresh()).toBe(true)
    expect(await searcher.search(query)).toEqual(after)
    await searcher.close()
  })

  it('looks by itself when a query begins and the time has passed, and not before', async () => {
    const never = await opened({ refreshMs: 1e9 })
    never.replace()
    if (name === 'range') {
      // Reads what is gone, so it looks for that reason.
      expect(await never.searcher.search(query)).toEqual(never.after)
    } else {
      expect(await never.searcher.search(query)).toEqual(never.before)
    }
    await never.searcher.close()
    const always = await opened({ refreshMs: 0 })
    always.replace()
    expect(await always.searcher.search(query)).toEqual(always.after)
    // A look that fails is no failure of a query.
    always.files.stored.delete(MANIFEST_NAME)
    expect(await always.searcher.search(query)).toEqual(always.after)
    await expect(always.searcher.refresh()).rejects.toBeInstanceOf(NotFoundError)
    await always.searcher.close()
  })

  it('asks storage for the version of the manifest, and reads it only when that has changed', async () => {
    const { files, searcher, after, replace } = await opened()
    let version: string | undefined = 'a'
    let looks = 0
    files.version = async (file) => {
      expect(file).toBe(MANIFEST_NAME)
      looks++
      return version
    }
    let manifests = 0
    const { open } = files
    files.open = (file) => {
      if (file === MANIFEST_NAME) manifests++
      return open(file)
    }
    for (let i = 0; i < 4; i++) expect(await searcher.refresh()).toBe(false)
    // Once: its version was not known before.
    expect([looks, manifests]).toEqual([4, 1])
    replace()
    expect(await searcher.refresh()).toBe(false)
    version = 'b'
    expect(await searcher.refresh()).toBe(true)
    expect(manifests).toBe(2)
    expect(await searcher.search(query)).toEqual(after)
    // Storage that cannot say is read.
    version = undefined
    expect(await searcher.refresh()).toBe(false)
    expect(manifests).toBe(3)
    await searcher.close()
  })

  it('opens the new one once for many that look together', async () => {
    const { files, searcher, replace } = await opened()
    let manifests = 0
    const { open } = files
    files.open = (file) => {
      if (file === MANIFEST_NAME) manifests++
      return open(file)
    }
    replace()
    const found = await Promise.all(Array.from({ length: 6 }, () => searcher.refresh()))
    expect(found).toEqual(found.map(() => true))
    expect(manifests).toBe(1)
    await searcher.close()
  })

  it('ends what is under way when it is closed, a look among it, and begins nothing after that', async () => {
    const { files, searcher, replace } = await opened()
    replace()
    const work = [searcher.refresh(), searcher.search(query), searcher.searchMany([query, query])]
    await searcher.close()
    await Promise.all(work)
    expect(files.open_).toEqual([])
    await expect(searcher.search(query)).rejects.toBeInstanceOf(InputError)
    await expect(searcher.refresh()).rejects.toBeInstanceOf(InputError)
  })
})

describe('a new generation beside the old one in the memory of both', () => {
  // So many that tables are far smaller than all.
  const manyLengths = Array.from({ length: 3000 }, (_, pid) => 20 + (pid % 11))
  const large = (seed: number, generation: number) =>
    indexOf([randomSegment({ seed, dim: 32, nbits: 2, centroidCount: 80, lengths: manyLengths })], { generation })

  async function opened(memoryMax: number) {
    const files = liveFiles(await large(1, 1))
    const searcher = await openIndexFiles(files, { kernels, memoryMax, budget: { bytes: 10_000 } })
    for (const [file, bytes] of await large(2, 2)) files.stored.set(file, bytes)
    return { files, searcher }
  }

  async function needs() {
    const manifest = decodeManifest((await large(1, 1)).get(MANIFEST_NAME)!)
    return { resident: residentNeed(manifest).totalBytes, range: rangeNeed(manifest, 10_000).totalBytes + 10_000 }
  }

  it('is in memory as well where both fit', async () => {
    const { resident } = await needs()
    const { searcher } = await opened(2 * resident)
    expect(await searcher.refresh()).toBe(true)
    expect(searcher.pipeline).toBe('resident')
    await searcher.close()
  })

  it('is read by range where only its tables fit beside it, and in memory again once the old one has gone', async () => {
    const { resident, range } = await needs()
    const { files, searcher } = await opened(resident + range + 400_000)
    expect(searcher.pipeline).toBe('resident')
    expect(await searcher.refresh()).toBe(true)
    expect(searcher.pipeline).toBe('range')
    expect((await searcher.search(query)).generation).toBe(2)
    for (const [file, bytes] of await large(3, 3)) files.stored.set(file, bytes)
    expect(await searcher.refresh()).toBe(true)
    expect((await searcher.search(query)).generation).toBe(3)
    await searcher.close()
  })

  it('is refused where not even they do: the old one goes on, and the error says what helps', async () => {
    const { resident } = await needs()
    const { searcher } = await opened(resident + 1000)
    await expect(searcher.refresh()).rejects.toThrow(/does not fit beside the old one.*raise memoryMax/)
    await expect(searcher.refresh()).rejects.toBeInstanceOf(InputError)
    expect((await searcher.search(query)).generation).toBe(1)
    await searcher.close()
  })

  it('gets what the cache of the old one had, which reads again; when it cannot be opened, the old one keeps a cache', async () => {
    const { range } = await needs()
    const files = liveFiles(await large(1, 1))
    const options = { kernels, memoryMax: range * 4, pipeline: 'range', budget: { bytes: 10_000 } } as const
    const searcher = await openIndexFiles(files, options)
    const isCached = async (snapshot: Snapshot) => (await snapshot.search(query)).storage!.reads === 0
    expect([await isCached(searcher), await isCached(searcher)]).toEqual([false, true])
    const next = await large(2, 2)
    files.stored.set(MANIFEST_NAME, next.get(MANIFEST_NAME)!)
    await expect(searcher.refresh()).rejects.toThrow(MissingPartError)
    expect([await isCached(searcher), await isCached(searcher)]).toEqual([false, true])
    for (const [file, bytes] of next) files.stored.set(file, bytes)
    await searcher.withSnapshot(async (old) => {
      expect(await isCached(old)).toBe(true)
      expect(await searcher.refresh()).toBe(true)
      expect(old.info.generation).toBe(1)
      expect([await isCached(old), await isCached(old)]).toEqual([false, false])
    })
    expect([await isCached(searcher), await isCached(searcher)]).toEqual([false, true])
    await searcher.close()
  })
})
