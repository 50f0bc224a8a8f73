/** examples/workers-r2 in workerd as `wrangler dev` runs it, over a local R2 bucket, and bundled as `wrangler deploy` sends it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../sourceTree.ts'
import { expectNoIndex, INDEX, searchCases } from './searchCases.ts'
import { type RunningExample, startWorkerExample, WRANGLER_ENV } from './workerExample.ts'

const run = promisify(execFile)
const example = join(ROOT, 'examples/workers-r2')

interface Bucket {
  put(key: string, bytes: Uint8Array): Promise<unknown>
}

describe('the Worker', () => {
  let worker: RunningExample<{ INDEX: Bucket }>
  let beforeThereIsAnIndex: Response

  beforeAll(async () => {
    worker = await startWorkerExample(example)
    beforeThereIsAnIndex = await worker.ask('/v1/indexes')
    for (const name of await readdir(INDEX)) {
      await worker.env.INDEX.put(`corpus.tartan/${name}`, await readFile(join(INDEX, name)))
    }
  })

  afterAll(() => worker?.stop())

  it('says that there is no index while the bucket is empty, and tells nothing of the bucket', async () => {
    await expectNoIndex(beforeThereIsAnIndex, ['corpus.tartan', 'index.msgpack'])
  })

  searchCases((path, init) => worker.ask(path, init))
})

it('is deployed by wrangler in at most 135 KB, gzipped, with zod in English only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-workers-r2-'))
  try {
    const words = ['deploy', '--dry-run', '--minify', '--outdir', folder]
    await run(join(ROOT, 'node_modules/.bin/wrangler'), words, {
      cwd: example,
      env: { ...process.env, ...WRANGLER_ENV },
    })
    const names = (await readdir(folder)).filter((name) => /\.(js|wasm)$/.test(name))
    const files = await Promise.all(names.map((name) => readFile(join(folder, name))))
    expect(names).toHaveLength(2)
    expect(files.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0)).toBeLessThanOrEqual(135_000)
  } finally {
    await rm(folder, { recursive: true })
  }
})
