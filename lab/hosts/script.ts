/** Starts a script under a JavaScript runtime from node_modules, and waits for the port that it prints. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../root.ts'

const START_TIMEOUT_MS = 30_000

const words: Readonly<Record<string, readonly string[]>> = {
  node: [],
  deno: ['run', '--allow-all'],
  bun: ['run'],
}

export interface RunningScript {
  readonly url: string
  stop(): Promise<void>
}

/** @param script - path from the root of the repository; it prints "port N" */
export function startScript(runtime: 'node' | 'deno' | 'bun', script: string): Promise<RunningScript> {
  return startCommand(runtime, [...(words[runtime] ?? []), join(ROOT, script)], { port: /^port (\d+)$/m })
}

export interface CommandOptions {
  /** Finds the port, its first group, in what the command prints on either stream. */
  readonly port: RegExp
  readonly cwd?: string
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>
}

/** @param command - of node_modules/.bin */
export async function startCommand(
  command: string,
  given: readonly string[],
  { port: pattern, cwd = ROOT, env }: CommandOptions,
): Promise<RunningScript> {
  const child = spawn(join(ROOT, 'node_modules/.bin', command), given, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: deno's command is a Node script that starts the real one, which has to end with it.
    detached: true,
  })
  const kill = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL')
  }
  process.once('exit', kill)
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const isRunning = child.exitCode === null && child.signalCode === null && child.pid !== undefined
    kill()
    if (isRunning) await ended
    process.off('exit', kill)
  }
  let text = ''
  const port = new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${command} ${why}:\n${text}`))
    const timer = setTimeout(() => fail(`did not serve within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
    const hear = (bytes: Buffer) => {
      text += bytes.toString()
      const found = pattern.exec(text)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', (code) => fail(`ended with code ${code}`))
    child.once('error', reject)
  })
  try {
    return { url: `http://127.0.0.1:${await port}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
