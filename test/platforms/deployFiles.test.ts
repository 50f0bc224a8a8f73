/** What `tartan deploy-plan --write` writes, used as its README says: bundled by wrangler and esbuild, run by Deno, Node and Chromium. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { deployPlan, type HostPlan } from '../../deploy/deployPlan.ts'
import { HOST_NAMES, type HostName } from '../../deploy/hosts.ts'
import { writeDeployFiles } from '../../deploy/writeDeployFiles.ts'
import { decodeManifest, MANIFEST_NAME } from '../../format/manifest/manifest.ts'
import { launchChromium } from '../../lab/hosts/chromium.ts'
import { startCommand } from '../../lab/hosts/script.ts'
import { ROOT } from '../../lab/root.ts'
import { type StorageServer, startStorageServer } from '../../lab/storage/storageServer.ts'

const run = promisify(execFile)
const INDEX = join(ROOT, 'test/golden/index/nbits2')
const MODEL = ['manifest.json', 'tokenizer.json', 'model_int8.onnx']

/** Inside the package, so that its name is found from there; git and the tests of sources pass the folder over. */
let root: string
const plans = new Map<string, HostPlan>()

const folderOf = (host: HostName, encoder: boolean) => join(root, `${host}-${encoder ? 'encoder' : 'vectors'}`)
const planOf = (host: HostName, encoder: boolean) => plans.get(folderOf(host, encoder))!

const ORT = join(ROOT, 'node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm')
const KERNELS = join(ROOT, 'assembly/build/kernels.wasm')

/** The plan tells the size of a script within a tenth. */
async function expectScriptOf(host: HostName, encoder: boolean, paths: readonly string[]): Promise<void> {
  const sizes = await Promise.all(paths.map(async (path) => gzipSync(await readFile(path)).length))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  expect(bytes / planOf(host, encoder).scriptBytes!).toBeGreaterThan(0.9)
  expect(bytes / planOf(host, encoder).scriptBytes!).toBeLessThan(1.1)
}

beforeAll(async () => {
  await mkdir(join(ROOT, '.demo'), { recursive: true })
  root = await mkdtemp(join(ROOT, '.demo/deploy-'))
  const manifest = decodeManifest(await readFile(join(INDEX, MANIFEST_NAME)))
  for (const host of HOST_NAMES) {
    for (const encoder of [false, true]) {
      const plan = deployPlan(manifest, { hosts: [host], encoder })
      const folder = folderOf(host, encoder)
      plans.set(folder, plan.hosts[0]!)
      await writeDeployFiles(folder, { plan, indexPath: INDEX })
    }
  }
})

afterAll(() => rm(root, { recursive: true, force: true }))

it('has types as the package declares them', async () => {
  const config = {
    compilerOptions: { declaration: false },
    extends: join(ROOT, 'tsconfig.json'),
    // What a bundler makes of an imported .wasm file.
    include: ['**/*.ts', join(ROOT, 'runtime/platform/wasmModule.d.ts')],
    exclude: [],
  }
  await writeFile(join(root, 'tsconfig.json'), JSON.stringify(config))
  const tsc = run(join(ROOT, 'node_modules/.bin/tsc'), ['--noEmit', '--listFiles', '-p', root], { maxBuffer: 2 ** 24 })
  const { stdout } = await tsc.catch(({ stdout }: { stdout: string }) => ({ stdout }))
  expect(stdout.match(/^.*error TS.*$/gm)).toBeNull()
  expect(stdout).toContain(join(folderOf('lambda-s3', true), 'handler.ts'))
})

describe('wrangler deploy --dry-run', () => {
  it.each([
    ['cloudflare-r2', false],
    ['cloudflare-r2', true],
    ['cloudflare-assets', false],
    ['cloudflare-assets', true],
  ] as const)(
    'takes %s, texts encoded in it: %s, with a script of the size that the plan tells',
    async (host, encoder) => {
      const folder = folderOf(host, encoder)
      await mkdir(join(folder, 'public'), { recursive: true })
      const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }
      const words = ['deploy', '--dry-run', '--minify', '--outdir', 'out']
      const { stdout } = await run(join(ROOT, 'node_modules/.bin/wrangler'), words, { cwd: folder, env })
      expect(stdout).toMatch(host === 'cloudflare-r2' ? /env\.INDEX \(tartan-golden\)/ : /env\.ASSETS/)
      const names = (await readdir(join(folder, 'out'))).filter((name) => /\.(js|wasm)$/.test(name))
      await expectScriptOf(
        host,
        encoder,
        names.map((name) => join(folder, 'out', name)),
      )
    },
  )
})

