/** Staging: what appears under the final name, and what is never touched. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stageIndex } from '../../../builder/publish/indexFolder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-stage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const manifest = (text: string) => new TextEncoder().encode(text)

describe('a staged index', () => {
  it('appears whole, and not before commit', async () => {
    const out = join(folder, 'a')
    const staged = await stageIndex(out, false)
    await staged.write('index.msgpack', manifest('new'))
    expect(existsSync(out)).toBe(false)
    await staged.commit()
    await staged.discard()
    expect(readdirSync(folder)).toEqual(['a'])
    expect(readFileSync(join(out, 'index.msgpack'), 'utf8')).toBe('new')
  })

  it.each([true, false])('leaves what somebody else put there meanwhile (replace: %s)', async (replace) => {
    const out = join(folder, 'a')
    const staged = await stageIndex(out, replace)
    await staged.write('index.msgpack', manifest('new'))
    mkdirSync(out)
    writeFileSync(join(out, 'precious.txt'), 'mine')
    await expect(staged.commit()).rejects.toThrow(/not a Tartan index/)
    await staged.discard()
    expect(readdirSync(folder)).toEqual(['a'])
    expect(readFileSync(join(out, 'precious.txt'), 'utf8')).toBe('mine')
  })

  it('does not replace a folder that holds a file of somebody else, and says which', async () => {
    const out = join(folder, 'a')
    mkdirSync(out)
    writeFileSync(join(out, 'index.msgpack'), 'old')
    writeFileSync(join(out, `${'0'.repeat(32)}.msgpack`), 'old')
    const staged = await stageIndex(out, true)
    await staged.write('index.msgpack', manifest('new'))
    writeFileSync(join(out, 'notes.txt'), 'mine')
    await expect(staged.commit()).rejects.toThrow(/holds "notes.txt".*Move it elsewhere/)
    await expect(stageIndex(out, true)).rejects.toThrow(/holds "notes.txt"/)
    await staged.discard()
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine')
    expect(readFileSync(join(out, 'index.msgpack'), 'utf8')).toBe('old')
  })

  it('of two builds to one place the second does not destroy the first', async () => {
    const out = join(folder, 'a')
    const [first, second] = [await stageIndex(out, false), await stageIndex(out, false)]
    await first.write('index.msgpack', manifest('first'))
    await second.write('index.msgpack', manifest('second'))
    await first.commit()
    await expect(second.commit()).rejects.toThrow(/--force/)
    await second.discard()
    expect(readFileSync(join(out, 'index.msgpack'), 'utf8')).toBe('first')
  })
})
