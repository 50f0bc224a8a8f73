/** Runs a program of someone else to its end: output, wall time and CPU time, pinned to one core when asked. Linux. */
import { spawn } from 'node:child_process'
import { InputError } from '../../format/errors.ts'

export interface ProgramOptions {
  /** Every thread of the program stays on this core. Default: where the system puts them. */
  readonly cpu?: number
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Ended after so many seconds. Default 3600. */
  readonly limitS?: number
}

export interface ProgramResult {
  readonly stdout: string
  readonly stderr: string
  /** Wall time. */
  readonly seconds: number
  /** User and system, all threads and child processes. */
  readonly cpuSeconds: number
}

/** Bash's own `time` counts the CPU time of children, which Node does not tell. Its line is the last of stderr. */
const TIMED = 'TIMEFORMAT="%U %S"; time "$@"'

/** @throws InputError when it cannot be run, ends with an error, or takes longer than `limitS` */
export async function runProgram(
  command: string,
  words: readonly string[],
  { cpu, env, cwd, limitS = 3600 }: ProgramOptions = {},
): Promise<ProgramResult> {
  const pin = cpu === undefined ? [] : ['taskset', '-c', String(cpu)]
  const line = ['timeout', '-k', '5', String(limitS), ...pin, command, ...words]
  const started = performance.now()
  const child = spawn('bash', ['-c', TIMED, 'bash', ...line], { cwd, env: { ...process.env, ...env } })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes))
  child.stdin.end()
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', (cause) =>
      reject(new InputError(`running "${command}": this bench needs bash, timeout and taskset (Linux)`, {}, { cause })),
    )
  })
  const seconds = (performance.now() - started) / 1000
  const lines = Buffer.concat(stderr).toString().trimEnd().split('\n')
  const times = lines.pop() ?? ''
  if (code !== 0) {
    const why = code === 124 ? `it took longer than ${limitS} s` : `it ended with code ${code}: ${lastOf(lines)}`
    throw new InputError(`running "${[command, ...words].join(' ')}": ${why}`)
  }
  const cpuSeconds = times.split(' ').reduce((sum, part) => sum + Number(part), 0)
  return { stdout: Buffer.concat(stdout).toString(), stderr: lines.join('\n'), seconds, cpuSeconds }
}

function lastOf(lines: readonly string[]): string {
  return lines.slice(-3).join(' | ').trim() || 'it printed nothing'
}
