/** Rules of style that a program can check (CONTRIBUTING.md): rules that run do not rot. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ROOT } from '../lab/root.ts'
import { isNode, lineOf, listFiles, readSource, type SourceFile, type SyntaxNode, syntaxNodes } from './sourceTree.ts'

const FILE_LINES_MAX = 400
const FUNCTION_LINES_MAX = 70
const FOLDER_FILES_MAX = 12

/** Path → rules it may break, each with its reason. Empty is best. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'assembly/rescore.ts': {
    'functions of at most 70 lines':
      'the loop that all time is spent in: its sixteen accumulators cannot be handed to another function',
  },
  'vitest.config.ts': { 'default export': 'vitest asks for one' },
  'runtime/platform/wasmModule.d.ts': { 'default export': 'how Workers import a .wasm file' },
  'cli/tartan.js': { console: 'speaks before it is known whether anything else can be loaded' },
}

/** Folder → why it may hold more files than others. Empty is best. */
const LARGE_FOLDERS: Readonly<Record<string, string>> = {}

const isTest = (path: string) => path.startsWith('test/')
const inLibrary = (path: string) =>
  /^(format|encoder|runtime|reference|onnx|builder|deploy|assembly|web)\//.test(path) &&
  !path.startsWith('runtime/platform/')

/** A rule over a file: the lines (1-based) that break it. */
interface Rule {
  readonly name: string
  readonly applies: (path: string) => boolean
  readonly find: (file: SourceFile, nodes: readonly SyntaxNode[]) => readonly number[]
}

/** Lines of the nodes that a rule forbids. */
function nodeRule(name: string, applies: Rule['applies'], forbids: (node: SyntaxNode) => boolean): Rule {
  return {
    name,
    applies,
    find: ({ text }, nodes) => nodes.filter(forbids).map((node) => lineOf(text, node.start)),
  }
}

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

function isTooLong(text: string, node: SyntaxNode): boolean {
  return FUNCTIONS.has(node.type) && lineOf(text, node.end) - lineOf(text, node.start) + 1 > FUNCTION_LINES_MAX
}

const RULES: readonly Rule[] = [
  {
    name: `at most ${FILE_LINES_MAX} lines`,
    applies: (path) => !isTest(path),
    find: ({ text }) => (text.split('\n').length - 1 > FILE_LINES_MAX ? [FILE_LINES_MAX + 1] : []),
  },
  {
    name: `functions of at most ${FUNCTION_LINES_MAX} lines`,
    applies: (path) => !isTest(path),
    find: ({ text }, nodes) => nodes.filter((node) => isTooLong(text, node)).map((node) => lineOf(text, node.start)),
  },
  {
    name: 'opens with a doc comment',
    applies: (path) => path.endsWith('.ts') && !/^(test\/.*\.test\.ts|vitest\.config\.ts)$/.test(path),
    find: ({ text }) => (/^\/\*\*\s*\S/.test(text) ? [] : [1]),
  },
  nodeRule(
    'no any',
    () => true,
    (node) => node.type === 'TSAnyKeyword',
  ),
  nodeRule(
    'no non-null assertion',
    (path) => !/^(lab|test|bench)\//.test(path),
    (node) => node.type === 'TSNonNullExpression' || node.definite === true,
  ),
  nodeRule(
    'default export',
    // Workers, and `deno serve`, call the default export of their entry.
    (path) => !/([wW]orker|^examples\/.*\/main)\.ts$/.test(path),
    (node) => node.type === 'ExportDefaultDeclaration',
  ),
  nodeRule(
    'console',
    inLibrary,
    (node) =>
      node.type === 'MemberExpression' &&
      isNode(node.object) &&
      node.object.type === 'Identifier' &&
      node.object.name === 'console',
  ),
  {
    name: 'no mutable state of a module',
    applies: inLibrary,
    find: ({ text }, nodes) =>
      nodes
        .filter((node) => node.type === 'Program')
        .flatMap((program) => program.body as readonly SyntaxNode[])
        .map((node) => (isNode(node.declaration) ? node.declaration : node))
        .filter((node) => node.type === 'VariableDeclaration' && node.kind !== 'const')
        .map((node) => lineOf(text, node.start)),
  },
  {
    name: 'no test that is skipped or runs alone',
    applies: isTest,
    find: ({ text }, nodes) =>
      nodes
        .filter((node) => node.type === 'MemberExpression' && isNode(node.object) && isNode(node.property))
        .filter((node) =>
          /^(describe|it|test)\b.*\.(skip|only|todo|skipIf|runIf)$/.test(text.slice(node.start, node.end)),
        )
        .map((node) => lineOf(text, node.start)),
  },
]

/** What no text of the project may hold. One letter of each stands in brackets, so that this file passes too. */
const FORBIDDEN_TEXTS: Readonly<Record<string, RegExp>> = {
  'mark of unfinished work': /\b(TO[D]O|FIX[M]E|XX[X])\b/,
  'path of one machine': /(?<![\w.~-])\/(wor[k]|roo[t]|hom[e]|User[s])\/\w/,
  'name of a registry host': /\b(npmj[s]\.(org|com)|registry\.npm|pyp[i]\.org|pythonhoste[d]\.org|crate[s]\.io)\b/,
}

function broken(file: SourceFile): readonly string[] {
  const exceptions = EXCEPTIONS[file.path] ?? {}
  const nodes = syntaxNodes(file)
  return RULES.filter((rule) => rule.applies(file.path) && !Object.hasOwn(exceptions, rule.name)).flatMap((rule) =>
    rule.find(file, nodes).map((line) => `${file.path}:${line} ${rule.name}`),
  )
}

