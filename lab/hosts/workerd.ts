/** Starts the real workerd on a bundled worker, on a free port, and stops it. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Readable } from 'node:stream'
import { build } from 'esbuild'
import { ROOT } from '../root.ts'

const START_TIMEOUT_MS = 20_000

export interface WorkerdOptions {
  /** Whether V8's inspector listens, to be asked for memory. Default false. */
  readonly inspector?: boolean
  /** Texts in `env`, by name. */
  readonly vars?: Readonly<Record<string, string>>
  /** Flags of V8, e.g. "--expose-gc". */
  readonly v8Flags?: readonly string[]
}

export interface RunningWorkerd {
  /** Without a slash at the end. */
  readonly url: string
  /** Where the inspector listens, with `inspector`. */
  readonly inspectorUrl: string
  readonly pid: number
  /** From starting the process to its listening: the bundle is parsed, nothing has been asked. */
  readonly startMs: number
  /** Bytes of each file of the bundle, by name. */
  readonly sizes: Readonly<Record<string, number>>
  stop(): Promise<void>
}

/**
 * Bundles a module worker as a deployment would: `.wasm` imports become compiled modules. It may reach servers of this machine.
 * @param entry - path from the root of the repository
 */
export async function startWorkerd(entry: string, options: WorkerdOptions = {}): Promise<RunningWorkerd> {
  const folder = await mkdtemp(join(tmpdir(), 'tartan-workerd-'))
  const files = await bundleOnce(entry)
  for (const { name, contents } of files) await writeFile(join(folder, name), contents)
  const modules = files.map(
    ({ name }) => `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}")`,
  )
  // The worker comes first: it is the entry.
  modules.sort((a, b) => Number(b.includes('worker.js')) - Number(a.includes('worker.js')))
  const vars = Object.entries(options.vars ?? {}).map(
    ([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`,
  )
  await writeFile(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
  v8Flags = ${JSON.stringify(options.v8Flags ?? [])}
);
const main :Workerd.Worker = (modules = [${modules.join(', ')}], compatibilityDate = "2026-01-01", bindings = [${vars.join(', ')}]);
`,
  )
  const words = options.inspector ? ['--inspector-addr=127.0.0.1:0'] : []
  const begun = performance.now()
  const child = spawn(
    // Not node_modules/.bin/workerd: without its install script that is a Node script, which hands no control pipe on.
    (createRequire(import.meta.url)('workerd') as { default: string }).default,
    ['serve', '--control-fd=3', ...words, join(folder, 'config.capnp')],
    { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] },
  )
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    if (child.exitCode === null && child.kill('SIGKILL')) await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const ports = await portsOf(
      child.stdio[3] as Readable,
      options.inspector ? ['listen', 'listen-inspector'] : ['listen'],
    )
    const startMs = performance.now() - begun
    const [url = '', inspectorUrl = ''] = ports.map((port) => `http://127.0.0.1:${port}`)
    const sizes = Object.fromEntries(files.map(({ name, contents }) => [name, contents.length]))
    return { url, inspectorUrl, pid: child.pid ?? 0, startMs, sizes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface BundledFile {
  readonly name: string
  readonly contents: Uint8Array
}

/** Entry → its bundle. A Worker is started again and again while its sources stay as they are. */
const bundles = new Map<string, Promise<readonly BundledFile[]>>()

function bundleOnce(entry: string): Promise<readonly BundledFile[]> {
  const known = bundles.get(entry)
  if (known) return known
  const bundled = bundle(entry)
  bundles.set(entry, bundled)
  return bundled
}

async function bundle(entry: string): Promise<readonly BundledFile[]> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outdir: 'bundle',
    entryNames: 'worker',
    assetNames: '[name]',
    bundle: true,
    format: 'esm',
    conditions: ['workerd'],
    loader: { '.wasm': 'copy' },
    write: false,
  })
  return outputFiles.map(({ path, contents }) => ({ name: basename(path), contents }))
}

/** workerd tells on its control pipe where it listens. @returns the port of each event, in their order */
function portsOf(control: Readable, events: readonly string[]): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => reject(new Error(`workerd did not start: ${why}`))
    const timer = setTimeout(() => fail(`nothing within ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS)
    control.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const ports = events.map((event) => new RegExp(`"event":\\s*"${event}".*"port":\\s*(\\d+)`).exec(text)?.[1])
      if (ports.includes(undefined)) return
      clearTimeout(timer)
      resolve(ports.map(Number))
    })
    control.on('end', () => fail('it ended'))
    control.on('error', (error) => fail(error.message))
  })
}
