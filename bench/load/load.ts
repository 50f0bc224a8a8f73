/** What a server does under load: answers, refusals, /health and memory, beside an earlier commit. Usage and keys: bench/README.md. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import {
  cachePath,
  integer,
  integers,
  progress,
  REQUIRED_FOLDER,
  rootPath,
  runBench,
  textTable,
} from '../harness/commandLine.ts'
import { runFresh } from '../harness/freshProcess.ts'
import { startRecord, writeResult } from '../harness/record.ts'
import { median, percentile, significant } from '../harness/samples.ts'
import type { ClientAnswer, ClientTask } from './clientChild.ts'
import type { HealthAnswer, HealthTask } from './healthChild.ts'

const USAGE =
  'npm run -s bench:load -- --index INDEX [--queries FILE] [--clients 1,10,100,1000] [--seconds 60] [--bursts 5] [--before COMMIT] [--label NAME]'

const OPTIONS = {
  ...{ index: REQUIRED_FOLDER, queries: 'examples/scifact/queries.jsonl', label: 'scifact', before: '' },
  ...{ clients: integers('1,10,100,1000', 10_000), seconds: integer(60, 3600), bursts: integer(5, 100) },
}

const CLIENT = new URL('./clientChild.ts', import.meta.url)
const HEALTH = new URL('./healthChild.ts', import.meta.url)
const BURST = 200
const LONE = 30
const PATIENCE_MS = 60_000

/** A server to measure: its name in results, and its checkout. */
interface Arm {
  readonly name: string
  readonly folder: string
}

await runBench(USAGE, OPTIONS, async ({ index, queries: file, label, before, clients, seconds, bursts }) => {
  const started = await startRecord('load')
  const queries = distinctQueries(file)
  const arms: Arm[] = [{ name: 'now', folder: rootPath() }]
  if (before) arms.push({ name: `before, ${before}`, folder: await checkout(before) })
  const points: unknown[] = []
  const shown: string[][] = [
    ['', 'clients', 'answers/s', 'p50 ms', 'p99 ms', 'refused', 'failed', '/health p99 ms', 'MB before', 'MB most'],
  ]
  for (const arm of arms) {
    for (const count of clients) {
      const point = await measureClients(arm, index, queries, count, seconds)
      points.push({ arm: arm.name, ...point })
      const { answers_per_second, ms_p50, ms_p99, share_refused, share_failed, health_ms_p99, rss_mb } = point
      const share = (value: number) => `${(value * 100).toFixed(1)} %`
      shown.push([
        ...[arm.name, `${count}`, answers_per_second, ms_p50, ms_p99].map(String),
        ...[share(share_refused), share(share_failed), health_ms_p99, rss_mb.before, rss_mb.most].map(String),
      ])
      progress(shown.at(-1)!.join('  '))
    }
  }
  const burst: unknown[] = []
  for (const arm of arms) {
    const point = await measureBursts(arm, index, queries, bursts)
    burst.push({ arm: arm.name, ...point })
    progress(`${arm.name}: a burst of ${BURST}: ${JSON.stringify(point)}`)
  }
  await writeResult(`load-${label}`, started, {
    parameters: { index: label, k: 10, seconds, patience_ms: PATIENCE_MS, burst: BURST, before },
    samples: {
      burst: `${bursts} bursts, each by a process of its own; ${LONE} lone queries before them`,
      queries: 'each asked once',
    },
    units: {
      ms: 'milliseconds from sending to the last byte, of what was answered with 200',
      share_refused: 'of all requests, answered 503',
      share_failed: 'of all requests: another status, a broken connection, or no answer within patience_ms',
      rss_mb: '10^6 bytes of resident memory: before the first request, the most, and ten seconds after the last',
    },
    metrics: { points, burst },
  })
  process.stdout.write(`${textTable(shown)}\n`)
})

