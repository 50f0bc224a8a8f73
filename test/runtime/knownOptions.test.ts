/** Options with names that nobody knows, and options that are none. */
import { describe, expect, it } from 'vitest'
import { openTextSearch as openOverFiles } from '../../runtime/ask/openTextSearch.ts'
import { requireKnownOptions } from '../../runtime/knownOptions.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { openTextSearch } from '../../runtime/platform/node/nodeTextSearch.ts'
import { memoryFiles } from '../../runtime/readers/memory.ts'

const input = (message: RegExp) => expect.objectContaining({ code: 'INPUT', message: expect.stringMatching(message) })
const index = new URL('../golden/index/nbits2', import.meta.url).pathname
/** As callers without types write it. */
const untyped = <T>(value: unknown) => value as T

describe('a name that nobody knows', () => {
  const known = { k: true, tier: true, budget: true } as const
  const check = (options: unknown) => () => requireKnownOptions<typeof known>('asking', options, known)
  it.each([
    ['teir', /no option "teir"\. Did you mean "tier"/],
    ['Tier', /Did you mean "tier"/],
    ['K', /Did you mean "k"/],
    ['budgets', /Did you mean "budget"/],
    ['q', /no option "q"\. Known are k, tier, budget/],
    ['constructor', /no option "constructor"\. Known are/],
  ])('as "%s" is refused with the one that was meant, or with all', (name, message) => {
    expect(check({ [name]: 1 })).toThrow(input(message))
  })

  it('stands for nothing where its value is undefined, as do no options at all', () => {
    expect(check({ k: 1, spare: undefined })).not.toThrow()
    expect(check(undefined)).not.toThrow()
  })

  it.each([null, 'fast', 3])('options that are %j are refused', (options) => {
    expect(check(options)).toThrow(input(/expected options as an object with k, tier, budget, got/))
  })
})

describe('opening refuses before it reads anything', () => {
  it.each([
    [
      'a misspelt option of a search',
      () => openTextSearch('nowhere', untyped({ teir: 'fast' })),
      /Did you mean "tier"/,
    ],
    [
      'a tier that there is none of',
      () => openTextSearch('nowhere', untyped({ tier: 'wild' })),
      /expected fast, balanced, exact, got "wild"/,
    ],
    ['options that are null', () => openTextSearch('nowhere', untyped(null)), /got null/],
    [
      'a misspelt option of an index',
      () => openIndex('nowhere', untyped({ refreshMS: 1 })),
      /Did you mean "refreshMs"/,
    ],
    [
      'a misspelt option over files',
      () => openOverFiles(memoryFiles('made up', new Map()), untyped({ memorymax: 1 })),
      /Did you mean "memoryMax"/,
    ],
  ])('%s', async (_, open, message) => {
    await expect(open()).rejects.toEqual(input(message))
  })
})

describe('asking refuses', () => {
  it.each([
    ['options that are null', null, /got null/],
    ['a misspelt option', { hilight: true }, /Did you mean "highlight"/],
    ['a tier that there is none of', { tier: 'wild' }, /got "wild"/],
  ])('%s', async (_, options, message) => {
    const search = await openTextSearch(index, { encoder: false, workers: 0 })
    const vectors = {
      vectors: new Float32Array(search.info.dim).fill(1 / Math.sqrt(search.info.dim)),
      rows: 1,
      dim: search.info.dim,
    }
    await expect(search.ask(vectors, untyped(options))).rejects.toEqual(input(message))
    await search.close()
  })
})
