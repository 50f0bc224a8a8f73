/** What `wrangler deploy` would upload, by its dry run: no account is asked for. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { ROOT } from '../root.ts'

const run = promisify(execFile)

/** wrangler asks nobody and reports nothing. */
export const WRANGLER_ENV = {
  CI: 'true',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  WRANGLER_SEND_METRICS: 'false',
} as const

export interface WorkerBundle {
  /** Name to content: the script and its WebAssembly modules. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Bytes of all, each gzipped by itself. */
  readonly gzipped: number
}

/** @param folder - where wrangler.toml is */
export async function bundleByWrangler(folder: string): Promise<WorkerBundle> {
  const out = await mkdtemp(join(tmpdir(), 'tartan-wrangler-'))
  try {
    await run(join(ROOT, 'node_modules/.bin/wrangler'), ['deploy', '--dry-run', '--minify', '--outdir', out], {
      cwd: folder,
      env: { ...process.env, ...WRANGLER_ENV },
    })
    const files = new Map<string, Uint8Array>()
    for (const name of (await readdir(out)).filter((file) => /\.(js|wasm)$/.test(file))) {
      files.set(name, await readFile(join(out, name)))
    }
    const gzipped = [...files.values()].reduce((sum, bytes) => sum + gzipSync(bytes).length, 0)
    return { files, gzipped }
  } finally {
    await rm(out, { recursive: true })
  }
}
