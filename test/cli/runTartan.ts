/** The command in a process of its own, as users run it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../../lab/root.ts'

export const CLI = join(ROOT, 'cli/tartan.js')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly finished: Promise<Outcome>
  readonly stdoutSoFar: () => string
  readonly stderrSoFar: () => string
}

export interface RunOptions {
  /** Standard input; none: it is empty. */
  readonly input?: string
  /** Over those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

export function startTartan(args: readonly string[], { input, env = {} }: RunOptions = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env }, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.end(input)
  const finished = new Promise<Outcome>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
  return { child, finished, stdoutSoFar: () => stdout, stderrSoFar: () => stderr }
}

export const tartan = (...args: readonly string[]): Promise<Outcome> => startTartan(args).finished
