/** The command as users run it: in a process of its own, by its output, its files and its exit code. */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crc32c } from '../../format/container/crc32c.ts'
import { CLI, type Outcome, startTartan, tartan } from './runTartan.ts'

const CORPUS = fileURLToPath(new URL('../golden/corpus/scifact40.jsonl', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tartan-cli-'))
const index = join(folder, 'scifact40.tartan')

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const leftovers = () => readdirSync(folder).filter((name) => name.includes('-building-'))
const filesOf = (path: string) =>
  Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name)).toString('base64')]))

beforeAll(async () => {
  const { code, stderr } = await tartan('build', CORPUS, '--out', index, '--quiet')
  expect(stderr).toBe('')
  expect(code).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('tartan build', () => {
  it('gives the same bytes for the same corpus, options and seed', async () => {
    const again = join(folder, 'again.tartan')
    expect((await tartan('build', CORPUS, '--out', again, '--name', 'scifact40', '-q')).code).toBe(0)
    expect(filesOf(again)).toEqual(filesOf(index))
  })

  it('reads a corpus from standard input and reports as JSON', async () => {
    const { finished } = startTartan(
      ['build', '-', '--format', 'tsv', '--out', join(folder, 'stdin.tartan'), '--json'],
      { input: 'a\tone whale\nb\ttwo ships\n' },
    )
    const { code, stdout } = await finished
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ passages: 2, dim: 96, nbits: 4 })
  })

  it('indexes a single passage, and one whose words are all punctuation', async () => {
    const one = write(
      'one.jsonl',
      '{"_id":"only","text":"The one passage about whales."}\n{"_id":"dots","text":"... !!!"}\n',
    )
    expect((await tartan('build', one, '--out', join(folder, 'one.tartan'), '-q')).code).toBe(0)
    const { stdout } = await tartan('search', join(folder, 'one.tartan'), 'whale', '--json')
    expect(JSON.parse(stdout).hits[0].id).toBe('only')
  })

  it.each([
    ['a line without id', '{"_id":"1","text":"a"}\n{"text":"b"}\n', /line 2.*"_id"/],
    ['a line without text', '{"_id":"1","text":"a"}\n{"_id":"2"}\n', /line 2.*"text"/],
    ['duplicate ids', '{"_id":"1","text":"a"}\n{"_id":"1","text":"b"}\n', /lines 1 and 2/],
    ['broken JSON', '{"_id":"1","text":"a"}\n{"_id":\n', /line 2/],
    ['no passages', '', /at least one passage/],
    ['invalid UTF-8', Uint8Array.of(0x7b, 0xff, 0xfe, 0x0a), /UTF-8.*offset 1/],
  ])(
    'refuses a corpus with %s, naming file, line and cure, and leaves nothing behind',
    async (name, content, message) => {
      const corpus = write(`${name}.jsonl`, content)
      const out = join(folder, `${name}.tartan`)
      const { code, stderr } = await tartan('build', corpus, '--out', out, '-q')
      expect(code).toBe(1)
      expect(stderr).toMatch(message)
      expect(stderr).toContain(corpus)
      expect(stderr).not.toMatch(/\n\s+at /)
      expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined()
      expect(leftovers()).toEqual([])
    },
  )

  it('will not overwrite an index without --force, nor anything else with it', async () => {
    expect((await tartan('build', CORPUS, '--out', index, '-q')).stderr).toMatch(/--force/)
    const notes = write('notes', 'mine')
    const { stderr, code } = await tartan('build', CORPUS, '--out', folder, '--force', '-q')
    expect(code).toBe(1)
    expect(stderr).toMatch(/not a Tartan index/)
    expect(readFileSync(notes, 'utf8')).toBe('mine')
  })

  it('replaces an index with --force', async () => {
    const out = join(folder, 'replaced.tartan')
    const corpus = write('small.tsv', '1\tfirst\n2\tsecond\n')
    await tartan('build', corpus, '--out', out, '-q')
    const before = filesOf(out)
    write('small.tsv', '1\tfirst\n2\tsecond\n3\tthird\n')
    expect((await tartan('build', corpus, '--out', out, '--force', '-q')).code).toBe(0)
    expect(filesOf(out)).not.toEqual(before)
    expect((await tartan('verify', out, '-q')).code).toBe(0)
    expect(leftovers()).toEqual([])
  })

  it('stops at Ctrl-C with exit code 130 and no half index', async () => {
    const out = join(folder, 'stopped.tartan')
    const { child, finished, stderrSoFar } = startTartan(['build', CORPUS, '--out', out, '--batch-size', '1'])
    while (leftovers().length === 0 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    const { code } = await finished
    expect(code, stderrSoFar()).toBe(130)
    expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined()
    expect(leftovers()).toEqual([])
  })

  it('leaves nothing behind when the disk takes no more', async () => {
    // A limit on file sizes (in 1 KiB or 512-byte blocks) makes real writes fail as a full disk does, without needing one.
    const out = join(folder, 'full.tartan')
    const script = `ulimit -f 40; exec "${process.execPath}" "${CLI}" build "${CORPUS}" --out "${out}" -q`
    const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code, stderr).toBe(1)
    expect(stderr).toMatch(/cannot be written.*Nothing was left behind/)
    expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined()
    expect(leftovers()).toEqual([])
  })

  it('stops encoding at Ctrl-C with nothing left behind', async () => {
    const out = join(folder, 'stopped-vectors')
    const { child, finished } = startTartan(['encode', CORPUS, '--out', out, '--batch-size', '1'])
    while (leftovers().length === 0 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
    expect((await finished).code).toBe(130)
    expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined()
    expect(leftovers()).toEqual([])
  })

  it('refuses a place where no folder can be made', async () => {
    for (const command of ['build', 'encode']) {
      const { code, stderr } = await tartan(command, CORPUS, '--out', '/proc/nowhere/x', '-q')
      expect(code, command).toBe(1)
      expect(stderr).toMatch(/cannot be written/)
    }
  })

  it('exits with 2 on a wrong command line', async () => {
    for (const args of [
      ['build', CORPUS],
      ['build', CORPUS, '--out', 'x', '--nbits', '3'],
      ['bogus'],
      ['search', index],
    ]) {
      expect((await tartan(...args)).code, args.join(' ')).toBe(2)
    }
  })
})

describe('tartan search', () => {
  it('finds the passage that answers in other words', async () => {
    // Abstract 4983 is about diffusion tensor MRI of newborn white matter; the query shares few of its words.
    const { stdout, code } = await tartan('search', index, 'brain scans of infants', '--k', '3', '--json')
    expect(code).toBe(0)
    const answer = JSON.parse(stdout)
    expect(answer.hits).toHaveLength(3)
    expect(answer.hits[0]).toMatchObject({ id: '4983', rank: 1 })
  })

  it('answers only filtered ids', async () => {
    const { stdout } = await tartan('search', index, 'brain scans of infants', '--filter', '5836', '7912', '--json')
    expect(
      JSON.parse(stdout)
        .hits.map(({ id }: { id: string }) => id)
        .sort(),
    ).toEqual(['5836', '7912'])
  })

  it('says how many ids of a filter no passage has, and that conditions are no ids', async () => {
    const none = await tartan('search', index, 'infants', '--filter', 'category=garden')
    expect(none.stderr).toContain(
      '1 of 1 ids unknown: no passage has it. --filter takes ids of passages, not conditions on their fields.',
    )
    const some = await tartan('search', index, 'infants', '--json', '--filter', '5836', 'x', 'x', 'ÿ 🦦', '7912')
    expect(some.stderr).toContain('2 of 4 ids unknown: no passage has them.')
    expect(some.stderr).not.toContain('conditions')
    expect(JSON.parse(some.stdout)).toMatchObject({ counts: { unknownIds: 2 }, hits: [{ rank: 1 }, { rank: 2 }] })
    const all = await tartan('search', index, 'infants', '--filter', '5836', '7912')
    expect(all.stderr).not.toContain('unknown')
  })

  it.each([
    ['k = 0', ['--k', '0'], 2, /whole number from 1/],
    ['k = 1001', ['--k', '1001'], 2, /to 1,000/],
    ['k = NaN', ['--k', 'NaN'], 2, /whole number/],
    ['k = 1.5', ['--k', '1.5'], 2, /whole number/],
  ])('refuses %s', async (_name, args, exit, message) => {
    const { code, stderr } = await tartan('search', index, 'brain', ...args)
    expect(stderr).toMatch(message)
    expect(code).toBe(exit)
  })

  it.each([
    ['an empty query', '', /blank/],
    ['a blank query', ' \t ', /blank/],
    ['a query of 10,000 words', 'word '.repeat(10_000), /at most 8192 characters, got 50000/],
  ])('refuses %s', async (_name, query, message) => {
    const { code, stderr } = await tartan('search', index, query)
    expect(stderr).toMatch(message)
    expect(code).toBe(1)
  })

  it('refuses an index that is not there, and a folder that is none', async () => {
    expect((await tartan('search', join(folder, 'nowhere'), 'brain')).stderr).toMatch(/there is no index/)
    expect((await tartan('search', folder, 'brain')).stderr).toMatch(/not a Tartan index/)
  })

  it('refuses a model that the index was not built with, naming what differs', async () => {
    const manifest = JSON.parse(
      readFileSync(new URL('../../models/tartan-small/manifest.json', import.meta.url), 'utf8'),
    )
    const model = join(folder, 'other-model')
    const { cpSync } = await import('node:fs')
    cpSync(new URL('../../models/tartan-small', import.meta.url), model, { recursive: true })
    writeFileSync(join(model, 'manifest.json'), JSON.stringify({ ...manifest, queryLength: 24 }))
    const { code, stderr } = await tartan('search', index, 'brain', '--model', model)
    expect(code).toBe(1)
    expect(stderr).toMatch(/queryLength.*32.*24|queryLength.*24.*32/s)
  })
})

describe('a damaged index', () => {
  const damaged = async (change: (path: string) => void) => {
    const copy = mkdtempSync(join(folder, 'damaged-'))
    for (const name of readdirSync(index)) writeFileSync(join(copy, name), readFileSync(join(index, name)))
    change(copy)
    return copy
  }

  it('of a newer version is refused with both versions', async () => {
    const path = await damaged((copy) => {
      const bytes = readFileSync(join(copy, 'index.msgpack'))
      bytes.writeUInt16LE(9, 12)
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, 24)), 24)
      writeFileSync(join(copy, 'index.msgpack'), bytes)
    })
    const { code, stderr } = await tartan('search', path, 'brain')
    expect(code).toBe(1)
    expect(stderr).toMatch(/format version 9.*reads version 2.*Update tartan-search/)
  })

  it('with a flipped bit or cut short is refused by search and verify', async () => {
    for (const change of [
      (bytes: Buffer) => {
        const half = bytes.length >> 1
        bytes[half] = (bytes[half] ?? 0) ^ 4
        return bytes
      },
      (bytes: Buffer) => bytes.subarray(0, bytes.length - 100),
    ]) {
      for (const name of readdirSync(index)) {
        const path = await damaged((copy) => writeFileSync(join(copy, name), change(readFileSync(join(copy, name)))))
        for (const command of [
          ['verify', path, '-q'],
          ['search', path, 'brain'],
        ]) {
          const outcome = await tartan(...command)
          expect(outcome.code, `${command[0]} ${name}`).toBe(1)
          expect(outcome.stderr).toMatch(/expected/)
        }
      }
    }
  })
})

