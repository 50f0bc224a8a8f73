/** The Workers that `tartan deploy-plan --write` makes when nothing is asked for, in workerd: they answer texts and have the search page. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { deployPlan } from '../../deploy/deployPlan.ts'
import { writeDeployFiles } from '../../deploy/writeDeployFiles.ts'
import { decodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { ROOT } from '../../lab/root.ts'
import { startWorkerExample } from '../examples/workerExample.ts'

const INDEX = join(ROOT, 'test/golden/index/nbits2')
const MODEL = ['manifest.json', 'tokenizer.json', 'model_int8.onnx']

interface Env {
  readonly INDEX: { put(key: string, bytes: Uint8Array): Promise<unknown> }
}

/** Inside the package, so that its name is found from there. */
let root: string
beforeAll(async () => {
  await mkdir(join(ROOT, '.demo'), { recursive: true })
  root = await mkdtemp(join(ROOT, '.demo/deployed-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

it.each(['cloudflare-r2', 'cloudflare-assets'] as const)('%s', async (host) => {
  const folder = join(root, host)
  const manifest = decodeManifest(await readFile(join(INDEX, MANIFEST_NAME)))
  const plan = deployPlan(manifest, { hosts: [host], encoder: 'auto' })
  await writeDeployFiles(folder, { plan, indexPath: INDEX })
  const assets = join(folder, 'public')
  await cp(INDEX, join(assets, 'golden.tartan'), { recursive: true })
  for (const name of MODEL) await cp(join(ROOT, 'models/tartan-small', name), join(assets, 'models/tartan-small', name))
  const worker = await startWorkerExample<Env>(folder, host === 'cloudflare-assets' ? { assets } : {})
  try {
    if (host === 'cloudflare-r2') {
      for (const below of ['golden.tartan', 'models/tartan-small']) {
        for (const name of await readdir(join(assets, below)))
          await worker.env.INDEX.put(`${below}/${name}`, await readFile(join(assets, below, name)))
      }
    }
    const answer = await worker.ask('/v1/search?q=brain+scans+of+infants&k=1')
    expect([answer.status, await answer.json()]).toMatchObject([200, { hits: [{ id: '4983' }] }])
    const page = await worker.ask('/')
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')])
    expect(await page.text()).toBe(await readFile(join(ROOT, 'web/build/page.html'), 'utf8'))
  } finally {
    await worker.stop()
  }
})
