/**
 * An empty project with the packed package in it: what `npm install tartan-search` leaves, made without a network. The package
 * is a real folder out of the real tarball; beside it lie links to what its package.json declares, and to nothing else, so that
 * an import of anything undeclared fails.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { ROOT } from '../lab/root.ts'
import { buildPackage } from '../scripts/buildPackage.ts'
import { NODE_22 } from '../scripts/node22.ts'

const run = promisify(execFile)
const inCheckout = (path: string) => join(ROOT, 'node_modules', path)

/** JavaScript runtimes that the package is for, as commands of the checkout. */
export const HOSTS = {
  'Node 22': [NODE_22],
  'Node 24': [inCheckout('node/bin/node')],
  Deno: [inCheckout('.bin/deno'), 'run', '--allow-all', '--no-remote'],
  Bun: [inCheckout('.bin/bun'), '--no-install'],
} as const satisfies Readonly<Record<string, readonly [string, ...string[]]>>

export type Host = keyof typeof HOSTS

export interface PackedFile {
  readonly path: string
  /** Bytes, unpacked. */
  readonly size: number
}

export interface PackedPackage {
  readonly tarball: string
  readonly files: readonly PackedFile[]
}

/** Builds dist/ inside `folder` and packs it as `npm publish` would. */
export async function packPackage(folder: string): Promise<PackedPackage> {
  const dist = join(folder, 'dist')
  await buildPackage(dist)
  const { stdout } = await run('npm', ['pack', '--json', '--offline', '--pack-destination', folder], { cwd: dist })
  const [packed] = JSON.parse(stdout) as [{ readonly filename: string; readonly files: readonly PackedFile[] }]
  return { tarball: join(folder, packed.filename), files: packed.files }
}

export interface Outcome {
  readonly stdout: string
  readonly stderr: string
}

export interface EmptyProject {
  readonly folder: string
  /** Writes a file into the project and returns its path. */
  write(name: string, text: string): string
  /** Runs a script of the project. Rejects, with `code`, `stdout` and `stderr`, when it fails. */
  run(host: Host, script: string, args?: readonly string[]): Promise<Outcome>
  /** Runs a command of the package, through the link that npm makes, on Node 24. */
  command(name: string, args: readonly string[]): Promise<Outcome>
}

interface InstalledPackageJson {
  readonly dependencies: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
}

/** @param beside - packages that the project's owner installs too, such as the optional peers */
export async function emptyProject(folder: string, tarball: string, beside: readonly string[]): Promise<EmptyProject> {
  const modules = join(folder, 'node_modules')
  const installed = join(modules, 'tartan-search')
  mkdirSync(installed, { recursive: true })
  await run('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  const { dependencies, bin } = JSON.parse(
    readFileSync(join(installed, 'package.json'), 'utf8'),
  ) as InstalledPackageJson
  for (const name of [...Object.keys(dependencies), ...beside]) {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(inCheckout(name), join(modules, name), 'dir')
  }
  mkdirSync(join(modules, '.bin'))
  for (const [name, path] of Object.entries(bin)) symlinkSync(join(installed, path), join(modules, '.bin', name))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  return {
    folder,
    write(name, text) {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    },
    run(host, script, args = []) {
      const [command, ...words] = HOSTS[host]
      return run(command, [...words, join(folder, script), ...args], { cwd: folder })
    },
    command: (name, args) => run(HOSTS['Node 24'][0], [join(modules, '.bin', name), ...args], { cwd: folder }),
  }
}
