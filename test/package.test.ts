/** The package as others get it: what package.json promises, and what is published, installed in a folder of its own. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { VERSION } from '../runtime/version.ts'
import { buildPackage } from '../scripts/buildPackage.ts'
import { ROOT } from './sourceTree.ts'

const run = promisify(execFile)

/** What others may import. A change here is a change of the public API: CHANGELOG.md has to tell it. */
const EXPORTS = {
  '.': './runtime/index.ts',
  './builder': './builder/index.ts',
  './deploy': './deploy/index.ts',
  './encoder': './encoder/index.ts',
  './format': './format/index.ts',
  './http': './runtime/http/index.ts',
  './readers': './runtime/readers/index.ts',
  './readers/s3': './runtime/readers/s3.ts',
  './browser': './runtime/platform/browser.ts',
  './service-worker': './runtime/platform/serviceWorker.ts',
  './cloudflare': './runtime/platform/cloudflare.ts',
  './lambda': './runtime/platform/lambda.ts',
  './node': './runtime/platform/node.ts',
  './web-encoder': './runtime/encoders/webEncoder.ts',
  './kernels.wasm': './assembly/build/kernels.wasm',
  './package.json': './package.json',
}

/** What an installation brings along. A new one is a decision, so it is written down here as well. */
const DEPENDENCIES = [
  '@hono/node-server',
  '@hono/zod-openapi',
  '@huggingface/tokenizers',
  'aws4fetch',
  'cli-progress',
  'commander',
  'csv-parse',
  'hono',
  'htmlparser2',
  'mdast-util-from-markdown',
  'msgpackr',
  'onnxruntime-node',
  'picocolors',
  'protobufjs',
  'zod',
]

/** What only some entries need, so that who does not use them does not install it. */
const OPTIONAL = ['onnxruntime-web']

/** One name that each entry must export, and that is what the documents tell people to import. */
const FACES: Readonly<Record<string, string>> = {
  'tartan-search': 'openSearcher',
  'tartan-search/builder': 'buildFromCorpus',
  'tartan-search/encoder': 'createTextEncoder',
  'tartan-search/format': 'TartanError',
  'tartan-search/http': 'createApp',
  'tartan-search/node': 'openIndex',
  'tartan-search/cloudflare': 'createWorker',
  'tartan-search/browser': 'openTextSearchInWorker',
  'tartan-search/service-worker': 'serveFromServiceWorker',
  'tartan-search/lambda': 'lambdaHandler',
  'tartan-search/readers': 'httpFiles',
  'tartan-search/readers/s3': 's3Files',
}
/** Entries that need a package of `OPTIONAL`. */
const OPTIONAL_FACES: Readonly<Record<string, string>> = { 'tartan-search/web-encoder': 'openWebEncoder' }

/** Imports every entry in a fresh Node and prints the type of the name it must export. */
const importFaces = (faces: Readonly<Record<string, string>>) => `
  const found = {}
  for (const [entry, name] of Object.entries(${JSON.stringify(faces)})) found[entry] = typeof (await import(entry))[name]
  console.log(JSON.stringify(found))`

async function importAll(cwd: string, faces = FACES): Promise<Record<string, string>> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', importFaces(faces)], { cwd })
  return JSON.parse(stdout) as Record<string, string>
}

const everyFace = Object.fromEntries(Object.keys(FACES).map((entry) => [entry, 'function']))

describe('package.json', () => {
  it('has the version that the sources have', () => {
    expect(VERSION).toBe(packageJson.version)
  })

  it('exports what is public and nothing else', () => {
    expect(packageJson.exports).toEqual(EXPORTS)
  })

  it.each([...Object.values(packageJson.exports), ...Object.values(packageJson.bin)])(
    'names %s, which exists',
    (path) => {
      expect(existsSync(join(ROOT, path))).toBe(true)
    },
  )

  it('depends on what is written down here', () => {
    expect(Object.keys(packageJson.dependencies)).toEqual(DEPENDENCIES)
  })

  it('leaves optional what only some entries need', () => {
    expect(Object.keys(packageJson.peerDependencies)).toEqual(OPTIONAL)
    for (const name of OPTIONAL) expect(packageJson.peerDependenciesMeta).toMatchObject({ [name]: { optional: true } })
  })

  it('says which Node runs TypeScript as it is', () => {
    expect(packageJson.engines).toEqual({ node: '>=22.18' })
  })

  it('can be imported by its own name in a checkout', async () => {
    expect(await importAll(ROOT, { ...FACES, ...OPTIONAL_FACES })).toEqual({
      ...everyFace,
      'tartan-search/web-encoder': 'function',
    })
  })
})

describe('deno.json', () => {
  it('names the same entries as package.json', () => {
    const denoJson = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')) as { imports: Record<string, string> }
    const own = Object.entries(EXPORTS).filter(([, path]) => path.endsWith('.ts'))
    expect(denoJson.imports).toEqual(
      Object.fromEntries(own.map(([name, path]) => [`tartan-search${name.slice(1)}`, path])),
    )
  })
})

interface PackedFile {
  readonly path: string
  readonly size: number
}

