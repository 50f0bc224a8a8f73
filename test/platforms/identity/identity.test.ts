/** The same index and queries give the same ids and the same bits of scores on Node, Deno, Bun and workerd, in one thread or many. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startWorkerd } from '../../../lab/hosts/workerd.ts'
import { ROOT } from '../../../lab/root.ts'
import { identityPacks } from './identityIndexes.ts'

const run = promisify(execFile)
const script = 'test/platforms/identity/identityScript.ts'
const limits = { cwd: ROOT, timeout: 50_000, maxBuffer: 2 ** 26 }

let folder: string
let paths: readonly string[]
let expected: Readonly<Record<string, readonly string[]>>

const answersOf = async (command: string, words: readonly string[]) => {
  const { stdout } = await run(join(ROOT, 'node_modules/.bin', command), [...words, script, ...paths], limits)
  return JSON.parse(stdout) as Record<string, readonly string[]>
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tartan-identity-'))
  const packs = [...(await identityPacks())].map(([name, bytes]) => ({ path: join(folder, `${name}.tartan`), bytes }))
  for (const { path, bytes } of packs) await writeFile(path, bytes)
  paths = packs.map(({ path }) => path)
  expected = await answersOf('node', [])
})

afterAll(() => rm(folder, { recursive: true }))

it('Node gives answers of some length, different for different queries, and the same in a pool', () => {
  for (const path of paths) {
    const answers = expected[path]!
    expect(answers).toHaveLength(15)
    // Two settings may find the same.
    expect(new Set(answers).size).toBeGreaterThanOrEqual(10)
    expect(answers.every((answer) => / [0-9a-f]{8}$/.test(answer))).toBe(true)
    expect(expected[`${path} pool`]).toEqual(answers)
  }
})

it.each([
  ['deno', ['run', '--allow-read', '--allow-env', '--allow-sys']],
  ['bun', ['run']],
])('%s gives what Node gives, bit for bit, in one thread and in a pool', async (command, words) => {
  expect(await answersOf(command, words)).toEqual(expected)
})

it('workerd gives what Node gives, bit for bit', async () => {
  const workerd = await startWorkerd('test/platforms/identity/identityWorker.ts')
  try {
    for (const path of paths) {
      const response = await fetch(workerd.url, { method: 'POST', body: await readFile(path) })
      expect(response.status, path).toBe(200)
      expect(await response.json()).toEqual(expected[path])
    }
  } finally {
    await workerd.stop()
  }
})
