/** Peers from Cargo: their harness programs, built into the work folder. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { InputError } from '../../../format/errors.ts'
import { progress } from '../../harness/commandLine.ts'
import { runProgram } from '../program.ts'
import type { PeerContext } from './engine.ts'

/** `portable` chooses its kernels at run time; `native` is compiled for this very processor besides. */
export type CrateVariant = 'portable' | 'native'

export interface BuiltCrate {
  readonly binary: string
  /** Of the engine that the program wraps. */
  readonly version: string
}

/**
 * @param name - folder in the peers' harness, which is also the program's name
 * @param engine - the crate whose version counts
 * @throws InputError when Cargo is absent or fails
 */
export async function buildCrate(
  { work, peers }: PeerContext,
  name: string,
  engine: string,
  variant: CrateVariant,
): Promise<BuiltCrate> {
  const sources = join(work, 'crates', name)
  await mirror(join(peers, name), sources)
  progress(`cargo build ${name}, ${variant}`)
  await runProgram('cargo', ['build', '--release', '--manifest-path', join(sources, 'Cargo.toml')], {
    env: {
      CARGO_TARGET_DIR: join(work, variant),
      ...(variant === 'native' ? { RUSTFLAGS: '-C target-cpu=native' } : {}),
    },
  }).catch((cause: Error) => {
    throw new InputError(
      `building ${name}: it needs Rust's cargo and its registry. ${cause.message.slice(-600)}`,
      {},
      { cause },
    )
  })
  const lock = await readFile(join(sources, 'Cargo.lock'), 'utf8')
  const version = new RegExp(`name = "${engine}"\\nversion = "([^"]+)"`).exec(lock)?.[1] ?? 'unknown'
  return { binary: join(work, variant, 'release', name), version }
}

/**
 * Cargo writes its lock file beside the manifest, and the peers' folder is not ours to write to. Files that are the same
 * stay untouched: Cargo goes by their times.
 */
async function mirror(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const source = join(entry.parentPath, entry.name)
    const target = join(to, relative(from, source))
    const content = await readFile(source, 'utf8')
    if (content === (await readFile(target, 'utf8').catch(() => undefined))) continue
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, content)
  }
}
