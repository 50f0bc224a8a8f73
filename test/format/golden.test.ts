/** Golden indexes are read for ever, and mean what an independent reader of SPEC.md says they mean. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { NotFoundError, VersionError } from '../../format/errors.ts'
import { readIndex } from '../../format/indexReader.ts'
import { verifyIndex } from '../../format/verify.ts'
import { filesAtPath } from '../../runtime/platform/node/nodeFiles.ts'
import { openIndex } from '../../runtime/platform/node/nodeIndex.ts'
import { compileKernels } from '../../runtime/platform/node/nodeKernels.ts'
import { openIndexFiles } from '../../runtime/searchers/openIndexFiles.ts'
import { goldenQueries } from './goldenQueries.ts'

const path = (name: string) => fileURLToPath(new URL(`../golden/index/${name}`, import.meta.url))
const expected = JSON.parse(readFileSync(path('expected.json'), 'utf8')) as Record<
  string,
  { ids: string[]; scores: number[] }[]
>

describe.each([
  ['nbits1', 12],
  ['nbits2', 12],
  ['nbits4', 12],
  ['nbits2.tartan', 12],
  ['segments', 11],
] as const)('golden index %s', (name, passages) => {
  it('verifies', async () => {
    const files = await filesAtPath(path(name))
    const { manifest } = await readIndex(files)
    await expect(verifyIndex(files, manifest)).resolves.toMatchObject({ passages })
    await files.close?.()
  })

  it('ranks as exact MaxSim over its decoded vectors does, to a ten-thousandth', async () => {
    const searcher = await openIndex(path(name))
    // The last stage computes at sixteen bits. Measured at most: 0.0008.
    const tolerance = 0.002
    for (const [i, query] of goldenQueries().entries()) {
      const want = expected[name.replace('.tartan', '')]![i]!
      const all = { k: 12, ncells: 1024, centroidScoreThreshold: -1, ndocs: 1000 }
      const { hits } = await searcher.search(query, all)
      expect(hits.map(({ id }) => id).sort()).toEqual([...want.ids].sort())
      const scoreOf = new Map(want.ids.map((id, at) => [id, want.scores[at]!]))
      for (const { id, score } of hits) expect(Math.abs(score - scoreOf.get(id)!), id).toBeLessThan(tolerance)
      for (const [at, hit] of hits.entries()) {
        const next = hits[at + 1]
        if (next) expect(scoreOf.get(hit.id)! - scoreOf.get(next.id)!, 'order').toBeGreaterThan(-2 * tolerance)
      }
    }
    await searcher.close()
  })

  it('gives back ids, titles and texts', async () => {
    const searcher = await openIndex(path(name))
    const first = await searcher.passage('4983')
    expect(first).toMatchObject({
      id: '4983',
      place: { segment: 0, pid: 0 },
      title: expect.stringContaining('newborn cerebral white matter'),
    })
    expect(first.text).toMatch(/^Alterations of the architecture/)
    expect(searcher.info).toMatchObject({ passages, dim: 96, hasTexts: true, encoder: { model: 'tartan-small' } })
    await searcher.close()
  })
})

describe.each(['resident', 'range'] as const)('the golden index of two segments, %s', (pipeline) => {
  it('finds a passage that was replaced where it lives now, and none that is deleted', async () => {
    const searcher = await openIndexFiles(await filesAtPath(path('segments')), {
      kernels: await compileKernels(),
      pipeline,
    })
    expect(await searcher.passage('36474')).toMatchObject({ id: '36474', place: { segment: 1, pid: 0 } })
    await expect(searcher.passage('70490')).rejects.toThrow(NotFoundError)
    for (const [i, query] of goldenQueries().entries()) {
      const { hits } = await searcher.search(query, { k: 12 })
      const ids = hits.map(({ id }) => id)
      expect(ids[0]).toBe(expected.segments?.[i]?.ids[0])
      expect(ids).not.toContain('70490')
      expect(new Set(ids).size).toBe(ids.length)
      expect(searcher.info.passages).toBe(11)
    }
    await searcher.close()
  })
})

describe('an index of format 1', () => {
  it('is refused with both versions and how to rebuild it', async () => {
    const refused = openIndex(path('version1'))
    await expect(refused).rejects.toThrow(VersionError)
    await expect(refused).rejects.toThrow(/version 1.* version 2.*tartan build CORPUS --out INDEX --force/)
  })
})
