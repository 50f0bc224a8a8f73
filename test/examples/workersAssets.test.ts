/** examples/workers-assets in workerd as `wrangler dev` runs it, with its page, index and model as local assets. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { ROOT } from '../../lab/root.ts'
import { expectNoIndex, INDEX, searchCases } from './searchCases.ts'
import { type RunningExample, startWorkerExample } from './workerExample.ts'

const example = join(ROOT, 'examples/workers-assets')

let assets: string

beforeAll(async () => {
  assets = await mkdtemp(join(tmpdir(), 'tartan-workers-assets-'))
  await cp(join(ROOT, 'web/build/page.html'), join(assets, 'index.html'))
})

afterAll(() => rm(assets, { recursive: true }))

it('says that there is no index while the assets have none, and tells nothing of them', async () => {
  const worker = await startWorkerExample(example, { assets })
  try {
    await expectNoIndex(await worker.ask('/v1/indexes'), ['corpus.tartan', 'index.msgpack'])
  } finally {
    await worker.stop()
  }
})

describe('with index and model', () => {
  let worker: RunningExample<unknown>

  beforeAll(async () => {
    await cp(INDEX, join(assets, 'corpus.tartan'), { recursive: true })
    for (const name of ['manifest.json', 'tokenizer.json', 'model_int8.onnx']) {
      await cp(join(ROOT, 'models/tartan-small', name), join(assets, 'models/tartan-small', name))
    }
    worker = await startWorkerExample(example, { assets })
  })

  afterAll(() => worker?.stop())

  searchCases((path, init) => worker.ask(path, init))

  it('searches texts by its own encoder, and marks what answers', async () => {
    const answer = await worker.ask('/v1/search?q=brain+scans+of+infants&k=1&highlight=true')
    const text = await answer.text()
    expect(answer.status, text).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ hits: [{ id: '4983', marks: { text: expect.any(Array) } }] })
  })

  it('shows the search page, which finds', async () => {
    const browser = await launchChromium()
    try {
      const page = await browser.newPage()
      await page.goto(worker.url)
      await page.getByRole('searchbox').fill('brain scans of infants')
      const found = page.getByRole('article').first()
      await found.getByRole('heading', { name: 'human newborn cerebral white matter' }).waitFor()
    } finally {
      await browser.close()
    }
  })

  it.each(['/corpus.tartan/index.msgpack', '/models/tartan-small/model_int8.onnx'])(
    'keeps %s to itself',
    async (path) => {
      expect((await worker.ask(path)).status).toBe(404)
    },
  )
})