describe('tartan eval, encode, inspect, pack and verify', () => {
  const queries = () =>
    write('queries.jsonl', '{"_id":"q1","text":"brain scans of infants"}\n{"_id":"q2","text":"unjudged"}\n')
  const qrels = () => write('qrels.tsv', 'query-id\tcorpus-id\tscore\nq1\t4983\t1\n')

  it('evaluates with the keys that scripts rely on and writes the run', async () => {
    const ranking = join(folder, 'ranking.tsv')
    const { stdout, stderr } = await tartan(
      'eval',
      index,
      '--queries',
      queries(),
      '--qrels',
      qrels(),
      '--json',
      '--ranking',
      ranking,
    )
    expect(stderr).toBe('')
    const report = JSON.parse(stdout)
    expect(report).toMatchObject({ 'ndcg@10': 1, 'mrr@10': 1, 'recall@100': 1, 'success@5': 1, map: 1, queries: 1 })
    expect(report.ms_per_query).toBeGreaterThan(0)
    const words = ['--queries', ranking, '--qrels', ranking, '--ranking', ranking]
    const again = await tartan('eval', index, ...words)
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('exists already')])
    expect(readFileSync(ranking, 'utf8').split('\n')[0]).toMatch(/^q1\t4983\t1\t[\d.]+$/)
  })

  it('says that queries found themselves, and leaves them out as BEIR does when told to', async () => {
    const itself = write('itself.tsv', '4983\tbrain scans of infants\n')
    const judged = write('itself-qrels.tsv', '4983\t0\t5836\t1.0\n')
    const words = [index, '--queries', itself, '--qrels', judged, '-k', '40', '--json']
    const [counted, left] = await Promise.all([
      tartan('eval', ...words),
      tartan('eval', ...words, '--ignore-identical-ids'),
    ])
    expect(counted.stderr).toMatch(/^1 query found the passage with the query's own id.*--ignore-identical-ids/)
    expect(left.stderr).toMatch(/left out, as BEIR does/)
    const [before, after] = [counted, left].map(({ stdout }) => JSON.parse(stdout))
    expect([before.identical_ids, before.identical_ids_ignored]).toEqual([1, false])
    expect([after.identical_ids, after.identical_ids_ignored]).toEqual([1, true])
    // What it found itself before stands one rank higher now.
    expect(1 / after.map).toBeCloseTo(1 / before.map - 1, 9)
    expect(after).toHaveProperty('recall@40', 1)
    expect(after).not.toHaveProperty('recall@100')
  })

  it('builds the same index from encoded vectors as from texts, texts aside', async () => {
    const vectors = join(folder, 'vectors')
    expect(
      (await tartan('encode', CORPUS, '--out', vectors, '--queries', queries(), '--qrels', qrels(), '-q')).code,
    ).toBe(0)
    const ready = join(folder, 'ready.tartan')
    expect((await tartan('build', '--vectors', vectors, '--out', ready, '-q')).code).toBe(0)
    const answers = await Promise.all(
      [index, ready].map((path) => tartan('search', path, 'brain scans of infants', '--json')),
    )
    const [a, b] = answers.map(({ stdout }) =>
      JSON.parse(stdout).hits.map(({ id, score }: { id: string; score: number }) => [id, score]),
    )
    expect(a).toEqual(b)
    const { stdout } = await tartan('eval', ready, '--vectors', vectors, '--json')
    expect(JSON.parse(stdout)['ndcg@10']).toBe(1)
  })

  it('packs over a pack only, and packs nothing that is damaged', async () => {
    const own = write('mine.tsv', 'precious\n')
    const refused = await tartan('pack', index, '--out', own, '--force')
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('is no pack')])
    expect(readFileSync(own, 'utf8')).toBe('precious\n')
    const copy = join(folder, 'damaged.tartan')
    cpSync(index, copy, { recursive: true })
    const part = readdirSync(copy).find((name) => name !== 'index.msgpack')!
    const bytes = readFileSync(join(copy, part))
    bytes[bytes.length - 200]! ^= 1
    writeFileSync(join(copy, part), bytes)
    const damaged = await tartan('pack', copy, '--out', join(folder, 'damaged.pack'))
    expect([damaged.code, damaged.stderr]).toEqual([1, expect.stringContaining('CRC32C')])
    expect(readdirSync(folder).filter((name) => name.startsWith('damaged.pack'))).toEqual([])
  })

  it('packs an index into one file that searches, verifies and inspects the same', async () => {
    const pack = join(folder, 'packed.tartan')
    expect((await tartan('pack', index, '--out', pack)).code).toBe(0)
    const [a, b] = await Promise.all([index, pack].map((path) => tartan('search', path, 'cancer', '--json')))
    const hits = (outcome?: Outcome) => JSON.parse(outcome?.stdout ?? '').hits
    expect(hits(b)).toEqual(hits(a))
    expect((await tartan('verify', pack, '--json')).stdout).toContain('"ok":true')
    const inspected = JSON.parse((await tartan('inspect', pack, '--json')).stdout)
    expect(inspected).toMatchObject({ passages: 40, encoder: { model: 'tartan-small' } })
    expect(inspected.sections.map(({ name }: { name: string }) => name)).toContain('rows')
  })

  it('prints help with examples for every command', async () => {
    for (const command of ['build', 'search', 'serve', 'eval', 'encode', 'inspect', 'verify', 'pack']) {
      const { stdout, code } = await tartan(command, '--help')
      expect(code).toBe(0)
      expect(stdout, command).toMatch(/Examples?:\n {2}tartan/)
    }
  })
})

