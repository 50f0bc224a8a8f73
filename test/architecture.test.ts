/**
 * Who may import whom (docs/ARCHITECTURE.md): this table is the one statement of the architecture that cannot go stale.
 */
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isNode, lineOf, listFiles, readSource, type SourceFile, syntaxNodes } from './sourceTree.ts'

/** All that the package is made of, but for the page. */
const SOURCES = ['format', 'encoder', 'runtime', 'onnx', 'reference', 'builder', 'deploy', 'cli']

/** Folder → folders it may import from, besides itself. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  format: [],
  assembly: [],
  encoder: ['format'],
  runtime: ['format', 'encoder'],
  onnx: ['format'],
  reference: ['format', 'runtime'],
  builder: ['format', 'encoder', 'onnx', 'runtime'],
  deploy: ['format', 'encoder', 'runtime'],
  cli: ['format', 'encoder', 'runtime', 'builder', 'deploy'],
  web: ['runtime'],
  examples: [],
  lab: SOURCES,
  bench: [...SOURCES, 'lab'],
  scripts: ['cli', 'lab'],
  test: [...SOURCES, 'lab', 'scripts'],
}

/** These may import any package that is installed. */
const ANY_PACKAGE: ReadonlySet<string> = new Set(['lab', 'bench', 'scripts', 'test'])

/** Package → files and folders (with a "/" at the end) that may import it. One that is not named may not be imported. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  msgpackr: ['format/container/container.ts', 'format/container/packing.ts'],
  '@huggingface/tokenizers': ['encoder/'],
  'onnxruntime-node': ['runtime/platform/node/onnxNode.ts'],
  'onnxruntime-web': ['runtime/encoders/onnxWeb.ts', 'examples/'],
  aws4fetch: ['runtime/readers/s3.ts'],
  protobufjs: ['onnx/'],
  hono: ['runtime/http/', 'runtime/platform/', 'examples/'],
  '@hono/zod-openapi': ['runtime/http/'],
  zod: ['runtime/http/'],
  '@hono/node-server': ['runtime/platform/', 'examples/'],
  commander: ['cli/'],
  picocolors: ['cli/'],
  'cli-progress': ['cli/'],
  'csv-parse': ['builder/corpus/'],
  'encoding-sniffer': ['builder/corpus/'],
  htmlparser2: ['builder/corpus/'],
  'mdast-util-from-markdown': ['builder/corpus/'],
  parse5: ['builder/corpus/'],
  'mdast-util-gfm': ['builder/corpus/pages/'],
  'mdast-util-mdx': ['builder/corpus/pages/'],
  'micromark-extension-gfm': ['builder/corpus/pages/'],
  'micromark-extension-mdx': ['builder/corpus/pages/'],
  'micromark-extension-mdxjs-esm': ['builder/corpus/pages/'],
  acorn: ['builder/corpus/pages/'],
  yaml: ['builder/corpus/pages/'],
  'smol-toml': ['builder/corpus/pages/'],
  'vitest/config': ['vitest.config.ts'],
  esbuild: ['examples/'],
  // Examples stand where a user stands: they import the package by its name.
  'tartan-search': ['examples/'],
  'node:': ['builder/', 'cli/', 'deploy/', 'runtime/platform/', 'examples/', 'vitest.config.ts'],
}

interface Import {
  readonly target: string
  readonly line: number
  /** Whether it is gone at run time. */
  readonly typeOnly: boolean
}