describe('the template for Lambda', () => {
  /** `!Ref x` and `!Sub 'x'` as their own text. */
  const customTags = ['!Ref', '!Sub', '!GetAtt'].map((tag) => ({ tag, resolve: (text: string) => `${tag} ${text}` }))

  it('gives the memory of the plan, streams, and lets the function read index and model and nothing else', async () => {
    const text = await readFile(join(folderOf('lambda-s3', true), 'template.yaml'), 'utf8')
    const { Parameters, Resources } = parse(text, { customTags, version: '1.1', schema: 'core' })
    const { Properties } = Resources.Search
    expect(Parameters.IndexPrefix.Default).toBe('golden.tartan')
    expect(Properties.MemorySize).toBe(planOf('lambda-s3', true).memory.hostMb)
    expect(Properties.FunctionUrlConfig.InvokeMode).toBe('RESPONSE_STREAM')
    const arn = `!Sub arn:\${AWS::Partition}:s3:::\${IndexBucket}`
    expect(Properties.Policies[0].Statement).toEqual([
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: [`${arn}/\${IndexPrefix}/*`, `${arn}/models/tartan-small/*`],
      },
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: arn },
    ])
  })

  it.each([false, true])(
    'goes with a handler that is one module once it is bundled, texts encoded in it: %s',
    async (encoder) => {
      const folder = folderOf('lambda-s3', encoder)
      await build({
        ...{ absWorkingDir: folder, entryPoints: ['handler.ts'], outfile: 'build/handler.mjs' },
        ...{
          bundle: true,
          minify: true,
          platform: 'node',
          target: 'node24',
          format: 'esm',
          loader: { '.wasm': 'binary' },
        },
      })
      Object.assign(globalThis, { awslambda: { streamifyResponse: (handler: unknown) => handler } })
      const { handler } = await import(pathToFileURL(join(folder, 'build/handler.mjs')).href)
      expect(handler).toBeTypeOf('function')
      await expectScriptOf('lambda-s3', encoder, [join(folder, 'build/handler.mjs'), ...(encoder ? [ORT] : [])])
    },
  )
})

describe('the servers', () => {
  let storage: StorageServer

  beforeAll(async () => {
    storage = await startStorageServer()
    for (const name of await readdir(INDEX))
      storage.files.set(`golden.tartan/${name}`, await readFile(join(INDEX, name)))
    for (const name of MODEL) {
      storage.files.set(`models/tartan-small/${name}`, await readFile(join(ROOT, 'models/tartan-small', name)))
    }
  })

  afterAll(() => storage?.close())

  const denoWords = (folder: string) => {
    const { tasks } = JSON.parse(folder) as { readonly tasks: { readonly start: string } }
    // The checkout's own import map: the one that was written names the published package.
    const places = ['--config', join(ROOT, 'deno.json'), '--host', '127.0.0.1', '--port', '0']
    return tasks.start
      .split(' ')
      .slice(1)
      .toSpliced(1, 0, ...places)
  }

  it('Deno serves it from a static host, and encodes', async () => {
    const folder = folderOf('deno-deploy', true)
    const words = denoWords(await readFile(join(folder, 'deno.json'), 'utf8'))
    const env = { STORAGE_URL: storage.url }
    const deno = await startCommand('deno', words, {
      cwd: folder,
      env,
      port: /Listening on http:\/\/127\.0\.0\.1:(\d+)/,
    })
    try {
      const answer = await fetch(`${deno.url}/v1/search?q=brain+scans+of+infants&k=1`)
      expect(await answer.json()).toMatchObject({ hits: [{ id: '4983' }] })
    } finally {
      await deno.stop()
    }
  })

  it('Node serves it from disk, with its search page, and encodes', async () => {
    const folder = folderOf('node-server', true)
    const env = { INDEX, HOST: '127.0.0.1', PORT: '0' }
    const node = await startCommand('node', ['server.ts'], { cwd: folder, env, port: /^http:\/\/127\.0\.0\.1:(\d+)$/m })
    try {
      const answer = await fetch(`${node.url}/v1/search?q=brain+scans+of+infants&k=1`)
      expect(await answer.json()).toMatchObject({ hits: [{ id: '4983' }] })
      expect(await (await fetch(node.url)).text()).toContain('<title>')
    } finally {
      await node.stop()
    }
  })

  describe('the page in Chromium', () => {
    const scriptOf = (encoder: boolean, name: string) => join(folderOf('browser', encoder), 'public', name)
    let browser: Browser

    beforeAll(async () => {
      browser = await launchChromium()
      for (const encoder of [false, true]) {
        await build({
          ...{ absWorkingDir: folderOf('browser', encoder), entryPoints: ['page.js', 'worker.js'], outdir: 'public' },
          ...{ bundle: true, minify: true, format: 'esm' },
        })
      }
      for (const [name, path] of [
        ['index.html', join(folderOf('browser', true), 'index.html')],
        ['page.js', scriptOf(true, 'page.js')],
        ['worker.js', scriptOf(true, 'worker.js')],
        ['kernels.wasm', KERNELS],
        ['ort-wasm-simd-threaded.wasm', ORT],
      ] as const) {
        storage.files.set(name, await readFile(path))
      }
    })

    afterAll(() => browser?.close())

    it('has scripts of the size that the plan tells', async () => {
      await expectScriptOf('browser', false, [scriptOf(false, 'page.js'), scriptOf(false, 'worker.js'), KERNELS])
      await expectScriptOf('browser', true, [scriptOf(true, 'page.js'), scriptOf(true, 'worker.js'), KERNELS, ORT])
    })

    it('encodes, searches and shows what it found', async () => {
      const page = await browser.newPage()
      await page.goto(`${storage.url}/index.html`)
      await page.fill('input', 'brain scans of infants')
      await page.click('button')
      await page.waitForSelector('li', { timeout: 50_000 })
      expect(await page.locator('li').first().textContent()).toMatch(/Microstructural development|infant/i)
      expect(await page.locator('p[role=status]').textContent()).toBe('')
    })
  })
})
