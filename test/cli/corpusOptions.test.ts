/** What a corpus is and how it is read, as the command is told: in a process of its own. */
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { startTartan, tartan } from './runTartan.ts'

const folder = mkdtempSync(join(tmpdir(), 'tartan-cli-corpus-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe.each(['build', 'encode'])('tartan %s', (command) => {
  it('takes one corpus, and says how to join two', async () => {
    const { code, stderr } = await tartan(command, 'a.tsv', 'b c.tsv', '--out', join(folder, 'none'))
    expect(code).toBe(2)
    expect(stderr).toMatch(
      new RegExp(
        `too many arguments: ${command} reads one corpus, got 2: .*cat a.tsv 'b c.tsv' \\| tartan ${command} - --format tsv`,
      ),
    )
  })

  it('names the columns that there are when it is told another', async () => {
    const csv = join(folder, 'shop.csv')
    writeFileSync(csv, 'sku;name;info\nA1;Spade;Digs.\n')
    const { code, stderr } = await tartan(command, csv, '-q', '--out', join(folder, 'none'), '--id-column', 'nr')
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/column "nr" \(--id-column\), got the columns "sku", "name", "info"/),
    ])
  })
})

describe('tartan encode', () => {
  it('reads the columns that it is told, texts more than one', async () => {
    const csv = join(folder, 'columns.csv')
    writeFileSync(csv, 'nr;a;b;c\nx;One.;Two.;Three.\ny;;Four.;\n')
    const out = join(folder, 'vectors')
    const columns = ['--id-column', 'nr', '--text-column', 'a', '--text-column', 'b']
    expect((await tartan('encode', csv, '-q', '--out', out, ...columns)).code).toBe(0)
    expect(JSON.parse(readFileSync(join(out, 'meta.json'), 'utf8'))).toMatchObject({ doc_ids: ['x', 'y'] })
  })

  it('ends at SIGTERM while it waits for somebody to write into a named pipe', async () => {
    const pipe = join(folder, 'pipe.jsonl')
    execFileSync('mkfifo', [pipe])
    const { child, finished } = startTartan(['encode', pipe, '--out', join(folder, 'piped')])
    // A pipe can be opened for writing without waiting once somebody has it open for reading.
    const fd = await vi.waitFor(() => openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK), { timeout: 60_000 })
    child.kill('SIGTERM')
    expect((await finished).code).toBe(130)
    closeSync(fd)
  })
})
