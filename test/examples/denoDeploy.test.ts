/** examples/deno-deploy in the real Deno, over a static server that logs what is asked of it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningScript, startCommand } from '../../lab/hosts/script.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { expectNoIndex, INDEX, searchCases } from './searchCases.ts'

const example = join(ROOT, 'examples/deno-deploy')

describe('deno serve', () => {
  let storage: StorageServer
  let deno: RunningScript
  let beforeThereIsAnIndex: Response

  beforeAll(async () => {
    storage = await startStorageServer()
    // The checkout's own import map: the example's names the published package.
    const allowed = ['--allow-env', '--allow-net', '--allow-read']
    const words = ['serve', '--config', join(ROOT, 'deno.json'), '--host', '127.0.0.1', '--port', '0', ...allowed]
    deno = await startCommand('deno', [...words, 'main.ts'], {
      cwd: example,
      env: { STORAGE_URL: storage.url },
      port: /Listening on http:\/\/127\.0\.0\.1:(\d+)/,
    })
    beforeThereIsAnIndex = await fetch(`${deno.url}/v1/indexes`)
    for (const [folder, path, names] of [
      ['corpus.tartan', INDEX, await readdir(INDEX)],
      [
        'models/tartan-small',
        join(ROOT, 'models/tartan-small'),
        ['manifest.json', 'tokenizer.json', 'model_int8.onnx'],
      ],
    ] as const) {
      for (const name of names) storage.files.set(`${folder}/${name}`, await readFile(join(path, name)))
    }
  })

  afterAll(async () => {
    await deno?.stop()
    await storage?.close()
  })

  it('says that there is no index while the host has none, and tells nothing of the host', async () => {
    await expectNoIndex(beforeThereIsAnIndex, [storage.url, 'corpus.tartan', 'index.msgpack'])
  })

  searchCases((path, init) => fetch(deno.url + path, init))

  it('searches texts by its own encoder, whose model it reads with the first one', async () => {
    expect(storage.requests.filter((request) => request.includes('/models/'))).toEqual([])
    const answer = await fetch(`${deno.url}/v1/search?q=brain+scans+of+infants&k=1`)
    const text = await answer.text()
    expect(answer.status, text).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ hits: [{ id: '4983' }] })
  })

  it('asks its storage for ranges of index and model, and for nothing else', () => {
    const ofIndex = /^GET \/corpus\.tartan\/(index|[0-9a-f]{32})\.msgpack bytes=\d+-\d+$/
    const ofModel = /^GET \/models\/tartan-small\/(manifest\.json|tokenizer\.json|model_int8\.onnx) bytes=\d+-\d+$/
    expect(storage.requests.filter((request) => !ofIndex.test(request) && !ofModel.test(request))).toEqual([])
  })
})

it('has an import map that names the package as package.json does', async () => {
  const { imports } = JSON.parse(await readFile(join(example, 'deno.json'), 'utf8')) as {
    imports: Record<string, string>
  }
  expect(imports).toEqual({
    'tartan-search': `npm:tartan-search@^${packageJson.version}`,
    'tartan-search/': `npm:/tartan-search@^${packageJson.version}/`,
    'onnxruntime-web': `npm:onnxruntime-web@${packageJson.peerDependencies['onnxruntime-web']}`,
  })
})
