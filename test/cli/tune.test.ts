/** `tartan tune`, and tiers in the other commands, as users run them. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTartan, tartan } from './runTartan.ts'

const GOLDEN = fileURLToPath(new URL('../golden/index/nbits2', import.meta.url))
const CORPUS = fileURLToPath(new URL('../golden/corpus/scifact40.jsonl', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tartan-tune-cli-'))
const index = join(folder, 'tuned.tartan')

const manifestOf = (path: string) => readFileSync(join(path, 'index.msgpack')).toString('base64')

beforeAll(async () => {
  const { code, stderr } = await tartan('build', CORPUS, '--out', index, '--quiet')
  expect([code, stderr]).toEqual([0, ''])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('tartan build', () => {
  it('leaves tuning out with --no-tune', async () => {
    const out = join(folder, 'plain.tartan')
    const { stdout } = await tartan('build', CORPUS, '--out', out, '--json', '--no-tune')
    expect(JSON.parse(stdout)).not.toHaveProperty('tiers')
    const inspected = JSON.parse((await tartan('inspect', out, '--json')).stdout)
    expect(inspected.tiers).toBeUndefined()
    const { code, stderr } = await tartan('search', out, 'brain', '--tier', 'fast')
    expect(code).toBe(1)
    expect(stderr).toMatch(/has no tiers.*tartan tune/)
  })

  it('reports tiers, which inspect shows as a table', async () => {
    const { stdout } = await tartan('inspect', index)
    for (const name of ['fast', 'balanced', 'exact'])
      expect(stdout).toMatch(new RegExp(`^  ${name} +10 +[01]\\.\\d{3}`, 'm'))
    expect(stdout).toContain('queries made from the corpus')
  })
})

describe('tartan tune', () => {
  it('stores tiers and prints them as JSON', async () => {
    const copy = join(folder, 'golden.tartan')
    cpSync(GOLDEN, copy, { recursive: true })
    const { code, stdout, stderr } = await tartan('tune', copy, '--json', '--no-times')
    expect([code, stderr]).toEqual([0, ''])
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ index: copy, generation: 2, tiers: { queries: 12, querySource: 'pseudo' } })
    const inspected = JSON.parse((await tartan('inspect', copy, '--json')).stdout)
    expect(inspected.tiers).toEqual(report.tiers)
    expect((await tartan('verify', copy, '-q')).code).toBe(0)
  })

  it('takes queries of a file, and shows progress and a table', async () => {
    const copy = join(folder, 'given.tartan')
    cpSync(GOLDEN, copy, { recursive: true })
    const queries = join(folder, 'queries.tsv')
    writeFileSync(queries, 'q1\tbrain scans of infants\nq2\tbone marrow\n')
    const { code, stdout, stderr } = await tartan('tune', copy, '--queries', queries)
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('Encoding queries: 2/2')
    expect(stdout).toMatch(/generation 2\n {2}tier +k up to.*\n {2}fast/)
    expect(stdout).toMatch(/2 queries that were given.*decodes to.*; ms on /)
  })

  it.each([
    [['--sample', '0'], 2, /whole number/],
    [['--queries', '/nowhere/queries.tsv'], 1, /nowhere/],
    [['--vectors', '/nowhere'], 1, /nowhere/],
    [['--model', '/nowhere/model'], 1, /nowhere/],
  ])('refuses %j and leaves the index as it was', async (args, expected, message) => {
    const before = manifestOf(index)
    const { code, stderr } = await tartan('tune', index, ...args)
    expect(code).toBe(expected)
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(manifestOf(index)).toBe(before)
  })

  it('killed at any moment leaves an index that verifies', async () => {
    for (const ms of [150, 400, 700, 1000, 1300]) {
      const { child, finished } = startTartan(['tune', index, '--from-rows', '--quiet'])
      await new Promise((resolve) => setTimeout(resolve, ms))
      child.kill('SIGKILL')
      await finished
      expect((await tartan('verify', index, '-q')).code, `${ms} ms`).toBe(0)
    }
  })

  it('stops at Ctrl-C with exit code 130 and the index as it was', async () => {
    const before = manifestOf(index)
    const { child, finished } = startTartan(['tune', index])
    // Said when all queries are encoded; measuring, the larger part, comes after it.
    await new Promise<void>((resolve) => child.stderr?.on('data', () => resolve()))
    child.kill('SIGINT')
    expect((await finished).code).toBe(130)
    expect(manifestOf(index)).toBe(before)
    expect(readdirSync(index).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('prints help with examples', async () => {
    expect((await tartan('tune', '--help')).stdout).toMatch(/Examples:\n {2}tartan tune/)
  })
})

describe('tiers in search, eval and serve', () => {
  it('are used: balanced, the one named, and single values above it', async () => {
    const { tiers } = JSON.parse((await tartan('inspect', index, '--json')).stdout)
    const parametersOf = async (...args: string[]) =>
      JSON.parse((await tartan('search', index, 'brain', '--json', ...args)).stdout).parameters
    expect(await parametersOf()).toMatchObject({ tier: 'balanced', ndocs: tiers.sets[0].balanced.ndocs })
    expect(await parametersOf('--tier', 'fast')).toMatchObject({ tier: 'fast', ndocs: tiers.sets[0].fast.ndocs })
    expect(await parametersOf('--tier', 'fast', '--ndocs', '77')).toMatchObject({ tier: 'fast', ndocs: 77 })
  })

  it('are refused by the command line when there is no such name', async () => {
    for (const args of [
      ['search', index, 'a'],
      ['serve', index],
      ['eval', index],
    ]) {
      const { code, stderr } = await tartan(...args, '--tier', 'quick')
      expect(code).toBe(2)
      expect(stderr).toMatch(/fast, balanced, exact/)
    }
  })

  it('serve as the default of a server', async () => {
    const { child, finished, stdoutSoFar } = startTartan(['serve', index, '--port', '0', '--tier', 'exact'])
    while (!stdoutSoFar().includes('Search page') && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20))
    const [url] = /http:\/\/[\d.:]+/.exec(stdoutSoFar()) ?? ['']
    const answer = (await (await fetch(`${url}/v1/search?q=brain`)).json()) as { parameters: { tier: string } }
    expect(answer.parameters.tier).toBe('exact')
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })
})
