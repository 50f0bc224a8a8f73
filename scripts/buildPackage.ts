/**
 * Makes dist/, the package as it is published: JavaScript with declarations, kernels, search page, model, licences. Node
 * runs TypeScript sources in a checkout but refuses to in node_modules, which is why there is a dist/ at all.
 * `node scripts/buildPackage.ts`, then `npm publish dist` (`npm pack --dry-run` in it shows what goes out).
 */
import { execFile } from 'node:child_process'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { absoluteLinks } from './packedMarkdown.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Copied as they are, but for links in Markdown. model_f16.onnx stays out: it is for building on a GPU, and at twice the size of all the rest
 * together it is too much for everyone who only searches. docs/BUILDING.md says how to get it.
 */
const COPIED = [
  'LICENSE',
  'NOTICE',
  'README.md',
  'CHANGELOG.md',
  'format/SPEC.md',
  'format/CHANGELOG.md',
  'cli/tartan.js',
  'assembly/build/kernels.wasm',
  'assembly/build/kernels.shared.wasm',
  'web/build/page.html',
  'models/tartan-small/README.md',
  'models/tartan-small/TRAINING-DATA.md',
  'models/tartan-small/manifest.json',
  'models/tartan-small/model_int8.onnx',
  'models/tartan-small/tokenizer.json',
]

/** Fields of package.json that mean something to who installs the package. */
const PUBLISHED_FIELDS = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'author',
  'homepage',
  'repository',
  'bugs',
  'type',
  'bin',
  'dependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
]

/**
 * Node that runs the package. Not in the checkout's package.json: a checkout brings its own Node, and npm, run by whatever Node there is,
 * would complain at every `npx`.
 */
const ENGINES = { node: '>=22.18' }

/** Declarations of `tartan-search/kernels.wasm`, for who imports it as a module. */
const MODULE_TYPES = './assembly/build/kernels.d.ts'
const MODULE_DECLARATIONS = `/** The kernels as a bundler for Workers imports them: compiled. */
declare const kernels: WebAssembly.Module
export default kernels
`

type ExportTarget = string | { readonly types: string; readonly default: string }
type PackageJson = Readonly<Record<string, unknown>> & {
  readonly version: string
  readonly repository: { readonly url: string }
  readonly exports: Readonly<Record<string, string>>
}

/** package.json for dist/: what installers need, with exports that point at JavaScript and declarations. */
export function publishedPackageJson(source: PackageJson): Record<string, unknown> {
  const kept = Object.fromEntries(
    PUBLISHED_FIELDS.filter((field) => source[field] !== undefined).map((field) => [field, source[field]]),
  )
  const exports = Object.fromEntries(
    Object.entries(source.exports).map(([name, target]) => [name, publishedTarget(target)]),
  )
  return { ...kept, engines: ENGINES, exports, sideEffects: false }
}

function publishedTarget(target: string): ExportTarget {
  if (target.endsWith('.wasm')) return { types: MODULE_TYPES, default: target }
  if (!target.endsWith('.ts')) return target
  return { types: target.replace(/\.ts$/, '.d.ts'), default: target.replace(/\.ts$/, '.js') }
}

/** Builds the package into a folder, which is emptied first. Kernels and page must have been built. */
export async function buildPackage(out: string): Promise<void> {
  await rm(out, { recursive: true, force: true })
  const project = join(root, 'scripts/tsconfig.package.json')
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '--project', project, '--outDir', out]).catch((error: { stdout?: string }) => {
    throw new Error(`tsc could not compile the package:\n${error.stdout ?? ''}`, { cause: error })
  })
  const source = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as PackageJson
  for (const path of COPIED) {
    await mkdir(dirname(join(out, path)), { recursive: true })
    await copyInto(out, path, source).catch((cause: Error) => {
      const cure = path.includes('/build/') ? ' Run "npm run build:kernels" and "npm run build:page" first.' : ''
      throw new Error(`"${path}" cannot be copied into the package: ${cause.message}.${cure}`, { cause })
    })
  }
  await writeFile(join(out, MODULE_TYPES), MODULE_DECLARATIONS)
  await writeFile(join(out, 'package.json'), `${JSON.stringify(publishedPackageJson(source), undefined, 2)}\n`)
}

async function copyInto(out: string, path: string, { version, repository }: PackageJson): Promise<void> {
  if (!path.endsWith('.md')) return cp(join(root, path), join(out, path))
  const url = repository.url.replace(/^git\+|\.git$/g, '')
  const text = await readFile(join(root, path), 'utf8')
  await writeFile(join(out, path), absoluteLinks(text, path, { url, ref: `v${version}` }))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2] ?? join(root, 'dist')
  await buildPackage(out)
  process.stdout.write(`${out}: ready for "npm publish"\n`)
}
