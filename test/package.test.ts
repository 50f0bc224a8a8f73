/** The package as others get it: what package.json promises, and what is published, installed in a folder of its own. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build as bundle } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../lab/root.ts'
import packageJson from '../package.json' with { type: 'json' }
import { VERSION } from '../runtime/version.ts'
import { absoluteLinks } from '../scripts/packedMarkdown.ts'
import { type EmptyProject, emptyProject, HOSTS, type Host, type PackedFile, packPackage } from './emptyProject.ts'
import { listFiles, readSource } from './sourceTree.ts'

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
  'acorn',
  'aws4fetch',
  'cli-progress',
  'commander',
  'csv-parse',
  'encoding-sniffer',
  'hono',
  'htmlparser2',
  'mdast-util-from-markdown',
  'mdast-util-gfm',
  'mdast-util-mdx',
  'micromark-extension-gfm',
  'micromark-extension-mdx',
  'micromark-extension-mdxjs-esm',
  'msgpackr',
  'parse5',
  'picocolors',
  'protobufjs',
  'smol-toml',
  'yaml',
  'zod',
]

/** What only some entries need, so that who does not use them does not install it. */
const OPTIONAL = ['onnxruntime-node', 'onnxruntime-web']

/** One name that each entry must export, and that is what the documents tell people to import. */
const FACES: Readonly<Record<string, string>> = {
  'tartan-search': 'openSearcher',
  'tartan-search/builder': 'buildFromCorpus',
  'tartan-search/deploy': 'deployPlan',
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
/** Entries that cannot be imported without a package of `OPTIONAL`. */
const OPTIONAL_FACES: Readonly<Record<string, string>> = { 'tartan-search/web-encoder': 'openWebEncoder' }

/** What is bundled for a browser, and for a Worker of Cloudflare. The entries that are left need a file system. */
const BROWSER_ENTRIES = ['', '/browser', '/service-worker', '/http', '/readers', '/readers/s3', '/encoder', '/format']
const WORKER_ENTRIES = ['', '/cloudflare', '/http', '/readers', '/readers/s3', '/encoder', '/format', '/kernels.wasm']

/** Imports every entry and prints the type of the name it must export. */
const importFaces = (faces: Readonly<Record<string, string>>) => `
  const found = {}
  for (const [entry, name] of Object.entries(${JSON.stringify(faces)})) found[entry] = typeof (await import(entry))[name]
  console.log(JSON.stringify(found))`

const functionOf = (faces: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.keys(faces).map((entry) => [entry, 'function']))

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

  it('asks for no Node, since a checkout brings its own: npm would complain at every npx', () => {
    expect(packageJson).not.toHaveProperty('engines')
    expect(packageJson.devDependencies).toHaveProperty('node')
  })

  it('can be imported by its own name in a checkout', async () => {
    const faces = { ...FACES, ...OPTIONAL_FACES }
    const [node] = HOSTS['Node 24']
    const { stdout } = await run(node, ['--input-type=module', '--eval', importFaces(faces)], { cwd: ROOT })
    expect(JSON.parse(stdout)).toEqual(functionOf(faces))
  })

  it('names every entry with a face, but for files that are no code', () => {
    const entries = Object.keys(EXPORTS).map((name) => `tartan-search${name.slice(1)}`)
    const files = ['tartan-search/kernels.wasm', 'tartan-search/package.json']
    expect([...Object.keys(FACES), ...Object.keys(OPTIONAL_FACES), ...files].sort()).toEqual(entries.sort())
  })

  it('starts the command by either name', () => {
    expect(packageJson.bin).toEqual({ tartan: 'cli/tartan.js', 'tartan-search': 'cli/tartan.js' })
  })

  it('does not run the script of onnxruntime-node, which fetches CUDA from outside the registry', () => {
    // npm 11 asks package.json; older ones run what package-lock.json marks, so the mark is taken out there by hand.
    expect(packageJson.allowScripts['onnxruntime-node']).toBe(false)
    const packageLock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, object>>
    }
    const locked = packageLock.packages['node_modules/onnxruntime-node']
    expect(locked, 'Delete "hasInstallScript" of onnxruntime-node in package-lock.json.').not.toHaveProperty(
      'hasInstallScript',
    )
  })
})

