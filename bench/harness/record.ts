/** A bench's result as JSON: what was measured, where, with which versions. Nothing in it is asserted. */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import { rootPath } from './commandLine.ts'

/** What a bench adds to the facts of machine and versions. */
export interface Measurement {
  readonly parameters: Readonly<Record<string, unknown>>
  /** How many samples, of what, after how much warm-up. */
  readonly samples: Readonly<Record<string, unknown>>
  /** Unit of every kind of key in `metrics`. */
  readonly units: Readonly<Record<string, string>>
  readonly metrics: unknown
}

export interface BenchRecord extends Measurement {
  readonly bench: string
  readonly date: string
  /** With "+changes" when the working tree differed from it. */
  readonly commit: string
  readonly machine: Readonly<Record<string, string | number>>
  readonly runtime: Readonly<Record<string, string>>
}

/** Facts of machine and versions; taken before measuring, so that the load is not the bench's own. */
export async function startRecord(bench: string): Promise<Omit<BenchRecord, keyof Measurement>> {
  return {
    bench,
    date: new Date().toISOString(),
    commit: commit(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      cores_allowed: availableParallelism(),
      memory_gib: Number((totalmem() / 2 ** 30).toFixed(1)),
      os: `${platform()} ${release()}`,
      load_1m_before: Number((loadavg()[0] ?? 0).toFixed(2)),
    },
    runtime: {
      node: process.version,
      v8: process.versions.v8 ?? 'unknown',
      'onnxruntime-node': await packageVersion('node_modules/onnxruntime-node/package.json'),
      'tartan-search': await packageVersion('package.json'),
    },
  }
}

/** Writes bench/results/NAME.json and says so. */
export async function writeResult(
  name: string,
  started: Omit<BenchRecord, keyof Measurement>,
  measurement: Measurement,
): Promise<void> {
  const path = rootPath('bench', 'results', `${name}.json`)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `${JSON.stringify({ ...started, ...measurement }, undefined, 2)}\n`)
  process.stderr.write(`written: bench/results/${name}.json\n`)
}

function commit(): string {
  const git = (...words: readonly string[]) =>
    execFileSync('git', ['--no-optional-locks', ...words], { cwd: rootPath(), encoding: 'utf8' }).trim()
  try {
    // Results of other benches change the tree, not what is measured.
    const changes = git('status', '--porcelain', '--', '.', ':!bench/results')
    return `${git('rev-parse', '--short', 'HEAD')}${changes ? '+changes' : ''}`
  } catch {
    return 'unknown: not a git checkout'
  }
}

async function packageVersion(path: string): Promise<string> {
  return (JSON.parse(await readFile(rootPath(path), 'utf8')) as { version: string }).version
}
