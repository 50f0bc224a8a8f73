/** Files whose names, kinds and links are not the usual ones. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CorpusOptions } from '../../../builder/corpus/corpus.ts'
import { inputError, readAll, workspace } from './corpusWorkspace.ts'

const file = workspace()
/** A folder with these files, and a function that tells what reading it gives: ids, and what was left out. */
function folder(name: string, files: readonly string[]) {
  const root = dirname(file(join(name, 'corpus/.keep'), ''))
  for (const path of files) file(join(name, 'corpus', path), `Text of ${path}.`)
  const read = async (options: CorpusOptions = {}) => {
    const skipped: string[] = []
    const passages = await readAll(root, {
      ...options,
      onSkipped: ({ file: path, reason }) => skipped.push(`${path.slice(root.length + 1)}: ${reason}`),
    })
    return { ids: passages.map(({ id }) => id), skipped: skipped.filter((line) => !line.startsWith('.keep')) }
  }
  return { root, read }
}
/** A name of bytes, not of text. */
const bytes = (root: string, ...name: readonly (string | number)[]) =>
  Buffer.concat([
    Buffer.from(`${root}/`),
    ...name.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))),
  ])

describe('a name that is no UTF-8', () => {
  it('is read, its bytes escaped in ids, beside a file that is really called so', async () => {
    const { root, read } = folder('bytes', ['a.md', 'bad%FF.md'])
    writeFileSync(bytes(root, 'bad', 0xff, '.md'), 'Text.')
    writeFileSync(bytes(root, 'page', 0xfe, '.html'), '<p>Text.</p>')
    mkdirSync(bytes(root, 'é', 0xc3))
    writeFileSync(bytes(root, 'é', 0xc3, '/x.txt'), 'Text.')
    expect(await read()).toEqual({
      ids: ['a.md', 'bad%FF.md', 'bad%FF~.md', 'page%FE.html', 'é%C3/x.txt'],
      skipped: [],
    })
  })

  it('is named by its escaped bytes in a mistake', async () => {
    const { root, read } = folder('wrong', [])
    writeFileSync(bytes(root, 'x', 0xff, '.md'), Buffer.of(0xff))
    await expect(read()).rejects.toEqual(inputError(/x%FF\.md", line 1: expected UTF-8/))
  })
})

it('control characters of names are escaped in ids, which may hold none', async () => {
  const { read } = folder('control', ['new\nline.md', 'tab\t.txt'])
  expect(await read()).toEqual({ ids: ['new%0Aline.md', 'tab%09.txt'], skipped: [] })
})

it('an HTML page may have front matter, as Jekyll writes it', async () => {
  const page = file('jekyll/a.html', '---\r\nlayout: x\r\ntitle: Otters\r\n---\r\n<p>They hold hands.</p>')
  const [passage, ...others] = await readAll(dirname(page))
  expect([passage, others]).toMatchObject([{ id: 'a.html', title: 'Otters', text: 'They hold hands.' }, []])
})

describe('symbolic links', () => {
  const { root, read } = folder('links', ['a.md', 'deep/b.md'])
  file('links/outside/s.md', 'Secret.')
  for (const [target, name] of [
    ['a.md', 'inside.md'],
    ['../outside/s.md', 'out.md'],
    ['../outside', 'outfolder'],
    ['../outside', 'outtwice'],
    ['..', 'above'],
    ['.', 'ring'],
    ['deep', 'shallow'],
    ['none.md', 'broken.md'],
  ]) {
    symlinkSync(target as string, join(root, name as string))
  }
  const leaves = 'a link that leaves the folder (--follow-links reads it)'
  const there = 'a link to a folder that is read at its own place'

  it('that leave the folder are not followed, and told', async () => {
    expect(await read()).toEqual({
      ids: ['a.md', 'deep/b.md', 'inside.md'],
      skipped: [
        `above: ${leaves}`,
        'broken.md: a link to nothing',
        `out.md: ${leaves}`,
        `outfolder: ${leaves}`,
        `outtwice: ${leaves}`,
        `ring: ${there}`,
        `shallow: ${there}`,
      ],
    })
  })

  it('are followed when asked for, each folder once, so a ring ends', async () => {
    expect(await read({ followLinks: true })).toEqual({
      ids: ['a.md', 'deep/b.md', 'inside.md', 'out.md', 'outfolder/s.md'],
      skipped: [
        'above: a link to a folder around this one',
        'broken.md: a link to nothing',
        'outtwice: a link to a folder that another link led to',
        `ring: ${there}`,
        `shallow: ${there}`,
      ],
    })
  })
})

describe('a named pipe', () => {
  it('without anybody who writes ends when it is stopped', async () => {
    const pipe = join(dirname(file('silent/x', '')), 'pipe.tsv')
    execFileSync('mkfifo', [pipe])
    const controller = new AbortController()
    const reading = readAll(pipe, { signal: controller.signal })
    setImmediate(() => controller.abort())
    await expect(reading).rejects.toMatchObject({ code: 'ABORTED' })
  })

  it('is read to its end', async () => {
    const pipe = join(dirname(file('spoken/x', '')), 'pipe.tsv')
    execFileSync('mkfifo', [pipe])
    const reading = readAll(pipe)
    const writer = await open(pipe, 'w')
    await writer.writeFile('1\ta\n')
    await writer.writeFile('2\tb\n')
    await writer.close()
    expect((await reading).map(({ id }) => id)).toEqual(['1', '2'])
  })

  it('in a folder is left out', async () => {
    const { root, read } = folder('mixed', ['a.md'])
    execFileSync('mkfifo', [join(root, 'p.md')])
    expect(await read()).toEqual({ ids: ['a.md'], skipped: ['p.md: neither a file nor a folder'] })
  })
})

it('two pages whose names are written alike in ids keep all their passages', async () => {
  const page = file('alike/a#b.md', 'One.')
  file('alike/a%23b.md', 'Two.\n\n# H\n\nThree.')
  const passages = await readAll(dirname(page))
  expect(passages.map(({ id, text }) => [id, text])).toEqual([
    ['a%23b.md', 'One.'],
    ['a%23b.md~2', 'Two.'],
    ['a%23b.md#h', 'Three.'],
  ])
})

it('an index is no corpus', async () => {
  const manifest = file('some.tartan/index.msgpack', 'x')
  await expect(readAll(dirname(manifest))).rejects.toEqual(
    inputError(/expected a corpus, got a Tartan index.*Name the corpus/),
  )
})

describe('the wrong kind of source', () => {
  it('is told: a folder of tables, and a page', async () => {
    const { root, read } = folder('tables', ['b.csv.gz', 'a.tsv', 'notes.pdf'])
    await expect(read()).rejects.toEqual(
      inputError(/got none\. To index the table in it, name the file itself: ".*\/a\.tsv"\./),
    )
    await expect(readAll(file('page.md', 'x'))).rejects.toEqual(
      inputError(/A page is read with its folder: name the folder\./),
    )
    expect(root).toContain('tables')
  })
})