describe('npx in a checkout', () => {
  it.each(['tartan', 'tartan-search'])(
    '%s says nothing of its own: no setting that npm does not know, no wrong Node',
    async (name) => {
      const { stdout, stderr } = await run('npx', [name, '--version'], { cwd: ROOT })
      expect([stdout.trim(), stderr]).toEqual([VERSION, ''])
    },
  )

  it('is called by the name that is ours in the registry as well', () => {
    // Where the package is not installed npx asks the registry, and `tartan` is another package there.
    const documents = listFiles(['.md', '.ts', '.js']).filter((path) => /^(docs|examples|deploy|cli)\//.test(path))
    const foreign = documents.filter((path) => /npx (?:--yes )?tartan(?![-\w])/.test(readSource(path).text))
    expect(documents).toContain('docs/BUILDING.md')
    expect(foreign).toEqual([])
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

describe('Markdown of the package', () => {
  const repository = { url: 'https://github.com/owner/name', ref: 'v1.2.3' }
  it.each([
    ['[a](b.md)', '[a](https://github.com/owner/name/blob/v1.2.3/docs/b.md)'],
    ['[a](../x/b.md#part)', '[a](https://github.com/owner/name/blob/v1.2.3/x/b.md#part)'],
    ['[`a`](../bench/)', '[`a`](https://github.com/owner/name/tree/v1.2.3/bench)'],
    ['![a](images/a.png)', '![a](https://raw.githubusercontent.com/owner/name/v1.2.3/docs/images/a.png)'],
    ['<img alt="" src="a.svg">', '<img alt="" src="https://raw.githubusercontent.com/owner/name/v1.2.3/docs/a.svg">'],
    ['[a]: ../b.md', '[a]: https://github.com/owner/name/blob/v1.2.3/b.md'],
  ])('says %s as %s', (relative, absolute) => {
    expect(absoluteLinks(relative, 'docs/page.md', repository)).toBe(absolute)
  })

  it.each([
    '[a](#part)',
    '[a](https://example.org/b)',
    '[a](mailto:a@example.org)',
    '`[a](b.md)`',
    '```\n[a](b.md)\n```',
  ])('leaves %s as it is', (text) => {
    expect(absoluteLinks(text, 'docs/page.md', repository)).toBe(text)
  })

  it('refuses a link out of the repository', () => {
    expect(() => absoluteLinks('[a](../../b.md)', 'docs/page.md', repository)).toThrow(/not in the repository/)
  })
})

describe('the published package', () => {
  const temporary = mkdtempSync(join(tmpdir(), 'tartan-package-'))
  let files: readonly PackedFile[] = []
  /** A project whose owner installed nothing but this package, and one with the optional peers beside it. */
  let bare: EmptyProject
  let full: EmptyProject

  beforeAll(async () => {
    const packed = await packPackage(temporary)
    files = packed.files
    bare = await emptyProject(join(temporary, 'bare'), packed.tarball, [])
    full = await emptyProject(join(temporary, 'full'), packed.tarball, [...OPTIONAL, '@types/node'])
  }, 240_000)
  afterAll(() => rmSync(temporary, { recursive: true, force: true }))

  const installed = (path: string) => readFileSync(join(bare.folder, 'node_modules/tartan-search', path), 'utf8')

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

  it('imports nothing that it does not declare, lazily or for its types either', () => {
    const imported = files
      .filter(({ path }) => /\.(js|d\.ts)$/.test(path))
      .flatMap(({ path }) => [...installed(path).matchAll(/(?:\bfrom |^import |\bimport\()['"]([^.'"][^'"]*)['"]/gm)])
      .map(([, target = '']) => /^(@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? target)
      .filter((name) => !name.startsWith('node:') && name !== 'tartan-search')
    expect([...new Set(imported)].sort()).toEqual([...DEPENDENCIES, ...OPTIONAL].sort())
  })

  it('says where it comes from, and may be published', () => {
    const published = JSON.parse(installed('package.json')) as Record<string, unknown>
    const repository = 'https://github.com/tartan-search/tartan'
    expect(published).toMatchObject({
      homepage: `${repository}#readme`,
      repository: { type: 'git', url: `git+${repository}.git` },
      bugs: { url: `${repository}/issues` },
      author: expect.any(String),
      keywords: expect.arrayContaining(['colbert', 'semantic-search']),
    })
    expect(published).not.toHaveProperty('private')
    // The launcher refuses an older one.
    expect(published).toHaveProperty('engines', { node: '>=22.18' })
  })

  it('links its documents and pictures to files of this very version in the repository', () => {
    const links = files
      .filter(({ path }) => path.endsWith('.md'))
      .flatMap(({ path }) => [...installed(path).matchAll(/\]\(([^)#\s]+)|src="([^"]+)"/g)])
      .map(([, link, picture]) => link ?? picture ?? '')
    const place = new RegExp(
      `^https://(?:github\\.com/tartan-search/tartan/(?:blob|tree)|raw\\.githubusercontent\\.com/tartan-search/tartan)/v${VERSION}/`,
    )
    const own = links.filter((link) => place.test(link)).map((link) => link.replace(place, ''))
    expect(links.filter((link) => !/^https?:/.test(link))).toEqual([])
    expect(own).toContain('docs/API.md')
    expect(own.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  const hosts = Object.keys(HOSTS) as Host[]

  it.each(hosts)(
    'has every entry on %s, without an optional peer but for the one entry that is made of it',
    async (host) => {
      bare.write('faces.js', importFaces(FACES))
      expect(JSON.parse((await bare.run(host, 'faces.js')).stdout)).toEqual(functionOf(FACES))
      bare.write('optionalFaces.js', importFaces(OPTIONAL_FACES))
      await expect(bare.run(host, 'optionalFaces.js')).rejects.toMatchObject({
        stderr: expect.stringMatching(/onnxruntime-web/),
      })
      full.write('faces.js', importFaces({ ...FACES, ...OPTIONAL_FACES }))
      expect(JSON.parse((await full.run(host, 'faces.js')).stdout)).toEqual(functionOf({ ...FACES, ...OPTIONAL_FACES }))
    },
  )

  it.each(hosts)('has its files that are no code on %s', async (host) => {
    bare.write(
      'files.js',
      `import { readFile } from 'node:fs/promises'
      import packageJson from 'tartan-search/package.json' with { type: 'json' }
      const kernels = await WebAssembly.compile(await readFile(new URL(import.meta.resolve('tartan-search/kernels.wasm'))))
      console.log(JSON.stringify([packageJson.version, WebAssembly.Module.exports(kernels).length > 0]))`,
    )
    expect(JSON.parse((await bare.run(host, 'files.js')).stdout)).toEqual([VERSION, true])
  })

  it.each(hosts)('says on %s what to install when the encoder is needed and not there', async (host) => {
    bare.write(
      'encoder.js',
      `import { availableDevices, openModel } from 'tartan-search/builder'
      import { DeviceError } from 'tartan-search/format'
      const errors = []
      for (const use of [() => openModel('tartan-small'), availableDevices]) await use().catch((error) => errors.push(error))
      console.log(JSON.stringify(errors.map((error) => [error instanceof DeviceError, error.code, error.message])))`,
    )
    const errors = JSON.parse((await bare.run(host, 'encoder.js')).stdout)
    const message = expect.stringMatching(
      /expected the package onnxruntime-node, got none\. Install it: npm install onnxruntime-node\./,
    )
    expect(errors).toEqual([
      [true, 'DEVICE', message],
      [true, 'DEVICE', message],
    ])
  })

  it('says in the command as well what to install', async () => {
    const corpus = join(ROOT, 'test/golden/corpus/scifact40.jsonl')
    await expect(bare.command('tartan', ['build', corpus, '--out', 'index'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Install it: npm install onnxruntime-node/),
    })
  })

  const bundled = (project: EmptyProject, entry: string, conditions: readonly string[]) =>
    bundle({
      stdin: { contents: `export * as all from 'tartan-search${entry}'`, resolveDir: project.folder },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      conditions: [...conditions],
      loader: { '.wasm': 'binary' },
      logLevel: 'silent',
    })

  it.each(BROWSER_ENTRIES)('is bundled for browsers: tartan-search%s', async (entry) => {
    const { warnings, outputFiles } = await bundled(bare, entry, ['browser'])
    expect(warnings).toEqual([])
    expect(outputFiles[0]?.text).not.toContain('onnxruntime')
  })

  it.each(WORKER_ENTRIES)('is bundled for Workers: tartan-search%s', async (entry) => {
    const { warnings } = await bundled(bare, entry, ['workerd', 'worker', 'browser'])
    expect(warnings).toEqual([])
  })

  it('is bundled with its own encoder once onnxruntime-web is there', async () => {
    for (const conditions of [['browser'], ['workerd', 'worker', 'browser']]) {
      expect((await bundled(full, '/web-encoder', conditions)).outputFiles[0]?.text).toContain('onnxruntime')
    }
    await expect(bundled(bare, '/web-encoder', ['browser'])).rejects.toThrow(/onnxruntime-web/)
  })

  it.each(['tartan', 'tartan-search'])('has the command %s, started through the link that npm makes', async (name) => {
    expect((await full.command(name, ['--version'])).stdout.trim()).toBe(packageJson.version)
  })

  it('builds an index and finds a passage in it', async () => {
    const corpus = join(ROOT, 'test/golden/corpus/scifact40.jsonl')
    await full.command('tartan', ['build', corpus, '--limit', '6', '--out', 'six.tartan', '--quiet'])
    const [first = ''] = readFileSync(corpus, 'utf8').split('\n')
    const { _id, title } = JSON.parse(first) as { _id: string; title: string }
    const { stdout } = await full.command('tartan', ['search', 'six.tartan', title, '--k', '1', '--json'])
    const { hits } = JSON.parse(stdout) as { hits: readonly { id: string; title: string }[] }
    expect(hits).toMatchObject([{ id: _id, title }])
  }, 120_000)

  it('searches with a pool of threads', async () => {
    const path = join(ROOT, 'test/golden/index/nbits2.tartan')
    bare.write(
      'pool.js',
      `const { openPool } = await import('tartan-search/node')
      const pool = await openPool(${JSON.stringify(path)}, { workers: 2 })
      const { hits } = await pool.search({ vectors: new Float32Array(pool.info.dim).fill(0.1), rows: 1, dim: pool.info.dim })
      await pool.close()
      console.log(hits.length)`,
    )
    expect(Number((await bare.run('Node 24', 'pool.js')).stdout)).toBeGreaterThan(0)
  })

  it('says what is missing and where to get it when a GPU asks for the large model', async () => {
    const corpus = join(ROOT, 'test/golden/corpus/scifact40.jsonl')
    await expect(full.command('tartan', ['build', corpus, '--out', 'x', '--device', 'webgpu'])).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/model_f16\.onnx.*--model.*repository/s),
    })
  })

  /** What tsc says about files of a project; nothing when all is well. */
  const complaints = async (project: EmptyProject, flags: readonly string[], ...names: readonly string[]) => {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    const words = [tsc, '--target', 'es2024', '--strict', '--noEmit', ...flags, ...names]
    const { stdout } = await run(process.execPath, words, { cwd: project.folder }).catch(
      (error: { stdout: string }) => error,
    )
    return stdout
  }

  it('has declarations for browsers and Workers that need no others: not of Node, nor of an optional peer', async () => {
    const entries = [...new Set([...BROWSER_ENTRIES, ...WORKER_ENTRIES, '/web-encoder'])]
    const imports = entries.map((entry, i) => `import * as entry${i} from 'tartan-search${entry}'`)
    bare.write(
      'entries.ts',
      `${imports.join('\n')}\nexport const all = [${entries.map((_, i) => `entry${i}`).join(', ')}]\n`,
    )
    const flags = ['--module', 'esnext', '--moduleResolution', 'bundler']
    expect(await complaints(bare, flags, 'entries.ts')).toBe('')
  })

  it.each([
    // The declarations are checked themselves as well, once.
    ['--module nodenext --moduleResolution nodenext'],
    ['--module esnext --moduleResolution bundler --skipLibCheck'],
  ])('has declarations that TypeScript follows: %s', async (flags) => {
    const faces = Object.entries({ ...FACES, ...OPTIONAL_FACES })
    full.write(
      'faces.ts',
      `${faces.map(([entry, name], i) => `import { ${name} as face${i} } from '${entry}'`).join('\n')}
import kernels from 'tartan-search/kernels.wasm'

export const faces = [${faces.map((_, i) => `face${i}`).join(', ')}]
export const exported = WebAssembly.Module.exports(kernels)
`,
    )
    // Without declarations every import would be `any`, and the expected error would not come.
    full.write(
      'user.ts',
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
    expect(await complaints(full, ['--types', 'node', ...flags.split(' ')], 'faces.ts', 'user.ts')).toBe('')
  })
})
