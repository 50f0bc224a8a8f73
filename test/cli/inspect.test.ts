/** What `tartan inspect` and `tartan verify` say of an index of several segments, and of one of another format. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../../lab/root.ts'
import { tartan } from './runTartan.ts'

const golden = (name: string) => join(ROOT, 'test/golden/index', name)

describe('tartan inspect', () => {
  it('shows segments, quantisers, deleted passages and what a reader must know', async () => {
    const { stdout } = await tartan('inspect', golden('segments'))
    expect(stdout).toMatch(/passages +11\n/)
    expect(stdout).toMatch(/deleted +3\n/)
    expect(stdout).toMatch(/segments +2\n/)
    expect(stdout).toMatch(/quantisers +1\n/)
    expect(stdout).toMatch(/requires +sharedQuantisers, tombstones\n/)
    expect(stdout).toMatch(/^tombstones +12 /m)
  })

  it('says of one whole segment that it requires nothing', async () => {
    const { stdout } = await tartan('inspect', golden('nbits2'))
    expect(stdout).toMatch(/passages +12\n/)
    expect(stdout).toMatch(/deleted +0\n/)
    expect(stdout).toMatch(/segments +1\n/)
    expect(stdout).toMatch(/requires +nothing/)
    expect(stdout).not.toMatch(/^tombstones/m)
  })

  it('gives the same facts to programs', async () => {
    const { stdout } = await tartan('inspect', golden('segments'), '--json')
    const facts = { passages: 11, deleted: 3, segments: 2, quantisers: 1, generation: 3 }
    expect(JSON.parse(stdout)).toMatchObject({ ...facts, requires: ['sharedQuantisers', 'tombstones'] })
  })

  it('says of an index of format 1 how to build it again', async () => {
    const { code, stderr } = await tartan('inspect', golden('version1'))
    expect(code).not.toBe(0)
    expect(stderr).toContain('tartan build CORPUS --out INDEX --force')
  })
})