async function measureClients(arm: Arm, index: string, queries: readonly string[], clients: number, seconds: number) {
  const server = await startServer(arm, index)
  try {
    await runFresh<ClientAnswer>(CLIENT, { ...task(server, queries.slice(0, 20)), clients: 1, seconds: 0.001 })
    await wait(1000)
    const rssBefore = rssOf(server.pid)
    const healthSeconds = seconds + 10
    const [{ asked, seconds: took }, health] = await Promise.all([
      runFresh<ClientAnswer>(CLIENT, { ...task(server, queries.slice(20)), clients, seconds }),
      runFresh<HealthAnswer>(HEALTH, { url: server.url, pid: server.pid, seconds: healthSeconds } satisfies HealthTask),
    ])
    const answered = asked.filter(({ status }) => status === 200).map(({ ms }) => ms)
    const refused = asked.filter(({ status }) => status === 503).length
    return {
      clients,
      requests: asked.length,
      answers_per_second: significant(answered.length / took),
      ms_p50: answered.length === 0 ? null : significant(median(answered)),
      ms_p99: answered.length === 0 ? null : significant(percentile(answered, 0.99)),
      share_refused: significant(refused / asked.length),
      share_failed: significant((asked.length - answered.length - refused) / asked.length),
      health_ms_p50: significant(median(health.ms)),
      health_ms_p99: significant(percentile(health.ms, 0.99)),
      health_ms_most: significant(Math.max(...health.ms)),
      rss_mb: {
        before: megabytes(rssBefore),
        most: megabytes(Math.max(rssBefore, ...health.rss)),
        after: megabytes(health.rss.at(-1) ?? 0),
      },
    }
  } finally {
    await server.stop()
  }
}

async function measureBursts(arm: Arm, index: string, queries: readonly string[], bursts: number) {
  const server = await startServer(arm, index)
  try {
    const ofRound = (round: number) => queries.slice(LONE + round * BURST, LONE + (round + 1) * BURST)
    const lone = await runFresh<ClientAnswer>(CLIENT, {
      ...task(server, queries.slice(0, LONE)),
      clients: 1,
      seconds: 600,
    })
    const loneMs = median(lone.asked.slice(LONE / 3).map(({ ms }) => ms))
    const rounds = []
    for (let round = 0; round < bursts; round++) {
      const { asked } = await runFresh<ClientAnswer>(CLIENT, {
        ...task(server, ofRound(round)),
        clients: BURST,
        seconds: 0,
        isConnected: true,
      })
      const ends = asked.filter(({ status }) => status === 200).map(({ at }) => at)
      rounds.push({
        answered: ends.length,
        first_ms: significant(Math.min(...ends)),
        median_ms: significant(median(ends)),
        last_ms: significant(Math.max(...ends)),
      })
      await wait(1000)
    }
    const first = median(rounds.map(({ first_ms }) => first_ms))
    return { lone_ms: significant(loneMs), first_over_lone: significant(first / loneMs), rounds }
  } finally {
    await server.stop()
  }
}

function task({ url }: { readonly url: string }, queries: readonly string[]): Omit<ClientTask, 'clients' | 'seconds'> {
  return { url, queries, patienceMs: PATIENCE_MS }
}

/** The command of the arm's checkout, on a free port. */
async function startServer({ folder }: Arm, index: string) {
  const child = spawn(process.execPath, [join(folder, 'cli/tartan.js'), 'serve', index, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const found = /http:\/\/[\d.]+:\d+/.exec(text)?.[0]
      if (found) resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`the server of ${folder} ended with code ${code}:\n${text}`)))
  })
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  return { url, pid: child.pid ?? 0, stop }
}

/** A checkout of an earlier commit, which uses the packages and the built kernels of this one. */
async function checkout(commit: string): Promise<string> {
  const folder = cachePath('load', commit)
  if (!existsSync(folder)) {
    execFileSync('git', ['worktree', 'add', '--detach', folder, commit], { cwd: rootPath(), stdio: 'ignore' })
    symlinkSync(rootPath('node_modules'), join(folder, 'node_modules'))
    for (const built of ['assembly/build', 'web/build'])
      await cp(rootPath(built), join(folder, built), { recursive: true })
  }
  return folder
}

/** The texts, then the same with a number: others to every cache, and as long. */
function distinctQueries(file: string): readonly string[] {
  const lines = readFileSync(rootPath(file), 'utf8').trim().split('\n')
  const texts = lines.map((line) => (JSON.parse(line) as { text: string }).text)
  return Array.from({ length: 100 }, (_, round) =>
    texts.map((text) => (round === 0 ? text : `${round} ${text}`)),
  ).flat()
}

function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

function megabytes(bytes: number): number {
  return significant(bytes / 1e6)
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
