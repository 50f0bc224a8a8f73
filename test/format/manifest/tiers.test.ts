/** Tiers in the manifest: what was written comes back, and nothing that a stranger writes gets through. */
import { describe, expect, it } from 'vitest'
import { FieldReader } from '../../../format/container/fields.ts'
import { FormatError } from '../../../format/errors.ts'
import { readIndex } from '../../../format/indexReader.ts'
import { decodeManifest, encodeManifest } from '../../../format/manifest/manifest.ts'
import { readTiers, tierSetFor } from '../../../format/manifest/tiers.ts'
import { filesAtPath } from '../../../runtime/platform/node/nodeFiles.ts'
import { someTiers } from '../someTiers.ts'
import { tinyIndex } from '../tinyIndex.ts'

/** A copy with one value changed; `undefined` removes it. */
function changed(path: string, value: unknown): unknown {
  const copy = structuredClone(someTiers) as unknown as Record<string, unknown>
  const keys = path.split('.')
  let at = copy
  for (const key of keys.slice(0, -1)) at = at[key] as Record<string, unknown>
  const last = keys.at(-1)!
  if (value === undefined) delete at[last]
  else at[last] = value
  return copy
}

const read = (value: unknown) => readTiers(new FieldReader(value, 'manifest.tiers'))

describe('tiers in a manifest', () => {
  it('come back as they were written, with and without times', async () => {
    const { manifest } = await tinyIndex({ lengths: [3, 4] })
    const [first, second] = someTiers.sets
    const timed = {
      ...someTiers,
      machine: 'A machine, Node 24',
      sets: [{ ...first!, fast: { ...first!.fast, ms: 1.25 } }, second!],
    }
    for (const tiers of [someTiers, timed]) {
      expect(decodeManifest(encodeManifest({ ...manifest, tiers }))).toEqual({ ...manifest, tiers })
    }
  })

  it('are absent in a manifest without them', async () => {
    const { manifest } = await tinyIndex({ lengths: [3, 4] })
    expect('tiers' in decodeManifest(encodeManifest(manifest))).toBe(false)
  })

  it('are absent in an index that was not tuned', async () => {
    const files = await filesAtPath(new URL('../../golden/index/nbits2', import.meta.url).pathname)
    const { manifest } = await readIndex(files)
    expect(manifest.tiers).toBeUndefined()
  })

  it('may have keys and tiers that this version does not know', () => {
    expect(read(changed('colour', 'red'))).toEqual(someTiers)
    expect(read(changed('sets.0.frugal', { ncells: 1 }))).toEqual(someTiers)
    expect(read(changed('sets.0.fast.joules', 5))).toEqual(someTiers)
  })

  it.each([
    ['sets', undefined],
    ['sets', []],
    ['sets', 'none'],
    ['sets', new Array(17).fill(someTiers.sets[0])],
    ['sets.0', null],
    ['sets.0.k', 0],
    ['sets.0.k', 1001],
    ['sets.0.k', '10'],
    ['sets.1.k', 10],
    ['sets.0.fast', undefined],
    ['sets.0.balanced', []],
    ['sets.1.exact', 3],
    ['sets.0.fast.ncells', 0],
    ['sets.0.fast.ncells', 2 ** 22 + 1],
    ['sets.0.fast.ncells', 1.5],
    ['sets.0.fast.ncells', Number.NaN],
    ['sets.0.fast.centroidScoreThreshold', -1.01],
    ['sets.0.fast.centroidScoreThreshold', 1.01],
    ['sets.0.fast.centroidScoreThreshold', Number.NaN],
    ['sets.0.fast.centroidScoreThreshold', '0.5'],
    ['sets.0.fast.ndocs', 0],
    ['sets.0.fast.ndocs', 1_048_577],
    ['sets.0.fast.ndocs', Number.POSITIVE_INFINITY],
    ['sets.0.fast.recall', 1.001],
    ['sets.0.fast.recall', -0.001],
    ['sets.0.fast.recall', Number.NaN],
    ['sets.0.fast.costMs', -1],
    ['sets.0.fast.costMs', 1e300],
    ['sets.0.fast.bytes', -1],
    ['sets.0.fast.bytes', 2 ** 53],
    ['sets.0.fast.ms', Number.NaN],
    ['sets.0.fast.ms', 'quick'],
    ['queries', 0],
    ['queries', 1_000_001],
    ['querySource', 'guessed'],
    ['reference', 'constructor'],
    ['compared', 7],
    ['machine', ''],
    ['machine', 'x'.repeat(257)],
  ])('are refused when %s is %j', (path, value) => {
    expect(() => read(changed(path, value))).toThrow(FormatError)
  })

  it('make the whole manifest be refused, naming the field', async () => {
    const { manifest } = await tinyIndex({ lengths: [3, 4] })
    const bytes = encodeManifest({ ...manifest, tiers: changed('sets.1.fast.ndocs', 0) as typeof someTiers })
    expect(() => decodeManifest(bytes)).toThrow(/manifest\.tiers\.sets\[1\]\.fast\.ndocs/)
  })
})

describe('the set for k', () => {
  it.each([
    [1, 10],
    [10, 10],
    [11, 100],
    [100, 100],
    [1000, 100],
  ])('of k = %i is the one for up to %i', (k, expected) => {
    expect(tierSetFor(someTiers, k)?.k).toBe(expected)
  })
})
