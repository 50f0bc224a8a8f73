/**
 * Who may import whom (docs/ARCHITECTURE.md): this table is the one statement of the architecture that cannot go stale.
 */
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isNode, lineOf, listFiles, readSource, type SourceFile, syntaxNodes } from './sourceTree.ts'

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
}

/** These may import anything of the project and any package that is installed. */
const UNRESTRICTED: ReadonlySet<string> = new Set(['bench', 'test', 'scripts'])

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
  htmlparser2: ['builder/corpus/'],
  'mdast-util-from-markdown': ['builder/corpus/'],
  'vitest/config': ['vitest.config.ts'],
  esbuild: ['examples/'],
  // Examples stand where a user stands: they import the package by its name.
  'tartan-search': ['examples/'],
  'node:': ['builder/', 'cli/', 'deploy/', 'runtime/platform/', 'examples/'],
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
function violations(file: SourceFile): readonly string[] {
  const folder = file.path.includes('/') ? file.path.slice(0, file.path.indexOf('/')) : ''
  if (UNRESTRICTED.has(folder)) return []
  return importsOf(file).flatMap((found) => {
    const wrong = found.target.startsWith('.')
      ? wrongFolder(file.path, folder, found)
      : wrongPackage(file.path, found.target)
    return wrong ? [`${file.path}:${found.line} imports "${found.target}": ${wrong}`] : []
  })
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
  if (to === 'assembly/build/kernels.wasm' && path.startsWith('runtime/platform/')) return undefined
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

describe('the import table', () => {
  it('covers all folders of the project', () => {
    const folders = new Set(sources.filter((path) => path.includes('/')).map((path) => path.split('/')[0]))
    for (const folder of Object.keys(FOLDERS)) expect([...folders]).toContain(folder)
  })

  it.each(sources)('holds in %s', (path) => {
    expect(violations(readSource(path))).toEqual([])
  })

  // A Worker's author imports its .wasm (docs/EDGE.md), so examples do as well.
  it.each(['onnxruntime-node', 'onnxruntime-web'])('has %s imported by one file at most', (name) => {
    const importers = sources
      .filter((path) => !UNRESTRICTED.has(path.split('/')[0] ?? '') && !path.startsWith('examples/'))
      .filter((path) => importsOf(readSource(path)).some(({ target }) => target.startsWith(name)))
    expect(importers.length).toBeLessThanOrEqual(1)
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
    ['somewhere/a.ts', "import { x } from '../format/b.ts'"],
  ])('sees in %s the violation  %s', (path, text) => {
    expect(violations({ path, text })).toHaveLength(1)
  })

  it.each([
    ['format/a.ts', "import { x } from './b.ts'"],
    ['format/a.ts', "// import { x } from '../builder/b.ts'\nconst text = \"from '../builder/b.ts'\""],
    ['builder/a.ts', "import { serve } from '../runtime/platform/node.ts'\nimport { x } from '../onnx/b.ts'"],
    ['runtime/platform/a.ts', "import { createApp } from '../http/app.ts'\nimport { compress } from 'hono/compress'"],
    ['web/a.ts', "import type { X } from '../runtime/http/index.ts'"],
    ['test/a.ts', "import { x } from '../builder/b.ts'"],
  ])('takes in %s  %s', (path, text) => {
    expect(violations({ path, text })).toEqual([])
  })
})
