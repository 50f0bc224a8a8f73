/** `tartan deploy-plan` as users run it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { HOST_NAMES } from '../../deploy/hosts.ts'
import { encodeManifest } from '../../format/manifest/manifest.ts'
import { ROOT } from '../../lab/root.ts'
import { madeManifest } from '../deploy/madeManifest.ts'
import { tartan } from './runTartan.ts'

const GOLDEN = join(ROOT, 'test/golden/index/nbits2')
const folder = mkdtempSync(join(tmpdir(), 'tartan-deploy-plan-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const deployPlan = (...args: readonly string[]) => tartan('deploy-plan', ...args)
const filesOf = (path: string) => readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')])

describe('tartan deploy-plan', () => {
  it('prints a row for each host, what it assumes, and that estimates are some', async () => {
    const { code, stdout } = await deployPlan(GOLDEN)
    expect(code).toBe(0)
    for (const host of HOST_NAMES) expect(stdout).toMatch(new RegExp(`^${host} +(yes|paid plan) +yes +resident `, 'm'))
    const without = await deployPlan(GOLDEN, '--no-encoder')
    for (const host of HOST_NAMES) expect(without.stdout).toMatch(new RegExp(`^${host} +yes +no +resident `, 'm'))
    expect(stdout).toMatch(/^golden: 12 passages, /)
    expect(stdout).toContain('Estimates: a query by range')
    expect(stdout).toMatch(/Cold start assumes .*cloudflare-r2 40 MB\/s and 30 ms/)
  })

  it('plans an index of a million passages from its manifest, which is all that it reads', async () => {
    const index = mkdtempSync(join(folder, 'million-'))
    const manifest = madeManifest({ passages: 1_000_000, tokens: 40, centroids: 131_072, textBlocks: 40_000 })
    writeFileSync(join(index, 'index.msgpack'), encodeManifest(manifest))
    const { code, stdout } = await deployPlan(index, '--host', 'cloudflare-r2', '--json')
    expect(code).toBe(0)
    const { hosts, index: facts } = JSON.parse(stdout)
    expect(facts).toMatchObject({ passages: 1_000_000 })
    expect(hosts).toHaveLength(1)
    expect(hosts[0]).toMatchObject({
      host: 'cloudflare-r2',
      fits: true,
      pipeline: 'range',
      memory: { memoryMax: 96e6 },
    })
    expect(hosts[0].query).toMatchObject({ requestsMax: 64, texts: { requests: 10 } })
  })

  it('says on which hosts an index does not fit, and why', async () => {
    const index = mkdtempSync(join(folder, 'parts-'))
    const manifest = madeManifest({ passages: 50_000, centroids: 16_384, partBytes: 100_000_000 })
    writeFileSync(join(index, 'index.msgpack'), encodeManifest(manifest))
    const { code, stdout } = await deployPlan(index)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^cloudflare-assets +no /m)
    expect(stdout).toMatch(/does not fit: its largest part .* --part-size 24MiB/)
  })

  it.each([
    [['/nowhere/x.tartan'], 1, /nowhere/],
    [[GOLDEN, '--host', 'heroku'], 2, /cloudflare-r2, cloudflare-assets, deno-deploy/],
    [[GOLDEN, '--memory', '64'], 1, /--memory.*--host/],
    [[GOLDEN, '--host', 'cloudflare-r2', '--memory', '20'], 1, /more than the 32 MB that the program itself takes/],
    [[GOLDEN, '--write', join(folder, 'nowhere')], 1, /--write.*--host/],
    [[`${GOLDEN}.tartan`, '--host', 'lambda-s3', '--write', join(folder, 'nowhere')], 1, /is a pack/],
  ])('refuses %j', async (args, expected, message) => {
    const { code, stderr } = await deployPlan(...args)
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)])
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(readdirSync(folder)).not.toContain('nowhere')
  })

  it('refuses an encoder that the index does not name', async () => {
    const index = mkdtempSync(join(folder, 'vectors-'))
    writeFileSync(join(index, 'index.msgpack'), encodeManifest(madeManifest({ passages: 10, centroids: 16 })))
    const { code, stderr } = await deployPlan(index, '--encoder')
    expect([code, stderr]).toEqual([1, expect.stringMatching(/does not name the encoder.*Leave --encoder out/)])
  })

  it('says of a damaged manifest that it is damaged, as JSON too', async () => {
    const index = join(folder, 'damaged.tartan')
    cpSync(GOLDEN, index, { recursive: true })
    const bytes = readFileSync(join(index, 'index.msgpack'))
    bytes[200]! ^= 1
    writeFileSync(join(index, 'index.msgpack'), bytes)
    const { code, stdout, stderr } = await deployPlan(index, '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout).error.code).toMatch(/^(CHECKSUM|FORMAT)$/)
    expect(stderr).toContain('index.msgpack')
  })
})

describe('tartan deploy-plan --write', () => {
  const target = join(folder, 'worker')

  it('writes what deploys the index, and how', async () => {
    const { code, stdout } = await deployPlan(GOLDEN, '--host', 'workers-r2', '--write', target)
    expect(code).toBe(0)
    expect(stdout).toContain(`Written to ${target}: README.md, page.ts, worker.ts, wrangler.toml`)
    expect(readFileSync(join(target, 'wrangler.toml'), 'utf8')).toMatch(/^name = "tartan-golden"$/m)
  })

  it('leaves what is there unless it is told to overwrite', async () => {
    writeFileSync(join(target, 'worker.ts'), '// mine')
    rmSync(join(target, 'README.md'))
    const before = filesOf(target)
    const refused = await deployPlan(GOLDEN, '--host', 'cloudflare-r2', '--write', target)
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/worker\.ts, wrangler\.toml already.*--force/),
    ])
    expect(filesOf(target)).toEqual(before)
    const { code, stdout } = await deployPlan(GOLDEN, '--host', 'cloudflare-r2', '--write', target, '--force', '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout).files).toEqual(['README.md', 'page.ts', 'worker.ts', 'wrangler.toml'])
    expect(readFileSync(join(target, 'worker.ts'), 'utf8')).toContain('createWorker')
  })

  it('says so when the folder is a file', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, 'x')
    const { code, stderr } = await deployPlan(GOLDEN, '--host', 'browser', '--write', file)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/cannot be written to/)])
  })

  it('writes nothing for a host on which the index does not fit', async () => {
    const index = mkdtempSync(join(folder, 'large-'))
    const manifest = madeManifest({ passages: 50_000, centroids: 16_384, partBytes: 100_000_000 })
    writeFileSync(join(index, 'index.msgpack'), encodeManifest(manifest))
    const { code, stderr } = await deployPlan(index, '--host', 'cloudflare-assets', '--write', join(folder, 'none'))
    expect([code, stderr]).toEqual([1, expect.stringMatching(/does not fit cloudflare-assets, nothing was written/)])
    expect(readdirSync(folder)).not.toContain('none')
  })
})
