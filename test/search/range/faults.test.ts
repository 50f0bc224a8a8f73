/** Storage that fails in every way it can: the right answer or an error of ours, never another answer, and the searcher stays usable. */
import { beforeAll, describe, expect, it } from 'vitest'
import { NotFoundError, OtherFileError, StorageError, TartanError } from '../../../format/errors.ts'
import { MANIFEST_NAME } from '../../../format/manifest/manifest.ts'
import { indexOf } from '../../../lab/data/indexFiles.ts'
import { randomQuery, randomSegment, seededRandom } from '../../../lab/data/randomSegment.ts'
import { openByRange } from '../../../lab/search/openedBy.ts'
import type { RangeOptions } from '../../../runtime/searchers/rangePipeline.ts'
import { kernelsModule } from '../../kernels/guardedMemory.ts'
import { liveFiles } from './liveFiles.ts'

const lengths = Array.from({ length: 150 }, (_, pid) => 1 + (pid % 11))
const segment = (seed: number) => randomSegment({ seed, dim: 32, nbits: 2, centroidCount: 80, lengths })
const query = { vectors: randomQuery(4, 12, 32), rows: 12, dim: 32 }
const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('a range searcher over storage that fails', () => {
  let kernels: WebAssembly.Module
  beforeAll(async () => {
    kernels = await kernelsModule('kernels.wasm')
  })

  async function opened(options: RangeOptions = {}) {
    const files = liveFiles(await indexOf([segment(1)], { partBytes: 70_000, texts: true }))
    const searcher = await openByRange(files, { kernels, ...options })
    return { files, searcher, right: await searcher.search(query) }
  }

  async function expectUsable({ files, searcher, right }: Awaited<ReturnType<typeof opened>>) {
    files.answer = (_, bytes) => bytes
    expect(await searcher.search(query)).toEqual(right)
  }

  it.each([
    ['a byte too few', (bytes: Uint8Array) => bytes.subarray(1)],
    ['nothing', () => new Uint8Array()],
    ['a byte too many', (bytes: Uint8Array) => Uint8Array.from([...bytes, 0])],
    ['zeros', (bytes: Uint8Array) => bytes.fill(0)],
    ['bytes from elsewhere', (bytes: Uint8Array) => bytes.copyWithin(0, 1)],
  ])('refuses an answer of %s', async (_, change) => {
    const all = await opened()
    all.files.answer = (_asked, bytes) => change(bytes)
    await expect(all.searcher.search(query)).rejects.toBeInstanceOf(TartanError)
    await expectUsable(all)
  })

  it.each([
    ['a refusal', new OtherFileError('status 403')],
    ['nothing', new NotFoundError('status 404')],
    ['other bytes', undefined],
  ])('finds the new generation when storage gives %s for a part of the old one', async (_, failure) => {
    const { files, searcher, right } = await opened()
    const next = await indexOf([segment(2)], { generation: 2, partBytes: 70_000, texts: true })
    const fresh = await openByRange(liveFiles(new Map(next)), { kernels })
    const expected = (await fresh.search(query)).hits.map(({ id, score }) => ({ id, score }))
    const old = new Set([...files.stored.keys()].filter((name) => name !== MANIFEST_NAME))
    for (const [name, bytes] of next) files.stored.set(name, bytes)
    files.answer = ({ name }, bytes) => {
      if (!old.has(name)) return bytes
      if (failure) throw failure
      return bytes.fill(60)
    }
    const { hits, generation } = await searcher.search(query)
    expect(right.generation).toBe(1)
    expect(generation).toBe(2)
    expect(hits.map(({ id, score }) => ({ id, score }))).toEqual(expected)
  })

  it('looks once for a new generation when many queries meet a part that is damaged, and tells each of the damage', async () => {
    const all = await opened()
    let looks = 0
    const { open } = all.files
    all.files.open = (name, size) => {
      if (name === MANIFEST_NAME) looks++
      return open(name, size)
    }
    all.files.answer = (_asked, bytes) => bytes.fill(0)
    const failures = await Promise.all(
      Array.from({ length: 10 }, () => all.searcher.search(query).catch((error: unknown) => error)),
    )
    for (const failure of failures) expect((failure as TartanError).code).toMatch(/^(CHECKSUM|FORMAT)$/)
    expect(looks).toBeLessThanOrEqual(2)
    await expectUsable(all)
  })

  it('gives the right answer or an error whichever byte of an answer is wrong', async () => {
    const all = await opened()
    const random = seededRandom(5)
    let refused = 0
    for (let run = 0; run < 150; run++) {
      let left = Math.floor(random() * right(all))
      all.files.answer = (_, bytes) => {
        if (left >= 0 && left < bytes.length) bytes[left]! ^= 1 << Math.floor(random() * 8)
        left -= bytes.length
        return bytes
      }
      const answer = await all.searcher.search(query).catch((error: unknown) => error)
      if (answer instanceof TartanError) refused++
      else expect(answer).toEqual(all.right)
    }
    // What lies in the gaps between wanted ranges may be wrong without anybody looking: most of what is read of so small an index.
    expect(refused).toBeGreaterThan(20)
    await expectUsable(all)
  })

  const right = ({ right: { storage } }: Awaited<ReturnType<typeof opened>>) => storage!.bytes

  it('passes on what storage throws, and gives up the reads beside it', async () => {
    const all = await opened({ concurrency: 4 })
    const signals: AbortSignal[] = []
    all.files.answer = async ({ signal }, bytes) => {
      signals.push(signal!)
      if (signals.length === 2) throw new StorageError('the store is down.')
      await later(20)
      return bytes
    }
    await expect(all.searcher.search(query)).rejects.toThrow('the store is down.')
    expect(signals.every(({ aborted }) => aborted)).toBe(true)
    expect(signals.length).toBeLessThanOrEqual(4)
    await later(40)
    await expectUsable(all)
  })

  it('refuses to open an index with a section that is not what was written', async () => {
    const stored = await indexOf([segment(1)])
    for (const [name, bytes] of stored) {
      if (name === 'index.msgpack') continue
      const files = liveFiles(stored)
      files.answer = (asked, read) => {
        if (asked.name === name) read[read.length >> 1]! ^= 8
        return read
      }
      await expect(openByRange(files, { kernels })).rejects.toBeInstanceOf(TartanError)
      expect(files.open_).toEqual([])
      expect(bytes.length).toBeGreaterThan(0)
    }
  })

  /** Reads of each round; a round ends when nothing is under way. */
  async function roundsOf({ files, searcher }: Awaited<ReturnType<typeof opened>>) {
    let underWay = 0
    const rounds: number[] = []
    files.answer = async (_, bytes) => {
      if (underWay++ === 0) rounds.push(0)
      rounds[rounds.length - 1]! += 1
      await later(5)
      underWay--
      return bytes
    }
    return { rounds, answer: await searcher.search(query) }
  }

  it('reads posting lists in one round and rows in the next', async () => {
    const { rounds, answer } = await roundsOf(await opened({ concurrency: 64 }))
    expect(rounds).toHaveLength(2)
    expect(rounds.reduce((sum, reads) => sum + reads)).toBe(answer.storage!.reads)
    expect(answer.storage!.rounds).toBe(2)
  })

  it.each([
    ['posting lists', 0],
    ['rows', 1],
  ])('answers the best so far at its deadline when %s do not come, and says what is missing', async (_, round) => {
    const all = await opened({ concurrency: 64 })
    const { rounds } = await roundsOf(all)
    // No list at all, or all lists and one read of rows.
    const coming = round === 0 ? 0 : rounds[0]! + 1
    let reads = 0
    all.files.answer = async (_asked, bytes) => {
      if (++reads > coming) await later(60_000)
      return bytes
    }
    const { hits, skipped, counts } = await all.searcher.search(query, { deadlineMs: 100 })
    expect(skipped!.reasons).toEqual(['deadline'])
    expect(skipped!.lists > 0).toBe(round === 0)
    expect(counts.rescored + skipped!.passages >= 64).toBe(round === 1)
    expect(hits.length > 0).toBe(round === 1)
    all.files.answer = (_asked, bytes) => bytes
    for (const { id, score } of hits) {
      expect((await all.searcher.search(query, { filter: [id] })).hits[0]).toMatchObject({ id, score })
    }
    await expectUsable(all)
  })

  describe('when the index is replaced', () => {
    async function replaceable(generation = 2) {
      const all = await opened()
      const next = await indexOf([segment(2)], { generation, partBytes: 70_000, texts: true })
      const fresh = await openByRange(liveFiles(new Map(next)), { kernels })
      const replace = () => {
        all.files.stored.clear()
        for (const [name, bytes] of next) all.files.stored.set(name, bytes)
      }
      const expected = await fresh.search(query)
      const placed = {
        ...expected,
        hits: expected.hits.map((hit) => ({ ...hit, place: { ...hit.place, opening: 1 } })),
      }
      return { ...all, replace, expected: placed }
    }

    it('answers from the new generation, and closes the parts of the old one', async () => {
      const { files, searcher, replace, expected } = await replaceable()
      const before = files.open_.length
      replace()
      expect(await searcher.search(query)).toEqual(expected)
      expect(searcher.info.generation).toBe(2)
      expect(files.open_.length).toBeLessThanOrEqual(before)
    })

    it('by one that was built anew, and so is a first generation as well, answers from that', async () => {
      const { searcher, replace, expected } = await replaceable(1)
      replace()
      expect(await searcher.search(query)).toEqual(expected)
    })

    it('on storage that tells no two versions apart, is looked at as soon as a part is gone', async () => {
      const { files, searcher, replace, expected } = await replaceable()
      files.version = async () => 'always the same'
      for (let i = 0; i < 2; i++) expect(await searcher.refresh()).toBe(false)
      replace()
      expect(await searcher.refresh()).toBe(false)
      expect(await searcher.search(query)).toEqual(expected)
    })

    it('in the middle of a query, answers all of it from the new generation', async () => {
      const { files, searcher, replace, expected } = await replaceable()
      let reads = 0
      files.answer = (_, bytes) => {
        if (++reads === 3) replace()
        return bytes
      }
      expect(await searcher.search(query)).toEqual(expected)
    })

    it('reloads once for many queries that find it out together', async () => {
      const { files, searcher, replace, expected } = await replaceable()
      let manifests = 0
      const { open } = files
      files.open = (name) => {
        if (name === 'index.msgpack') manifests++
        return open(name)
      }
      replace()
      const answers = await Promise.all(Array.from({ length: 8 }, () => searcher.search(query)))
      for (const answer of answers) expect(answer).toEqual(expected)
      expect(manifests).toBe(1)
    })

    it('refuses places of the old generation, so that no text of another passage is shown', async () => {
      const { searcher, right: old, replace } = await replaceable()
      const places = old.hits.map(({ place }) => place)
      replace()
      await expect(searcher.passages(places)).rejects.toBeInstanceOf(StorageError)
      await expect(searcher.matchTokens(query, places)).rejects.toThrow('Search again.')
      const { hits } = await searcher.search(query)
      const passages = await searcher.passages(hits.map(({ place }) => place))
      expect(passages.map(({ title }) => title)).toEqual(hits.map(({ id }) => `Title of ${id}`))
    })

    it('says so when a part is gone and nothing newer is there', async () => {
      const { files, searcher } = await opened()
      for (const name of files.stored.keys()) if (name !== 'index.msgpack') files.stored.delete(name)
      await expect(searcher.search(query)).rejects.toThrow('there is no newer generation')
      await expect(searcher.search(query)).rejects.toBeInstanceOf(StorageError)
    })
  })

  it('tells a passage that is not there from a part that is not there', async () => {
    const { searcher } = await opened()
    await expect(searcher.passage('nobody')).rejects.toBeInstanceOf(NotFoundError)
    for (const [segment, pid] of [
      [0, 150],
      [0, -1],
      [0, 0.5],
      [1, 0],
    ] as const) {
      await expect(searcher.passages([{ segment, pid, opening: 0 }])).rejects.toBeInstanceOf(NotFoundError)
      await expect(searcher.matchTokens(query, [{ segment, pid, opening: 0 }])).rejects.toBeInstanceOf(NotFoundError)
    }
    const place = { segment: 0, pid: 7, opening: 0 }
    expect(await searcher.passage('p7')).toMatchObject({ id: 'p7', place, title: 'Title of p7' })
  })
})