/** Folders with more files directly in them than a reader takes in at a glance. */
function largeFolders(paths: readonly string[]): readonly string[] {
  const folders = Map.groupBy(paths, (path) => path.split('/').slice(0, -1).join('/'))
  return [...folders].filter(([, files]) => files.length > FOLDER_FILES_MAX).map(([folder]) => folder)
}

function forbiddenTexts({ path, text }: SourceFile): readonly string[] {
  return text.split('\n').flatMap((line, i) =>
    Object.entries(FORBIDDEN_TEXTS)
      .filter(([, pattern]) => pattern.test(line))
      .map(([name]) => `${path}:${i + 1} ${name}`),
  )
}

const sources = listFiles(['.ts', '.js'])
const texts = listFiles(['.ts', '.js', '.md', '.css', '.html', '.py', '.toml']).concat(
  listFiles(['.json']).filter((path) => !path.includes('/')),
)

describe('sources', () => {
  it.each(sources)('%s keeps the rules', (path) => {
    expect(broken(readSource(path))).toEqual([])
  })

  it.each(texts)('%s holds nothing of one machine and no mark of unfinished work', (path) => {
    expect(forbiddenTexts(readSource(path))).toEqual([])
  })

  it('have names in lowerCamelCase, and none that says nothing', () => {
    const names = sources.map((path) => path.split('/').at(-1) ?? '')
    expect(names.filter((name) => !/^[a-z][A-Za-z0-9]*(\.test|\.config|\.d)?\.(ts|js)$/.test(name))).toEqual([])
    const vague = sources.filter(
      (path) => !isTest(path) && /(^|\/)(utils?|helpers?|common|managers?|misc)\b/.test(path),
    )
    expect(vague).toEqual([])
  })

  it(`lie in folders of at most ${FOLDER_FILES_MAX} files`, () => {
    expect(largeFolders(texts)).toEqual(Object.keys(LARGE_FOLDERS))
  })

  it('break every rule that they are excepted from', () => {
    for (const [path, reasons] of Object.entries(EXCEPTIONS)) {
      const file = readSource(path)
      for (const name of Object.keys(reasons)) {
        const lines = RULES.find((rule) => rule.name === name)?.find(file, syntaxNodes(file)) ?? []
        expect(lines.length, `${path}: ${name}`).toBeGreaterThan(0)
      }
    }
  })
})

describe('documents', () => {
  it.each(texts.filter((path) => path.endsWith('.md')))('%s links only to what exists', (path) => {
    const { text } = readSource(path)
    const folder = path.split('/').slice(0, -1)
    const prose = text.replace(/```[\s\S]*?```/g, '')
    const targets = [...prose.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, target = '']) => target)
    const missing = targets.filter((target) => !existsSync(join(ROOT, ...folder, target)))
    expect(missing).toEqual([])
  })
})

describe('the check itself', () => {
  const long = (lines: number) => `${'\n'.repeat(lines)}`
  it.each([
    ['at most 400 lines', 'format/a.ts', `/** A. */${long(401)}`],
    ['functions of at most 70 lines', 'format/a.ts', `/** A. */\nfunction f() {${long(70)}}`],
    ['functions of at most 70 lines', 'format/a.ts', `/** A. */\nconst f = () => {${long(70)}}`],
    ['functions of at most 70 lines', 'format/a.ts', `/** A. */\nclass A { f() {${long(70)}} }`],
    ['opens with a doc comment', 'format/a.ts', 'export const a = 1'],
    ['no any', 'format/a.ts', '/** A. */\nconst a: any = 1'],
    ['no any', 'format/a.ts', '/** A. */\nconst a = b as any[]'],
    ['no non-null assertion', 'format/a.ts', '/** A. */\nconst a = b!.c'],
    ['no non-null assertion', 'format/a.ts', '/** A. */\nclass A { b!: string }'],
    ['default export', 'format/a.ts', '/** A. */\nexport default 1'],
    ['console', 'format/a.ts', '/** A. */\nexport const f = () => console.log(1)'],
    ['no mutable state of a module', 'format/a.ts', '/** A. */\nlet a = 1'],
    ['no mutable state of a module', 'format/a.ts', '/** A. */\nexport let a = 1'],
    ['no test that is skipped or runs alone', 'test/a.test.ts', "it.skip('is', () => {})"],
    ['no test that is skipped or runs alone', 'test/a.test.ts', "describe.only('is', () => {})"],
  ])('sees what breaks "%s" in %s', (rule, path, text) => {
    expect(broken({ path, text })).toEqual([expect.stringContaining(rule)])
  })

  it.each([
    ['// an any! console.log in a comment', '/** A. */\n// an any! console.log in a comment\nconst a = "b!"'],
    ['a function of 70 lines', `/** A. */\nfunction f() {${long(69)}}`],
  ])('takes %s', (_, text) => {
    expect(broken({ path: 'format/a.ts', text })).toEqual([])
  })

  it('counts what lies in a folder, not what lies deeper', () => {
    const files = Array.from({ length: 13 }, (_, i) => `lab/storage/file${i}.ts`)
    expect(largeFolders(files)).toEqual(['lab/storage'])
    expect(largeFolders([...files.slice(1), 'lab/storage/deeper/file.ts', 'lab/file.ts'])).toEqual([])
  })

  it.each([
    ['mark of unfinished work', `// ${'TO'}${'DO'}: later`],
    ['path of one machine', `readFile('/${'root'}/index')`],
    ['name of a registry host', `https://registry.${'npm'}js.org/x`],
  ])('sees a %s', (name, text) => {
    expect(forbiddenTexts({ path: 'docs/a.md', text })).toEqual([`docs/a.md:1 ${name}`])
  })
})
