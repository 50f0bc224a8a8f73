/** What killed builds leave: removed when their process is gone, and nothing else. Real processes are killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stageIndex } from '../../../builder/publish/indexFolder.ts'
import { type Leftover, makeTemporary, sweepLeftovers } from '../../../builder/publish/leftovers.ts'
import { stagedPath, temporaryPath } from '../../../builder/publish/owner.ts'
import { ROOT } from '../../../lab/root.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tartan-stage-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A process that stages an index at `out`, makes a temporary folder in `temp`, says so and waits to be killed. */
async function stagingProcess(out: string, temp: string) {
  const script = `
    import { writeFileSync } from 'node:fs'
    const { stageIndex } = await import(${JSON.stringify(join(ROOT, 'builder/publish/indexFolder.ts'))})
    const { makeTemporary } = await import(${JSON.stringify(join(ROOT, 'builder/publish/leftovers.ts'))})
    const staged = await stageIndex(${JSON.stringify(out)}, true)
    await staged.write('index.msgpack', new Uint8Array(1000))
    writeFileSync((await makeTemporary(${JSON.stringify(temp)})) + '/texts.spool', 'x'.repeat(500))
    console.log('staged')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function sweep(): Promise<readonly Leftover[]> {
  const found: Leftover[] = []
  await sweepLeftovers(folder, (leftover) => found.push(leftover))
  return found
}

const namesIn = (path: string) => readdirSync(path).sort()
/** The part of a path of this process's that says who owns it. */
const ownerOf = (path: string) => /-building-(.+)-[0-9a-f]{8}$/.exec(basename(path))?.[1] ?? ''

describe('a build that was killed', () => {
  it('is swept by the next one to its folder, wherever that goes, and what was freed is told', async () => {
    const [out, temp] = [join(folder, 'out'), join(folder, 'temp')]
    mkdirSync(out)
    mkdirSync(temp)
    const { kill } = await stagingProcess(join(out, 'a.tartan'), temp)
    const whileItRan: Leftover[] = []
    for (const name of ['a.tartan', 'b.tartan'])
      await (await stageIndex(join(out, name), true, (leftover) => whileItRan.push(leftover))).discard()
    // Only who makes the same thing is told of it, and nothing of it is taken.
    expect(whileItRan).toEqual([{ path: join(out, namesIn(out)[0] ?? ''), fate: 'running', bytes: 0 }])
    expect([namesIn(out).length, namesIn(temp).length]).toEqual([1, 1])

    await kill()
    const swept: Leftover[] = []
    const staged = await stageIndex(join(out, 'b.tartan'), false, (leftover) => swept.push(leftover))
    const temporary = await makeTemporary(temp, (leftover) => swept.push(leftover))
    expect(swept.map(({ fate, bytes }) => [fate, bytes])).toEqual([
      ['removed', 1000],
      ['removed', 500],
    ])
    expect(namesIn(out)).toEqual([basename(staged.path)])
    expect(namesIn(temp)).toEqual([basename(temporary)])
  }, 20_000)

  it('gives back the index that it had put aside, unless its place is taken', async () => {
    const out = join(folder, 'a.tartan')
    const { kill } = await stagingProcess(out, folder)
    await kill()
    const unfinished = namesIn(folder).find((name) => name.startsWith('.a.tartan-building-')) ?? ''
    // As it is between the two renames of a commit.
    mkdirSync(join(folder, `${unfinished}-old`))
    writeFileSync(join(folder, `${unfinished}-old`, 'index.msgpack'), 'old')
    await expect(stageIndex(out, false)).rejects.toThrow(/exists already/)
    expect([namesIn(folder), readFileSync(join(out, 'index.msgpack'), 'utf8')]).toEqual([['a.tartan'], 'old'])
    // As it is after both, before the old one is removed.
    mkdirSync(join(folder, `${unfinished}-old`))
    await sweep()
    expect([namesIn(folder), readFileSync(join(out, 'index.msgpack'), 'utf8')]).toEqual([['a.tartan'], 'old'])
  }, 20_000)
})

describe('a sweep', () => {
  it('takes nothing of a process that runs', async () => {
    const paths = [await stagedPath(join(folder, 'a')), await temporaryPath(folder)]
    for (const path of paths) mkdirSync(path)
    expect(await sweep()).toEqual([])
    expect(paths.every((path) => existsSync(path))).toBe(true)
  })

  it('knows a process from another one that got its number later', async () => {
    const path = await stagedPath(join(folder, 'a'))
    const [machine, boot, pid, started] = ownerOf(path).split('.')
    // Processes of the tests are younger than the machine by more than one tick.
    expect(Number(started)).toBeGreaterThan(1)
    mkdirSync(path.replace(ownerOf(path), [machine, boot, pid, 1].join('.')))
    expect((await sweep()).map(({ fate }) => fate)).toEqual(['removed'])
  })

  it('takes what was left before the machine was started anew', async () => {
    const path = await stagedPath(join(folder, 'a'))
    const [machine, , pid, started] = ownerOf(path).split('.')
    mkdirSync(path.replace(ownerOf(path), [machine, '00000000', pid, started].join('.')))
    expect((await sweep()).map(({ fate }) => fate)).toEqual(['removed'])
  })

  it.each([
    ['another machine', '.a-building-00000000.00000000.1.1-0123abcd'],
    ['a version that named no owner', '.a-building-AbC123'],
  ])('leaves what %s may be working on, and names it after a day', async (_, name) => {
    const path = join(folder, name)
    mkdirSync(path)
    expect(await sweep()).toEqual([])
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600
    utimesSync(path, twoDaysAgo, twoDaysAgo)
    expect(await sweep()).toEqual([{ path, fate: 'left', bytes: expect.any(Number) }])
    expect(existsSync(path)).toBe(true)
  })

  it('never looks at what no build has named', async () => {
    const others = [
      'a.tartan',
      '.a-building-site',
      '.a-building-00000000.1.1-x',
      'tartan-AbC123',
      'tartan-notes',
      '.tmp',
    ]
    for (const name of others) mkdirSync(join(folder, name))
    const longAgo = 1e9
    for (const name of others) utimesSync(join(folder, name), longAgo, longAgo)
    expect(await sweep()).toEqual([])
    expect(namesIn(folder)).toEqual(others.toSorted())
  })
})

it('an index in which tuning was killed can be replaced', async () => {
  const out = join(folder, 'a')
  mkdirSync(out)
  writeFileSync(join(out, 'index.msgpack'), 'old')
  const unfinished = await stagedPath(join(out, 'index.msgpack'))
  writeFileSync(unfinished, 'half')
  renameSync(unfinished, unfinished.replace(/\.\d+\.\d+-/, '.1.1-'))
  const staged = await stageIndex(out, true)
  await staged.write('index.msgpack', new TextEncoder().encode('new'))
  await staged.commit()
  expect(namesIn(out)).toEqual(['index.msgpack'])
})
