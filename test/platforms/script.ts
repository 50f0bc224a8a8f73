/** Starts a script under a JavaScript runtime from node_modules, and waits for the port that it prints. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
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
export async function startScript(runtime: 'node' | 'deno' | 'bun', script: string): Promise<RunningScript> {
  const child = spawn(join(root, 'node_modules/.bin', runtime), [...(words[runtime] ?? []), join(root, script)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill('SIGKILL')) await ended
  }
  const port = new Promise<string>((resolve, reject) => {
    let text = ''
    const timer = setTimeout(
      () => reject(new Error(`${runtime} did not serve within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    )
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const found = /^port (\d+)$/m.exec(text)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
    child.once('exit', (code) => reject(new Error(`${runtime} ended with code ${code}`)))
    child.once('error', reject)
  })
  return { url: `http://127.0.0.1:${await port}`, stop }
}
