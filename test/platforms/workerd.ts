/** Starts the real workerd on a bundled worker, on a free port, and stops it. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))
const START_TIMEOUT_MS = 20_000

export interface RunningWorkerd {
  /** Without a slash at the end. */
  readonly url: string
  stop(): Promise<void>
}

/**
 * Bundles a module worker as a deployment would: `.wasm` imports become compiled modules.
 * @param entry - path from the root of the repository
 */
export async function startWorkerd(entry: string): Promise<RunningWorkerd> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-workerd-'))
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outdir: folder,
    entryNames: 'worker',
    assetNames: '[name]',
    bundle: true,
    format: 'esm',
    conditions: ['workerd'],
    loader: { '.wasm': 'copy' },
    write: false,
  })
  for (const { path, contents } of outputFiles) await writeFile(path, contents)
  const modules = outputFiles
    .map(({ path }) => path.slice(folder.length + 1))
    .map((name) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`)
  // The worker comes first: it is the entry.
  modules.sort((a, b) => Number(b.includes('worker.js')) - Number(a.includes('worker.js')))
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (modules = [${modules.join(', ')}], compatibilityDate = "2026-01-01");
`,
  )
  const child = spawn(
    join(root, 'node_modules/.bin/workerd'),
    ['serve', '--control-fd=3', join(folder, 'config.capnp')],
    {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    },
  )
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill('SIGKILL')) await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const port = await portOf(child.stdio[3] as Readable)
    return { url: `http://127.0.0.1:${port}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** workerd tells on its control pipe where it listens. */
function portOf(control: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => reject(new Error(`workerd did not start: ${why}`))
    const timer = setTimeout(() => fail(`nothing within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
    control.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const port = /"event":\s*"listen".*"port":\s*(\d+)/.exec(text)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    })
    control.on('end', () => fail('it ended'))
    control.on('error', (error) => fail(error.message))
  })
}
