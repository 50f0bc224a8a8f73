/**
 * Tries the HTTP API with Schemathesis, which makes requests from openapi.json: what the document admits must be answered, what it does not
 * must be refused, and every answer must be as described. Needs Python 3.10; its packages and the index lie in .cache/. Options are Schemathesis'.
 *
 *     npm run check:api                 writes bench/results/schemathesis.json
 *     npm run check:api -- --seed 2     another run, which writes nothing
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { gunzipSync } from 'node:zlib'
import { runCli } from '../cli/main.ts'
import { ROOT } from '../lab/root.ts'

const SCHEMATHESIS = '4.32.5'
const PASSAGES = 150
const DEFAULTS = ['--seed', '1', '--max-examples', '60']

/** To say that a body is too long refuses it as well; Schemathesis' own list of refusals lacks that. */
const CONFIG = `[checks]
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "406", "413", "415", "422", "428", "431", "5xx"]
`

const cache = join(ROOT, '.cache', 'api')
const tool = join(cache, 'venv', 'bin', 'schemathesis')
const index = join(cache, 'scifact150.tartan')
const report = join(cache, 'report.json')

/** What is read of Schemathesis' own report. */
interface Report {
  readonly schemathesis_version: string
  readonly seed: number
  readonly exit_code: number
  readonly running_time: number
  readonly operations: { readonly total: number; readonly tested: number }
  readonly phases: Readonly<Record<string, { readonly status: string }>>
  readonly test_cases: Readonly<Record<string, number>>
  readonly failures: readonly {
    readonly code: string
    readonly title: string
    readonly operations: readonly string[]
  }[]
  readonly errors: readonly unknown[]
}

function installTool(): void {
  if (existsSync(tool)) return
  process.stdout.write(`Installing Schemathesis ${SCHEMATHESIS} into .cache/api/venv, once.\n`)
  const run = (command: string, ...rest: string[]) => execFileSync(command, rest, { stdio: 'inherit' })
  run('python3', '-m', 'venv', join(cache, 'venv'))
  run(join(cache, 'venv', 'bin', 'pip'), 'install', '--quiet', `schemathesis==${SCHEMATHESIS}`)
}

async function buildIndex(): Promise<void> {
  if (existsSync(index)) return
  const corpus = gunzipSync(readFileSync(join(ROOT, 'examples/scifact/corpus.jsonl.gz'))).toString()
  const some = join(cache, 'scifact150.jsonl')
  writeFileSync(some, `${corpus.split('\n').slice(0, PASSAGES).join('\n')}\n`)
  const code = await runCli(['build', some, '--out', index])
  if (code) throw new Error(`building the index of ${PASSAGES} abstracts failed, see above`)
}

/** The server on a free port; its address stands in what it says. */
async function startServer(): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, [join(ROOT, 'cli/tartan.js'), 'serve', index, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /http:\/\/[\d.]+:\d+/.exec(line)?.[0]
    if (url) return { server, url }
  }
  throw new Error('tartan serve ended before it said its address')
}

function writeResult(): void {
  const { test_cases: cases, ...ran } = JSON.parse(readFileSync(report, 'utf8')) as Report
  const git = (...rest: string[]) => execFileSync('git', rest, { cwd: ROOT, encoding: 'utf8' }).trim()
  const result = {
    what: `Schemathesis against /openapi.json of "tartan serve" over ${PASSAGES} abstracts of SciFact, all checks. Made by npm run check:api.`,
    commit: git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? ' and changes' : ''),
    schemathesis: ran.schemathesis_version,
    node: process.version,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`,
    options: DEFAULTS.join(' '),
    operations: ran.operations.tested,
    phases: Object.fromEntries(Object.entries(ran.phases).map(([name, { status }]) => [name, status])),
    testCases: cases.generated,
    failures: ran.failures.map(({ code, title, operations }) => ({ code, title, operations })),
    errors: ran.errors.length,
    seconds: Math.round(ran.running_time),
  }
  writeFileSync(join(ROOT, 'bench/results/schemathesis.json'), `${JSON.stringify(result, null, 2)}\n`)
}

mkdirSync(cache, { recursive: true })
installTool()
writeFileSync(join(cache, 'schemathesis.toml'), CONFIG)
await buildIndex()
const { server, url } = await startServer()
try {
  const given = process.argv.slice(2)
  const options = ['--checks', 'all', '--continue-on-failure', '--report', 'json', '--report-json-path', report]
  const { status } = spawnSync(
    tool,
    ['run', `${url}/openapi.json`, ...options, ...(given.length > 0 ? given : DEFAULTS)],
    { stdio: 'inherit', cwd: cache },
  )
  if (given.length === 0) writeResult()
  process.exitCode = status ?? 1
} finally {
  server.kill()
}