/** Every import of a file: static, of types, re-exports, dynamic, `import('…').Type`, and `require`. */
function importsOf(file: SourceFile): readonly Import[] {
  const found: Import[] = []
  for (const node of syntaxNodes(file)) {
    const isRequire =
      node.type === 'CallExpression' &&
      isNode(node.callee) &&
      node.callee.type === 'Identifier' &&
      node.callee.name === 'require'
    const isImport = /^(Import|Export(Named|All)|TSImport|TSExternalModule)/.test(node.type)
    const source = isRequire
      ? (node.arguments as unknown[])[0]
      : isImport
        ? (node.source ?? node.expression)
        : undefined
    if (!isNode(source)) continue
    const typeOnly = node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type'
    const line = lineOf(file.text, node.start)
    // A target that is computed cannot be checked here, so it is named by its own text: no rule allows it.
    const target = typeof source.value === 'string' ? source.value : file.text.slice(source.start, source.end)
    found.push({ target, line, typeOnly })
  }
  return found
}

/** What is wrong with the imports of a file, one sentence each. */
function violations(path: string, imports: readonly Import[]): readonly string[] {
  const folder = path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
  return imports.flatMap((found) => {
    const wrong = found.target.startsWith('.')
      ? wrongFolder(path, folder, found)
      : ANY_PACKAGE.has(folder)
        ? undefined
        : wrongPackage(path, found.target)
    return wrong ? [`${path}:${found.line} imports "${found.target}": ${wrong}`] : []
  })
}

/** A file or a room, and what it imports from. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** Folders whose folders are rooms of their own. A file that lies in them directly is a room by itself. */
const HOUSES: ReadonlySet<string> = new Set(['format', 'runtime', 'builder', 'deploy', 'cli', 'lab', 'bench', 'test'])

function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return HOUSES.has(top) ? `${top}/${second}` : top
}

/** Who imports whom, each file taken for what `nameOf` says. Imports of types count: a reader follows them as well. */
function graphOf(all: ReadonlyMap<string, readonly Import[]>, nameOf: (path: string) => string): Graph {
  const graph = new Map<string, Set<string>>()
  for (const [path, imports] of all) {
    const from = nameOf(path)
    const targets = graph.get(from) ?? new Set()
    graph.set(from, targets)
    for (const { target } of imports) {
      if (!target.startsWith('.')) continue
      const to = nameOf(posix.join(posix.dirname(path), target))
      if (to !== from) targets.add(to)
    }
  }
  return graph
}

/** A circle from each name that has one, told once: `a → b → a`. */
function circles(graph: Graph): readonly string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (name: string, path: readonly string[]) => {
    const seenAt = path.indexOf(name)
    if (seenAt >= 0) found.push([...path.slice(seenAt), name].join(' → '))
    if (seenAt >= 0 || done.has(name)) return
    for (const next of graph.get(name) ?? []) walk(next, [...path, name])
    done.add(name)
  }
  for (const name of graph.keys()) walk(name, [])
  return found
}

function wrongFolder(path: string, folder: string, { target, typeOnly }: Import): string | undefined {
  const to = posix.join(posix.dirname(path), target)
  const toFolder = to.includes('/') ? to.slice(0, to.indexOf('/')) : to
  const allowed = FOLDERS[folder]
  if (!allowed) return `${folder || 'the root'} is not in the table of folders`
  if (toFolder === folder) {
    const isHttp = to.startsWith('runtime/http/') && folder === 'runtime'
    const knowsHttp = path.startsWith('runtime/http/') || path.startsWith('runtime/platform/')
    return isHttp && !knowsHttp ? 'only platform/ may import http/' : undefined
  }
  // Workers take the compiled kernels as an import; nothing else of assembly/ is for others.
  if (to === 'assembly/build/kernels.wasm' && (path.startsWith('runtime/platform/') || ANY_PACKAGE.has(folder)))
    return undefined
  // Facts, not code: tests hold claims to results, and stand where package.json is read.
  if (folder === 'test' && (to === 'package.json' || /^bench\/results\/[\w-]+\.json$/.test(to))) return undefined
  if (!allowed.includes(toFolder)) return `${folder}/ may import ${allowed.join(', ') || 'nothing of ours'}`
  if (folder === 'onnx' && to !== 'format/errors.ts') return 'onnx/ may import the errors of format/ only'
  if (folder === 'web' && !typeOnly)
    return 'web/ may import types only: the page is served, not bundled with the runtime'
  if (folder === 'cli' && to.startsWith('runtime/http/')) return 'cli/ serves through runtime/platform/'
  if (folder === 'builder' && to.startsWith('runtime/http/')) return 'builder/ knows no HTTP'
  return undefined
}