describe('the published package', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'tartan-package-'))
  const modules = join(temporary, 'node_modules')
  const installed = join(modules, 'tartan-search')
  let files: readonly PackedFile[] = []

  beforeAll(async () => {
    const dist = join(temporary, 'dist')
    await buildPackage(dist)
    const { stdout } = await run('npm', ['pack', '--json', '--offline', '--pack-destination', temporary], { cwd: dist })
    const [packed] = JSON.parse(stdout) as [{ readonly filename: string; readonly files: readonly PackedFile[] }]
    files = packed.files
    mkdirSync(installed, { recursive: true })
    await run('tar', ['-xzf', join(temporary, packed.filename), '-C', installed, '--strip-components=1'])
    // What `npm install` would fetch, without a network: only the dependencies that the package itself declares.
    for (const name of [...DEPENDENCIES, '@types/node']) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'dir')
    }
    mkdirSync(join(modules, '.bin'))
    symlinkSync(join(installed, packageJson.bin.tartan), join(modules, '.bin/tartan'))
    writeFileSync(join(temporary, 'package.json'), '{ "type": "module", "private": true }')
  }, 240_000)
  afterAll(() => rmSync(temporary, { recursive: true, force: true }))

  const tartan = (...args: string[]) =>
    run(process.execPath, [join(modules, '.bin/tartan'), ...args], { cwd: temporary })

  it('holds compiled code, kernels, page, model, licences and documents, and no sources or large model', () => {
    const paths = files.map((file) => file.path)
    for (const path of [
      'LICENSE',
      'NOTICE',
      'README.md',
      'format/SPEC.md',
      'runtime/index.js',
      'runtime/index.d.ts',
      'assembly/build/kernels.wasm',
      'assembly/build/kernels.shared.wasm',
      'web/build/page.html',
      'models/tartan-small/model_int8.onnx',
      'models/tartan-small/tokenizer.json',
      'models/tartan-small/manifest.json',
    ]) {
      expect(paths).toContain(path)
    }
    expect(paths.filter((path) => /(?<!\.d)\.ts$/.test(path))).toEqual([])
    expect(paths.filter((path) => /^(test|bench|examples|scripts|node_modules)\/|f16/.test(path))).toEqual([])
  })

  it('can be imported by name, every entry that needs nothing optional', async () => {
    expect(await importAll(temporary)).toEqual(everyFace)
    await expect(importAll(temporary, OPTIONAL_FACES)).rejects.toThrow(/Cannot find package 'onnxruntime-web'/)
  })

  it('has its other entries once what they need is installed', async () => {
    for (const name of OPTIONAL) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'dir')
    expect(await importAll(temporary, OPTIONAL_FACES)).toEqual({ 'tartan-search/web-encoder': 'function' })
  })

  it('has the command, started through the link that npm makes', async () => {
    expect((await tartan('--version')).stdout.trim()).toBe(packageJson.version)
  })

  it('builds an index and finds a passage in it', async () => {
    const corpus = join(ROOT, 'test/golden/corpus/scifact40.jsonl')
    await tartan('build', corpus, '--limit', '6', '--out', 'six.tartan', '--quiet')
    const [first = ''] = readFileSync(corpus, 'utf8').split('\n')
    const { _id, title } = JSON.parse(first) as { _id: string; title: string }
    const { stdout } = await tartan('search', 'six.tartan', title, '--k', '1', '--json')
    const { hits } = JSON.parse(stdout) as { hits: readonly { id: string; title: string }[] }
    expect(hits).toMatchObject([{ id: _id, title }])
  }, 120_000)

  it('searches with a pool of threads', async () => {
    const path = join(ROOT, 'test/golden/index/nbits2.tartan')
    const search = `
      const { openPool } = await import('tartan-search/node')
      const pool = await openPool(${JSON.stringify(path)}, { workers: 2 })
      const { hits } = await pool.search({ vectors: new Float32Array(pool.info.dim).fill(0.1), rows: 1, dim: pool.info.dim })
      await pool.close()
      console.log(hits.length)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', search], { cwd: temporary })
    expect(Number(stdout)).toBeGreaterThan(0)
  })

  it('says what is missing and where to get it when a GPU asks for the large model', async () => {
    const outcome = tartan(
      'build',
      join(ROOT, 'test/golden/corpus/scifact40.jsonl'),
      '--out',
      'x',
      '--device',
      'webgpu',
    )
    await expect(outcome).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/model_f16\.onnx.*--model.*repository/s),
    })
  })

  it('has declarations that TypeScript follows', async () => {
    // Without them every import would be `any`, and the expected error would not come.
    writeFileSync(
      join(temporary, 'user.ts'),
      `import { type BuildReport } from 'tartan-search/builder'
import { createApp } from 'tartan-search/http'
import { openIndex, openQueryEncoder, openTextSearch } from 'tartan-search/node'
import { TartanError } from 'tartan-search/format'
import { openWebEncoder } from 'tartan-search/web-encoder'

const searcher = await openIndex('index')
const encoder = await openQueryEncoder(searcher.info)
export const rows: number = (await encoder.encodeQuery('words')).rows
export const threads: number = (await openWebEncoder({ files: { key: '', open: () => Promise.reject() }, ort: { wasm: {} } })).threads
export const title: string | undefined = (await (await openTextSearch('index')).ask('words')).hits[0]?.title
export const app = createApp({ indexes: searcher, encoder })
export const code = (error: TartanError, report: BuildReport) => [error.code, report.passages] as const
// @ts-expect-error a name is a string
export const wrong: number = searcher.info.name
`,
    )
    const flags = ['--module', 'nodenext', '--target', 'es2024', '--strict', '--noEmit', '--skipLibCheck']
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [tsc, ...flags, '--types', 'node', 'user.ts'], {
      cwd: temporary,
    }).catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
  })
})