describe('tartan serve', () => {
  it('ends when it cannot start, also with threads that are running', async () => {
    const { code, stderr } = await tartan('serve', index, join(folder, 'none'), '--workers', '2', '--port', '0')
    expect([code, stderr]).toEqual([1, expect.stringContaining('there is no index')])
  })

  it('serves page and API until it is told to stop', async () => {
    const { child, finished, stdoutSoFar } = startTartan(['serve', index, '--port', '0'])
    while (!stdoutSoFar().includes('Search page') && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20))
    const [url] = /http:\/\/[\d.:]+/.exec(stdoutSoFar()) ?? ['']
    expect(await (await fetch(`${url}/`)).text()).toContain('<title>')
    const answer = (await (await fetch(`${url}/api/search?query=brain+scans+of+infants&k=2`)).json()) as {
      topk: { text: string; rank: number }[]
    }
    expect(answer.topk).toHaveLength(2)
    expect(answer.topk[0]?.text).toMatch(/newborn/)
    for (const query of [
      'query=x&k=0',
      'query=x&k=101',
      'query=x&k=NaN',
      'query=',
      `query=${'word+'.repeat(10_000)}`,
    ]) {
      const response = await fetch(`${url}/api/search?${query}`)
      expect(response.status, query.slice(0, 20)).toBeGreaterThanOrEqual(400)
      expect(response.status).toBeLessThan(500)
      if (query.length < 1000) expect(response.headers.get('content-type')).toContain('application/problem+json')
    }
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })

  it('says so when the port is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const { code, stderr } = await tartan('serve', index, '--port', String(port))
    server.close()
    expect(code).toBe(1)
    expect(stderr).toMatch(/in use.*--port/)
  })
})
