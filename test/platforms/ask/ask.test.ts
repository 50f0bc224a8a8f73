/** A text question gets the same answer on Node, Deno, Bun and workerd: ids, scores, texts and marks. Chromium: browser.test.ts. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import { startEncoderServer } from '../../../lab/encoding/encoderServer.ts'
import { startWorkerd } from '../../../lab/hosts/workerd.ts'
import { ROOT } from '../../../lab/root.ts'

const run = promisify(execFile)
const INDEX = join(ROOT, 'test/golden/index/nbits2')
const MODEL = join(ROOT, 'models/tartan-small')

interface Report {
  readonly inWasm: { readonly answers: readonly { readonly hits: readonly object[]; readonly steps: unknown }[] }
  readonly natively: string
}

async function answersOf(command: string, words: readonly string[]): Promise<Report> {
  const script = [...words, 'test/platforms/ask/askScript.ts', INDEX, MODEL]
  const { stdout } = await run(join(ROOT, 'node_modules/.bin', command), script, { cwd: ROOT, timeout: 50_000 })
  return JSON.parse(stdout) as Report
}

let onNode: Report
beforeAll(async () => {
  onNode = await answersOf('node', [])
}, 60_000)

it('Node finds titles, texts and marks, by both of its encoders', () => {
  const [first] = onNode.inWasm.answers
  expect(first?.hits[0]).toMatchObject({
    id: '4983',
    title: expect.stringContaining('newborn cerebral white matter'),
    marks: { title: expect.any(Array), text: expect.any(Array) },
  })
  expect(first?.steps).toEqual(['encode', 'search', 'texts', 'marks'])
  expect(first?.hits[0]).toMatchObject({ title: onNode.natively })
})

it.each([
  ['deno', ['run', '--allow-all']],
  ['bun', ['run']],
])('%s answers as Node does', { timeout: 60_000 }, async (command, words) => {
  expect(await answersOf(command, words)).toEqual(onNode)
})

it('workerd answers as Node does', { timeout: 60_000 }, async () => {
  const storage = await startEncoderServer({ '/index/': INDEX })
  const worker = await startWorkerd('test/platforms/ask/askWorker.ts', { vars: { STORAGE: storage.url } })
  try {
    const [one, two] = await Promise.all([fetch(worker.url), fetch(worker.url)])
    expect(await one.json()).toEqual(onNode.inWasm)
    expect(await two.json()).toEqual(onNode.inWasm)
  } finally {
    await worker.stop()
    await storage.stop()
  }
})
