/** What a search runs with: single values, the tier asked for, the index's balanced tier, Stanford's defaults, in that order. */
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { InputError } from '../../format/errors.ts'
import { decodeManifest, encodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import type { IndexTiers } from '../../format/manifest/tiers.ts'
import { indexOf } from '../../lab/data/indexFiles.ts'
import { randomSegment } from '../../lab/data/randomSegment.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'
import { resolveSearch } from '../../runtime/search/tiers.ts'
import type { SearchOptions } from '../../runtime/searcher.ts'
import { openSearcher } from '../../runtime/searchers/openIndexFiles.ts'
import { someTiers } from '../format/someTiers.ts'

const resolve = (options: SearchOptions, tiers: IndexTiers | undefined = someTiers) =>
  resolveSearch(options, { name: 'papers', ...(tiers ? { tiers } : {}) })

describe('parameters of a search', () => {
  it.each([
    // Asked for nothing: balanced, of the set for k.
    [{}, 'balanced', 10, [2, 0.4, 400]],
    [{ k: 11 }, 'balanced', 11, [4, -1, 2048]],
    [{ tier: 'fast' as const }, 'fast', 10, [1, 0.5, 64]],
    [{ tier: 'exact' as const, k: 100 }, 'exact', 100, [6, -0.5, 8192]],
    // Single values stand above those of the tier.
    [{ tier: 'exact' as const, ndocs: 77 }, 'exact', 10, [5, -1, 77]],
    [{ ncells: 9 }, 'balanced', 10, [9, 0.4, 400]],
    [{ tier: 'fast' as const, centroidScoreThreshold: -1, ncells: 3 }, 'fast', 10, [3, -1, 64]],
    // Beyond the last set ndocs grows in proportion: 512 x 250 / 100.
    [{ tier: 'fast' as const, k: 250 }, 'fast', 250, [3, 0.45, 1280]],
  ])('of %j start from %s, k = %i', (options, tier, k, [ncells, centroidScoreThreshold, ndocs]) => {
    expect(resolve(options)).toEqual({ tier, k, parameters: { ncells, centroidScoreThreshold, ndocs } })
  })

  it.each([
    [10, [1, 0.5, 256]],
    [100, [2, 0.45, 1024]],
    [1000, [4, 0.4, 4096]],
  ])("are Stanford's for k = %i where the index has no tiers", (k, [ncells, centroidScoreThreshold, ndocs]) => {
    const { tier, parameters } = resolveSearch({ k }, { name: 'papers' })
    expect(tier).toBeUndefined()
    expect(parameters).toEqual({ ncells, centroidScoreThreshold, ndocs })
  })

  it('never exceed the limit of ndocs, whatever a manifest says', () => {
    const sets = someTiers.sets.map((set) => ({ ...set, exact: { ...set.exact, ndocs: 1_048_576 } }))
    expect(resolve({ tier: 'exact', k: 1000 }, { ...someTiers, sets }).parameters.ndocs).toBe(1_048_576)
  })

  it('say how to get tiers when the index has none', () => {
    expect(() => resolveSearch({ tier: 'fast' }, { name: 'papers' })).toThrow(InputError)
    expect(() => resolveSearch({ tier: 'fast' }, { name: 'papers' })).toThrow(/"papers" has no tiers.*tartan tune/)
  })

  it.each(['quick', '', '__proto__', 'k'])('name the tiers that there are, not %j', (tier) => {
    expect(() => resolve({ tier: tier as 'fast' })).toThrow(/fast, balanced, exact/)
  })

  it('out of range are refused beside a tier as without one', () => {
    expect(() => resolve({ tier: 'fast', ndocs: 0 })).toThrow(InputError)
    expect(() => resolve({ tier: 'fast', k: 1001 })).toThrow(InputError)
  })
})

describe('an index with tiers', () => {
  it('shows them, searches with balanced, and says so in its answers', async () => {
    const files = await indexOf([randomSegment({ seed: 1, dim: 32, nbits: 2, centroidCount: 5, lengths: [5, 6, 7] })])
    const manifest = decodeManifest(files.get(MANIFEST_NAME)!)
    files.set(MANIFEST_NAME, encodeManifest({ ...manifest, tiers: someTiers }))
    const kernels = await WebAssembly.compile(
      await readFile(new URL('../../assembly/build/kernels.wasm', import.meta.url)),
    )
    const searcher = await openSearcher(memoryFiles('tiny', files), { kernels })
    const vectors = new Float32Array(2 * 32).fill(0.1)
    expect(searcher.info.tiers).toEqual(someTiers)
    const parametersOf = async (options?: SearchOptions) =>
      (await searcher.search({ vectors, rows: 2, dim: 32 }, options)).parameters
    expect(await parametersOf()).toEqual({
      pipeline: 'resident',
      tier: 'balanced',
      k: 10,
      ncells: 2,
      centroidScoreThreshold: 0.4,
      ndocs: 400,
    })
    expect(await parametersOf({ tier: 'fast', k: 20 })).toMatchObject({ tier: 'fast', k: 20, ncells: 3, ndocs: 512 })
    await searcher.close()
  })
})
