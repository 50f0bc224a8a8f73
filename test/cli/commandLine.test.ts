/** Command lines that people type wrong: what they are told, and what is loaded to tell it. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { COMMANDS } from '../../cli/commandList.ts'
import { runCli } from '../../cli/main.ts'
import { ROOT } from '../../lab/root.ts'
import { CLI } from './runTartan.ts'

const folder = mkdtempSync(join(tmpdir(), 'tartan-line-'))
const index = join(folder, 'docs.tartan')
beforeAll(() => {
  cpSync(fileURLToPath(new URL('../golden/index/nbits2', import.meta.url)), index, { recursive: true })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** What the command prints and how it exits, in this process. */
async function told(...argv: readonly string[]) {
  let printed = ''
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      printed += text
      return true
    })
  }
  const code = await runCli(argv)
  vi.restoreAllMocks()
  return { code, printed }
}

describe('a search', () => {
  it.each([
    ['of words without quotes', ['vitamin', 'd'], /Put it in quotes: tartan search .*docs\.tartan "vitamin d"/],
    [
      'whose query --filter took',
      ['--filter', '275294', 'vitamin d'],
      /--filter took.*tartan search .* "vitamin d" --filter/,
    ],
    ['without a query', [], /a query is missing.*tartan search/],
  ])('%s says how to type it', async (_, words, message) => {
    const { code, printed } = await told('search', index, ...words)
    expect(code).toBe(2)
    expect(printed).toMatch(message)
  })
})

describe('a command line', () => {
  it.each([
    [['verify', 'a', 'b'], /too many arguments.*in quotes.*tartan verify <index>/],
    [['build', 'a', 'b', '--out', 'c'], /too many arguments.*tartan build \[corpus\] --out <index>/],
    [['inspect'], /missing required argument.*tartan inspect <index>/],
    [['build', 'a.jsonl'], /required option.*tartan build \[corpus\] --out <index>/],
    [['serch', 'a'], /Did you mean search/],
    [['search', '--teir', 'fast'], /Did you mean --tier/],
  ])('%j is refused with what was expected', async (argv, message) => {
    const { code, printed } = await told(...argv)
    expect(code).toBe(2)
    expect(printed).toMatch(message)
  })
})

describe('what is no index', () => {
  const corpora: readonly [string, string | Uint8Array][] = [
    ['collection.tsv', '1\tone\n'],
    ['corpus.jsonl', '{"_id":"1","text":"one, and enough of it to be longer than the head of a pack"}\n'],
    ['corpus.jsonl.gz', gzipSync('{"_id":"1","text":"one"}\n')],
    ['no extension', 'Words that go on for a while, ä and €.\n'.repeat(50)],
  ]
  it.each(corpora)('%s is told to be a corpus, whatever command reads it', async (name, content) => {
    const path = write(name, content)
    for (const command of ['search', 'inspect']) {
      const { code, printed } = await told(command, path, ...(command === 'search' ? ['x'] : []))
      expect(code).toBe(1)
      expect(printed).toMatch(/is no index but a corpus.*build an index of it first.*tartan build .* --out INDEX/)
    }
  })

  it('a damaged pack is told to be damaged, not to be a corpus', async () => {
    const path = write(
      'damaged',
      Uint8Array.from({ length: 100 }, (_, i) => (i * 37) % 256),
    )
    expect((await told('inspect', path)).printed).toMatch(/expected a Tartan file.*copy it again/)
  })

  it.each([
    ['of texts', 'texts', 'a.md', /holds texts: build an index of them first/],
    ['of nothing', 'empty', undefined, /Name a folder that tartan build wrote/],
    ['of parts alone', 'parts', `${'0'.repeat(32)}.msgpack`, /copy the whole folder/],
  ])('a folder %s is told what it is', async (_, name, file, message) => {
    mkdirSync(join(folder, name))
    if (file) write(join(name, file), 'x')
    const { code, printed } = await told('inspect', join(folder, name))
    expect(code).toBe(1)
    expect(printed).toMatch(/has no index\.msgpack/)
    expect(printed).toMatch(message)
  })

  it('a folder around an index names the index', async () => {
    expect((await told('inspect', folder)).printed).toContain(`Name the index inside it: ${index}.`)
  })

  it('a part names its folder, and the manifest stands for its folder', async () => {
    const part = readdirSync(index).find((name) => name !== 'index.msgpack') ?? ''
    expect((await told('inspect', join(index, part))).printed).toContain(`Name its folder: ${index}`)
    const { code } = await told('verify', join(index, 'index.msgpack'), '--json')
    expect(code).toBe(0)
  })
})

describe('help', () => {
  it('of every command has its description, its words and an example', async () => {
    for (const { name, description, words } of COMMANDS) {
      const { code, printed } = await told(name, '--help')
      expect(code).toBe(0)
      const flat = printed.replace(/\s+/g, ' ')
      expect(flat).toContain(description)
      for (const word of words.match(/<[^>]+>/g) ?? []) expect(flat, name).toContain(word)
      expect(printed).toMatch(/Examples?:\n {2}tartan/)
    }
  })

  it('in all loads nothing of the commands, and a search nothing that reads corpora', async () => {
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
      const { runCli } = await import(${JSON.stringify(join(ROOT, 'cli/main.ts'))})
      await runCli(['--help'])
      const first = loaded.length
      await runCli(['search', '--help'])
      process.stderr.write(JSON.stringify([loaded.slice(0, first), loaded]))`
    const words = ['--input-type=module', '--eval', script]
    const { stderr } = await promisify(execFile)(process.execPath, words, { maxBuffer: 1 << 24 })
    const [ofAll, ofSearch] = JSON.parse(stderr) as [string[], string[]]
    const root = pathToFileURL(ROOT).href
    const own = (urls: readonly string[]) => urls.map((url) => url.replace(root, '').replace(/^\//, ''))
    expect(own(ofAll)).toContain('cli/commandList.ts')
    expect(
      own(ofAll).filter((path) => /^(builder|runtime\/(?!version)|encoder|deploy|cli\/commands)\//.test(path)),
    ).toEqual([])
    expect(own(ofSearch)).toContain('cli/commands/search.ts')
    expect(own(ofSearch).filter((path) => /^(builder|deploy)\/|htmlparser2|onnxruntime|zod|hono/.test(path))).toEqual(
      [],
    )
  })

  it('that nobody reads to its end is no error', async () => {
    const child = spawn(process.execPath, [CLI, 'build', '--help'], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.stdout.destroy()
    const [code] = await once(child, 'close')
    expect([code, stderr]).toEqual([0, ''])
  })
})
