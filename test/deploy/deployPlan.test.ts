/** Where an index fits is reckoned from its manifest: beside what the runtime really reads, and what benches measured. */
import { describe, expect, it } from 'vitest'
import range1m from '../../bench/results/memory-syn1m.json' with { type: 'json' }
import rangeScifact from '../../bench/results/range-scifact-2bit.json' with { type: 'json' }
import { type DeployPlanOptions, deployPlan, type HostPlan, type SearchPlan } from '../../deploy/deployPlan.ts'
import { HOST_NAMES, type HostName, hostNamed } from '../../deploy/hosts.ts'
import { openingReads, queryReads } from '../../deploy/reads.ts'
import { deployFiles } from '../../deploy/writeDeployFiles.ts'
import { InputError } from '../../format/errors.ts'
import { READS_AT_ONCE } from '../../format/indexReader.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME, type Manifest } from '../../format/manifest/manifest.ts'
import { openedSections } from '../../format/manifest/sections.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomSegment } from '../../lab/data/randomSegment.ts'
import { evenBorders, slicesOf } from '../../lab/data/slicedSegment.ts'
import { countingFiles } from '../../lab/storage/countingFiles.ts'
import { type FetchLike, httpFiles } from '../../runtime/readers/http.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import { FIRST_BYTES } from '../../runtime/readers/remote.ts'
import { choosePipeline, openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'
import { kernelsModule } from '../kernels/guardedMemory.ts'
import { type MadeShape, madeManifest } from './madeManifest.ts'

const planFor = (manifest: Manifest, host: HostName, options: Omit<DeployPlanOptions, 'hosts'> = {}) =>
  deployPlan(manifest, { ...options, hosts: [host] }).hosts[0]!

/** An index with texts, in segments of 100 passages. */
async function smallIndex(shape: {
  readonly segments?: number
  readonly deleted?: number
  readonly partBytes?: number
}) {
  const { segments = 1, deleted = 0, partBytes } = shape
  const lengths = Array<number>(100 * segments).fill(20)
  const whole = randomSegment({ seed: 3, dim: 32, nbits: 2, centroidCount: 64, lengths })
  return indexOf(slicesOf(whole, evenBorders(lengths.length, segments)), {
    ...{ texts: true, partBytes },
    deleted: Array.from({ length: segments }, () => Uint32Array.from({ length: deleted }, (_, pid) => pid)),
  })
}

/** A plan that some pipeline fits. */
const searched = (plan: HostPlan): SearchPlan => {
  if (!plan.pipeline) throw new Error(`no pipeline fits ${plan.host}`)
  return plan
}

/** The example corpus at 2 bits: size-scifact.json and range-scifact-2bit.json; its posting lists have 95 bytes on average. */
const SCIFACT = {
  passages: 5183,
  tokens: 188,
  centroids: 8192,
  postings: 8192 * 95,
  nbits: 2,
  textBlocks: 200,
} as const
/** memory-syn1m.json. */
const MILLION = { passages: 1_000_000, tokens: 40, centroids: 131_072, postings: 71_522_850, nbits: 2 } as const

describe('what is read when an index is opened', () => {
  it.each([
    ['one part', {}],
    ['many parts', { partBytes: 4096 }],
    ['three segments over one quantiser', { segments: 3 }],
    ['segments of which passages are deleted', { segments: 2, deleted: 5 }],
  ] as const)('is known exactly, in %s, for both pipelines', async (_, shape) => {
    const files = await smallIndex(shape)
    const manifest = decodeManifest(files.get(MANIFEST_NAME)!)
    const kernels = await kernelsModule('kernels.wasm')
    for (const pipeline of ['resident', 'range'] as const) {
      const counting = countingFiles(memoryFiles('small', files))
      const opened = await openIndexFiles(counting, { kernels, pipeline })
      const { reads, bytes } = counting.take()
      await opened.close()
      const { requests, bytes: expected } = openingReads(manifest, pipeline)
      expect({ reads, bytes }).toEqual({ reads: requests, bytes: expected })
    }
  })

  it('asks twice for a manifest that is longer than what is read along when it is opened', () => {
    const manifest = madeManifest({ ...SCIFACT, partBytes: 20_000 })
    const { length } = encodeManifest(manifest)
    expect(length).toBeGreaterThan(FIRST_BYTES)
    const { sections } = manifest.segments[0]!
    const chunks = [...manifest.quantisers[0]!.sections, ...sections].flatMap((section) =>
      openedSections('range', 'quantiser').concat(openedSections('range', 'segment')).includes(section.name)
        ? section.chunks
        : [],
    )
    expect(openingReads(manifest, 'range')).toEqual({
      requests: 2 + chunks.length,
      bytes: FIRST_BYTES + length + chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      roundTrips: 2 + Math.ceil(chunks.length / READS_AT_ONCE),
    })
  })

  it.each(['resident', 'range'] as const)(
    'is each part once where the storage knows no ranges: %s',
    async (pipeline) => {
      const files = await smallIndex({ segments: 2, partBytes: 20_000 })
      const manifest = decodeManifest(files.get(MANIFEST_NAME)!)
      const sent: number[] = []
      const fetch: FetchLike = async (url) => {
        const bytes = files.get(new URL(url).pathname.slice(1))!
        sent.push(bytes.length)
        return new Response(bytes as Uint8Array<ArrayBuffer>)
      }
      const kernels = await kernelsModule('kernels.wasm')
      const opened = await openIndexFiles(httpFiles('http://host/', { fetch }), { kernels, pipeline })
      await opened.close()
      const { requests, bytes } = openingReads(manifest, pipeline, { wholeFiles: true })
      expect([requests, bytes]).toEqual([sent.length, sent.reduce((sum, length) => sum + length, 0)])
      expect(new Set(sent).size).toBeGreaterThan(2)
    },
  )

  it('is a part once more when it had to make room for others meanwhile', () => {
    const manifest = madeManifest(MILLION)
    const { requests, bytes } = openingReads(manifest, 'range', { wholeFiles: true })
    const whole = manifest.parts.reduce((sum, part) => sum + part.bytes, 0)
    expect(requests).toBeGreaterThan(2)
    expect(bytes).toBeLessThan(2 * whole)
  })

  // Reads differ by the places where sections are cut.
  it('is as measured at a million passages: 32 reads, 29.5 MB', () => {
    const { requests, bytes } = openingReads(madeManifest({ ...MILLION, idBytes: 10 }), 'range')
    expect(Math.abs(requests - range1m.metrics.open_reads)).toBeLessThanOrEqual(3)
    expect(bytes / range1m.metrics.open_bytes).toBeCloseTo(1, 1)
  })
})

describe('what a query reads', () => {
  it.each([
    ['the example corpus', SCIFACT, rangeScifact.metrics.line],
    ['a million passages', MILLION, range1m.metrics],
  ])('by range is estimated within a fifth of the median that was measured: %s', (_, shape, measured) => {
    const { typical, requestsMax } = queryReads(madeManifest(shape), 'range')
    expect(typical.requests / measured.reads_median).toBeGreaterThan(0.8)
    expect(typical.requests / measured.reads_median).toBeLessThan(1.2)
    expect(typical.bytes / measured.bytes_median).toBeGreaterThan(0.8)
    expect(typical.bytes / measured.bytes_median).toBeLessThan(1.2)
    expect(typical.requests).toBeLessThanOrEqual(requestsMax)
  })

  it('is nothing when the index is in memory, but for the texts of hits', () => {
    const { typical, requestsMax, texts } = queryReads(madeManifest(SCIFACT), 'resident')
    expect([typical.requests, typical.bytes, requestsMax]).toEqual([0, 0, 0])
    expect(texts).toMatchObject({ requests: 10, bytes: 100_000 })
    expect(queryReads(madeManifest({ ...SCIFACT, textBlocks: 3 }), 'resident').texts.requests).toBe(3)
  })

  it('is never more than there is: one passage in one cell', () => {
    const { typical } = queryReads(madeManifest({ passages: 1, tokens: 1, centroids: 1, postings: 5 }), 'range')
    expect(typical).toMatchObject({ requests: 2, bytes: 5 + 31 })
  })
})

describe('a plan', () => {
  it('names every host, and searches as the runtime would with the memory it reckons with', () => {
    for (const passages of [1, 10_000, 100_000, 400_000, 1_000_000]) {
      const manifest = madeManifest({ ...MILLION, passages, postings: passages * 70 })
      const { hosts } = deployPlan(manifest)
      expect(hosts.map(({ host }) => host)).toEqual([...HOST_NAMES])
      for (const { pipeline, memory } of hosts.map(searched)) {
        expect(pipeline).toBe(choosePipeline(manifest, { memoryMax: memory.memoryMax }).pipeline)
        expect(memory.needed).toBeLessThanOrEqual(memory.memoryMax)
      }
    }
  })

  it('reads a million passages by range on Workers, and gives a server the memory for all of them', () => {
    const manifest = madeManifest(MILLION)
    expect(planFor(manifest, 'cloudflare-r2')).toMatchObject({ fits: true, pipeline: 'range' })
    expect(planFor(manifest, 'node-server')).toMatchObject({ pipeline: 'resident', memory: { hostMb: 2048 } })
    // Loading 1.2 GB takes 20 s and more, so the smallest function that searches by range is the better one.
    expect(planFor(manifest, 'lambda-s3')).toMatchObject({ pipeline: 'range', memory: { hostMb: 512 } })
    const larger = planFor(manifest, 'lambda-s3', { memoryMb: 4096 })
    expect(larger).toMatchObject({ pipeline: 'resident', memory: { hostMb: 4096 } })
    expect(larger.notes.join()).toMatch(/With `pipeline: 'range'`/)
  })

  it('keeps to ranges, whatever memory there is, when one WebAssembly memory could not hold the index', () => {
    const manifest = madeManifest({ ...MILLION, tokens: 150, postings: 500_000_000 })
    const plan = deployPlan(manifest, { hosts: ['node-server'], memoryMb: 65_536 })
    expect(plan.hosts[0]).toMatchObject({ fits: true, pipeline: 'range', pipelineForced: true })
    expect(deployFiles('out', { plan, indexPath: 'x.tartan' })['server.ts']).toContain("pipeline: 'range'")
  })

  it('halves a Worker that encodes, whose script is then for the paid plan', () => {
    const manifest = madeManifest({ ...SCIFACT, encoder: true })
    const [without, beside] = [false, true].map((encoder) => searched(planFor(manifest, 'cloudflare-r2', { encoder })))
    expect(without).toMatchObject({ plan: 'free', memory: { memoryMax: 96e6 } })
    expect(beside).toMatchObject({ plan: 'paid', memory: { memoryMax: 64e6 } })
    expect(beside!.scriptBytes).toBeGreaterThan(3e6)
    expect(beside!.coldStart.totalMs).toBeGreaterThan(without!.coldStart.totalMs + 475)
  })

  it('tells of a part that is larger than a host takes, and how to get smaller ones', () => {
    const manifest = madeManifest({ ...SCIFACT, partBytes: 64 * 2 ** 20 })
    const { fits, problems } = planFor(manifest, 'cloudflare-assets')
    expect(fits).toBe(false)
    expect(problems.join()).toMatch(/largest part has 2\d\.\d MiB.*at most 25\.0 MiB.*--part-size/)
    expect(planFor(manifest, 'cloudflare-r2').fits).toBe(true)
  })

  it('counts whole parts, on their way or kept, against the memory where there are no ranges', () => {
    // The index and a part of 24 MiB: 61 + 25 of 128 MB.
    const plan = searched(planFor(madeManifest(SCIFACT), 'cloudflare-assets'))
    expect(plan.fits).toBe(true)
    expect(plan.memory.wholeFilesMax! + plan.memory.needed).toBeLessThanOrEqual(128e6)
    const small = planFor(madeManifest({ ...MILLION, partBytes: 2 ** 20 }), 'cloudflare-assets')
    expect(small).toMatchObject({ fits: true, plan: 'free' })
    expect(small.notes.join()).toContain('R2 has ranges')
  })

  it.each([
    [20_001, 'paid', true],
    [100_001, 'free', false],
  ])('knows how many files a host takes: %i', (count, plan, fits) => {
    const few = madeManifest({ ...SCIFACT, partBytes: 2 ** 20 })
    const parts = Array.from({ length: count - 1 }, (_, i) => few.parts[i] ?? { ...few.parts[0]!, bytes: 64 })
    expect(planFor({ ...few, parts }, 'cloudflare-assets')).toMatchObject({ plan, fits })
  })

  it('says what no pipeline fits, with the way out', () => {
    const manifest = madeManifest({ passages: 1_000_000, centroids: 2 ** 21 })
    const plan = planFor(manifest, 'cloudflare-r2')
    expect(plan.fits).toBe(false)
    expect(plan.problems.join()).toMatch(
      /even by range.* MB of memory, of 128 MB it can have 96 MB\. Choose a host that has more, or build indexes of parts of the corpus\./,
    )
    expect(plan).not.toHaveProperty('pipeline')
    expect(planFor(manifest, 'node-server').fits).toBe(true)
  })

  it('advises only what can be done', () => {
    const manifest = madeManifest({ passages: 1_000_000, centroids: 2 ** 21, encoder: true })
    const problemOf = (host: HostName, options: Omit<DeployPlanOptions, 'hosts'> = {}) =>
      planFor(manifest, host, options).problems.join()
    const smaller = problemOf('node-server', { memoryMb: 256 })
    expect(smaller).toMatch(/Give it more with --memory, choose a host/)
    expect(problemOf('cloudflare-r2')).toMatch(/it can have 96 MB\. Choose a host/)
    // Where it fits once no encoder is beside it.
    const memoryMb = Number(smaller.match(/needs (\d+) MB/)?.[1]) + 128 + 10
    expect(problemOf('node-server', { memoryMb, encoder: true })).toMatch(/encode elsewhere and leave --encoder out/)
    expect(smaller).not.toContain('--encoder')
  })

  it('says where a replaced index has no room beside the one in use', () => {
    const notesOf = (shape: MadeShape, host: HostName) => planFor(madeManifest(shape), host).notes.join()
    expect(notesOf(MILLION, 'cloudflare-r2')).toMatch(/does not fit the memory beside it/)
    expect(notesOf(SCIFACT, 'cloudflare-r2')).not.toMatch(/beside it/)
    // There a program and its index are deployed together.
    expect(notesOf({ ...MILLION, partBytes: 2 ** 20 }, 'cloudflare-assets')).not.toMatch(/beside it/)
  })

  it('counts passages that can be found, and centroids of a quantiser once', () => {
    const manifest = madeManifest({ ...MILLION, passages: 50_000, postings: 7_000_000, segments: 10, deleted: 7 })
    const { index } = deployPlan(manifest)
    expect(index.passages).toBe(10 * (50_000 - 7))
    // 131,072 centroids take 85 ms.
    expect(planFor(manifest, 'cloudflare-r2')).toMatchObject({ pipeline: 'range' })
    expect(planFor(manifest, 'cloudflare-r2').notes.join()).toMatch(/a search some 85 ms/)
  })

  it.each([
    [
      'an encoder that the index does not name',
      { encoder: true, hosts: ['cloudflare-r2'] },
      /does not name the encoder/,
    ],
    ['more memory than there is', { memoryMb: 129, hosts: ['cloudflare-r2'] }, /at most the 128 MB/],
    ['memory that the program itself takes', { memoryMb: 32, hosts: ['cloudflare-r2'] }, /more than the 32 MB/],
    ['memory of every host', { memoryMb: 512 }, /name one with --host/],
  ] as const)('refuses %s', (_, options, message) => {
    expect(() => deployPlan(madeManifest(SCIFACT), options)).toThrow(InputError)
    expect(() => deployPlan(madeManifest(SCIFACT), options)).toThrow(message)
  })

  it('adds up the cold start, over a line that it names', () => {
    const { hosts } = deployPlan(madeManifest({ ...SCIFACT, encoder: true }), { encoder: true })
    for (const { coldStart } of hosts.map(searched)) {
      const { totalMs, networkMs, computeMs, encoderMs, assumed } = coldStart
      expect(Math.abs(totalMs - networkMs - computeMs - encoderMs)).toBeLessThanOrEqual(2)
      expect(assumed.bytesPerSecond).toBeGreaterThan(0)
    }
  })
})

describe('an encoder on the host itself, where nothing is said of it,', () => {
  it('is planned where the index names its model and both fit', () => {
    const { hosts } = deployPlan(madeManifest({ ...SCIFACT, encoder: true, partBytes: 2 ** 20 }), { encoder: 'auto' })
    expect(hosts.map(({ host, encoder, fits }) => [host, encoder, fits])).toEqual(
      HOST_NAMES.map((host) => [host, true, true]),
    )
  })

  it('is left out for an index that names none, and where both do not fit', () => {
    const vectors = deployPlan(madeManifest({ ...SCIFACT, partBytes: 2 ** 20 }), { encoder: 'auto' })
    expect(vectors.hosts.some(({ encoder }) => encoder)).toBe(false)
    // Of 60 MB 32 are the engine's, and an encoder would take the other half.
    const small = madeManifest({ passages: 1000, centroids: 512, encoder: true })
    const [plan] = deployPlan(small, { encoder: 'auto', hosts: ['cloudflare-r2'], memoryMb: 60 }).hosts
    expect(plan).toMatchObject({ encoder: false, fits: true })
  })
})

it.each([
  ['workers-r2', 'cloudflare-r2'],
  ['workers-assets', 'cloudflare-assets'],
  ['browser-static', 'browser'],
  ['deno-deploy', 'deno-deploy'],
  ['lambda-s3', 'lambda-s3'],
  ['heroku', undefined],
  ['constructor', undefined],
])('the host of examples/%s is %s', (name, host) => {
  expect(hostNamed(name)).toBe(host)
})

describe('the files of a plan', () => {
  it('have nothing of a name but letters, digits and hyphens', () => {
    const manifest = {
      ...madeManifest({ ...SCIFACT, encoder: true, partBytes: 2 ** 20 }),
      name: `"; rm -rf ~ '$(x)\n\`Ü`,
    }
    for (const host of HOST_NAMES) {
      const plan = deployPlan(manifest, { hosts: [host], encoder: true })
      const files = deployFiles('out', { plan, indexPath: "it's here/x.tartan" })
      expect(Object.keys(files)).toContain('README.md')
      for (const text of Object.values(files)) {
        expect(text).not.toMatch(/rm -rf ~|\$\(x\)|Ü/)
        expect(text).not.toMatch(/undefined(?!\))|\[object/)
      }
    }
  })

  it.each(HOST_NAMES)('look for a replaced index where it is not deployed with the program: %s', (host) => {
    const plan = deployPlan(madeManifest({ ...SCIFACT, encoder: true, partBytes: 2 ** 20 }), { hosts: [host] })
    const sources = Object.entries(deployFiles('out', { plan, indexPath: 'x.tartan' })).filter(([name]) =>
      /\.[jt]s$/.test(name),
    )
    const refreshing = sources.filter(([, text]) => text.includes('refreshMs: 60_000,'))
    expect(refreshing).toHaveLength(['cloudflare-assets', 'browser'].includes(host) ? 0 : 1)
    for (const [, text] of sources) expect(text).not.toMatch(/bytesMax|readsMax|version:/)
  })

  it('are not made for a host on which the index does not fit', () => {
    const plan = deployPlan(madeManifest({ ...SCIFACT, partBytes: 64 * 2 ** 20 }), { hosts: ['cloudflare-assets'] })
    expect(() => deployFiles('out', { plan, indexPath: 'x.tartan' })).toThrow(
      /does not fit cloudflare-assets.*--part-size/,
    )
  })
})
