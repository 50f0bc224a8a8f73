/** examples/workers-r2 in workerd as `wrangler dev` runs it, over a local R2 bucket, and bundled as `wrangler deploy` sends it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleByWrangler } from '../../lab/hosts/wranglerBundle.ts'
import { ROOT } from '../../lab/root.ts'
import { expectNoIndex, INDEX, searchCases } from './searchCases.ts'
import { type RunningExample, startWorkerExample } from './workerExample.ts'

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

it('is deployed by wrangler in at most 155 KB, gzipped, with zod in English only', async () => {
  const { files, gzipped } = await bundleByWrangler(example)
  expect(files.size).toBe(2)
  expect(gzipped).toBeLessThanOrEqual(155_000)
})