function wrongPackage(path: string, target: string): string | undefined {
  const name = target.startsWith('@') ? target.split('/', 2).join('/') : target.replace(/\/.*/, '')
  const key = target.startsWith('node:') ? 'node:' : Object.hasOwn(PACKAGES, target) ? target : name
  const places = Object.hasOwn(PACKAGES, key) ? PACKAGES[key] : undefined
  if (!places) return 'this package is not in the table of packages'
  const isAllowed = places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
  return isAllowed ? undefined : `only ${places.join(', ')} may import it`
}

const sources = listFiles(['.ts', '.js'])
const imports = new Map(sources.map((path) => [path, importsOf(readSource(path))]))

describe('the import table', () => {
  it('covers all folders of the project', () => {
    const folders = new Set(sources.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
    for (const folder of Object.keys(FOLDERS)) expect([...folders]).toContain(folder)
  })

  it.each(sources)('holds in %s', (path) => {
    expect(violations(path, imports.get(path) ?? [])).toEqual([])
  })

  // A Worker's author imports its .wasm (docs/EDGE.md), so examples do as well.
  it.each(['onnxruntime-node', 'onnxruntime-web'])('has %s imported by one file at most', (name) => {
    const importers = sources
      .filter((path) => !ANY_PACKAGE.has(path.split('/')[0] ?? '') && !path.startsWith('examples/'))
      .filter((path) => imports.get(path)?.some(({ target }) => target.startsWith(name)))
    expect(importers.length).toBeLessThanOrEqual(1)
  })
})

describe('circles of imports', () => {
  it('are not between files', () => {
    expect(circles(graphOf(imports, (path) => path))).toEqual([])
  })

  it('are not between rooms', () => {
    expect(circles(graphOf(imports, roomOf))).toEqual([])
  })

  const importing = (...targets: readonly string[]) => targets.map((target) => ({ target, line: 1, typeOnly: true }))

  it('are seen', () => {
    const files = new Map([
      ['runtime/search/a.ts', importing('../passages/b.ts', './c.ts')],
      ['runtime/search/c.ts', importing('../searcher.ts')],
      ['runtime/passages/b.ts', importing('../pool/d.ts', 'node:path')],
      ['runtime/pool/d.ts', importing('../search/c.ts')],
      ['runtime/searcher.ts', importing()],
    ])
    expect(circles(graphOf(files, (path) => path))).toEqual([])
    expect(circles(graphOf(files, roomOf))).toEqual([
      'runtime/search → runtime/passages → runtime/pool → runtime/search',
    ])
  })

  it('are told apart from two ways to one place', () => {
    const files = new Map([
      ['format/a.ts', importing('./b.ts', './c.ts')],
      ['format/b.ts', importing('./d.ts')],
      ['format/c.ts', importing('./d.ts')],
      ['format/d.ts', importing()],
    ])
    expect(circles(graphOf(files, (path) => path))).toEqual([])
  })
})

describe('a text question', () => {
  const hosts = sources.filter((path) => /^(runtime\/(http|platform)|cli|deploy|examples)\//.test(path))
  const steps = /\.(matchTokens|passages)\(/

  it('has its steps put together in runtime/ask and by no host', () => {
    expect(steps.test(readSource('runtime/ask/textSearch.ts').text)).toBe(true)
    expect(hosts.filter((path) => steps.test(readSource(path).text))).toEqual([])
  })
})

describe('the check itself', () => {
  it.each([
    ['format/a.ts', "import { x } from '../builder/b.ts'"],
    ['format/a.ts', "import type { X } from '../encoder/b.ts'"],
    ['format/a.ts', "export { x } from '../runtime/b.ts'"],
    ['format/a.ts', "export * from '../runtime/b.ts'"],
    ['format/a.ts', "export type { X } from '../runtime/b.ts'"],
    ['format/a.ts', "const x = await import('../runtime/b.ts')"],
    ['format/a.ts', "type X = import('../runtime/b.ts').X"],
    ['format/a.ts', "import '../runtime/b.ts'"],
    ['format/a.ts', "const x = require('../runtime/b.ts')"],
    ['format/a.ts', 'const x = await import(name)'],
    ['format/a.ts', "import { x } from\n  '../onnx/b.ts'"],
    ['format/a.ts', "import { pack } from 'msgpackr'"],
    ['format/a.ts', "import fs from 'node:fs'"],
    ['encoder/a.ts', "import ort from 'onnxruntime-web'"],
    ['encoder/a.ts', "import { x } from '../runtime/b.ts'"],
    ['runtime/a.ts', "import { Hono } from 'hono'"],
    ['runtime/a.ts', "import { createApp } from './http/app.ts'"],
    ['runtime/search/a.ts', "import { join } from 'node:path'"],
    ['runtime/http/a.ts', "import { serve } from '@hono/node-server'"],
    ['builder/a.ts', "import ort from 'onnxruntime-node'"],
    ['cli/a.ts', "import { createApp } from '../runtime/http/index.ts'"],
    ['builder/a.ts', "import { Command } from 'commander'"],
    ['builder/a.ts', "import _ from 'lodash'"],
    ['builder/a.ts', "import packageJson from '../package.json' with { type: 'json' }"],
    ['builder/a.ts', "import { x } from '../test/b.ts'"],
    ['onnx/a.ts', "import { crc32c } from '../format/container/crc32c.ts'"],
    ['web/a.ts', "import { createApp } from '../runtime/http/app.ts'"],
    ['assembly/a.ts', "import { x } from '../format/b.ts'"],
    ['examples/a.ts', "import { openIndex } from '../runtime/platform/node.ts'"],
    ['test/a.ts', "import { x } from '../bench/b.ts'"],
    ['bench/a.ts', "import { x } from '../test/b.ts'"],
    ['bench/a.ts', "import type { X } from '../scripts/b.ts'"],
    ['lab/a.ts', "import { x } from '../test/b.ts'"],
    ['lab/a.ts', "import { x } from '../bench/b.ts'"],
    ['scripts/a.ts', "import { x } from '../test/b.ts'"],
    ['runtime/a.ts', "import { x } from '../lab/b.ts'"],
    ['somewhere/a.ts', "import { x } from '../format/b.ts'"],
  ])('sees in %s the violation  %s', (path, text) => {
    expect(violations(path, importsOf({ path, text }))).toHaveLength(1)
  })

  it.each([
    ['format/a.ts', "import { x } from './b.ts'"],
    ['format/a.ts', "// import { x } from '../builder/b.ts'\nconst text = \"from '../builder/b.ts'\""],
    ['builder/a.ts', "import { serve } from '../runtime/platform/node.ts'\nimport { x } from '../onnx/b.ts'"],
    ['runtime/platform/a.ts', "import { createApp } from '../http/app.ts'\nimport { compress } from 'hono/compress'"],
    ['web/a.ts', "import type { X } from '../runtime/http/index.ts'"],
    ['test/a.ts', "import { x } from '../builder/b.ts'\nimport { y } from '../lab/c.ts'\nimport { z } from 'esbuild'"],
    ['test/a.ts', "import result from '../bench/results/search.json' with { type: 'json' }"],
    ['bench/a.ts', "import { x } from '../lab/b.ts'"],
  ])('takes in %s  %s', (path, text) => {
    expect(violations(path, importsOf({ path, text }))).toEqual([])
  })
})
